"""Who acts: one person under all their names, and everybody of whom that can't be said decides nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.app import App
from bot.desk import Handled
from bot.gather import Where
from bot.slack.people import SlackUsers, standing
from bot.turns import ask_for
from skills.core.errors import AskUnclear, NotAllowed, Unreachable
from skills.core.messages import say
from skills.core.model import Person, Standing
from skills.core.policy import read_policy
from skills.core.rights import identified
from tests.apps import app_on_sample

HERE = Where("slack", "slack:T1:C1:1.0")
DANA, SAM, INES = (Person(f"slack:T1:{name}") for name in ("UDANA", "USAM", "UINES"))
POLICY = """
version: 1
people:
  "slack:T1:USAM": {gitlab: sam, email: sam@fincorp.example}
  "slack:T1:UINES": {gitlab: ines}
  "slack:T1:UDANA": {gitlab: dana}
groups: {sec: [sam, ines, dana@fincorp.example, gone@fincorp.example]}
approval: [{paths: ["**"], groups: [sec], needed: 2}]
veto: [sec]
break_glass: {groups: [sec]}
"""
GOOD = Standing(active=True)
OUR_HOME = {"team_id": "T1"}


def asked(folder: Path, policy: str = POLICY) -> App:
    app = app_on_sample(folder, policy=policy)
    given = {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"}
    assert app.desk.handle("propose", ask_for("propose", given), DANA, HERE).problem is None
    return app


def decide(app: App, who: Person, verb: str = "approve", **more: Any) -> str:
    request = app.requests()[-1]
    given = {"key": request.key, "verb": verb, "digest": request.digest, **more}
    return code_of(app.desk.handle("decide", ask_for("decide", given), who, HERE))


def approving(app: App) -> dict[str, Any]:
    request = app.requests()[-1]
    return {"key": request.key, "verb": "approve", "digest": request.digest}


def code_of(handled: Handled) -> str:
    return handled.findings[0].code


def state(app: App) -> str:
    return app.requests()[-1].state


def test_groups_name_people_by_whichever_name_and_rows_carry_one(tmp_path: Path) -> None:
    app = asked(tmp_path)
    assert decide(app, SAM) == "EGR434"
    assert [past.by for past in app.requests()[-1].decisions] == [SAM.id]
    assert decide(app, INES) == "EGR433"
    assert state(app) == "merged"


ORGANISATION = """
version: 1
people: {"slack:T1:USAM": {gitlab: sam}, "slack:T1:UINES": {gitlab: ines}}
groups: {sec: [sam, ines]}
approval: [{paths: ["**"], groups: [sec]}]
break_glass: {groups: [sec]}
"""


@pytest.mark.parametrize("verb", ["approve", "reject", "break-glass"])
def test_who_asked_in_another_workspace_of_the_organisation_decides_nothing(verb: str, tmp_path: Path) -> None:
    """A user of Slack has the same id in each of them, and a slash command names the one in which it was typed."""
    app = app_on_sample(tmp_path, policy=ORGANISATION)
    given = {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"}
    sam_elsewhere = Person("slack:T2:USAM")
    assert app.desk.handle("propose", ask_for("propose", given), sam_elsewhere, HERE).problem is None
    assert decide(app, SAM, verb, reason="quick", confirm=True) == "EGR402"
    assert state(app) == "waiting"
    assert decide(app, INES, verb, reason="seen", confirm=True) != "EGR402"
    assert state(app) in ("merged", "rejected")


def test_who_drew_a_new_text_of_an_open_request_does_not_approve_it(tmp_path: Path) -> None:
    app = asked(tmp_path)
    wider = {"for": "payment-gateway", "to": ("api.twilio.com", "api.mailgun.net"), "reason": "SMS and mail"}
    widened = {**wider, "widens": app.requests()[-1].key, "drafted_by": SAM.id}
    assert app.desk.handle("propose", ask_for("propose", widened), DANA, HERE).problem is None
    assert app.requests()[-1].watchers == (SAM.id,)
    assert decide(app, SAM) == "EGR402"
    assert decide(app, INES) == "EGR434"


def test_one_person_under_two_names_is_one_approval(tmp_path: Path) -> None:
    app = asked(tmp_path)
    for name in (SAM.id, "sam", "sam@fincorp.example", "SAM@Fincorp.example"):
        assert decide(app, Person(name)) == "EGR434"
    assert state(app) == "waiting"


UNMAPPED = """
version: 1
groups: {sec: ["slack:T1:USAM", "slack:T2:USAM", "slack:T2:UTWO", "slack:T1:UINES"]}
approval: [{paths: ["**"], groups: [sec], needed: 2}]
"""
ONE = {name: Standing(active=True, org_id="W7", email="sam@x.example") for name in ("USAM", "UTWO")}
SAME_MAIL = {name: Standing(active=True, email="Sam@x.example") for name in ("USAM", "UTWO")}


@pytest.mark.parametrize("by_email", [False, True])
def test_whom_slack_calls_one_person_is_one_approval_and_no_second_one_of_themselves(
    by_email: bool, tmp_path: Path
) -> None:
    """An organisation's user has one id in all workspaces, or two that Slack knows as one; nobody mapped them."""
    app = asked(tmp_path, UNMAPPED)
    app.desk.by_email = by_email
    says = SAME_MAIL if by_email else ONE
    app.desk.directory = lambda who: says.get(who.id.rpartition(":")[2], GOOD)
    assert decide(app, SAM) == "EGR434"
    for twice in ("slack:T2:USAM", "slack:T2:UTWO"):
        handled = app.desk.handle("decide", ask_for("decide", approving(app)), Person(twice), HERE)
        assert (state(app), code_of(handled)) == ("waiting", "EGR434")
    assert decide(app, INES) == ("EGR434" if by_email else "EGR433"), "rows carry the address, and no group names it"


