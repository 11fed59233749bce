"""Every right against every kind of wrong person, at every door. One request stands; nobody of the table moves it.

A row reads: who wants to use which right, and what they are told. Doors are the button, exact words in the thread, the
slash command, the same words in another thread, and the command line; payloads that are no door at all stand below.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from bot.ai.tools import cards
from bot.app import App
from bot.gather import Where
from bot.turns import Pressed, ask_for
from skills.all_skills import ALL
from skills.contract import card
from skills.core.following import Own, step
from skills.core.model import Person, Request, Standing
from tests.apps import app_on_sample, head_of
from tests.bot.test_slack import Workspace
from tests.bot.test_surfaces import office_open
from tests.fakes.git_repos import commit
from tests.fakes.gitlab_people import INES, SAM
from tests.fakes.slack_api import slack_api
from tests.fakes.slack_says import FORM
from tests.shops import Shop

HERE, ELSEWHERE = (Where("slack", f"slack:T1:C1:{ts}") for ts in ("1.0", "2.0"))
COMMAND, CLI = Where("slack", "slack:T1:C1:USOMEBODY"), Where("cli")
POLICY = """
version: 1
people: {"slack:T1:USAM": {gitlab: sam}, "slack:T1:UDANA": {gitlab: dana}, "slack:T1:UWANDA": {gitlab: wanda},
  "slack:T1:UGONE": {gitlab: gone}, "slack:T1:UGUEST": {gitlab: guest}, "slack:T1:UFAR": {gitlab: far},
  "slack:T1:UROBOT": {gitlab: robot}, "slack:T1:UNOOR": {gitlab: noor}, "slack:T1:UEVE": {gitlab: eve}}
