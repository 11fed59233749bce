"""Istio's own comparison of host names."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.enforce.mesh_hosts import Import, exported, host_fault, imported, overlap, read_import, within

NAMES = st.sampled_from(["foo.com", "a.foo.com", "a.b.foo.com", "*.foo.com", "*.com", "*", "*.b.foo.com", "bar.org"])


def test_istios_own_cases(shared: Path) -> None:
    with (shared / "platforms/corpus/a_party_bus/EXPECTED_istio_host_matches.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wrong = [row for row in rows if overlap(row["a"], row["b"]) is not (row["a_matches_b"] == "true")]
    assert len(rows) >= 16
    assert wrong == []


@given(NAMES, NAMES)
def test_overlap_is_symmetric_and_holds_what_lies_within(one: str, other: str) -> None:
    assert overlap(one, other) is overlap(other, one)
    assert not within(one, other) or overlap(one, other)


@pytest.mark.parametrize(
    ("host", "pattern", "wanted"),
    [
        ("a.foo.com", "*.foo.com", True),
        ("a.b.foo.com", "*.foo.com", True),
        ("foo.com", "*.foo.com", False),
        ("afoo.com", "*.foo.com", False),
        ("*.foo.com", "a.foo.com", False),
        ("Foo.com", "foo.com", False),
    ],
)
def test_a_wildcard_covers_what_lies_below_it(host: str, pattern: str, wanted: bool) -> None:
    assert within(host, pattern) is wanted


def test_exports() -> None:
    assert exported((), "shop", "other")
    assert exported((".",), "shop", "shop")
    assert not exported((".",), "shop", "other")
    assert not exported(("~",), "shop", "shop")
    assert exported(("other",), "shop", "other")


def test_imports() -> None:
    assert list(map(read_import, ("/x.org", "shop/", "x.org"))) == [None, None, None]
    own = [item for item in map(read_import, ("./*", "istio-system/*", "*/*.foo.com", "broken")) if item]
    assert len(own) == 3
    assert imported(own, "shop", "shop", "x.org")
    assert imported(own, "shop", "other", "a.foo.com")
    assert not imported(own, "shop", "other", "x.org")
    assert imported(None, "shop", "other", "x.org")
    assert not imported([], "shop", "shop", "x.org")


def test_imports_of_one_port() -> None:
    """A question without a port is whether anything of the host is seen at all."""
    one = [Import("*", "x.org", 443)]
    assert [imported(one, "shop", "other", "x.org", port) for port in (443, 80, None)] == [True, False, True]
    assert [str(each) for each in (*one, Import(".", "*"))] == ["*/x.org on port 443", "./*"]


def test_the_longest_name() -> None:
    name = ".".join(["a" * 63] * 4)
    assert (len(name), host_fault(name), host_fault("a" + name), host_fault("b." + name)) == (
        255,
        None,
        "label",
        "label",
    )
    assert host_fault("bb." + name[3:]) is None


@pytest.mark.parametrize(
    ("host", "fault"),
    [
        ("foo.com", None),
        ("*.foo.com", None),
        ("*foo.com", None),
        ("*", "star"),
        ("a.*.com", "wildcard"),
        ("a*.foo.com", "wildcard"),
        ("10.0.0.1", "address"),
        ("https://x.com", "label"),
        ("x.com:443", "label"),
        ("x_y.com", "label"),
        ("", "label"),
        ("foo.123", "label"),
    ],
)
def test_names_that_admission_refuses(host: str, fault: str | None) -> None:
    assert host_fault(host) == fault