def test_who_asked_under_another_id_of_theirs_decides_nothing(tmp_path: Path) -> None:
    app = asked(tmp_path, UNMAPPED)
    app.desk.directory = lambda who: Standing(active=True, org_id="W1" if who.id[-5:] in ("UDANA", ":UTWO") else "W2")
    for verb in ("approve", "reject", "hold"):
        assert decide(app, Person("slack:T2:UTWO"), verb, reason="mine") == "EGR402"
    assert state(app) == "waiting"


@pytest.mark.parametrize("name", ["slack:T1:UDANA", "dana", "DANA"])
def test_the_asker_is_the_asker_under_every_name(name: str, tmp_path: Path) -> None:
    assert decide(asked(tmp_path), Person(name)) == "EGR402"


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (Standing(active=False), "EGR1631"),
        (Standing(active=True, guest=True), "EGR1632"),
        (Standing(active=True, external=True), "EGR1633"),
        (Standing(active=True, bot=True), "EGR1634"),
    ],
)
def test_whoever_is_no_full_member_now_decides_nothing_with_a_sentence_of_their_own(
    says: Standing, code: str, tmp_path: Path
) -> None:
    app = asked(tmp_path)
    app.desk.directory = lambda who: says if who.is_same(SAM.id) else GOOD
    for verb in ("approve", "reject", "hold", "changes", "ask", "veto", "break-glass", "part", "review"):
        assert decide(app, SAM, verb, reason="because") == code
    assert (state(app), app.requests()[-1].decisions) == ("waiting", ())
    assert decide(app, INES) == "EGR434"  # the others are not held up


def test_they_are_looked_up_at_each_click(tmp_path: Path) -> None:
    app, calls = asked(tmp_path), []
    app.desk.directory = lambda who: calls.append(who.id) or GOOD  # type: ignore[func-returns-value]
    decide(app, SAM, "hold")
    decide(app, SAM, "approve")
    assert calls == [SAM.id, SAM.id]