groups: {sec: [sam, dana, wanda, gone, guest, far, robot], data: [noor]}
approval: [{paths: ["organization/**"], groups: [sec], needed: 2}, {paths: ["**"], groups: [data]}]
veto: [sec]
break_glass: {groups: [sec]}
"""
STANDINGS = {
    "UGONE": Standing(active=False),
    "UGUEST": Standing(active=True, guest=True),
    "UFAR": Standing(active=True, external=True),
    "UROBOT": Standing(active=True, bot=True),
}


def slack(user: str, team: str = "T1") -> Person:
    return Person(f"slack:{team}:{user}")


# Who, and what they are told when they want to decide; what they are told when they want what only the asker may.
WRONG: dict[str, tuple[Person, str, str]] = {
    "the requester": (slack("UDANA"), "EGR402", ""),
    "the requester under their GitLab name": (Person("dana"), "EGR402", ""),
    "somebody who asked for the same": (slack("UWANDA"), "EGR402", "EGR076"),
    "an approver of other files": (slack("UNOOR"), "EGR403", "EGR076"),
    "somebody known without any right": (slack("UEVE"), "EGR403", "EGR076"),
    "somebody whom nobody mapped": (slack("UNEW"), "EGR1630", "EGR076"),
    "an approver's name in another workspace": (slack("USAM", "T2"), "EGR1630", "EGR076"),
    "nobody": (Person(""), "EGR404", "EGR404"),
    "blanks": (Person("  "), "EGR404", "EGR404"),
    "a group's name": (Person("sec"), "EGR403", "EGR076"),
    "Postern itself": (Person("postern"), "EGR403", "EGR076"),
    "an approver who left": (slack("UGONE"), "EGR1631", "EGR076"),
    "a guest": (slack("UGUEST"), "EGR1632", "EGR076"),
    "somebody of another organisation": (slack("UFAR"), "EGR1633", "EGR076"),
    "a bot that is listed as an approver": (slack("UROBOT"), "EGR1634", "EGR076"),
    "an approver, where only the asker may": (slack("USAM"), "", "EGR076"),
}
DECIDES = ("approve", "reject", "hold", "resume", "changes", "ask", "part", "veto", "break-glass", "review")
BUTTONS = ("approve", "reject", "hold", "resume", "changes", "veto", "review")
ASKERS_OWN: dict[str, dict[str, Any]] = {
    "withdraw": {},
    "answer": {"text": "it is right"},
    "renew": {"until": "2027-06-30", "reason": "still needed"},
}


@dataclass
class Stand:
    """One request that waits, and all that must not move."""

    app: App
    request: Request
    head: str

    def unmoved(self) -> bool:
        """Looked at once for all that one person tries, each of which is refused by itself."""
        return self.app.requests()[-1] == self.request and head_of(self.app) == self.head

    def code(self, skill: str, who: Person, where: Where, **fields: Any) -> str:
        handled = self.app.desk.handle(skill, ask_for(skill, {"key": self.request.key, **fields}), who, where)
        return handled.problem.finding.code if handled.problem else "done"


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    app = app_on_sample(tmp_path_factory.mktemp("wrong"), policy=POLICY)
    app.desk.directory = lambda who: STANDINGS.get(who.id.rpartition(":")[2], Standing(active=True))
    ask = ask_for("propose", {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"})
    for name in ("UDANA", "UWANDA"):
        assert app.desk.handle("propose", ask, slack(name), HERE).problem is None
    yield Stand(app, app.requests()[-1], head_of(app))


# --- the table


@pytest.mark.parametrize("who", [name for name, (_, told, _) in WRONG.items() if told])
def test_who_may_not_decide(who: str, stands: Stand) -> None:
    """Each right, in a thread and at the command line."""
    person, told, _ = WRONG[who]
    given = {"reason": "because", "digest": stands.request.digest, "confirm": True, "to": ["a.example"]}
    for where in (HERE, CLI):
        for right in DECIDES:
            said = stands.code("decide", person, where, **given, verb=right)
            assert (right, where.surface, said) == (right, where.surface, told)
    assert stands.unmoved()


@pytest.mark.parametrize("who", [name for name, (_, _, told) in WRONG.items() if told])
def test_what_only_the_asker_may(who: str, stands: Stand) -> None:
    person, _, told = WRONG[who]
    for right, given in ASKERS_OWN.items():
        assert stands.code(right, person, HERE, **given) in (told, "EGR404"), right
    assert stands.unmoved()


@pytest.mark.parametrize("who", [name for name, (_, told, _) in WRONG.items() if told and name != "Postern itself"])
def test_drawing_anew_is_for_those_whom_it_concerns(who: str, stands: Stand) -> None:
    concerned = ("the requester", "asked for the same", "who left", "a guest", "organisation", "a bot")
    if any(words in who for words in concerned):
        return  # it concerns them, and it decides nothing
    ask = ask_for("propose", {"redraw": stands.request.key})
    handled = stands.app.desk.handle("propose", ask, WRONG[who][0], HERE)
    assert handled.problem is not None and handled.problem.finding.code in ("EGR063", "EGR404")
    assert stands.unmoved()


def typed(verb: str, key: str) -> str:
    words = {"part": f"approve {key} only to api.twilio.com because x", "ask": f"ask {key}: why?"}
    glass = f"break glass {key} confirmed because x"
    return words.get(verb) or (glass if verb == "break-glass" else f"{verb} {key} because x")


DOORS: dict[str, Callable[[Stand, Person, str], list[Any]]] = {
    "button": lambda s, who, verb: s.app.conversation.press(Pressed(verb, s.request.key, s.request.digest), who, HERE),
    "exact words": lambda s, who, verb: s.app.conversation.hear(typed(verb, s.request.key), who, HERE),
    "slash command": lambda s, who, verb: s.app.conversation.hear(typed(verb, s.request.key), who, COMMAND),
    "another thread": lambda s, who, verb: s.app.conversation.hear(typed(verb, s.request.key), who, ELSEWHERE),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("who", ["the requester", "somebody known without any right", "a guest", "nobody"])
def test_every_door_ends_at_the_same_right(who: str, door: str, stands: Stand) -> None:
    for verb in BUTTONS if door == "button" else DECIDES:
        assert DOORS[door](stands, WRONG[who][0], verb), f"{verb}: no answer"
    assert stands.unmoved(), f"at the {door} by {who}"


# --- the right person, the wrong thing


@pytest.mark.parametrize(
    ("digest", "told"),
    [("0" * 64, "EGR407"), ("", "EGR407"), (None, "EGR1600")],
    ids=["stale", "empty", "none where one is shown"],
)
def test_a_decision_is_bound_to_what_was_shown(digest: str | None, told: str, stands: Stand) -> None:
    given = {"reason": "because", "digest": digest, "confirm": True}
    for right in (each for each in DECIDES if each != "review"):
        assert (right, stands.code("decide", slack("USAM"), HERE, **given, verb=right)) == (right, told)
    assert stands.unmoved()


@pytest.mark.parametrize(
    "words",
    [
        "looks good to me",
        "approve it please",
        "yes",
        "ok, approved",
        "I approve EG-AAAAAAA now",
        "> approve",
        "approve!!",
    ],
)
def test_no_sentence_of_an_approver_is_consent(words: str, stands: Stand) -> None:
    stands.app.conversation.hear(words, slack("USAM"), HERE)
    assert stands.unmoved()


def test_no_skill_that_changes_anything_is_a_tool_of_the_model() -> None:
    changing = {skill.NAME for skill in ALL if card(skill.NAME).changes != "nothing"}
    assert {"decide", "propose", "withdraw", "renew", "answer"} <= changing
    assert not changing & {about.name for about in cards()}


# --- payloads that are no door


@pytest_asyncio.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    async with slack_api() as api:
        app = app_on_sample(tmp_path, policy=POLICY.replace(", needed: 2", ""))
        made = Workspace(app, api)
        ask = ask_for("propose", {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"})
        assert app.desk.handle("propose", ask, slack("UDANA"), HERE).problem is None
        yield made
        made.slack.close()


def pressed(request: Request, user: str, team: str = "T1", **more: Any) -> str:
    payload = {
        "type": "block_actions",
        "team": {"id": team},
        "user": {"id": user, "team_id": team},
        "channel": {"id": "C1"},
        "message": {"ts": "9.9", "thread_ts": "1.0"},
        "actions": [
            {
                "type": "button",
                "action_id": "postern_step_approve",
                "block_id": "b",
                "value": f"{request.key}:{request.digest}",
                "action_ts": "1.0",
            }
        ],
        **more,
    }
    return urlencode({"payload": json.dumps(payload)})


@pytest.mark.asyncio
async def test_payloads_that_are_forged_old_foreign_or_impersonate_move_nothing(workspace: Workspace) -> None:
    app, request = workspace.app, workspace.app.requests()[-1]
    as_sam: dict[str, Any] = {"metadata": {"event_type": "x", "event_payload": {"user": "USAM", "user_id": "USAM"}}}
    assert await workspace.send(pressed(request, "USAM"), FORM, secret="another-secret") == 401
    assert await workspace.send(pressed(request, "USAM"), FORM, age=900) == 401
    await workspace.send(pressed(request, "USAM", "T2"), FORM)
    message = {"ts": "9.9", "thread_ts": "1.0", **as_sam}
    await workspace.send(pressed(request, "UEVE", message=message), FORM)
    words = f"approve {request.key}"
    thread: dict[str, Any] = {"thread": "1.0", "type": "message", "channel_type": "channel"}
    await workspace.event(words, user="UEVE", ts="5.0", **thread, **as_sam)
    await workspace.event(words, user="USAM", ts="5.1", **thread, bot_id="B7")
    edited: dict[str, Any] = {
        "subtype": "message_changed",
        "message": {"user": "USAM", "text": words, "ts": "5.2", "thread_ts": "1.0"},
    }
    await workspace.event("", user="USAM", ts="5.3", **thread, **edited)
    assert app.requests()[-1].decisions == ()
    assert app.requests()[-1].state == "waiting"


@pytest.mark.asyncio
async def test_a_replayed_press_decides_once(workspace: Workspace) -> None:
    request = workspace.app.requests()[-1]
    for _ in range(3):
        await workspace.send(pressed(request, "USAM"), FORM)
    now = workspace.app.requests()[-1]
    assert now.state == "merged"
    assert [(past.verb, past.by) for past in now.decisions] == [("approve", "slack:T1:USAM")]


@pytest.mark.asyncio
async def test_a_form_whose_thread_was_moved_elsewhere_decides_nothing(tmp_path: Path) -> None:
    """An approver's own form, come back with the thread of another workspace, of another person, or of none."""
    async with office_open(tmp_path) as office:
        request = await office.opened()
        for thread in ("slack:T2:C1:1.0", "slack:T1:C1:UDANA", "terminal:default", ""):
            await office.press("postern_step_reject", f"{request.key}:{request.digest}", user="USAM")
            meta = {**json.loads(office.form["private_metadata"]), "thread": thread}
            state = {"values": {"reason": {"given": {"value": "because"}}}}
            view = {"id": "V1", "hash": f"h{office.now}", **office.form, "private_metadata": json.dumps(meta)}
            body = {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "USAM", "team_id": "T1"}}
            await office.send({**body, "view": {**view, "state": state}})
            assert (office.request().state, office.request().decisions) == ("waiting", ()), thread
            assert "form" in office.last


