"""Terraform's language: what is read, and edits that keep every other byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from skills.core.hcl import MOST_BYTES, Broken, append_element, parse, remove_element
from skills.core.yaml_text import CannotEdit


def kind(expression: str) -> str:
    found = parse(f"a = {expression}\n").get("a")
    assert found is not None
    return found.kind


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ('"x"', "text"),
        ("443", "number"),
        ("true", "flag"),
        ("null", "null"),
        ('["a", "b",]', "list"),
        ("{ a = 1 }", "object"),
        ("var.x", "path"),
        ("data.a.b[each.key].id", "path"),
        ("values(data.a.b)[*].id", "path"),
        ('toset(["a"])', "call"),
        ('"${var.env}-app"', "template"),
        ("[for x in var.l : x.id]", "comprehension"),
        ("[for x in var.l : x.id if x.ok]", "comprehension"),
        ("{ for k, v in var.m : k => v.id }", "comprehension"),
        ("{ for k, v in var.m : v.team => k... }", "other"),
        ("var.a ? 1 : 2", "condition"),
        ('var.a == "b"', "operation"),
        ("!var.a", "not"),
        ("-1", "other"),
    ],
)
def test_what_an_expression_is(expression: str, wanted: str) -> None:
    assert kind(expression) == wanted


def test_every_element_knows_its_line() -> None:
    found = parse('a = [\n  "x",\n  # why\n  "y",\n]\n').get("a")
    assert found is not None
    assert [(item.value, item.line) for item in found.items] == [("x", 2), ("y", 4)]


@pytest.mark.parametrize(
    "text", ["a = [", 'resource "x" {', "a = = 1", "a = " + "[" * 500 + "]" * 500, "x" * (MOST_BYTES + 1)]
)
def test_what_is_no_hcl_says_where(text: str) -> None:
    with pytest.raises(Broken) as caught:
        parse(text)
    assert caught.value.line >= 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('a = ["x"]\n', 'a = ["x", "m"]\n'),
        ('a = ["x",]\n', 'a = ["x", "m",]\n'),
        ("a = []\n", 'a = ["m"]\n'),
        ('a = [\n  "x"\n]\n', 'a = [\n  "x",\n  "m"\n]\n'),
        ('a = [\n  "x", # why\n]\n', 'a = [\n  "x", # why\n  "m",\n]\n'),
        ('a = [\n  "b",\n  "l",\n  "z",\n]\n', 'a = [\n  "b",\n  "l",\n  "m",\n  "z",\n]\n'),
        ('a = [\r\n\t"x",\r\n]\r\n', 'a = [\r\n\t"x",\r\n\t"m",\r\n]\r\n'),
        ("a = [\n  # nobody yet\n]\n", 'a = [\n  # nobody yet\n  "m",\n]\n'),
        ('a = [\n  "x", "y",\n]\n', 'a = [\n  "x", "y", "m",\n]\n'),
    ],
)
def test_an_element_more_in_the_style_of_the_list_and_less_again(before: str, after: str) -> None:
    listed = parse(before).get("a")
    assert listed is not None
    assert append_element("a.tf", before, listed, '"m"') == after
    now = parse(after).get("a")
    assert now is not None
    at = [item.value for item in now.items].index("m")
    assert remove_element("a.tf", after, now, at) == before


def test_what_is_no_list_is_not_edited() -> None:
    written = parse("a = var.x\n").get("a")
    assert written is not None
    with pytest.raises(CannotEdit):
        append_element("a.tf", "a = var.x\n", written, '"m"')


WORDS = st.text("abcdefghij.-*", min_size=1, max_size=8)


@hypothesis_settings(max_examples=60)
@given(st.lists(WORDS, max_size=5, unique=True), WORDS, st.sampled_from(["one", "rows", "rows,"]), st.booleans())
def test_one_more_then_one_less_is_as_before(words: list[str], word: str, style: str, crlf: bool) -> None:
    quoted = [f'"{each}"' for each in words]
    if style == "one" or not words:
        text = f"x = 1\na = [{', '.join(quoted)}]\nz = [1]\n"
    else:
        rows = ",\n  ".join(quoted) + ("," if style == "rows," else "")
        text = f"x = 1\na = [\n  {rows}\n]\nz = [1]\n"
    text = text.replace("\n", "\r\n") if crlf else text
    listed = parse(text).get("a")
    assert listed is not None
    new = append_element("a.tf", text, listed, f'"{word}"')
    now = parse(new).get("a")
    assert now is not None
    assert sorted(str(item.value) for item in now.items) == sorted([*words, word])
    at = next(at for at, item in enumerate(now.items) if item.value == word)
    left = parse(remove_element("a.tf", new, now, at)).get("a")
    assert left is not None
    assert sorted(str(item.value) for item in left.items) == sorted(list(words) if word not in words else words)
    if word not in words:
        assert remove_element("a.tf", new, now, at) == text


@given(st.text("ab={}[]\"',\n #$%<>.:()\\", max_size=60))
def test_nothing_but_broken_is_raised(text: str) -> None:
    try:
        parse(text)
    except Broken as broken:
        assert broken.why