def test_a_chat_that_does_not_answer_lets_nobody_decide(tmp_path: Path) -> None:
    app = asked(tmp_path)

    def silent(_who: Person) -> Standing:
        raise Unreachable("EGR1645", why="timeout")

    app.desk.directory = silent
    assert decide(app, SAM) == "EGR1645"
    assert state(app) == "waiting"


def test_somebody_who_is_not_mapped_is_told_that_and_not_only_no(tmp_path: Path) -> None:
    app = asked(tmp_path)
    assert decide(app, Person("slack:T1:UEVE")) == "EGR1630"
    assert decide(app, Person("eve@fincorp.example")) == "EGR403"


@pytest.mark.parametrize("switched_on", [True, False])
def test_an_address_counts_only_where_that_is_switched_on(switched_on: bool, tmp_path: Path) -> None:
    app = asked(tmp_path)
    app.desk.by_email = switched_on
    theirs = Standing(active=True, email="gone@fincorp.example")
    app.desk.directory = lambda who: theirs if who.id == "slack:T1:UNEW" else GOOD
    assert decide(app, Person("slack:T1:UNEW")) == ("EGR434" if switched_on else "EGR1630")


def test_an_address_that_is_somebody_elses_entry_is_nobodys() -> None:
    policy = read_policy(POLICY)
    with pytest.raises(NotAllowed) as error:
        mine = Standing(active=True, email="sam@fincorp.example")
        identified(Person("slack:T1:UEVE"), policy, mine, by_email=True)
    assert error.value.code == "EGR1635"


def test_who_asked_by_chat_id_can_not_decide_by_their_address(tmp_path: Path) -> None:
    policy = 'groups: {sec: [dana@fincorp.example]}\napproval: [{paths: ["**"], groups: [sec]}]\n'
    app = asked(tmp_path, policy)
    app.desk.by_email = True
    app.desk.directory = lambda _who: Standing(active=True, email="dana@fincorp.example")
    assert decide(app, DANA) == "EGR402"


@pytest.mark.parametrize(
    "people",
    [
        '{"slack:T1:U1": {gitlab: sam}, "slack:T1:U2": {gitlab: Sam}}',
        '{"slack:T1:U1": {email: a@x.example}, a@x.example: {gitlab: b}}',
        '{"slack:T1:U1": {gitlab: [sam]}}',
        '{"slack:T1:U1": {github: sam}}',
        "[sam]",
    ],
)
def test_a_map_that_is_not_clear_is_refused_as_a_whole(people: str) -> None:
    with pytest.raises(AskUnclear) as error:
        read_policy(f"version: 1\npeople: {people}\n")
    assert error.value.code == "EGR421"


# --- veto and broken glass


def test_a_veto_ends_it_past_an_approval_and_past_a_hold(tmp_path: Path) -> None:
    app = asked(tmp_path)
    decide(app, SAM)
    decide(app, SAM, "hold")
    assert decide(app, INES, "veto") == "EGR431"
    assert decide(app, INES, "veto", reason="wrong host") == "EGR1639"
    assert state(app) == "rejected"
    merge_request = app.forge.find(app.requests()[-1].key)
    assert merge_request is not None and merge_request.state == "closed"


def test_without_the_policys_word_nobody_has_a_veto_and_no_glass_breaks(tmp_path: Path) -> None:
    app = asked(tmp_path, POLICY.partition("veto:")[0])
    assert decide(app, SAM, "veto", reason="no") == "EGR1636"
    assert decide(app, SAM, "break-glass", reason="outage", confirm=True) == "EGR1637"
    assert state(app) == "waiting"


