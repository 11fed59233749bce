"""Levels and the switch at the one door, for every surface alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.desk import Handled
from bot.gather import Where
from bot.sample import files
from bot.settings import Settings
from bot.world.config_repo import ConfigRepo
from skills.all_skills import ALL, by_name
from skills.contract import card
from skills.core.messages import say
from skills.core.model import Person
from skills.core.policy import LEVELS, PATH
from tests.apps import app_on_sample

DANA, SAM = Person("dana@fincorp.example"), Person("sam@fincorp.example")
SAMPLE = files()[PATH].decode()
FLOW: dict[str, Any] = {
    "for": "production:fincorp/retail-banking/payment-gateway",
    "to": ("api.partner.example",),
    "reason": "orders",
}
SURFACES = (
    Where("cli"),
    Where("slack", "slack:T1:C1:1700000000.000100"),
    Where("web", "web:1"),
    Where("model", "slack:T1:C1:1.2"),
)


def do(app: App, name: str, who: Person = DANA, where: Where = SURFACES[0], **ask: Any) -> Handled:
    return app.desk.handle(name, by_name(name).Ask.model_validate(ask), who, where)


def code(handled: Handled) -> str:
    return handled.problem.finding.code if handled.problem else ""


def test_each_skill_says_which_level_it_needs() -> None:
    wanted = {skill.NAME: card(skill.NAME).level for skill in ALL}
    assert {
        "check": "answer",
        "diagnose": "answer",
        "draft": "draft",
        "propose": "propose",
        "decide": "decide",
    }.items() <= wanted.items()
    assert set(wanted.values()) <= set(LEVELS)


@pytest.mark.parametrize("where", SURFACES, ids=lambda where: where.surface)
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_holds_on_every_surface(tmp_path: Path, level: str, where: Where) -> None:
    app = app_on_sample(tmp_path, policy=f"{SAMPLE}level: {level}\n")
    above = LEVELS.index(level)
    assert code(do(app, "check", where=where, **{"for": FLOW["for"], "to": FLOW["to"]})) == ""
    for name in ("draft", "propose"):
        refused = code(do(app, name, where=where, **FLOW))
        assert refused == ("" if above >= LEVELS.index(card(name).level) else "EGR1500")
    assert bool(app.requests()) == (above >= LEVELS.index("propose"))
    if app.requests():
        decided = do(
            app, "decide", SAM, where, key=app.requests()[0].key, verb="approve", digest=app.requests()[0].digest
        )
        assert code(decided) == ("" if level == "decide" else "EGR1500")
        assert app.requests()[0].state == ("merged" if level == "decide" else "waiting")


def test_a_refusal_names_the_level_and_who_can_change_it(tmp_path: Path) -> None:
    app = app_on_sample(
        tmp_path, policy=f"{SAMPLE}teams:\n  retail: {{workloads: [fincorp/retail-banking/*], level: draft}}\n"
    )
    problem = do(app, "propose", **FLOW).problem
    assert problem is not None
    assert problem.exit_status == 5
    said = say(problem.finding)
    line = SAMPLE.count("\n") + 2
    assert f"*draft* ({PATH}:{line})" in said.says
    assert "the team retail" in said.says
    assert "sam@fincorp.example" in said.do


def test_the_level_is_that_of_whose_workload_it_is_and_not_of_the_channel(tmp_path: Path) -> None:
    teams = (
        "teams:\n  retail: {workloads: [fincorp/retail-banking/*], level: draft}\n"
        "  claims: {workloads: [claims], level: decide, channels: ['slack:T1:C1']}\n"
    )
    app = app_on_sample(tmp_path, policy=SAMPLE + teams)
    assert code(do(app, "propose", where=SURFACES[1], **FLOW)) == "EGR1500"
    assert code(do(app, "draft", where=SURFACES[1], **FLOW)) == ""
    assert code(do(app, "draft", where=SURFACES[1], **{**FLOW, "for": "kyc/kyc-screening"})) == "EGR1500"


def test_a_decision_looks_at_the_level_of_the_requests_own_team(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    assert code(do(app, "propose", **FLOW)) == ""
    key = app.requests()[0].key
    lowered = f"{SAMPLE}level: decide\nteams:\n  retail: {{workloads: [fincorp/retail-banking/*], level: propose}}\n"
    world = app.gather.world(SAM, Where("cli"), on_target=True)
    from skills.core.policy import read_policy
    from skills.levels import may_go_this_far

    answer = by_name("decide").run(by_name("decide").Ask.model_validate({"key": key, "verb": "approve"}), world)
    with pytest.raises(Exception, match="EGR1500"):
        may_go_this_far(read_policy(lowered), card("decide"), answer, "")
    may_go_this_far(read_policy(SAMPLE), card("decide"), answer, "")


def test_the_policys_switch_stops_effects_and_not_answers(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=f"{SAMPLE}effects: false\n")
    assert code(do(app, "check", **{"for": FLOW["for"], "to": FLOW["to"]})) == ""
    assert code(do(app, "draft", **FLOW)) == ""
    for name, ask in (
        ("propose", FLOW),
        ("decide", {"key": "EG-AAAAAAA", "verb": "approve"}),
        ("withdraw", {"key": "EG-AAAAAAA"}),
    ):
        assert code(do(app, name, **ask)) == "EGR1501"


def test_the_settings_switch_stops_effects_and_what_waits_goes_on_later(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    assert code(do(app, "propose", **FLOW)) == ""
    off = _with(app, tmp_path, "off")
    key = off.requests()[0].key
    assert code(do(off, "decide", SAM, key=key, verb="approve")) == "EGR1502"
    assert code(do(off, "draft", **FLOW)) == ""
    outcome = off.steps().perform(off.memory.intents_of(key)[0].key)
    assert outcome["problem"]["code"] == "EGR1502", "what is recorded is not carried out either"
    assert code(do(_with(app, tmp_path, "on"), "decide", SAM, key=key, verb="approve")) == ""


def _with(app: App, folder: Path, effects: str) -> App:
    settings = Settings.from_env(
        {
            "POSTERN_HOME": str(folder / "home"),
            "POSTERN_PERSON": DANA.id,
            "HOME": str(folder),
            "POSTERN_EFFECTS": effects,
        }
    )
    return App(settings, ConfigRepo.open(str(app.repo.path), home=folder / "home"), clock=app.clock)


@pytest.mark.parametrize(
    ("written", "on"), [("on", True), ("", True), ("ON", True), ("off", False), ("of", False), ("no", False)]
)
def test_a_switch_that_is_misspelt_is_off(written: str, on: bool) -> None:
    assert Settings.from_env({"POSTERN_EFFECTS": written, "HOME": "/home/dana"}).carries_out is on


def test_a_policy_that_can_not_be_read_answers_and_does_nothing_else(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy="grups: {}\n")
    answered = do(app, "check", **{"for": FLOW["for"], "to": FLOW["to"]})
    assert code(answered) == ""
    assert "EGR421" in {finding.code for finding in answered.findings}
    for name, ask in (("draft", FLOW), ("propose", FLOW), ("decide", {"key": "EG-AAAAAAA", "verb": "approve"})):
        assert code(do(app, name, **ask)) == "EGR421"


def test_a_denied_destination_reaches_no_merge_request_and_no_merge(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    assert code(do(app, "propose", **FLOW)) == ""
    key = app.requests()[0].key
    world = app.gather.world(SAM, Where("cli"), on_target=True)
    from skills.core.policy import read_policy

    now_denied = replace(world, policy=read_policy(f"{SAMPLE}deny: [api.partner.example]\n"))
    for name, ask in (("draft", FLOW), ("propose", FLOW), ("decide", {"key": key, "verb": "approve"})):
        who = SAM if name == "decide" else DANA
        with pytest.raises(Exception, match="EGR1510"):
            by_name(name).run(by_name(name).Ask.model_validate(ask), replace(now_denied, person=who))
    rejected = by_name("decide").run(
        by_name("decide").Ask.model_validate({"key": key, "verb": "reject", "reason": "denied"}),
        replace(now_denied, person=SAM),
    )
    assert rejected.data["state"] == "rejected"


def test_nothing_is_approved_in_a_freeze_and_the_asker_hears_of_it(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path, policy=f"{SAMPLE}freeze: [{{from: 2026-11-01, zone: UTC, why: the audit}}]\n")
    proposed = do(app, "propose", **FLOW)
    assert "EGR1542" in {finding.code for finding in proposed.findings}
    key = app.requests()[0].key
    assert code(do(app, "decide", SAM, key=key, verb="approve")) == "EGR1540"
    assert code(do(app, "decide", SAM, key=key, verb="hold")) == ""
