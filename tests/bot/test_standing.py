"""Whoever decides is somebody at GitLab at that moment, and groups that GitLab keeps are looked up at the click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.turns import ask_for
from skills.core import life
from skills.core.model import Person
from skills.core.policy import PATH, faults_in
from tests.apps import app_on_sample
from tests.fakes.git_repos import commit
from tests.fakes.gitlab_people import BOT, INES, SAM
from tests.fakes.gitlab_server import Fault
from tests.shops import DANA, THREAD, Shop

pytestmark = pytest.mark.needs("openssl")

INE = Person("ines@fincorp.example")
PEOPLE = (
    "version: 1\npeople: {sam@fincorp.example: {gitlab: sam}, ines@fincorp.example: {gitlab: ines}, "
    "dana@fincorp.example: {gitlab: dana}}\n"
)
TWO = PEOPLE + 'groups: {sec: [sam, ines]}\napproval: [{paths: ["**"], groups: [sec], needed: 2}]\nveto: [sec]\n'
KEPT = PEOPLE + 'groups: {sec: {gitlab: fincorp/security}}\napproval: [{paths: ["**"], groups: [sec]}]\nveto: [sec]\n'
ACTIVE: dict[str, Any] = {"state": "active", "access_level": 30}


def asked(shop: Shop, policy: str) -> Shop:
    commit(shop.gitlab.repository, {PATH: policy})
    assert shop.ask("propose", redraw=shop.key) == "waiting"
    return shop


def _leaves(shop: Shop) -> None:
    shop.gitlab.members.remove(SAM)
    shop.gitlab.strangers.append(SAM)


def _is(shop: Shop, **how: Any) -> None:
    shop.gitlab.members[:] = [{**each, **how} if each["id"] == SAM["id"] else each for each in shop.gitlab.members]


LEFT: dict[str, tuple[Callable[[Shop], object], str]] = {
    "an account that is gone": (lambda s: s.gitlab.members.remove(SAM), "EGR1659"),
    "blocked": (lambda s: _is(s, state="blocked"), "EGR1660"),
    "deactivated": (lambda s: _is(s, state="deactivated"), "EGR1660"),
    "locked": (lambda s: _is(s, locked=True), "EGR1660"),
    "no member": (_leaves, "EGR1661"),
    "a reporter": (lambda s: _is(s, access_level=20), "EGR1662"),
    "a guest": (lambda s: _is(s, access_level=10), "EGR1662"),
    "invited only": (lambda s: _is(s, membership_state="awaiting"), "EGR1661"),
}


def test_whoever_is_no_active_member_any_more_decides_nothing_and_holds_nobody_up(shop: Shop) -> None:
    asked(shop, TWO.replace(", needed: 2", ""))
    there = list(shop.gitlab.members)
    for name, (leave, code) in LEFT.items():
        leave(shop)
        for verb in ("approve", "reject", "hold", "veto"):
            assert (name, verb, shop.decide(verb)) == (name, verb, code)
        shop.gitlab.members[:], shop.gitlab.strangers[:] = there, []
    assert (shop.row.state, shop.row.decisions) == ("waiting", ())
    shop.gitlab.members.remove(SAM)
    assert shop.decide("approve", INE) == "merged"


def test_they_are_looked_up_at_each_click_and_gitlabs_silence_lets_nobody_decide(shop: Shop) -> None:
    asked(shop, TWO)
    shop.gitlab.faults.append(Fault("GET", "/users", status=503, times=9))
    assert shop.decide("approve") == "EGR1663"
    shop.gitlab.faults.clear()
    assert shop.decide("approve") == "waiting"
    before = len([call for call in shop.gitlab.calls if "/users" in call])
    assert shop.decide("hold") == "held"
    assert len([call for call in shop.gitlab.calls if "/users" in call]) > before


def test_what_somebody_approved_who_has_left_since_does_not_count_and_they_are_named(shop: Shop) -> None:
    asked(shop, TWO)
    assert shop.decide("approve") == "waiting"
    _is(shop, state="blocked")
    given = {"key": shop.key, "verb": "approve", "digest": shop.row.digest}
    handled = shop.app.desk.handle("decide", ask_for("decide", given), INE, THREAD)
    assert [found.facts["names"] for found in handled.findings if found.code == "EGR1665"] == ["sam@fincorp.example"]
    assert shop.row.state == "waiting"


def test_they_are_not_reminded_and_whoever_keeps_the_policy_hears_it_once(shop: Shop) -> None:
    asked(shop, TWO)
    _is(shop, state="blocked")
    world = shop.app.gather.world(DANA, shop.app.where, on_target=True)
    later = replace(world, now=world.now + timedelta(days=4))
    made = shop.app.timers._by_time(shop.row, {}, later)
    assert [(each.finding.code, each.to) for each in made.told] == [
        ("EGR078", ("ines@fincorp.example",)),
        ("EGR1666", ("ines@fincorp.example",)),
    ]
    said = {each.mark: later.now for each in made.told}
    assert shop.app.timers._by_time(shop.row, said, later) == life.NOTHING


class TestGroupsOfGitLab:
    def group(self, shop: Shop, *members: dict[str, Any]) -> None:
        shop.gitlab.groups["fincorp/security"] = [{**ACTIVE, **each} for each in members]

    def test_members_decide_as_long_as_they_are_in_it(self, shop: Shop) -> None:
        self.group(shop, INES)
        asked(shop, KEPT)
        assert shop.row.waits_for == ("ines@fincorp.example",)
        assert shop.decide("approve") == "EGR403"
        assert shop.decide("veto") == "EGR403"
        self.group(shop)
        assert shop.decide("approve", INE) == "EGR405"  # nobody is in it now
        self.group(shop, SAM)
        assert shop.decide("approve", INE) == "EGR403"
        assert shop.decide("approve") == "merged"

    def test_guests_the_blocked_the_unmapped_and_the_asker_are_no_approvers(self, shop: Shop) -> None:
        noor, dana = {"id": 31, "username": "noor"}, {"id": 32, "username": "dana"}
        shop.gitlab.members += [noor, dana]
        self.group(shop, {**SAM, "access_level": 20}, {**INES, "state": "blocked"}, noor, dana, BOT)
        asked(shop, KEPT)
        assert shop.decide("approve") == "EGR403"
        assert shop.decide("approve", INE) == "EGR403"
        assert shop.decide("approve", DANA) == "EGR402"
        assert shop.decide("approve", Person("noor")) == "EGR403"
        assert shop.row.state == "waiting"

    def test_all_pages_are_read(self, shop: Shop) -> None:
        others = [{"id": 1000 + number, "username": f"user{number}"} for number in range(130)]
        self.group(shop, *others, SAM)
        assert "sam" in shop.app.forge.members_of("fincorp/security", 30)  # type: ignore[operator]

    def test_a_group_that_nobody_can_see_lets_nobody_decide(self, shop: Shop) -> None:
        self.group(shop, SAM)
        asked(shop, KEPT)
        del shop.gitlab.groups["fincorp/security"]
        assert shop.decide("approve") == "EGR1664"
        self.group(shop, SAM)
        shop.gitlab.pipeline(1, "running")
        assert shop.decide("approve") == "EGR495"
        del shop.gitlab.groups["fincorp/security"]
        shop.gitlab.pipeline(1, "success")
        shop.later()
        assert shop.row.state == "decided", "who may not be asked now may answer later: nothing is void"
        self.group(shop, SAM)
        shop.later()
        assert shop.gitlab.merge_requests[1]["state"] == "merged"


@pytest.mark.parametrize("path", ["", "..", "a/../b", "a b", "a/%2e", "https://gitlab.example/a"])
def test_what_is_no_path_of_a_group_is_refused(path: str) -> None:
    assert faults_in(f'version: 1\ngroups: {{sec: {{gitlab: "{path}"}}}}\n')


def test_away_from_gitlab_such_a_group_is_read_and_approves_nothing(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=KEPT)
    given = {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"}
    for name in ("draft", "propose"):
        handled = app.desk.handle(name, ask_for(name, given), DANA, THREAD)
        assert handled.problem is None, name
    request = app.requests()[-1]
    ask = ask_for("decide", {"key": request.key, "verb": "approve", "digest": request.digest})
    refused = app.desk.handle("decide", ask, Person("sam@fincorp.example"), THREAD)
    assert refused.problem and refused.problem.finding.code == "EGR405"
    assert app.requests()[-1].state == "waiting"