@pytest.mark.needs("openssl")
def test_words_at_the_merge_request_and_its_webhook_decide_nothing(shop: Shop) -> None:
    before = shop.row
    shop.gitlab.comment_by(1, f"approve {shop.key}")
    shop.follow()
    assert (shop.row.state, shop.row.decisions, shop.row.digest) == ("waiting", (), before.digest)


SAMMY = {**SAM, "id": 77, "username": "sammy"}
IN_GITLAB = """
version: 1
people: {sam@fincorp.example: {gitlab: sammy}, ines@fincorp.example: {gitlab: ines}, dana@fincorp.example: {gitlab: sam}}
groups: {sec: [sammy, ines, sam, noor]}
approval: [{paths: ["**"], groups: [sec], needed: 2}]
"""


@pytest.mark.needs("openssl")
class TestApprovedInGitLab:
    """Of whom the policy maps, for exactly the commit that stands."""

    @pytest.fixture
    def asked(self, shop: Shop) -> Shop:
        commit(shop.gitlab.repository, {"egress-policy.yaml": IN_GITLAB})
        shop.gitlab.members += [SAMMY, {**INES, "id": 98, "username": "ines.h"}]
        return shop

    def test_it_counts_beside_a_decision_here(self, asked: Shop) -> None:
        asked.gitlab.approve_by(1, INES)
        asked.follow()
        assert asked.row.state == "waiting"
        assert asked.decide("approve") == "merged"

    @pytest.mark.parametrize("user", ["NOBODY_MAPPED", "THE_ASKER"])
    def test_it_counts_for_nobody_who_is_not_mapped_and_never_for_the_asker(self, user: str, asked: Shop) -> None:
        asked.gitlab.approve_by(1, SAM if user == "THE_ASKER" else {**INES, "id": 99, "username": "noor"})
        asked.follow()
        assert asked.decide("approve") == "waiting"

    def test_somebody_whose_user_name_is_another_name_of_an_approver_is_not_them(self, asked: Shop) -> None:
        short = IN_GITLAB.replace("{gitlab: ines}", "{gitlab: ines.h, also: [ines]}")
        commit(asked.gitlab.repository, {"egress-policy.yaml": short})
        asked.gitlab.approve_by(1, {**INES, "id": 99})
        asked.follow()
        assert asked.decide("approve") == "waiting"
        asked.gitlab.approve_by(1, {**INES, "id": 98, "username": "ines.h"})
        asked.follow()
        assert asked.decide("approve") == "merged"

    def test_where_they_are_enough_it_is_decided_by_whom_gitlab_names(self, asked: Shop) -> None:
        asked.gitlab.approve_by(1, INES)
        asked.gitlab.approve_by(1, SAMMY)
        asked.later()
        assert asked.row.state == "merged"
        head = asked.gitlab.merge_requests[1]["sha"]
        why = f"approved in GitLab at commit {head[:12]}"
        assert {(past.by, past.reason) for past in asked.row.decisions} == {
            ("ines@fincorp.example", why),
            ("sam@fincorp.example", why),
        }
        notes = [note["body"] for note in asked.gitlab.notes[1] if "from GitLab" in note["body"]]
        assert len(notes) == 2
        logged = [row for row in asked.app.memory.log() if row.kind == "decide"]
        assert [(row.who, row.where) for row in logged] == [("postern", "gitlab")]
        assert any("in GitLab at commit" in said for said in asked.news)

    @pytest.mark.parametrize("why", ["one of two", "unmapped", "asker", "pushed", "frozen", "rejected by them here"])
    def test_what_is_not_enough_decides_nothing(self, why: str, asked: Shop) -> None:
        asked.gitlab.approve_by(1, INES)
        second = {"unmapped": {**INES, "id": 99, "username": "noor"}, "asker": SAM}.get(why, SAMMY)
        if why != "one of two":
            asked.gitlab.approve_by(1, second)
        if why == "pushed":
            asked.gitlab.keeps_approvals = True
            asked.gitlab.push(1)
        if why == "frozen":
            frozen = f"{IN_GITLAB}freeze: [{{from: 2026-01-01, until: 2026-12-31, zone: UTC}}]\n"
            commit(asked.gitlab.repository, {"egress-policy.yaml": frozen})
        if why == "rejected by them here":
            assert asked.decide("hold") == "held"
        asked.later()
        asked.later()
        assert asked.row.state in ("waiting", "held")
        assert [past.verb for past in asked.row.decisions if past.verb == "approve"] == []
        assert asked.gitlab.merge_requests[1]["state"] == "opened"

    def test_it_counts_no_more_after_a_push_even_where_gitlab_keeps_it(self, asked: Shop) -> None:
        asked.gitlab.approve_by(1, INES)
        asked.follow()
        assert asked.row.approved_there == ("ines",)
        mirror = {"head": "new", "approvals": ["ines"], "approved": {"ines": "old"}}
        kept = replace(asked.app.forge.look(1), head="newer", approvals=("ines", "sam"))
        after = step(asked.row, mirror, kept, Own()).mirror["approved"]
        assert after == {"ines": "old", "sam": ""}, (
            "of one that came with a push nobody can tell for which commit it is"
        )
