"""Dictionaries with changes over them say what a copy with the same changes would."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from skills.core.shelves import Layered, changed

BASE = {f"k{number}": number for number in range(300)}
KEYS = st.integers(0, 320).map(lambda number: f"k{number}")
CHANGES = st.lists(st.dictionaries(KEYS, st.none() | st.integers(0, 9), max_size=20), max_size=8)


def copied(known: Mapping[str, int], changes: Mapping[str, int | None]) -> dict[str, int]:
    every = {**known, **{key: value for key, value in changes.items() if value is not None}}
    return {key: value for key, value in every.items() if key not in changes or changes[key] is not None}


@given(CHANGES)
def test_changes_over_a_dictionary_are_those_of_a_copy(many: list[dict[str, int | None]]) -> None:
    layered: Mapping[str, int] = BASE
    plain = dict(BASE)
    for changes in many:
        before = dict(layered)
        now, plain = changed(layered, changes), copied(plain, changes)
        assert dict(layered) == before
        layered = now
        assert dict(layered) == plain
        assert len(layered) == len(plain)
        assert all(layered.get(key) == plain.get(key) and (key in layered) == (key in plain) for key in (*BASE, "k310"))


def test_a_small_change_copies_nothing_and_many_are_folded_in() -> None:
    layered: Mapping[str, int] = BASE
    kinds = []
    for number in range(40):
        layered = changed(layered, {f"k{number}": 7})
        kinds.append(type(layered))
    assert kinds[:2] == [Layered, Layered]
    assert kinds.count(dict) == 1
    assert layered["k39"] == 7 and BASE["k39"] == 39


def test_what_is_small_is_copied() -> None:
    few = {"a": 1}
    assert changed(few, {"b": 2, "a": None}) == {"b": 2}
    assert few == {"a": 1}
