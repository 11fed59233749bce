"""Golden conversations: tests/cases/conversation/<what_happens>.yaml, played on real Git and a real database.

Each turn: `who` says `says`; `hears` are words that must stand in the answer, `not_hears` words that must not.
Without `config`, a folder of another case, the shipped sample is spoken of. At the end `state` is what the newest request's row says, and `merged` whether the target branch moved; `until` and `destinations` are the row's.
With `repositories` several are served. `{key1}`, `{key2}` in a turn stand for the keys in the order in which they were shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import re2
import yaml

from bot.conversation import Conversation
from bot.gather import Where
from bot.sample import files
from skills.core.model import Person
from tests.apps import POLICY, app_on, app_on_sample, approved_by, head_of, project, served_on
from tests.worlds import files_of

pytestmark = pytest.mark.usefixtures("either_database")

_KEY = re2.compile(r"EG-[A-Z2-7]{7}")
CASES = Path(__file__).parent / "cases" / "conversation"


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda case: case.stem)
def test_conversation(case: Path, tmp_path: Path) -> None:
    talk: dict[str, Any] = yaml.safe_load(case.read_text())
    if "repositories" in talk:
        _between(talk, tmp_path)
        return
    if "config" in talk:
        app = app_on({**files_of(CASES.parent / talk["config"]), POLICY: files()[POLICY]}, tmp_path)
    else:
        app = app_on_sample(tmp_path, policy=talk.get("policy", "sample"))
    before = head_of(app)
    _play(talk, app.conversation)
    requests = app.requests()
    assert (requests[-1].state if requests else None) == talk.get("state")
    if "until" in talk:
        assert requests[-1].until == talk["until"]
    if "destinations" in talk:
        assert requests[-1].destinations == tuple(talk["destinations"])
    assert (head_of(app) != before) == talk.get("merged", False)


def _between(talk: dict[str, Any], folder: Path) -> None:
    """Over several repositories of projects; `merged` are those whose target branch moved, `states` the requests'."""
    repositories = {
        name: {
            **{f"organization/{each}.yaml": project(each, *hosts) for each, hosts in told["projects"].items()},
            POLICY: approved_by(*(f"{who}@fincorp.example" for who in told["approvers"])),
        }
        for name, told in talk["repositories"].items()
    }
    served = served_on(repositories, folder)
    before = {app.called: head_of(app) for app in served.apps}
    _play(talk, served.conversation)
    states = {app.called: [each.state for each in app.requests()] for app in served.apps}
    assert {name: each for name, each in states.items() if each} == talk.get("states", {})
    assert [app.called for app in served.apps if head_of(app) != before[app.called]] == talk.get("merged", [])


def _play(talk: dict[str, Any], conversation: Conversation) -> None:
    where = Where("terminal", "terminal:case")
    keys: dict[str, str] = {}
    for number, turn in enumerate(talk["turns"], 1):
        says = turn["says"].format(**keys) if "{" in turn["says"] and keys else turn["says"]
        replies = conversation.hear(says, Person(f"{turn['who']}@fincorp.example"), where)
        shown = "\n".join(f"{made.text}\n{made.diff}\n{made.hint}" for made in replies)
        assert replies, f"turn {number}: no answer"
        if turn["says"] != "more":
            assert all(len(made.lines) + bool(made.hint) <= 6 for made in replies), f"turn {number} is a wall: {shown}"
        for words in (each.format(**keys) if "{key" in each else each for each in turn.get("hears", ())):
            assert words in shown, f"turn {number}: {words!r} is not in:\n{shown}"
        for words in (*turn.get("not_hears", ()), "Traceback", "our side (reference"):
            assert words not in shown, f"turn {number}: {words!r} is in:\n{shown}"
        for key in dict.fromkeys(_KEY.findall(shown)):
            if key not in keys.values():
                keys[f"key{len(keys) + 1}"] = key
