"""What a policy never opens, how wide and how long an ask may be, and when nothing is approved."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.errors import AskUnclear
from skills.core.flow_text import destination
from skills.core.policy import Policy, bounds, read_policy

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DENY = "deny: [evil.example, '*.paste.example', 169.254.169.254/32, 203.0.113.0/24, '2001:db8::/32']\n"


def denied(*to: str, ip: tuple[str, ...] = (), opens: tuple[str, ...] = (), text: str = DENY) -> bool:
    return bounds.denied(read_policy(text), [destination(each, ip)[0] for each in to], opens) is not None


@pytest.mark.parametrize(
    ("to", "is_denied"),
    [
        ("evil.example", True),
        ("https://EVIL.example.:8443/x", True),
        ("ok.evil.example", False),  # an entry without *. is for that host alone
        ("notevil.example", False),
        ("evil.example.com", False),
        ("a.paste.example", True),
        ("a.b.paste.example", True),
        ("paste.example", False),
        ("*.evil.example", True),  # some dialects read the apex into it
        ("*.example", True),  # takes in what is denied
        ("*.other.example", False),
        ("*.b.paste.example", True),
        ("169.254.169.254:80", True),
        ("169.254.0.0/16:80", True),
        ("[::ffff:169.254.169.254]:80", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("2002:cb00:7101::/48:443", True),  # 6to4 of 203.0.113.1
        ("203.0.113.77:443", True),
        ("203.0.112.0/23:443", True),
        ("203.0.114.0/24:443", False),
        ("10.0.0.0/8:443", False),
        ("0.0.0.0/0:443", True),
        ("128.0.0.0/1:443", True),  # nobody knows which hosts lie in it
        ("[2001:db8::1]:443", True),
        ("[2001:db9::1]:443", False),
        ("udp://evil.example:53", True),
    ],
)
def test_the_deny_list(to: str, is_denied: bool) -> None:
    assert denied(to) is is_denied


def test_an_address_that_the_asker_vouches_for_counts() -> None:
    assert denied("fine.example", ip=("203.0.113.9",))
    assert not denied("fine.example", ip=("198.51.100.9",))


@pytest.mark.parametrize(
    ("opens", "is_denied"),
    [
        ("everything", True),
        ("every public address", True),
        ("the entity world", True),
        ("0.0.0.0/0 except 169.254.169.254/32, 203.0.113.0/24", True),  # the hosts may still be in it
        ("10.0.0.0/8 except 10.1.0.0/16", False),
        ("pods app=web in namespace shop", False),
        ("brokered rds", False),
        ("evil.example", True),
        ("cdn.paste.example", True),
        ("api.*.example", True),
        ("12 hosts", True),  # nobody can say which
        ("whatever all_access opens", True),
        ("{{ .Values.cidr }}", True),
        ("{{ x }} pods", True),
        ("addresses that only the cluster knows", True),
        ("the entity world-ipv4", True),
        ("**", True),
        ("all pods in every namespace", False),
        ("shop pods app=web", False),
        ("ingress of shop all pods", False),
        ("the Kubernetes API", False),
        ("203.0.112.250-203.0.113.3", True),  # as a group of Cloud Foundry has it
        ("10.0.0.0/24,203.0.113.7", True),
        ("10.0.0.1-10.0.0.9,10.1.0.0/16", False),
        ("my-shop.partner.example", False),
    ],
)
def test_what_a_change_opens_beside_the_ask(opens: str, is_denied: bool) -> None:
    assert denied("fine.example", opens=(opens,)) is is_denied


def test_only_private_entries_are_spared_by_all_public_addresses() -> None:
    assert not denied("fine.example", opens=("every public address",), text="deny: [169.254.169.254/32]\n")
    assert denied("fine.example", opens=("everything",), text="deny: [169.254.169.254/32]\n")
    assert not denied("fine.example", opens=("0.0.0.0/0 except 169.254.0.0/16",), text="deny: [169.254.169.254/32]\n")


LABEL = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
HOST = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


@given(HOST, HOST)
def test_every_wildcard_above_a_denied_host_is_denied(host: str, other: str) -> None:
    made = read_policy(f"deny: [{host}]\n")
    labels = host.split(".")
    for at in range(1, len(labels)):
        assert bounds.denied(made, [destination("*." + ".".join(labels[at:]))[0]])
    assert (bounds.denied(made, [destination(other)[0]]) is not None) == (other == host)


@given(st.ip_addresses(v=4), st.integers(0, 32), st.integers(0, 32))
def test_ranges_are_denied_exactly_where_they_overlap(address: ipaddress.IPv4Address, one: int, two: int) -> None:
    entry, asked = (ipaddress.ip_network((address, prefix), strict=False) for prefix in (one, two))
    assert bounds.denied(read_policy(f"deny: ['{entry}']\n"), [destination(f"{asked}:443")[0]])
    beside = ipaddress.ip_network((int(entry.network_address) ^ (1 << (32 - one)), one)) if one else None
    if beside:
        assert not bounds.denied(read_policy(f"deny: ['{entry}']\n"), [destination(f"{beside}:443")[0]])


WIDTHS = "widths: {wildcard_labels: 2, ipv4: 24, ipv6: 64, ports: [443, 8000-8100], range: 50}\n"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("*.example.com", None),
        ("*.com", "EGR1521"),
        ("10.1.0.0/24:443", None),
        ("10.0.0.0/8:443", "EGR1522"),
        ("[2001:db8::/48]:443", "EGR1522"),
        ("h.example:443", None),
        ("h.example:8050", None),
        ("h.example:5432", "EGR1524"),
        ("h.example:8000-8049", None),
        ("h.example:8000-8100", "EGR1523"),
    ],
)
def test_widths(to: str, code: str | None) -> None:
    found = list(bounds.too_wide(read_policy(WIDTHS), [destination(to)[0]]))
    assert [each.code for each in found] == ([code] if code else [])


def test_no_wildcards_at_all() -> None:
    made = read_policy("widths: {wildcards: false}\n")
    assert [each.code for each in bounds.too_wide(made, [destination("*.example.com")[0]])] == ["EGR1520"]
    assert not list(bounds.too_wide(made, [destination("www.example.com")[0]]))


@pytest.mark.parametrize(
    ("until", "environments", "code"),
    [
        (None, ["production"], "EGR1525"),
        ("2026-12-28", ["prod"], None),
        ("2026-12-29", ["production"], "EGR1526"),
        (None, ["staging"], None),
        (None, [], "EGR1525"),  # for no environment in particular is for production too
    ],
)
def test_the_last_day(until: str | None, environments: list[str], code: str | None) -> None:
    found = bounds.too_long(read_policy("lifetime: {days: 30, environments: [production]}\n"), until, environments, NOW)
    assert (found.code if found else None) == code


def frozen(text: str, at: str, *environments: str) -> str | None:
    found = bounds.frozen(read_policy(f"freeze: [{text}]\n"), environments, datetime.fromisoformat(at))
    return found.code if found else None


BERLIN = "{from: 2026-12-20, until: 2027-01-03, zone: Europe/Berlin}"
WEEKEND = "{weekly: 'fri 16:00 - mon 06:00', zone: Europe/Berlin}"
NOBODYS = "{from: 2026-12-20, until: 2027-01-03}"


@pytest.mark.parametrize(
    ("text", "at", "code"),
    [
        (BERLIN, "2026-12-19T22:59:59+00:00", None),
        (BERLIN, "2026-12-19T23:00:00+00:00", "EGR1540"),
        (BERLIN, "2027-01-03T22:59:59+00:00", "EGR1540"),  # the last day is in it
        (BERLIN, "2027-01-03T23:00:00+00:00", None),
        (WEEKEND, "2026-11-27T14:59:00+00:00", None),
        (WEEKEND, "2026-11-27T15:00:00+00:00", "EGR1540"),
        (WEEKEND, "2026-11-29T12:00:00+00:00", "EGR1540"),
        (WEEKEND, "2026-11-30T05:00:00+00:00", None),
        # Without a zone: from the first place on earth where it begins to the last where it ends.
        (NOBODYS, "2026-12-19T09:59:00+00:00", None),
        (NOBODYS, "2026-12-19T10:00:00+00:00", "EGR1540"),
        (NOBODYS, "2027-01-04T11:59:00+00:00", "EGR1540"),
        (NOBODYS, "2027-01-04T12:00:00+00:00", None),
        # A zone that nobody knows, and a clock that does not say where it is.
        ("{from: 2030-01-01, zone: Europe/Atlantis}", "2026-11-28T12:00:00+00:00", "EGR1541"),
        ("{from: 2030-01-01, zone: ../../etc/passwd}", "2026-11-28T12:00:00+00:00", "EGR1541"),
        ("{from: 2030-01-01, zone: UTC}", "2026-11-28T12:00:00", "EGR1541"),
        ("{from: 2030-01-01, zone: UTC}", "2026-11-28T12:00:00+00:00", None),
        ("{from: 2026-11-28, zone: '+05:30'}", "2026-11-27T18:30:00+00:00", "EGR1540"),
        # 02:30 is there twice on that night: the window is open from the first to the second.
        (
            "{from: '2026-10-25T02:30', until: '2026-10-25T02:30', zone: Europe/Berlin}",
            "2026-10-25T01:00:00+00:00",
            "EGR1540",
        ),
        ("{until: 2026-11-01, zone: UTC}", "2026-10-01T00:00:00+00:00", "EGR1540"),
    ],
)
def test_freezes(text: str, at: str, code: str | None) -> None:
    assert frozen(text, at) == code


def test_a_freeze_of_one_environment_spares_another_but_not_a_change_for_all() -> None:
    text = "{from: 2026-11-01, zone: UTC, environments: [production]}"
    at = "2026-11-28T12:00:00+00:00"
    assert frozen(text, at, "prod") == "EGR1540"
    assert frozen(text, at, "staging") is None
    assert frozen(text, at, "staging", "production") == "EGR1540"
    assert frozen(text, at) == "EGR1540"


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "+14:00", "-12:00"]),
)
def test_a_freeze_without_a_zone_holds_wherever_one_with_a_zone_holds(moment: datetime, zone: str) -> None:
    now = moment.replace(tzinfo=UTC)
    for window in ("from: 2026-03-01, until: 2026-11-01", "weekly: 'fri 16:00 - mon 06:00'"):
        with_zone = bounds.frozen(read_policy(f"freeze: [{{{window}, zone: '{zone}'}}]\n"), (), now)
        if with_zone:
            assert bounds.frozen(read_policy(f"freeze: [{{{window}}}]\n"), (), now)


def test_a_freeze_that_can_not_be_read_closes_everything() -> None:
    with pytest.raises(AskUnclear, match="EGR421"):
        read_policy("freeze: [{from: christmas}]\n")


def test_nothing_is_bounded_without_a_policy() -> None:
    nothing = Policy({}, ())
    assert not bounds.denied(nothing, [destination("0.0.0.0/0:443")[0]])
    assert not bounds.frozen(nothing, ["production"], NOW)
