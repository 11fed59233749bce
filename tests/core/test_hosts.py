from __future__ import annotations

import ipaddress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.errors import AskUnclear
from skills.core.hosts import (
    address,
    edit_distance,
    is_address,
    is_private,
    looks_like,
    near,
    normalise,
    parent_of,
    shown,
    sibling,
    unicode_form,
)
from skills.core.messages import catalogue


def refusal(call: object, text: str) -> str:
    with pytest.raises(AskUnclear) as refused:
        call(text)  # type: ignore[operator]
    assert refused.value.code in catalogue()
    return refused.value.code


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("API.Stripe.com", "api.stripe.com"),
        ("api.stripe.com.", "api.stripe.com"),
        ("  api.stripe.com\n", "api.stripe.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("api。stripe。com", "api.stripe.com"),
        ("ｓtripe.com", "stripe.com"),
        ("straße.de", "xn--strae-oqa.de"),
        ("my_bucket.s3.amazonaws.com", "my_bucket.s3.amazonaws.com"),
        ("r3---sn-4g5e.googlevideo.com", "r3---sn-4g5e.googlevideo.com"),
        ("redis", "redis"),
        ("0xdeadbeef.com", "0xdeadbeef.com"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("a" * 63 + ".com", "a" * 63 + ".com"),
    ],
)
def test_a_host_has_one_spelling(written: str, host: str) -> None:
    assert normalise(written) == host


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "EGR601"),
        ("  ", "EGR601"),
        ("api stripe.com", "EGR602"),
        ("a" * 64 + ".com", "EGR603"),
        ("ü" * 60 + ".de", "EGR603"),
        (".".join(["a" * 49] * 6), "EGR604"),
        ("a" * 100_000, "EGR604"),
        ("api/stripe.com", "EGR605"),
        ("api\\stripe.com", "EGR605"),
        ("api%2estripe.com", "EGR605"),
        ("a\x00b.com", "EGR605"),
        ("a⒈com", "EGR605"),
        ("*.stripe.com", "EGR605"),
        ("a..com", "EGR606"),
        (".com", "EGR606"),
        ("a.com..", "EGR606"),
        ("-a.com", "EGR607"),
        ("a-.com", "EGR607"),
        ("foo.123", "EGR609"),
        ("10.0.0.1", "EGR610"),
    ],
)
def test_what_is_no_host_is_refused_with_its_own_code(written: str, code: str) -> None:
    assert refusal(normalise, written) == code


@pytest.mark.parametrize(
    "written",
    ["0x7f.1", "0177.0.0.1", "127.1", "2130706433", "0x7f000001", "017700000001", "010.0.0.1", "1.2.3.256", "１２７.1"],
)
def test_numbers_that_some_resolvers_take_for_an_address_are_never_one(written: str) -> None:
    assert refusal(normalise, written) == "EGR608"
    assert not is_address(written)


@given(st.text(max_size=300))
def test_normalising_raises_nothing_else_and_settles(text: str) -> None:
    try:
        host = normalise(text)
    except AskUnclear as refused:
        assert refused.code in catalogue()
    else:
        assert normalise(host) == host
        assert host == host.lower()
        assert host.isascii()
        assert len(host) <= 253


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]([a-z0-9-]{0,20}[a-z])?){1,4}", fullmatch=True))
def test_case_and_one_trailing_dot_never_matter(host: str) -> None:
    assert normalise(host.upper() + ".") == normalise(host) == host


# --- addresses


