"""One ask over two repositories: two requests that name each other, each approved and merged by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.gather import Where
from bot.served import Served
from bot.slack.card_writer import CardWriter
from bot.slack.gate import Gate
from bot.slack.home import home_view
from bot.turns import Pressed, ask_for
from bot.which import named_in
from skills.core.model import Person, Request
from tests.apps import BILLING, BILLING_SAM, SHOP, SHOP_SAM, project, served_on
from tests.fakes.git_repos import commit
from tests.worlds import NOW

DANA = Person("dana@fincorp.example")
HERE = Where("slack", "slack:T1:C1:1.0")


class Team:
    """Dana's thread, and what came of it."""

    def __init__(self, folder: Path) -> None:
        self.served: Served = served_on({"shop": SHOP, "billing": BILLING}, folder)
        self.folder = folder

    def says(self, words: str, who: Person = DANA) -> str:
        return "\n".join(made.text for made in self.served.conversation.hear(words, who, HERE))

    def opens(self, words: str = "checkout and invoices need api.stripe.com") -> list[Request]:
        self.says(words)
        self.says("draft")
        self.says("open because payments")
        return self.requests

    @property
    def requests(self) -> list[Request]:
        return [request for app in self.served.apps for request in app.requests()]

    def state(self) -> dict[str, Any]:
        return dict(self.served.conversation.state(HERE))

    def body(self, number: int) -> str:
        """The merge request of that repository, with its remarks."""
        (page,) = (self.served.settings.home / "forge").glob(f"{self.served.apps[number].called}-*/requests/1.md")
        return page.read_text()

    def decide(self, request: Request, who: Person, verb: str = "approve") -> str:
        ask = ask_for("decide", {"key": request.key, "verb": verb, "digest": request.digest, "reason": "seen"})
        handled = self.served.desk.handle("decide", ask, who, HERE)
        return handled.problem.finding.code if handled.problem else str(handled.answer and handled.answer.data["state"])

    @property
    def news(self) -> list[str]:
        memory = self.served.shared.memory
        return [str(post.payload["code"]) for request in self.requests for post in memory.news(request.key)]


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def test_two_requests_each_with_its_own_key_digest_and_approvers(team: Team) -> None:
    shop, billing = team.opens()
    assert (shop.workload, billing.workload) == ("checkout (production)", "invoices (production)")
    assert shop.key != billing.key
    assert shop.digest != billing.digest
    assert (shop.waits_for, billing.waits_for) == ((SHOP_SAM.id,), (BILLING_SAM.id,))
    assert (shop.paths, billing.paths) == (("organization/checkout.yaml",), ("organization/invoices.yaml",))


def test_their_merge_requests_name_and_link_each_other(team: Team) -> None:
    shop, billing = team.opens()
    for number, other in ((0, billing), (1, shop)):
        page = team.body(number)
        assert "**Part of one ask.**" in page
        assert f"{other.key} in {('billing', 'shop')[number]}, for {other.workload}" in page
        assert other.url
        assert other.url in page
        assert f'beside: "{other.key}"' in page


def test_a_redraw_names_the_other_with_its_address(team: Team) -> None:
    shop, billing = team.opens()
    app = team.served.apps[0]
    assert app.repo.path
    commit(app.repo.path, {"organization/checkout.yaml": project("checkout", "cdn.example", "new.example").decode()})
    app.reconcile()
    redrawn = app.requests()[0]
    assert redrawn.digest != shop.digest
    body, _, _remarks = team.body(0).partition("<!-- postern")
    assert f"{billing.key} in billing, for invoices (production): {billing.url}" in body


def test_what_is_half_allowed_is_said_and_then_that_it_is_whole(team: Team) -> None:
    shop, billing = team.opens()
    assert team.decide(shop, BILLING_SAM) == "EGR403", "who approves in billing approves nothing in shop"
    assert team.decide(shop, SHOP_SAM) == "merged"
    assert [request.state for request in team.requests] == ["merged", "waiting"]
    assert team.news.count("EGR1871") == 1, "one thread hears it once"
    assert team.decide(billing, SHOP_SAM) == "EGR403"
    assert team.decide(billing, BILLING_SAM) == "merged"
    assert team.news.count("EGR1872") == 1


