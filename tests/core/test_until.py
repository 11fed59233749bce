"""Last days as people say them, and what is none."""

from __future__ import annotations

from datetime import date

import pytest

from skills.core.errors import AskUnclear
from skills.core.understand import hear
from skills.core.until import last_day

TODAY = date(2026, 11, 29)
NAMES = ["kyc-screening", "payment-gateway"]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2027-01-31", "2027-01-31"),
        ("31 January 2027", "2027-01-31"),
        ("1st of Feb 2027", "2027-02-01"),
        ("3. May, 2027", "2027-05-03"),
        ("two weeks", "2026-12-13"),
        ("a week", "2026-12-06"),
        ("an week", "2026-12-06"),
        ("10 days", "2026-12-09"),
        ("three months", "2027-02-28"),
        ("1 month", "2026-12-29"),
        ("twelve months", "2027-11-29"),
        ("1 year", "2027-11-29"),
    ],
)
def test_days_and_spans(said: str, day: str) -> None:
    assert last_day(said, TODAY) == day


@pytest.mark.parametrize(
    "said", ["2027-02-30", "31 February 2027", "soon", "", "forever", "0 weeks ago", "999999 years"]
)
def test_what_is_no_day(said: str) -> None:
    with pytest.raises(AskUnclear) as unclear:
        last_day(said, TODAY)
    assert unclear.value.finding.code == "EGR642"


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("until 2027-01-31", "2027-01-31"),
        ("make it until 31 January 2027.", "31 January 2027"),
        ("only for two weeks", "two weeks"),
        ("for 3 months", "3 months"),
    ],
)
def test_a_reply_that_is_a_last_day(said: str, until: str) -> None:
    heard = hear(said, NAMES)
    assert (heard.verb, heard.until) == ("until", until)


@pytest.mark.parametrize(
    "said",
    [
        "for payment-gateway",
        "for two",
        "it has been down for two weeks",
        "approve until 2027-01-31",
    ],
)
def test_what_is_no_last_day(said: str) -> None:
    assert hear(said, NAMES).verb != "until"


@pytest.mark.parametrize("said", ["until tomorrow", "only until the end of March", "until it works"])
def test_a_day_that_nobody_can_read_is_said_to_be_one(said: str) -> None:
    heard = hear(said, NAMES)
    assert heard.verb == "until"
    with pytest.raises(AskUnclear):
        last_day(heard.until or "", TODAY)


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("kyc-screening must reach api.stripe.com until 31 January 2027", "31 January 2027"),
        ("kyc-screening must reach api.stripe.com for two weeks", "two weeks"),
        ("kyc-screening must reach api.stripe.com until 2027-01-31", "2027-01-31"),
        ("draft api.stripe.com for kyc-screening for 10 days because we try it", "10 days"),
        ("kyc-screening can't reach api.stripe.com for two weeks", None),
        ("why is api.stripe.com allowed for kyc-screening for two weeks?", None),
        ("kyc-screening must reach api.stripe.com", None),
    ],
)
def test_a_wish_with_its_last_day(said: str, until: str | None) -> None:
    heard = hear(said, NAMES)
    assert (heard.until, heard.workload) == (until, "kyc-screening")
    assert heard.destinations[0] in ("api.stripe.com", "https://api.stripe.com:443")
