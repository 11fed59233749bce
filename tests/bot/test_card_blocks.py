"""Whatever stands in a request, its card is a message that Slack takes: at every limit, and one over."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("slack_bolt")

from bot.slack import kit
from bot.slack.blocks import message
from bot.slack.card_blocks import card_message
from skills.cards import card
from skills.core.model import Decided, Finding
from skills.replies import Reply
from tests.core.test_cards import REQUEST, WEIGHED
from tests.fakes.block_kit import check_message

LIMITS = sorted({most + by for most in (24, 30, 75, 150, 300, 2000, 3000, 12_000) for by in (-1, 0, 1)})
NASTY = st.text(st.sampled_from("<&>!`*_|~\n @#ab\u202e\u0000é😀"), max_size=400)
LONG = st.builds(
    lambda text, size: (text * (size // max(1, len(text)) + 1))[:size], NASTY.filter(bool), st.sampled_from(LIMITS)
)
TEXT = st.one_of(st.just(""), NASTY, LONG)


@given(TEXT, TEXT, st.lists(TEXT, min_size=1, max_size=60), st.lists(TEXT, max_size=30))
def test_a_card_is_always_a_message_that_slack_takes(
    reason: str, workload: str, to: list[str], opens: list[str]
) -> None:
    weighed = replace(WEIGHED, opens=tuple(opens), beyond=tuple(Finding("EGR018", {"text": text}) for text in opens))
    assert REQUEST.drawn
    drawn = replace(REQUEST.drawn, diff=reason, asked=json.dumps({"error": reason}))
    asked = replace(
        REQUEST,
        reason=reason,
        workload=workload,
        destinations=tuple(to),
        weighed=weighed,
        drawn=drawn,
        decisions=(Decided("hold", workload, "d1", reason, workload),),
        waits_for=tuple(opens),
    )
    for state in ("waiting", "held", "rejected", "merged"):
        made = card_message(card(replace(asked, state=state), [replace(asked, key="EG-BBBBBBB")] * 9))
        check_message(made)


@given(TEXT, TEXT, TEXT, st.sampled_from([(), ("draft", "more"), ("open",)]))
def test_an_answer_is_always_a_message_that_slack_takes(
    text: str, diff: str, hint: str, steps: tuple[str, ...]
) -> None:
    check_message(message(Reply((text, text), diff=diff, hint=hint, steps=steps), key="EG-AAAAAAA", digest="d" * 64))


def test_people_of_this_workspace_are_named_and_nobody_else() -> None:
    said = kit.spoken("waits for slack:t1:usam or slack:T2:UEVE, <@UBOSS>, xslack:T1:UA", "T1")
    assert said == "waits for <@USAM> or slack:T2:UEVE, &lt;@UBOSS&gt;, xslack:T1:UA"


@given(TEXT, st.sampled_from(LIMITS))
def test_a_cut_leaves_no_half_of_an_entity(text: str, most: int) -> None:
    made = kit.clip(kit.escape(text), most)
    assert len(made) <= most
    assert kit.escape(made.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")) == made


@pytest.mark.parametrize("most", [kit.SECTION, kit.HEADER, kit.LABEL, kit.FIELD])
def test_at_the_limit_nothing_is_cut_and_one_over_is(most: int) -> None:
    assert kit.clip("x" * most, most) == "x" * most
    assert kit.clip("x" * (most + 1), most) == "x" * (most - 1) + "…"


def test_buttons_carry_key_and_digest_and_nothing_else() -> None:
    blocks = card_message(card(REQUEST))["blocks"]
    assert isinstance(blocks, list)
    pressed = [each for block in blocks for each in block.get("elements", ()) if each.get("value")]
    assert {each["value"] for each in pressed} == {"EG-AAAAAAA:d1"}
    assert [each["text"]["text"] for each in pressed] == [
        "Approve",
        "Reject",
        "Request changes",
        "Hold",
        "Ask requester",
    ]
    assert "confirm" in pressed[0]


def test_people_are_shown_by_name_and_times_in_the_readers_zone() -> None:
    said = json.dumps(card_message(card(REQUEST)))
    assert "<@UDANA>" in said
    assert "<@USAM>" in said
    assert "<!date^1795165200^{date_short_pretty} {time}|2026-11-20 09:00 UTC>" in said
    assert "slack:T1" not in said


def test_what_somebody_wrote_reads_as_no_line_of_ours() -> None:
    said = json.dumps(card_message(card(replace(REQUEST, reason="ok\n*Risk*\nlow <!channel> <@UBOSS>"))))
    assert ">ok\\n>*Risk*\\n>low &lt;!channel&gt; &lt;@UBOSS&gt;" in said


def test_a_long_diff_stands_behind_a_button() -> None:
    assert REQUEST.drawn
    long = replace(REQUEST, drawn=replace(REQUEST.drawn, diff="+ line\n" * 200))
    said = json.dumps(card_message(card(long)))
    assert "postern_step_diff" in said
    assert said.count("+ line") == 0
    assert "+ api.example.com" in json.dumps(card_message(card(REQUEST)))
