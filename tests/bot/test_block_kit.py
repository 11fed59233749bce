"""The judge of payloads is judged: it catches what Slack refuses, and lets pass what Slack takes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slack_bolt")

from slack_sdk.errors import SlackObjectFormationError

from bot.slack import views
from bot.slack.blocks import WITH_A_REASON, message
from bot.slack.card_blocks import card_message
from bot.slack.deeds import DEEDS, deed_form
from bot.slack.home import FILTERS, home_view
from skills.cards import Line, card
from skills.core.model import OPEN_STATES, STANDING_STATES, Person, Question
from skills.replies import Reply, Section
from tests.core.test_cards import REQUEST
from tests.fakes.block_kit import check_blocks, check_form, check_message
from tests.shared import ROOT

TYPES = ROOT / "tests" / "counterparts"
COMPILER = TYPES / "node_modules" / ".bin" / "tsc"
STEPS = ("draft", "more", "approve", "hold", "works now", "still fails", "status")


def cases(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared / "counterparts" / "blocks_cases.json").read_text())
    return found


@pytest.mark.needs_shared
def test_what_is_malformed_is_caught(shared: Path) -> None:
    missed = [name for name, blocks in cases(shared)["bad"].items() if not refused(blocks)]
    assert missed == []


@pytest.mark.needs_shared
def test_what_is_well_formed_passes(shared: Path) -> None:
    good = cases(shared)["good"]
    for block in good:
        check_form([block], 50)
    check_form(good, 50)


def refused(blocks: list[dict[str, Any]]) -> bool:
    try:
        check_form(blocks, 50)
    except (AssertionError, SlackObjectFormationError, KeyError):
        return True
    return False


def test_a_button_without_a_label_and_a_call_for_everybody_are_not_ours() -> None:
    button = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Go"}, "value": "v"}
    check_form([{"type": "actions", "elements": [button]}], 50)
    with pytest.raises(KeyError):
        check_blocks([{"type": "actions", "elements": [button]}], 50)
    with pytest.raises(AssertionError):
        check_blocks([{"type": "section", "text": {"type": "mrkdwn", "text": "<!here>"}}], 50)


def replies() -> list[Reply]:
    """At every limit, and one over."""
    lengths = (0, 1, 2899, 2900, 2901, 2999, 3000, 3001, 8700, 40_001)
    made = [Reply(("x" * length,)) for length in lengths]
    made += [
        Reply(("&" * length,), diff="`" * length, hint="h" * min(length, 2000)) for length in (1, 2900, 2901, 9000)
    ]
    made += [Reply(("one\ntwo",), diff="+ line\n" * lines, steps=STEPS) for lines in (1, 120, 2000)]
    made.append(Reply(("<!channel> <@U1> <https://evil.example|x>",), (Section("more", "y"),), steps=STEPS, hint="`a`"))
    return made


def test_every_length_of_text_is_within_the_limits() -> None:
    for made in replies():
        check_message(message(made, key="EG-1", digest="d" * 64))


def answers_and_cards() -> list[Any]:
    """The blocks of answers with all that stands in one, and of cards in every state."""
    made = [message(each, key="EG-1", digest="d" * 64)["blocks"] for each in replies()]
    made += [message(Reply(("Which?",), choices=("a",) * count), mark="m")["blocks"] for count in (2, 9)]
    states = (*OPEN_STATES, *STANDING_STATES, "rejected", "withdrawn", "failed")
    return [*made, *(card_message(card(replace(REQUEST, state=state), [REQUEST] * 3))["blocks"] for state in states)]


def every_view() -> list[views.View]:
    """Forms and the home page, empty and full."""
    meta, past = {"thread": "slack:T1:C1:1.0", "key": "EG-AAAAAAA"}, [Line("rejected", "no", ("slack:T1:USAM",))]
    asked = [Question("way", "EGR1414", {}, ("one", "two")), Question("free", "EGR1414")]
    forms = [views.request_form(meta), views.request_form(meta, "payments", ["api.example.com"], "why")]
    forms += [views.change_view(meta, ["A change."], "+ line\n", questions, past) for questions in ([], asked)]
    forms += [views.reason_form(step, meta, "hint", "because") for step in WITH_A_REASON]
    forms += [deed_form(step, meta, replace(REQUEST, environment="a,b", destinations=("x", "y"))) for step in DEEDS]
    forms += [views.says("change", ["One."], meta), views.long_text("more", ["text"])]
    for shown in ("", *FILTERS):
        forms.append(home_view(Person("slack:T1:UDANA"), [REQUEST], date(2026, 11, 29), shown))
    return forms


@pytest.mark.needs("emulate")
def test_slacks_own_types_take_them(tmp_path: Path) -> None:
    """The types that Slack publishes for its clients, by their compiler; limits they don't know."""
    lines = [f"const m{n}: KnownBlock[] = {json.dumps(made)};" for n, made in enumerate(answers_and_cards())]
    lines += [f"const v{n}: View = {json.dumps(made)};" for n, made in enumerate(every_view())]
    source = TYPES / "node_modules" / f".payloads-{tmp_path.name}.ts"
    source.write_text("\n".join(['import type { KnownBlock, View } from "@slack/types";', *lines]), encoding="utf-8")
    try:
        said = compiled(source)
        assert said.returncode == 0, said.stdout
        whole = source.read_text()
        for right, wrong in (('"mrkdwn"', '"markup"'), ('"overflow"', '"overflown"'), ('"datepicker"', '"daypicker"')):
            source.write_text(whole.replace(right, wrong, 1))
            assert compiled(source).returncode != 0, wrong  # the compiler does look
    finally:
        source.unlink()


def compiled(source: Path) -> subprocess.CompletedProcess[str]:
    command = [str(COMPILER), "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", str(source)]
    return subprocess.run(command, capture_output=True, text=True, cwd=TYPES, check=False)
