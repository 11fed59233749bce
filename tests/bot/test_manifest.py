"""The Slack app's manifest is what the code uses: no scope too many, no event unheard, no method without its scope."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("slack_bolt")

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack import manifest
from bot.slack.gate import Gate
from bot.slack.inbox import Inbox
from bot.slack.listeners import Listeners
from bot.slack.parts import Parts
from bot.slack.surfaces import add_surfaces
from bot.world.memory import Memory, sqlite_url
from skills.core.model import Person
from tests.apps import app_on_sample
from tests.shared import ROOT
from tests.worlds import NOW


@pytest.fixture
def kinds(tmp_path: Path) -> set[str]:
    """Everything that the inbox hears."""
    inbox = Inbox(Memory(sqlite_url(tmp_path / "postern.db")), "allowlist", lambda: NOW)
    talk = app_on_sample(tmp_path).conversation
    parts = Parts(AsyncWebClient(), inbox, talk, lambda _team, user: Person(user), Gate())
    Listeners(parts, lambda: None)
    add_surfaces(parts)
    found = inbox.kinds()
    inbox.close()
    return found


def called() -> set[str]:
    """Methods of Slack's Web API that the code names."""
    names = {name for name in dir(AsyncWebClient) if "_" in name.strip("_")}
    found: set[str] = set()
    for path in (ROOT / "bot" / "slack").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in names and "client" in ast.unparse(node.value):
                found.add(node.attr)
    return found - {"base_url", "send_dict"}


def test_the_file_is_what_the_code_says() -> None:
    assert (ROOT / "slack-manifest.yaml").read_text(encoding="utf-8") == manifest.as_yaml(manifest.manifest())


def test_the_table_of_scopes_is_what_the_code_says() -> None:
    assert manifest.scopes_table() in (ROOT / "docs" / "SLACK.md").read_text(encoding="utf-8")


def test_every_method_that_is_called_has_its_scopes_and_none_is_asked_for_in_vain() -> None:
    assert called() == set(manifest.NEEDS)
    needed = {scope for scopes in manifest.NEEDS.values() for scope in scopes}
    needed |= {scope for _, scopes in manifest.EVENTS.values() for scope in scopes}
    assert needed | {"commands", "files:read"} == set(manifest.SCOPES)


def test_every_event_is_heard_and_every_one_that_is_heard_is_subscribed_to(kinds: set[str]) -> None:
    heard = {kind for kind in kinds if kind.startswith("event:")} - {"event:message:changed"}
    assert heard == {kind for kind, _ in manifest.EVENTS.values()}


def test_commands_and_shortcuts_are_those_that_are_heard(kinds: set[str]) -> None:
    features = manifest.manifest()["features"]
    assert {f"command:{each['command']}" for each in features["slash_commands"]} == {
        kind for kind in kinds if kind.startswith("command:")
    }
    assert {f"shortcut:{each['callback_id']}" for each in features["shortcuts"]} == {
        kind for kind in kinds if kind.startswith("shortcut:")
    }


def test_over_http_every_address_is_given() -> None:
    made = manifest.manifest(socket=False, address="https://postern.example/slack/events")
    assert made["settings"]["socket_mode_enabled"] is False
    assert manifest.as_yaml(made).count("https://postern.example/slack/events") == 4


def test_slacks_lengths() -> None:
    made = manifest.manifest()
    assert len(made["display_information"]["name"]) <= 35
    assert len(made["display_information"]["description"]) <= 140
    assert len(made["features"]["agent_view"]["agent_description"]) <= 300
    for shortcut in made["features"]["shortcuts"]:
        assert len(shortcut["name"]) <= 24
        assert len(shortcut["description"]) <= 150
