"""Arithmetic on ranges, against plain sets of numbers."""

from __future__ import annotations

import ipaddress
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from skills.core.enforce.spans import (
    EVERY_V4,
    PRIVATE_V4,
    PUBLIC_V4,
    Region,
    covers,
    meets,
    merged,
    network_span,
    region_covered,
    without,
)

_SPAN = st.tuples(st.integers(1, 30), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1]))
_SPANS = st.lists(_SPAN, max_size=6)
_REGION = st.builds(
    Region, st.lists(_SPAN, min_size=1, max_size=2).map(tuple), st.lists(_SPAN, min_size=1, max_size=2).map(tuple)
)


def numbers(spans: object) -> set[int]:
    return {number for first, last in spans for number in range(first, last + 1)}  # type: ignore[attr-defined]


@given(_SPANS)
def test_merging_keeps_every_number_in_the_fewest_ranges(spans: list[tuple[int, int]]) -> None:
    result = merged(spans)
    assert numbers(result) == numbers(spans)
    assert all(left[1] + 1 < right[0] for left, right in pairwise(result))


@given(_SPANS, _SPANS)
def test_cutting_covering_and_meeting_agree_with_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    assert numbers(without(one, other)) == numbers(one) - numbers(other)
    assert covers(one, other) == (numbers(other) <= numbers(one))
    assert meets(one, other) == bool(numbers(one) & numbers(other))


@given(st.lists(_REGION, max_size=5), _REGION)
def test_a_region_is_covered_when_each_of_its_points_is(regions: list[Region], wanted: Region) -> None:
    points = {(p, a) for region in regions for p in numbers(region.ports) for a in numbers(region.addresses)}
    asked = {(p, a) for p in numbers(wanted.ports) for a in numbers(wanted.addresses)}
    assert region_covered(regions, wanted) == (asked <= points)


def test_public_addresses_are_those_of_the_internet() -> None:
    def span(text: str) -> list[tuple[int, int]]:
        return [network_span(ipaddress.ip_network(text))]

    assert covers(PUBLIC_V4, span("8.8.8.0/24"))
    assert not meets(PUBLIC_V4, PRIVATE_V4)
    assert not meets(PUBLIC_V4, span("169.254.0.0/16"))
    assert covers(EVERY_V4, PUBLIC_V4)