def test_broken_glass_needs_a_reason_and_a_confirmation_and_stays_to_be_reviewed_by_another(tmp_path: Path) -> None:
    app = asked(tmp_path)
    assert decide(app, DANA, "break-glass", reason="outage", confirm=True) == "EGR402"
    assert decide(app, SAM, "break-glass", confirm=True) == "EGR1640"
    assert decide(app, SAM, "break-glass", reason="outage") == "EGR1641"
    assert state(app) == "waiting"
    assert decide(app, SAM, "break-glass", reason="outage", confirm=True) == "EGR1642"
    request = app.requests()[-1]
    assert (request.state, request.review and request.review.by) == ("merged", "")
    told = [post.channel for post in app.memory.news(request.key)]
    assert told, "everybody who may approve hears of it"
    assert decide(app, SAM, "review", reason="fine") == "EGR1638"
    assert decide(app, DANA, "review", reason="fine") == "EGR402"
    assert decide(app, INES, "review", reason="was needed") == "EGR1644"
    assert decide(app, INES, "review", reason="once more") == "EGR1643"


def test_the_glass_breaks_only_in_the_environments_that_are_named(tmp_path: Path) -> None:
    only = POLICY.replace("break_glass: {groups: [sec]}", "break_glass: {groups: [sec], environments: [staging]}")
    app = asked(tmp_path, only)  # the payment gateway is in production
    assert decide(app, SAM, "break-glass", reason="outage", confirm=True) == "EGR1637"


# --- what Slack says


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"id": "U1", "team_id": "T1", "deleted": False}, Standing(active=True)),
        ({"id": "U1", "team_id": "T1", "deleted": True}, Standing(active=False)),
        ({"id": "U1", "team_id": "T1"}, Standing(active=False)),
        ({"id": "U1", "team_id": "T1", "deleted": False, "is_restricted": True}, Standing(active=True, guest=True)),
        (
            {"id": "U1", "team_id": "T1", "deleted": False, "is_ultra_restricted": True},
            Standing(active=True, guest=True),
        ),
        ({"id": "U1", "team_id": "T2", "deleted": False}, Standing(active=True, external=True)),
        ({"id": "U1", "team_id": "T1", "deleted": False, "is_stranger": True}, Standing(active=True, external=True)),
        ({"id": "U1", "team_id": "T1", "deleted": False, "is_bot": True}, Standing(active=True, bot=True)),
        ({"id": "U1", "team_id": "T1", "deleted": False, "profile": {"email": "a@x.example"}}, Standing(active=True)),
    ],
)
def test_what_slack_says_of_a_user_is_read_to_their_disadvantage(user: dict[str, Any], says: Standing) -> None:
    assert standing(user, OUR_HOME, "T1") == says


def test_a_payload_of_another_workspace_is_external_whatever_users_info_says() -> None:
    user = {"id": "U1", "team_id": "T1", "deleted": False}
    assert standing(user, OUR_HOME, "T2").external
    grid = {"team_id": "T1", "enterprise_id": "E1"}
    assert not standing({**user, "team_id": "T9", "enterprise_user": {"enterprise_id": "E1"}}, grid, "T9").external


@pytest.mark.parametrize(
    ("error", "gone"), [("user_not_found", True), ("ratelimited", False), ("missing_scope", False)]
)
def test_a_user_whom_slack_does_not_know_is_gone_and_any_other_error_lets_nobody_decide(error: str, gone: bool) -> None:
    def users_info(user: str) -> Any:
        raise SlackApiError("no", SimpleNamespace(get=lambda _name, _default=None: error))  # type: ignore[no-untyped-call]

    client: Any = SimpleNamespace(auth_test=lambda: SimpleNamespace(data=OUR_HOME), users_info=users_info)
    users = SlackUsers("xoxb-made-up", client)
    assert users(Person("dana@fincorp.example")) is None
    if gone:
        assert users(SAM) == Standing(active=False)
        return
    with pytest.raises(Unreachable) as failure:
        users(SAM)
    said = say(failure.value.finding)
    assert error in said.says
    assert ("users:read" in (said.do or "")) == (error == "missing_scope")
