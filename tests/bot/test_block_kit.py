"""The judge of payloads is judged: it catches what Slack refuses, and lets pass what Slack takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slack_bolt")

from slack_sdk.errors import SlackObjectFormationError

from bot.slack.blocks import message
from skills.replies import Reply, Section
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


@pytest.mark.needs("emulate")
def test_slacks_own_types_take_them(tmp_path: Path) -> None:
    """The types that Slack publishes for its clients, by their compiler; limits they don't know."""
    sent = [message(made, key="EG-1", digest="d" * 64) for made in replies()]
    lines = [f"const m{number}: KnownBlock[] = {json.dumps(each['blocks'])};" for number, each in enumerate(sent)]
    source = TYPES / "node_modules" / f".payloads-{tmp_path.name}.ts"
    source.write_text("\n".join(['import type { KnownBlock } from "@slack/types";', *lines]), encoding="utf-8")
    try:
        said = compiled(source)
        assert said.returncode == 0, said.stdout
        source.write_text(source.read_text().replace('"mrkdwn"', '"markup"', 1))
        assert compiled(source).returncode != 0  # the compiler does look
    finally:
        source.unlink()


def compiled(source: Path) -> subprocess.CompletedProcess[str]:
    command = [str(COMPILER), "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", str(source)]
    return subprocess.run(command, capture_output=True, text=True, cwd=TYPES, check=False)
