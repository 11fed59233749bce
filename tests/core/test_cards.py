"""A request's card holds every fact that a decision needs, and no step once there is nothing to decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from skills.cards import Card, card, earlier, is_production
from skills.core.model import Decided, Drawn, Finding, Request, RequestState, Weighed

WEIGHED = Weighed(
    "high", "uds", (Finding("EGR320", {"destination": "*.example.com"}),), (), ("shop → api.example.com (443, tls)",)
)
REQUEST = Request(
    key="EG-AAAAAAA",
    state="waiting",
    version=3,
    workload="payments (production)",
    environment="production",
    destinations=("api.example.com:443",),
    digest="d1",
    base="b1",
    branch="egress/EG-AAAAAAA",
    asked_by="slack:T1:UDANA",
    reason="orders must be paid",
    until="2027-03-31",
    since="2026-11-20T09:00:00+00:00",
    paths=("a.yaml",),
    number=7,
    url="https://gitlab.example/mr/7",
    waits_for=("slack:t1:usam",),
    drawn=Drawn('{"error": "curl: (28) timed out, password=hunter2secret"}', "need", "effect", "+ api.example.com\n"),
    weighed=WEIGHED,
)


def texts(made: Card) -> dict[str, str]:
    return {line.label: line.text or ", ".join(line.people) for line in made.lines}


def test_every_fact_that_the_decision_needs_stands_on_it() -> None:
    said = texts(card(REQUEST, pipeline=("success", "https://gitlab.example/p/1")))
    assert said["for"] == "payments (production)"
    assert said["to"] == "api.example.com:443"
    assert said["asked_by"] == "slack:T1:UDANA"
    assert said["why"] == "orders must be paid"
    assert said["until"] == "2027-03-31"
    assert said["opens"] == "shop → api.example.com (443, tls)"
    assert said["risk"].startswith("high. ")
    assert "timed out" in said["evidence"]
    assert said["pipeline"].startswith("success")
    assert said["waits_for"] == "slack:t1:usam"


def test_secrets_of_a_pasted_error_are_masked_on_it() -> None:
    assert "hunter2secret" not in texts(card(REQUEST))["evidence"]


def test_the_limits_of_uds_are_said_on_a_uds_card_and_on_no_other() -> None:
    limits = texts(card(REQUEST))["limits"]
    assert all(word in limits for word in ("passes through", "domain fronting", "same Package", "DNS"))
    assert "limits" not in texts(card(replace(REQUEST, weighed=replace(WEIGHED, platform="cilium"))))
    assert "limits" not in texts(card(replace(REQUEST, remove=True)))


def test_what_was_given_back_waits_for_whoever_asked() -> None:
    assert texts(card(replace(REQUEST, state="returned")))["waits_for"] == REQUEST.asked_by


@pytest.mark.parametrize("state", ["merged", "rejected", "withdrawn", "expired", "closed", "failed"])
def test_nothing_can_be_pressed_once_it_is_decided(state: RequestState) -> None:
    made = card(replace(REQUEST, state=state))
    assert (made.steps, made.confirm, made.typed) == ((), "", "")


def test_who_decided_when_and_why_is_said() -> None:
    decided = Decided("reject", "slack:T1:USAM", "d1", "use the proxy", "2026-11-21T08:00:00+00:00")
    made = card(replace(REQUEST, state="rejected", decisions=(decided,)))
    assert made.status.people == ("slack:T1:USAM",)
    assert (made.status.at, made.reason) == ("2026-11-21T08:00:00+00:00", "use the proxy")


def test_an_approval_is_confirmed_for_production_and_high_risk_only() -> None:
    low = replace(WEIGHED, band="low")
    assert "production" in card(replace(REQUEST, weighed=low)).confirm
    staging = replace(REQUEST, environment="staging", workload="payments (staging)")
    assert card(replace(staging, weighed=low)).confirm == ""
    assert "high or unknown risk" in card(staging).confirm
    assert "high or unknown risk" in card(replace(staging, weighed=None)).confirm


@pytest.mark.parametrize(
    ("workload", "environment", "expected"),
    [
        ("vault-prod", None, True),
        ("shop/product-api", None, False),
        ("payments (staging,production)", "staging,production", True),
        ("preprod/web", None, False),
        ("production-reports (staging)", "staging", False),
    ],
)
def test_what_counts_as_production(workload: str, environment: str | None, expected: bool) -> None:
    assert is_production(replace(REQUEST, workload=workload, environment=environment)) is expected


def test_what_was_decided_on_the_same_host_before_comes_newest_first() -> None:
    def past(key: str, to: str, at: str) -> Request:
        return replace(
            REQUEST, key=key, destinations=(to,), decisions=(Decided("reject", "slack:T1:USAM", "d0", "no", at),)
        )

    others = [
        past("EG-BBBBBBB", "http://API.example.com:80", "2026-01-01T00:00:00+00:00"),
        past("EG-CCCCCCC", "api.example.com:8443", "2026-02-01T00:00:00+00:00"),
        past("EG-DDDDDDD", "api.example.org:443", "2026-03-01T00:00:00+00:00"),
        past("EG-AAAAAAA", "api.example.com:443", "2026-04-01T00:00:00+00:00"),
    ]
    assert [line.text[:10] for line in earlier(REQUEST.destinations, others, but=REQUEST.key)] == [
        "EG-CCCCCCC",
        "EG-BBBBBBB",
    ]


def test_what_is_approved_and_waits_to_be_merged_can_still_be_stopped_and_not_decided() -> None:
    made = card(replace(REQUEST, state="decided"))
    assert (made.steps, made.rarer) == ((), ("veto", "withdraw"))
    assert made.typed.startswith("Typed, while it waits to be merged: hold EG-")
    assert "approve" not in made.typed
    over = card(replace(REQUEST, state="merged"))
    assert (over.steps, over.rarer, over.typed) == ((), (), "")


def test_no_deed_past_an_approval_is_offered_where_the_policy_gives_it_nobody() -> None:
    assert card(REQUEST, given=()).rarer == ("part", "withdraw")
    assert card(REQUEST, given=("veto",)).rarer == ("part", "veto", "withdraw")
    assert card(replace(REQUEST, state="decided"), given=()).rarer == ("withdraw",)
