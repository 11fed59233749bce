"""Each reason for a risk: one ask for which it fires, and one as like it as can be for which it must not."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skills.core import risk
from skills.core.flow_text import destination
from skills.core.hosts import is_network
from skills.core.model import Destination, Grant, Need, Proof, Workload
from skills.core.resources import template
from skills.core.risk.names import twin_of

APP = Workload("k8s", "network_policy", "shop/web", "shop", namespace="shop")
PLAIN = Proof("denied", "allowed")
KNOWN = frozenset({"api.partner.example", "*.cdn.example", "payments.fincorp.example"})
AROUND = risk.Around(KNOWN)


@cache
def far(to: str) -> Destination:
    return destination(to)[0]


def codes(*to: str, around: risk.Around = AROUND, proof: Proof = PLAIN, until: str | None = "2027-01-31") -> set[str]:
    return {each.code for each in weighed(*to, around=around, proof=proof, until=until).reasons}


def weighed(
    *to: str, around: risk.Around = AROUND, proof: Proof = PLAIN, until: str | None = "2027-01-31"
) -> risk.Risk:
    return risk.assess(Need(APP, tuple(map(far, to)), until=until), proof, around)


FIRES = [
    # wildcards of what anybody may get a name in
    ("EGR1586", "*.amazonaws.com", "*.partner.example"),
    ("EGR1586", "*.s3.eu-west-1.amazonaws.com", "*.s3.fincorp.example"),
    ("EGR1586", "*.github.io", "*.github.example"),
    ("EGR1586", "*.windows.net", "*.windows.example"),  # takes in blob.core.windows.net
    ("EGR1587", "*.com", "*.partner.com"),
    ("EGR1587", "*.co.uk", "*.partner.co.uk"),
    ("EGR1588", "bucket.s3.eu-west-1.amazonaws.com", "bucket.s3.fincorp.example"),
    ("EGR1588", "someone.github.io", "github.com"),
    ("EGR1589", "d111111abcdef8.cloudfront.net", "cloudfront.fincorp.example"),
    ("EGR320", "*.partner.example", "www.partner.example"),
    # addresses
    ("EGR321", "198.51.100.7:443", "api.partner.example:443"),
    ("EGR322", "198.51.0.0/16:443", "198.51.100.0/24:443"),
    ("EGR1590", "169.254.169.254:80", "198.51.100.254:80"),
    ("EGR1590", "169.254.0.0/16:80", "169.253.0.0/16:80"),
    ("EGR1590", "metadata.google.internal:80", "metadata.fincorp.example:80"),
    ("EGR1590", "[fd00:ec2::254]:80", "[fd00:ec3::254]:80"),
    ("EGR323", "127.0.0.1:8080", "198.51.100.1:8080"),
    ("EGR323", "169.254.1.1:80", "198.51.100.1:80"),
    ("EGR1591", "10.1.2.3:443", "198.51.100.3:443"),
    # protocols and ports
    ("EGR324", "http://api.partner.example", "https://api.partner.example"),
    ("EGR1592", "api.partner.example:5432", "api.partner.example:5433"),
    ("EGR1592", "api.partner.example:5000-5500", "api.partner.example:5440-5500"),
    ("EGR1593", "api.partner.example:22", "api.partner.example:443"),
    # where data goes that nobody should have
    ("EGR1594", "pastebin.com", "pastebin.fincorp.example"),
    ("EGR1594", "abc.webhook.site", "webhook.fincorp.example"),
    ("EGR1594", "api.telegram.org", "telegram.org"),
    ("EGR1548", "10-0-0-1.nip.io", "nip.fincorp.example"),
    # names
    ("EGR1595", "www.partner.example", "api.partner.example"),
    ("EGR1595", "cdn.example", "a.b.cdn.example"),
    ("EGR1596", "api.stripe-payments.com", "api.stripe.com"),
    ("EGR1596", "api.strlpe.com", "checkout.stripe.com"),
    ("EGR1596", "api.str1pe.com", "api.strap.com"),
    ("EGR1596", "api.twi-lio.com", "api.twin.com"),
    ("EGR1596", "login.microsoft.com.attacker.net", "login.microsoft.com"),
    ("EGR1596", "api.twilio.net", "api.twilio.com"),
    ("EGR1596", "api.fincrop.example", "api.fincorp.example"),
    ("EGR1596", "аpi.stripe.com".replace("stripe", "ѕtripe"), "api.stripe.com"),
    ("EGR1597", "müller.example", "mueller.example"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "fires", "not_for"), FIRES, ids=[f"{code} {fires}" for code, fires, _ in FIRES])
def test_a_reason_fires_and_does_not_fire_for_what_is_like_it(code: str, fires: str, not_for: str) -> None:
    assert code in codes(fires)
    assert code not in codes(not_for)


def test_other_impact_level_other_team_no_expiry_and_what_the_proof_says() -> None:
    at_il5 = risk.Around(KNOWN, impact_level="IL5")
    same = risk.Around(KNOWN, impact_level="same")
    theirs = risk.Around(KNOWN, {"api.partner.example:443": "data"})
    assert "EGR1598" in codes("api.partner.example", around=at_il5)
    assert "EGR1598" not in codes("api.partner.example", around=same)
    assert "EGR1599" in codes("api.partner.example", around=theirs)
    assert "EGR1599" not in codes("api.partner.example")
    assert "EGR327" in codes("api.partner.example", until=None)
    assert "EGR327" not in codes("api.partner.example")
    whole = Proof("denied", "allowed", (Grant("shop", "0.0.0.0/0", "443", "tcp", "network_policy"),))
    assert "EGR325" in codes("198.51.100.7:443", proof=whole)
    one = Proof("denied", "allowed", (Grant("shop", "198.51.100.7/32", "443", "tcp", "network_policy"),))
    assert "EGR325" not in codes("198.51.100.7:443", proof=one)


@pytest.mark.parametrize(
    ("to", "band"),
    [
        ("api.partner.example", "low"),
        ("www.partner.example", "low"),  # new, and otherwise ordinary
        ("someone.github.io", "low"),
        ("198.51.100.7:443", "medium"),
        ("*.partner.example", "medium"),
        ("d111111abcdef8.cloudfront.net:22", "medium"),
        ("*.amazonaws.com", "high"),
        ("*.com", "high"),
        ("pastebin.com", "high"),
        ("169.254.169.254:80", "high"),
        ("api.strlpe.com", "high"),
        ("10.0.0.0/8:443", "high"),
    ],
)
def test_bands(to: str, band: str) -> None:
    assert weighed(to).band == band


def test_names_are_compared_with_rules_that_stand_too() -> None:
    assert twin_of("payments.fincopr.example", KNOWN) == "fincorp.example"
    assert twin_of("other.fincorp.example", KNOWN) == ""
    assert twin_of("fincorp.example", KNOWN) == ""


SOME = st.lists(st.sampled_from(sorted({to for _, one, two in FIRES for to in (one, two)})), max_size=4)


@given(SOME, st.sampled_from([to for _, to, _ in FIRES]), st.booleans())
def test_more_in_an_ask_never_makes_it_look_safer(asked: list[str], more: str, forever: bool) -> None:
    before, after = weighed(*asked), weighed(*asked, more, until=None if forever else "2027-01-31")
    assert before.score <= after.score <= 100
    assert {each.code for each in before.reasons} <= {each.code for each in after.reasons}
    assert weighed(*asked) == before, "the same ask is always weighed the same"


def test_the_lists_say_where_they_come_from() -> None:
    lists: list[dict[str, Any]] = yaml.safe_load(template("risk.yaml"))
    assert len({each["list"] for each in lists}) == len(lists)
    for each in lists:
        assert set(each) <= {"list", "origin", "date", "hosts", "ports", "ranges"}
        assert each["origin"].strip()
        assert isinstance(each["date"], date)
        assert [host for host in each.get("hosts", ()) if destination(host)[0].host != host] == []
        assert len(set(each.get("hosts", ()))) == len(each.get("hosts", ()))
        assert all(0 < port < 65536 for port in each.get("ports", ()))
        assert all(is_network(block) for block in each.get("ranges", ()))