def test_addresses_in_their_one_spelling() -> None:
    assert str(address("[2001:DB8:0::1]")) == "2001:db8::1"
    assert str(address("192.0.2.10")) == "192.0.2.10"
    assert str(address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert not is_address("[192.0.2.10]")
    assert not is_address("api.stripe.com")


def test_a_zone_is_refused_in_words_of_its_own() -> None:
    assert refusal(address, "fe80::1%eth0") == "EGR611"
    assert refusal(address, "[fe80::1%25eth0]") == "EGR611"
    assert refusal(address, "api%eth0") == "EGR612"


@pytest.mark.parametrize(
    ("what", "private"),
    [
        ("10.1.2.3", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("100.64.0.1", True),
        ("169.254.169.254", True),
        ("fd12::1", True),
        ("10.0.0.0/9", True),
        ("10.0.0.0/7", False),
        ("0.0.0.0/0", False),
        ("::/0", False),
        ("198.51.100.7", False),
        ("2001:db8::1", False),
    ],
)
def test_private_means_all_of_it(what: str, private: bool) -> None:
    assert is_private(what) is private
    assert is_private(ipaddress.ip_network(what)) is private


# --- how near


def test_apex_parent_and_sibling() -> None:
    assert parent_of("stripe.com", "api.stripe.com")
    assert not parent_of("stripe.com", "stripe.com")
    assert not parent_of("stripe.com", "notstripe.com")
    assert sibling("api.stripe.com", "files.stripe.com")
    assert not sibling("api.stripe.com", "stripe.com")
    assert not sibling("api.stripe.com", "api.twilio.com")
    assert not sibling("localhost", "redis")


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("stripe", "stripe", 0),
        ("stirpe", "stripe", 1),
        ("strip", "stripe", 1),
        ("stryppe", "stripe", 2),
        ("a", "stripe", 3),
    ],
)
def test_edit_distance_stops_at_its_bound(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other) == distance
    assert edit_distance(other, one) == distance


@given(st.text("ab.", max_size=12), st.text("ab.", max_size=12), st.integers(0, 2))
def test_edit_distance_is_that_of_the_textbook_up_to_its_bound(one: str, other: str, most: int) -> None:
    assert edit_distance(one, other, most) == min(_textbook(one, other), most + 1)


def test_edit_distance_of_all_short_texts() -> None:
    texts = ["".join(signs) for size in range(5) for signs in product("abc", repeat=size)]
    assert [pair for pair in product(texts, texts) if edit_distance(*pair) != min(_textbook(*pair), 3)] == []


def _textbook(one: str, other: str) -> int:
    """Optimal string alignment by its recurrence."""
    table = {(-1, -1): 0}
    for row in range(-1, len(one)):
        for column in range(-1, len(other)):
            steps = [table[row, column]] if (row, column) in table else []
            if row >= 0:
                steps.append(table[row - 1, column] + 1)
            if column >= 0:
                steps.append(table[row, column - 1] + 1)
            if row >= 0 and column >= 0:
                steps.append(table[row - 1, column - 1] + (one[row] != other[column]))
            if row > 0 and column > 0 and one[row - 1 : row + 1] == other[column] + other[column - 1]:
                steps.append(table[row - 2, column - 2] + 1)
            table[row, column] = min(steps)
    return table[len(one) - 1, len(other) - 1]


def test_near_ranks_slips_before_names_that_hold_it() -> None:
    known = ["fincorp/retail/payment-gateway", "fincorp/retail/payment", "fincorp/retail/ledger", "shop/web"]
    assert near("payments", known) == ["fincorp/retail/payment", "fincorp/retail/payment-gateway"]
    assert near("sohp/web", known) == ["shop/web"]
    assert near("warehouse", known) == []


def test_near_does_not_take_one_short_name_for_another() -> None:
    assert near("abcd", ["abxy"]) == []
    assert near("abcd", ["abcx"]) == ["abcx"]


# --- look-alikes


@pytest.mark.parametrize(
    ("host", "twin"),
    [
        ("аррӏе.com", "apple.com"),  # all Cyrillic
        ("xn--80ak6aa92e.com", "apple.com"),
        ("paуpal.com", "paypal.com"),  # one Cyrillic letter
        ("api.stripе.com", "api.stripe.com"),
    ],
)
def test_look_alikes_are_told(host: str, twin: str) -> None:
    assert looks_like(host) == twin


@pytest.mark.parametrize(
    "host",
    ["apple.com", "bücher.example", "россия.рф", "сор.рф", "日本.jp", "カタカナab.jp", "xn--.de", "münchen.de"],
)
def test_names_at_home_in_their_script_are_not(host: str) -> None:
    assert looks_like(host) is None


def test_the_owners_spelling_can_be_shown() -> None:
    assert unicode_form("xn--bcher-kva.example") == "bücher.example"
    assert unicode_form("xn--zz--zzz-zzz.example") == "xn--zz--zzz-zzz.example"


def test_what_is_shown_is_short_and_printable() -> None:
    assert shown("api\x00\n.com") == "api .com"
    assert len(shown("x" * 100_000)) == 80