@pytest.mark.asyncio
async def test_the_card_of_each_shows_where_the_other_stands(team: Team) -> None:
    shop, billing = team.opens()
    served = team.served
    memory = served.shared.memory
    cards = CardWriter(memory, Gate(), served.shared.clock, served.repository, "CAPPROVE")

    def shown(key: str) -> str:
        return "".join(str(post.payload) for post in memory.posts_todo() if key in str(post.payload.get("shown")))

    assert await cards.draw()
    assert f"{billing.key} · billing · invoices (production): waits for a decision" in shown(shop.key)
    assert "approved and merged apart" in shown(shop.key)
    team.decide(billing, BILLING_SAM)
    assert await cards.draw()
    assert f"{billing.key} · billing · invoices (production): merged" in shown(shop.key)
    assert not await cards.draw()


def test_what_needs_nothing_is_no_part(team: Team) -> None:
    (only,) = team.opens("checkout and invoices need bank.example")
    assert only.workload == "checkout (production)"
    assert "Part of one ask" not in team.body(0)


def test_one_workload_in_two_repositories_by_their_names(team: Team) -> None:
    shop, billing = team.opens("audit needs sms.example in the repositories shop and billing")
    assert (shop.workload, billing.workload) == ("audit (production)", "audit (production)")
    assert billing.key in team.body(0)


def test_another_need_leaves_the_parts_behind(team: Team) -> None:
    team.says("checkout and invoices need api.stripe.com")
    assert "Repository: shop." in team.says("checkout needs api.twilio.com")
    assert "parts" not in team.state()
    drawn = team.says("draft because calls")
    assert "checkout" in drawn
    assert "invoices" not in drawn


def test_a_button_opens_only_what_stood_above_it(team: Team) -> None:
    team.says("checkout and invoices need api.stripe.com")
    team.says("draft because payments")
    shown = team.state()["digest"]
    team.says("checkout and invoices need api.twilio.com")
    team.says("draft because calls")
    pressed = team.served.conversation.press(Pressed("open", None, shown), DANA, HERE)
    assert "changed" in pressed[0].text or "draft" in pressed[0].text
    assert team.requests == []
    team.served.conversation.press(Pressed("open", None, team.state()["digest"]), DANA, HERE)
    assert len(team.requests) == 2


def test_workloads_of_one_repository_are_no_joint_ask(team: Team) -> None:
    team.says("checkout and audit need api.stripe.com")
    assert "parts" not in team.state()


@pytest.mark.parametrize(
    ("words", "named", "rest"),
    [
        ("audit in repository billing needs x.example", ["billing"], "audit  needs x.example"),
        ("audit in the billing repo: x.example", ["billing"], "audit  : x.example"),
        ("check --repository=shop x.example", ["shop"], "check  x.example"),
        ("x.example in the repositories shop and billing", ["shop", "billing"], "x.example"),
        ("billing needs x.example", [], "billing needs x.example"),
        ("our repository is at shop.example", [], "our repository is at shop.example"),
    ],
)
def test_a_repository_is_named_as_one(words: str, named: list[str], rest: str) -> None:
    assert named_in(words, ["shop", "billing"]) == (named, rest)


def test_queue_and_home_say_where_each_stands(team: Team) -> None:
    shop, billing = team.opens()
    said = team.says("status")
    assert f"{shop.key} (shop) · " in said
    assert f"{billing.key} (billing) · " in said
    stands = {shop.key: "shop", billing.key: "billing"}
    shown = str(home_view(DANA, team.requests, NOW.date(), "all", stands=stands))
    assert f"{shop.key} (shop): " in shown
    assert f"{billing.key} (billing): " in shown
    assert "(shop)" not in str(home_view(DANA, team.requests, NOW.date(), "all"))


def test_what_follows_a_merge_is_looked_up_where_it_was_merged(team: Team) -> None:
    """The thread was bound to shop by its words; the request stands in billing, where the workload is known as well."""
    team.says("audit in the billing repository needs sms.example")
    team.says("draft because alerts")
    assert "sam@billing.example" in team.says("open")
    (request,) = team.requests
    assert "Repository: shop." in team.says("and audit in the shop repository to sms.example?")
    team.says(f"status {request.key}")
    said = team.says(f"approve {request.key} because seen", BILLING_SAM)
    assert "audit (production) may reach sms.example:443 since commit" in said
