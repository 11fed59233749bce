"""A pattern answers as RE2 does for text, whether it looks at bytes or not; a sieve never hides what would match."""

from __future__ import annotations

from typing import Any

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from skills.core.patterns import Sieve, compiled, sifted
from skills.core.report.positions import POSITIONS, SIEVE
from skills.core.secrets import _RULES, mask

WORDS = r"(?i)\b(?P<verb>dial|reset) (?P<host>[a-zé.]+)(?::(\d+))?"
OURS, RE2 = (compiled(WORDS), sifted(WORDS)), re2.compile(WORDS)
TEXT = st.lists(
    st.sampled_from(
        [
            "dial",
            "RESET",
            " ",
            "a.b",
            "é",
            ":443",
            "\n",
            "\u212a",
            "password=",
            "glpat-a1B2c3D4e5F6g7H8i9J0",
            "host: ",
            "curl: (6) Could not resolve host: x.y",
        ]
    ),
    max_size=12,
).map("".join)


def places(matches: Any) -> list[Any]:
    return [
        (found.group(), found.start(), found.end(), found.start(2), found.groups(), found.groupdict(), found.string)
        for found in matches
    ]


@given(TEXT)
def test_bytes_and_text_agree(text: str) -> None:
    for pattern in OURS:
        assert places(pattern.finditer(text)) == places(RE2.finditer(text))
        assert bool(pattern.search(text)) == bool(RE2.search(text))
        assert bool(pattern.fullmatch(text)) == bool(RE2.fullmatch(text))
        assert pattern.sub(r"<\2>", text) == RE2.sub(r"<\2>", text)


@pytest.mark.parametrize("text", ["é dial a.b", "x dial a.b"])
def test_a_search_begins_where_it_is_told(text: str) -> None:
    assert compiled(WORDS).search(text, 2).start() == 2
    assert compiled(WORDS).search(text, 3) is None


@given(TEXT)
def test_what_matches_is_near(text: str) -> None:
    near = SIEVE.near(text)
    assert {number for number, each in enumerate(POSITIONS) if re2.search(each.pattern.pattern, text)} <= near


@given(TEXT)
def test_no_rule_for_secrets_is_passed_over(text: str) -> None:
    masked = mask(text).text
    for _, pattern, replace in _RULES:
        for found in re2.finditer(pattern.pattern, masked):
            assert replace("***x***", found) in (found.group(), masked) or "***" in found.group()


def test_a_later_sieve_joins_the_pass() -> None:
    first, second = Sieve([compiled("apples")]), Sieve([compiled("pears"), compiled("Plums")])
    assert first.near("two apples") == {0}
    assert second.near("apples and Plums") == {1}
    assert Sieve([compiled("quinces")]).near("quinces") == {0}
