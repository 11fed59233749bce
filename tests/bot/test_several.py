"""Several allowlist repositories behind one Postern: which one is meant, by whose policy, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.app import App
from bot.channels import speak_of
from bot.gather import Where
from bot.output import data_of
from bot.repositories import chosen, named
from bot.served import Served
from bot.settings import Settings
from bot.turns import ask_for
from bot.world.snapshots import Read
from skills.contract import Answer
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Person
from skills.replies import reply
from tests.apps import BILLING, BILLING_SAM, SHOP, SHOP_SAM, app_at, served_on
from tests.worlds import NOW

DANA = Person("dana@fincorp.example")
HERE = Where("cli")
SCHEMAS = Path(__file__).parents[2] / "docs" / "schema"


@pytest.fixture
def both(tmp_path: Path) -> Served:
    return served_on({"shop": SHOP, "billing": BILLING}, tmp_path)


def answer(served: Served, name: str, where: Where = HERE, who: Person = DANA, **fields: Any) -> Answer:
    handled = served.desk.handle(name, ask_for(name, fields), who, where)
    assert handled.answer, handled.problem
    jsonschema.validate(data_of(name, handled.answer), json.loads((SCHEMAS / f"{name}.json").read_text()))
    return handled.answer


def refused(served: Served, name: str, where: Where = HERE, who: Person = DANA, **fields: Any) -> str:
    handled = served.desk.handle(name, ask_for(name, fields), who, where)
    assert handled.problem
    return handled.problem.finding.code


# --- which one


def test_the_repository_that_knows_the_workload_answers_and_is_named(both: Served) -> None:
    found = answer(both, "check", for_="invoices", to=("bank.example",))
    assert (found.data["decision"], found.data["repository"]) == ("allowed", "billing")
    assert "Repository: billing." in reply("check", found).lines
    other = answer(both, "check", for_="checkout", to=("bank.example",))
    assert (other.data["decision"], other.data["repository"]) == ("denied", "shop")


@pytest.mark.parametrize("workload", ["invoices", "nobody"])
@pytest.mark.parametrize("prefers", ["", "shop"])
def test_each_repository_is_read_once_to_find_a_workload(
    both: Served, monkeypatch: pytest.MonkeyPatch, workload: str, prefers: str
) -> None:
    read, really = list[str](), App.read

    def noted(app: App, on_target: bool) -> Read:
        read.append(app.called)
        return really(app, on_target)

    monkeypatch.setattr(App, "read", noted)
    answer(both, "check", Where("cli", prefers=prefers), for_=workload, to=("bank.example",))
    assert sorted(read) == ["billing", "shop"]


def test_what_several_know_is_asked_and_never_guessed(both: Served) -> None:
    for name in ("check", "draft", "why", "propose"):
        given: dict[str, Any] = {"for": "audit", "to": ("cdn.example",)} | (
            {"reason": "SMS"} if name == "propose" else {}
        )
        found = answer(both, name, **given)
        assert found.questions[0].id == "repository", name
        assert found.questions[0].choices == ("shop", "billing")
        assert found.exit_status == 4
        assert "repository" not in found.data
        assert not found.effects
    assert both.shared.kept() is None, "nothing was written"


def test_what_is_named_or_preferred_settles_it(both: Served) -> None:
    ask: dict[str, Any] = {"for": "audit", "to": ("cdn.example",)}
    assert answer(both, "check", Where("cli", repository="billing"), **ask).data["decision"] == "allowed"
    assert answer(both, "check", Where("cli", prefers="shop"), **ask).data["decision"] == "denied"


def test_a_preference_holds_nobody_who_stands_only_elsewhere(both: Served) -> None:
    ask: dict[str, Any] = {"for": "invoices", "to": ("bank.example",)}
    assert answer(both, "check", Where("cli", prefers="shop"), **ask).data["repository"] == "billing"
    named = answer(both, "check", Where("cli", repository="shop"), **ask)
    assert (named.data["decision"], named.data["repository"]) == ("undecided", "shop")


def test_what_none_knows_is_undecided_with_what_is_near_in_any(both: Served) -> None:
    found = answer(both, "check", for_="invoice", to=("bank.example",))
    assert found.data["decision"] == "undecided"
    assert found.questions[0].choices == ("invoices",)
    assert found.findings[0].code == "EGR1867"
    nobody = answer(both, "check", for_="zzzzzz", to=("bank.example",))
    assert nobody.findings[0].code == "EGR1868"


def test_a_repository_that_nobody_serves_is_refused_with_those_that_are(both: Served) -> None:
    code = refused(both, "check", Where("cli", repository="payroll"), for_="audit", to=("cdn.example",))
    assert code == "EGR1864"


def test_one_that_cannot_be_read_keeps_no_other_back(both: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_source: object) -> None:
        raise AskUnclear("EGR546", where="billing", revision="main")

    monkeypatch.setattr(both.apps[1].snapshots, "read", away)
    found = answer(both, "check", for_="checkout", to=("cdn.example",))
    assert (found.data["decision"], found.data["repository"]) == ("allowed", "shop")
    said = [say(finding).says for finding in found.findings if finding.code == "EGR1865"]
    assert said
    assert said[0].startswith("billing could not be asked")
    assert said[0] in reply("check", found).lines
    unknown = answer(both, "check", for_="invoices", to=("bank.example",))
    assert unknown.data["decision"] == "undecided", "it may stand in the one that is silent: never denied"
    assert "EGR1865" in [finding.code for finding in unknown.findings]


def test_all_are_asked_why_a_host_is_allowed(both: Served) -> None:
    rules = answer(both, "why", to=("cdn.example",)).data["rules"]
    assert [(rule["repository"], rule["path"]) for rule in rules] == [
        ("shop", "organization/checkout.yaml"),
        ("billing", "organization/audit.yaml"),
    ]


# --- rights


def test_each_policy_speaks_for_its_own_repository_alone(both: Served) -> None:
    asked = answer(both, "propose", for_="invoices", to=("sms.example",), reason="SMS")
    key, digest = asked.data["key"], asked.data["digest"]
    ask = {"key": key, "verb": "approve", "digest": digest, "reason": "seen"}
    assert refused(both, "decide", who=SHOP_SAM, **ask) == "EGR403"
    in_a_thread_of_shop = Where("slack", "slack:T1:C1:1.0", prefers="shop", repository="shop")
    done = answer(both, "decide", in_a_thread_of_shop, BILLING_SAM, **ask)
    assert (done.data["state"], done.data["repository"]) == ("merged", "billing")
    assert answer(both, "check", for_="invoices", to=("sms.example",)).data["decision"] == "allowed"


def test_the_queue_of_all_names_where_each_stands(both: Served) -> None:
    for workload in ("checkout", "invoices"):
        answer(both, "propose", for_=workload, to=("sms.example",), reason="SMS")
    rows = answer(both, "status").data["requests"]
    assert [(row["for"], row["repository"]) for row in rows] == [
        ("checkout (production)", "shop"),
        ("invoices (production)", "billing"),
    ]
    one = answer(both, "status", key=rows[1]["key"].lower()).data
    assert (one["requests"][0]["key"], one["repository"]) == (rows[1]["key"], "billing")
    assert refused(both, "status", key="EG-2222222") == "EGR432"


# --- configuration


def settings(**env: str) -> Settings:
    return Settings.from_env({"HOME": "/home/dana", **env})


def test_each_is_called_by_as_much_of_its_path_as_tells_it_apart() -> None:
    assert named(["https://git.example/shop/allowlist.git", "/srv/billing.git"]) == {
        "allowlist": "https://git.example/shop/allowlist.git",
        "billing": "/srv/billing.git",
    }
    twins = ["https://git.example/shop/allowlist.git", "git@git.example:billing/allowlist"]
    assert list(named(twins)) == ["shop/allowlist", "billing/allowlist"]


def test_several_are_written_in_lines_or_with_commas() -> None:
    given = settings(POSTERN_CONFIG="\n  /srv/shop.git\n  /srv/billing.git\n")
    assert list(chosen(given, (), None)) == ["shop", "billing"]
    assert list(chosen(settings(POSTERN_CONFIG="/srv/shop.git,/srv/billing.git"), (), None)) == ["shop", "billing"]


def test_flags_name_others_or_one_of_those_that_are_set() -> None:
    given = settings(POSTERN_CONFIG="/srv/shop.git, /srv/billing.git")
    assert {name: each[0] for name, each in chosen(given, ("billing",), None).items()} == {
        "billing": "/srv/billing.git"
    }
    assert list(chosen(given, ("/srv/x.git", "/srv/y.git"), None)) == ["x", "y"]
    assert list(chosen(given, (), "Billing")) == ["billing"]
    with pytest.raises(AskUnclear) as unknown:
        chosen(given, (), "payroll")
    assert unknown.value.code == "EGR1864"


def test_what_is_written_for_one_counts_for_it_and_the_rest_for_all() -> None:
    given = settings(
        POSTERN_CONFIG="/srv/shop.git, /srv/billing.git",
        POSTERN_TARGET="billing=release main",
        POSTERN_GITLAB_WEBHOOK_SECRET="shop=whsec_c2hvcA== billing=plain",
        POSTERN_GITLAB_TOKEN="glpat-made-up",
    )
    own = {name: each for name, (_, each) in chosen(given, (), None).items()}
    assert (own["shop"].target, own["billing"].target) == ("main", "release")
    secrets = [each.gitlab_webhook_secret.reveal() for each in own.values() if each.gitlab_webhook_secret]
    assert secrets == ["whsec_c2hvcA==", "plain"]
    assert {each.gitlab_token.reveal() for each in own.values() if each.gitlab_token} == {"glpat-made-up"}


def test_a_single_one_takes_its_settings_as_they_are(tmp_path: Path) -> None:
    given = settings(POSTERN_CONFIG="/srv/shop.git", POSTERN_TARGET="shop=x")
    assert chosen(given, (), None) == {"shop": ("/srv/shop.git", given)}
    odd = tmp_path / "a, b"
    odd.mkdir()
    assert list(chosen(settings(POSTERN_CONFIG=str(odd)), (), None)) == ["a, b"], "a folder is called as it likes"


def test_one_repository_says_nothing_of_repositories(tmp_path: Path) -> None:
    served_on({"shop": SHOP}, tmp_path)
    alone = app_at(tmp_path / "shop.git", tmp_path)
    given = ask_for("check", {"for": "checkout", "to": ("cdn.example",)})
    by_itself = alone.desk.handle("check", given, DANA, HERE).answer
    served = served_on_again(tmp_path).desk.handle("check", given, DANA, HERE).answer
    assert by_itself
    assert served
    assert by_itself.data == served.data
    assert "repository" not in served.data
    assert reply("check", by_itself) == reply("check", served)


def served_on_again(folder: Path) -> Served:
    env = {"POSTERN_HOME": str(folder / "home"), "HOME": str(folder), "POSTERN_CONFIG": str(folder / "shop.git")}
    return Served.build(Settings.from_env(env))


# --- carried out


def test_one_engine_carries_out_what_stands_in_each(tmp_path: Path, either_database: None) -> None:
    pytest.importorskip("dbos")
    both = served_on({"shop": SHOP, "billing": BILLING}, tmp_path)
    runner = both.durable()
    try:
        for workload, approver in (("checkout", SHOP_SAM), ("invoices", BILLING_SAM)):
            asked = answer(both, "propose", for_=workload, to=("sms.example",), reason="SMS").data
            ask = {"key": asked["key"], "verb": "approve", "digest": asked["digest"], "reason": "seen"}
            assert answer(both, "decide", who=approver, **ask).data["state"] == "merged"
            assert answer(both, "check", for_=workload, to=("sms.example",)).data["decision"] == "allowed"
        assert [app.is_served() for app in both.apps] == [True, True]
        alone = app_at(tmp_path / "billing.git", tmp_path)
        assert alone.is_served(), "whoever writes rows at the command line leaves them to the service"
    finally:
        runner.stop()
    assert not alone.is_served()


# --- channels


BILLS = BILLING["egress-policy.yaml"].decode() + (
    "teams:\n"
    "  bills: {workloads: [o/u/invoices, invoices], environments: [production], channels: ['slack:T1:CBILLS']}\n"
    "  checks: {workloads: [audit, invoices], channels: ['slack:T1:CCHECKS']}\n"
)
TIMEOUT = "connection to bank.example port 443 timed out"


@pytest.fixture
def talking(tmp_path: Path) -> Served:
    return served_on({"shop": SHOP, "billing": {**BILLING, "egress-policy.yaml": BILLS.encode()}}, tmp_path)


def hears(served: Served, words: str, thread: str) -> str:
    replies = served.conversation.hear(words, DANA, Where("slack", f"slack:T1:{thread}:1.0"))
    return "\n".join(made.text for made in replies)


def test_a_word_is_a_host_by_the_rules_of_the_repository_that_knows_the_workload(both: Served) -> None:
    assert "By “bank” I take you to mean bank.example" in hears(both, "can invoices reach bank?", "C1")
    assert "Which host is bank?" in hears(both, "can checkout reach bank?", "C2")


def here(served: Served, words: str, channel: str = "C1") -> str:
    talk, shared = served.conversation, served.shared
    where = Where("slack", f"slack:T1:{channel}:UDANA")
    said = speak_of(where, words, DANA, talk.names(), shared.memory, NOW, talk.of_team, talk.repositories)
    return f"{said.code} {say(said).says}"


def test_a_channel_of_a_team_needs_no_names(talking: Served) -> None:
    said = hears(talking, TIMEOUT, "CBILLS")
    assert "invoices (production)" in said
    assert "Repository: billing." in said


def test_a_channel_of_a_team_of_several_workloads_prefers_its_repository(talking: Served) -> None:
    assert "Repository: billing." in hears(talking, f"audit gets: {TIMEOUT}", "CCHECKS")
    assert "more than one allowlist repository" in hears(talking, f"audit gets: {TIMEOUT}", "CELSEWHERE")


def test_a_channel_is_set_to_a_repository_a_team_or_an_environment(talking: Served) -> None:
    assert "the repository shop is meant" in here(talking, "for the repository shop")
    assert "Repository: shop." in hears(talking, f"audit gets: {TIMEOUT}", "C1")
    assert "audit, the repository billing is meant" in here(talking, "for audit in repository billing", "C2")
    assert "Repository: billing." in hears(talking, TIMEOUT, "C2")
    assert "the team bills is meant" in here(talking, "for team bills", "C3")
    assert "invoices (production)" in hears(talking, TIMEOUT, "C3")
    assert here(talking, "for team nobody", "C4").startswith("EGR1874")
    assert "the environment production is meant" in here(talking, "for production", "C5")
    assert here(talking, "for nonsense", "C6").startswith("EGR1429")
    assert here(talking, "for nothing", "C2").startswith("EGR1427")
    assert "Which workload" in hears(talking, TIMEOUT, "C2x")


def test_what_is_said_counts_more_than_the_channel(talking: Served) -> None:
    here(talking, "for the repository shop")
    assert "Repository: billing." in hears(talking, f"audit in the billing repository gets: {TIMEOUT}", "C1")
    assert "Repository: billing." in hears(talking, "does invoices reach bank.example?", "C1")


def test_everybodys_names_are_known_by_each_policy(tmp_path: Path) -> None:
    known = b'people: {"slack:T1:USAM": {email: sam@billing.example}}\n'
    policy = BILLING["egress-policy.yaml"] + known
    canon = served_on({"shop": SHOP, "billing": {**BILLING, "egress-policy.yaml": policy}}, tmp_path).conversation.canon
    assert canon(DANA)("sam@billing.example") == "slack:t1:usam"
    assert canon(DANA)("Sam@Shop.example") == "sam@shop.example"
