"""Decisions of Infrastream lists: every case that fires has a twin that must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.model import Destination, LayerView, Workload
from skills.core.platforms import infrastream
from tests.core.platforms.infrastream_repo import (
    ORGANIZATION,
    application,
    codes,
    decide,
    decision,
    index_of,
    listing,
    only,
    path_of,
    project,
    view,
)


def near(seen: LayerView) -> list[str]:
    return codes([miss.finding for miss in seen.near])


@pytest.mark.parametrize(
    ("entry", "to", "expected"),
    [
        ("api.stripe.com", "api.stripe.com:443", "allowed"),
        ("API.Stripe.com.", "api.stripe.com:443", "allowed"),
        ("api.stripe.com", "udp://api.stripe.com:9999", "allowed"),
        ("api.stripe.com", "stripe.com:443", "denied"),
        ("stripe.com", "api.stripe.com:443", "denied"),
        ("stripe.com", "notstripe.com:443", "denied"),
        ('"*.stripe.com"', "api.stripe.com:443", "allowed"),
        ('"*.stripe.com"', "eu.api.stripe.com:443", "allowed"),
        ('"*.stripe.com"', "stripe.com:443", "denied"),
        ('"*.stripe.com"', "notstripe.com:443", "denied"),
        ('"*.stripe.com"', "*.stripe.com:443", "allowed"),
        ('"*.stripe.com"', "*.eu.stripe.com:443", "allowed"),
        ('"*.eu.stripe.com"', "*.stripe.com:443", "denied"),
        ("api.stripe.com", "*.stripe.com:443", "denied"),
        ("198.51.100.0/24", "198.51.100.7:22", "allowed"),
        ("198.51.100.0/24", "198.51.101.7:22", "denied"),
        ("198.51.100.7", "198.51.100.7:22", "allowed"),
        ("198.51.100.0/24", "198.51.100.0/25:22", "allowed"),
        ("198.51.100.0/25", "198.51.100.0/24:22", "denied"),
        ("2001:db8::/32", "[2001:db8::7]:443", "allowed"),
        ("2001:db8::/32", "198.51.100.7:443", "denied"),
        ("api.stripe.com", "198.51.100.7:443", "undecided"),
        ("198.51.100.0/24", "sftp.partner.example:22", "undecided"),
        ("0.0.0.0/0", "sftp.partner.example:22", "allowed"),
        ("10.0.0.0/8", "sftp.partner.example:22", "denied"),
        ("https://api.stripe.com/v1", "api.stripe.com:443", "denied"),
        ("api.stripe.com:443", "api.stripe.com:443", "denied"),
        ("xn--bcher-kva.example", "https://bücher.example", "allowed"),
        ("${STRIPE_HOST}", "api.stripe.com:443", "undecided"),
    ],
)
def test_one_entry_decides(entry: str, to: str, expected: str) -> None:
    assert decide(listing(entry), to) == expected


def test_entries_are_a_union_and_order_means_nothing() -> None:
    assert decide(listing("198.51.100.0/25", "198.51.100.128/25"), "198.51.100.0/24:22") == "allowed"
    assert decide(listing("https://x.example", "a.example", "b.example"), "b.example:443") == "allowed"
    assert decide(listing("b.example", "a.example"), "b.example:443") == "allowed"


def test_the_verdict_names_line_and_text_of_the_entry() -> None:
    seen = view(only(listing("api.sendgrid.com", '"api.stripe.com" # cards')), "api.stripe.com:443")
    assert [(hit.effect, hit.place.path, hit.place.line, hit.place.text) for hit in seen.allows] == [
        ("allow", path_of("payments"), 12, '- "api.stripe.com" # cards')
    ]
    assert seen.layer == "firewall"


@pytest.mark.parametrize(
    "spec", ["  region: x\n", "  allowedEgress: []\n", "  allowedEgress:\n", "  allowedEgress: null\n"]
)
def test_no_list_lets_nothing_out(spec: str) -> None:
    """G-B01."""
    seen = view(only(project(spec)), "api.stripe.com:443")
    assert decision(seen) == "denied"
    assert codes(seen.findings) == ["EGR703"]
    assert seen.isolators


def test_a_port_can_not_be_expressed_and_that_is_said() -> None:
    seen = view(only(listing("api.stripe.com")), "api.stripe.com:8443")
    assert (decision(seen), codes(seen.findings)) == ("allowed", ["EGR704"])
    assert seen.findings[0].facts["port"] == "8443"
    assert codes(view(only(listing("a.example")), "api.stripe.com:8443").findings) == []


def test_how_deep_a_wildcard_reaches_is_said_to_be_unverified() -> None:
    index = only(listing('"*.googleapis.com"'))
    assert codes(view(index, "eu.storage.googleapis.com:443").findings) == ["EGR705", "EGR704"]
    assert codes(view(index, "storage.googleapis.com:443").findings) == ["EGR704"]
    exact = only(listing('"*.googleapis.com"', "eu.storage.googleapis.com"))
    assert codes(view(exact, "eu.storage.googleapis.com:443").findings) == ["EGR704"]


def test_google_apis_may_be_open_without_being_listed() -> None:
    index = only(listing("api.stripe.com"))
    assert codes(view(index, "storage.googleapis.com:443").findings) == ["EGR710"]
    assert codes(view(index, "storage.googleapis.example:443").findings) == []


# --- addresses


def test_supplied_addresses_decide_where_only_ranges_could() -> None:
    text = listing("198.51.100.0/25")
    assert codes(view(only(text), "sftp.partner.example:22").unknown) == ["EGR706"]
    assert decide(text, "sftp.partner.example:22", "198.51.100.7") == "allowed"
    assert decide(text, "sftp.partner.example:22", "198.51.100.200") == "denied"
    assert decide(text, "sftp.partner.example:22", "198.51.100.7", "198.51.100.200") == "undecided"
    assert decide(text, "sftp.partner.example:22", "2001:db8::7") == "denied"


def test_a_listed_name_needs_no_address() -> None:
    assert (
        decide(listing("198.51.100.0/25", "sftp.partner.example"), "sftp.partner.example:22", "203.0.113.9")
        == "allowed"
    )


def test_an_address_is_not_taken_for_a_host() -> None:
    seen = view(only(listing("api.stripe.com")), "198.51.100.7:443")
    assert (decision(seen), codes(seen.unknown)) == ("undecided", ["EGR707"])
    assert decide(listing("203.0.113.0/24"), "198.51.100.7:443") == "denied"
    assert decide(listing("api.stripe.com"), "198.51.100.0/24:443") == "denied"


# --- what the list does not govern (G-B07)


def inside(to: str, *addresses: str, entries: tuple[str, ...] = ("api.stripe.com",)) -> LayerView:
    files = {
        path_of("payments"): listing(*entries),
        "organization/fincorp/organization.yaml": ORGANIZATION,
        "a/ledger.yaml": application("ledger-api", "ledger"),
    }
    return view(index_of(files), to, *addresses)


@pytest.mark.parametrize(
    "to",
    [
        "db.fincorp.internal:5432",
        "metadata.google.internal:80",
        "ledger.corp.fincorp.example:443",
        "corp.fincorp.example:443",
        "ledger-api:8080",
        "redis:6379",
        "web.shop.svc.cluster.local:80",
        "10.1.2.3:5432",
        "192.168.0.0/16:443",
        "[fd00::1]:443",
    ],
)
def test_what_stays_inside_the_shared_vpc_is_not_governed(to: str) -> None:
    seen = inside(to, entries=("api.stripe.com", "10.0.0.0/8"))
    assert (decision(seen), codes(seen.unknown)) == ("undecided", ["EGR701"])
    assert seen.near == ()


@pytest.mark.parametrize(
    "to",
    [
        "internal.example.com:443",
        "notcorp.fincorp.example:443",
        "11.0.0.1:443",
        "ledger-api.example:443",
        "10.0.0.0/7:443",
    ],
)
def test_what_only_sounds_internal_is_governed(to: str) -> None:
    assert "EGR701" not in codes(inside(to).unknown)


def test_a_public_name_with_private_addresses_stays_inside() -> None:
    assert codes(inside("db.partner.example:5432", "10.1.2.3").unknown) == ["EGR701"]
    assert codes(inside("db.partner.example:5432", "10.1.2.3", "198.51.100.7").unknown) == []


@pytest.mark.parametrize("to", ["workload://shop/web:8080", "cf-service://rds", "cf-route://app"])
def test_what_is_no_host_is_not_decided(to: str) -> None:
    assert codes(inside(to).unknown) == ["EGR702"]


# --- lists that don't count


FLAT = "apiVersion: lowops.manifests.v1\nkind: Project\nmetadata:\n  name: payments\n  environment: production\n" + (
    "  organizational-unit: retail\n  organization: fincorp\nspec:\n  region: x\nallowedEgress:\n- api.stripe.com\n"
)


def test_a_list_at_the_wrong_level_has_no_effect() -> None:
    """G-B03."""
    seen = view(only(FLAT), "api.stripe.com:443")
    assert decision(seen) == "denied"
    assert "EGR709" in codes(seen.findings)
    assert near(seen) == ["EGR119"]
    assert "EGR709" not in codes(view(only(listing("api.stripe.com")), "api.stripe.com:443").findings)


@pytest.mark.parametrize("value", ["api.stripe.com", "{api.stripe.com: true}"])
def test_what_is_no_list_allows_nothing_for_certain(value: str) -> None:
    repo = only(project(f"  allowedEgress: {value}\n"))
    named, other = view(repo, "api.stripe.com:443"), view(repo, "hooks.slack.com:443")
    assert (decision(named), codes(named.unknown)) == ("undecided", ["EGR711"])
    assert (decision(other), codes(other.findings)) == ("denied", ["EGR711"])


@pytest.mark.parametrize(
    ("addresses", "wanted"),
    [
        ((), "allowed"),
        (("203.0.113.7",), "allowed"),
        (("2001:db8::1",), "denied"),
        (("203.0.113.7", "2001:db8::1"), "undecided"),
    ],
)
def test_every_ipv4_address_is_not_every_address(addresses: tuple[str, ...], wanted: str) -> None:
    assert decide(project("  allowedEgress: [0.0.0.0/0]\n"), "api.x.example:443", *addresses) == wanted


def test_a_manifest_with_a_misspelt_identity_is_not_trusted() -> None:
    """G-B12."""
    text = listing("api.stripe.com").replace("organizational-unit", "organizationalUnit")
    seen = view(only(text), "api.stripe.com:443")
    assert (decision(seen), codes(seen.unknown)) == ("undecided", ["EGR712"])
    assert decision(view(only(text), "api.twilio.com:443")) == "denied"


def test_a_project_that_is_declared_twice_is_only_sure_where_both_agree() -> None:
    twice = {path_of("payments"): listing("a.example", "b.example"), "copy.yaml": listing("b.example")}
    index = index_of(twice)
    assert codes(view(index, "a.example:443").unknown) == ["EGR717"]
    assert decision(view(index, "b.example:443")) == "allowed"
    assert decision(view(index, "c.example:443")) == "denied"


def test_nobody_else_is_decided_for() -> None:
    index = only(listing("api.stripe.com"))
    other = Workload("k8s", "network_policy", "payments", "fincorp/retail/payments", "production")
    wanted = Destination("x", host="api.stripe.com")
    assert infrastream.decide(index, other, wanted) == ()
    assert not infrastream.governs(index, other)


# --- near misses


@pytest.mark.parametrize(
    ("entry", "to", "code"),
    [
        ("stripe.com", "api.stripe.com", "EGR111"),
        ("api.stripe.com", "stripe.com", "EGR112"),
        ('"*.stripe.com"', "stripe.com", "EGR113"),
        ("files.stripe.com", "api.stripe.com", "EGR114"),
        ("api.stirpe.com", "api.stripe.com", "EGR115"),
        ("https://api.stripe.com/v1", "api.stripe.com", "EGR118"),
        ("api.stripe.com:443", "api.stripe.com", "EGR118"),
        ("api.stripe.com/v1", "api.stripe.com", "EGR118"),
        ('"api.stripe.com "', "api.stripe.com", "EGR118"),
        ("api.stripe.com", "*.stripe.com", "EGR121"),
        ("198.51.100.0/25", "198.51.100.0/24:22", "EGR120"),
    ],
)
def test_what_almost_matches_is_named(entry: str, to: str, code: str) -> None:
    seen = view(only(listing(entry)), to)
    assert decision(seen) == "denied"
    assert near(seen) == [code]
    assert seen.near[0].place.line == 11


@pytest.mark.parametrize("entry", ["api.twilio.com", '"*.twilio.com"', "https://api.twilio.com", "203.0.113.0/24"])
def test_what_has_nothing_to_do_with_it_is_not(entry: str) -> None:
    assert near(view(only(listing(entry)), "hooks.slack.com")) == []


def test_lists_of_others_are_named_and_the_nearest_comes_first() -> None:
    files = {
        path_of("payments"): listing("files.stripe.com", "api.strype.com"),
        path_of("payments", "staging"): listing("api.stripe.com", environment="staging"),
        path_of("ledger"): listing('"*.stripe.com"', name="ledger"),
        path_of("ledger", "staging"): listing("api.stripe.com", name="ledger", environment="staging"),
    }
    seen = view(index_of(files), "api.stripe.com")
    assert decision(seen) == "denied"
    assert near(seen) == ["EGR115", "EGR116", "EGR117", "EGR114", "EGR117"]
    staging = view(index_of(files), "api.stripe.com", for_="staging:payments")
    assert decision(staging) == "allowed"


def test_a_range_elsewhere_is_named_only_where_it_holds_all_that_is_asked() -> None:
    fits, misses = ("198.51.100.0/23", "198.51.100.0/24"), ("198.51.100.0/25", "198.51.100.128/25")
    for entry in (*fits, *misses):
        files = {
            path_of("payments"): listing("a.example"),
            path_of("payments", "staging"): listing(entry, environment="staging"),
        }
        assert near(view(index_of(files), "198.51.100.0/24:22")) == (["EGR116"] if entry in fits else [])


def test_other_units_are_nobodys_business() -> None:
    elsewhere = listing("api.stripe.com", name="other").replace("retail", "wholesale")
    index = index_of({path_of("payments"): listing("a.example"), "x.yaml": elsewhere})
    assert near(view(index, "api.stripe.com")) == []


_LABEL = st.sampled_from(["a", "b", "api", "stripe", "eu"])
_HOST = st.lists(_LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example"]))
_ENTRY = st.one_of(_HOST, _HOST.map(lambda host: f"*.{host}"))


@given(st.lists(_ENTRY, max_size=6), _HOST)
def test_a_host_is_allowed_exactly_when_an_entry_equals_it_or_stands_above_it_with_a_star(
    entries: list[str], host: str
) -> None:
    expected = any(host == entry or (entry[0] == "*" and host.endswith(entry[1:])) for entry in entries)
    assert decide(listing(*(f'"{entry}"' for entry in entries)), f"{host}:443") == ("allowed" if expected else "denied")


@given(st.lists(_ENTRY, max_size=6), _ENTRY, _HOST)
def test_an_entry_more_never_takes_anything_away(entries: list[str], more: str, host: str) -> None:
    quoted = [f'"{entry}"' for entry in entries]
    if decide(listing(*quoted), f"{host}:443") == "allowed":
        assert decide(listing(*quoted, f'"{more}"'), f"{host}:443") == "allowed"
