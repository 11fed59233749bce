"""`/egress` takes the words of the command line, sentences as a mention does, and never guesses a misspelt command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.commands import NAMES, Command, command
from skills.all_skills import ALL


@pytest.mark.parametrize(
    ("typed", "kind", "words"),
    [
        ("is api.example.com allowed for payments?", "words", "is api.example.com allowed for payments?"),
        ("check payments api.example.com", "words", "payments api.example.com"),
        ("diagnose curl: (28) it's --over", "words", "curl: (28) it's --over"),
        ("why api.example.com", "words", "why is api.example.com allowed?"),
        ("approve EG-AAAAAAA because it is fine", "words", "approve EG-AAAAAAA because it is fine"),
        ("status", "words", "status"),
        ("request payments api.example.com", "form", "payments api.example.com"),
        ("REQUEST", "form", ""),
        ("here for payments in production", "channel", "for payments in production"),
        ("here", "channel", ""),
    ],
)
def test_what_is_typed_goes_where_it_belongs(typed: str, kind: str, words: str) -> None:
    made = command(typed)
    assert (made.kind, made.words) == (kind, words)


@pytest.mark.parametrize(
    ("typed", "skill", "ask"),
    [
        ("check --for payments --to a.example:443 --to b.example", "check", {"for": "payments", "to": ("a.example:443", "b.example")}),
        ("decide EG-AAAAAAA approve --reason 'it is fine'", "decide", {"key": "EG-AAAAAAA", "verb": "approve", "reason": "it is fine"}),
        ("renew EG-AAAAAAA --until 2027-01-01 --reason x", "renew", {"key": "EG-AAAAAAA", "until": "2027-01-01", "reason": "x"}),
        ("diagnose --for payments curl: it's over", "diagnose", {"for": "payments", "text": "curl: it's over"}),
    ],
)  # fmt: skip
def test_flags_are_those_of_the_command_line(typed: str, skill: str, ask: dict[str, object]) -> None:
    assert command(typed) == Command("skill", skill=skill, ask=ask)


@pytest.mark.parametrize(
    ("typed", "near"), [("chekc x.example", "check"), ("statsu", "status"), ("aprove EG-AAAAAAA", "approve")]
)
def test_a_misspelt_command_is_asked_about(typed: str, near: str) -> None:
    made = command(typed)
    assert made.kind == "says"
    assert f"Did you mean “{near}”?" in made.lines[0]


@pytest.mark.parametrize(
    "typed",
    ["check --fro payments", "decide EG-AAAAAAA shrug", "withdraw EG-AAAAAAA --reason 'x", "check --to a.example"],
)
def test_what_does_not_fit_is_one_sentence_and_an_example(typed: str) -> None:
    made = command(typed)
    assert made.kind == "says"
    assert any(line.startswith("/egress ") or "--" in line for line in made.lines[1:])


def test_help_names_every_command_and_shows_its_examples() -> None:
    listed = "\n".join(command("help").lines)
    assert all(f"{skill.NAME}: " in listed for skill in ALL)
    assert all(command(f"help {name}").lines[0].startswith(f"{name}: ") for name in NAMES)
    assert "--json" not in "\n".join(command("help check").lines)


@given(st.text(max_size=200))
def test_nothing_that_is_typed_breaks_it(typed: str) -> None:
    assert command(typed).kind in ("words", "skill", "form", "channel", "says")
