"""Properties of edits: the data is right, only the change changes, and removal undoes an addition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.yaml_text import (
    CannotEdit,
    append_document,
    append_item,
    insert_key,
    read_documents,
    remove_item,
    replace_entry,
    replace_value,
)
from skills.core.yaml_text.page import same
from tests.examples import examples

HOSTILE = (
    *("yes", "N", "on", "12:30", "2020-01-01", "1e3", "0x1", "0o7", "1_000", ".inf", "~", "null", "", "=", "<<"),
    *(
        "*.x",
        "a: b",
        "a:",
        " #x",
        "#",
        "- a",
        "-",
        "?",
        ": ",
        "{a}",
        "[",
        "]",
        "}",
        ",",
        "a,b",
        "&x",
        "*x",
        "!x",
        "%TAG",
    ),
    *(
        "@a",
        "`",
        '"',
        "'",
        'a"b',
        "it's",
        "\\",
        "\\n",
        "| x",
        "> x",
        "---",
        "...",
        "\n",
        "a\n---\nb",
        "a\r\nb: 1",
        "\t",
    ),
    *(
        "x\t",
        "x ",
        " x",
        "{{ .x }}",
        "{% x %}",
        "::1",
        "\u2028",
        "\x85",
        "\ufeff",
        "\x00",
        "\x1b[0m",
        "é",
        "😀",
    ),
)
# All of them have a list `a` (or a root), a mapping or nothing in `b`.
TEXTS = (
    'a:\n- x\n- "v"\nb: 1\n',
    "a:\r\n  - x: 1\r\n  -   v: 2\r\nb:\r\n",
    "\ufeffa: [1, 2]\nb: {}",
    "a: [\n  1,\n  2, # c\n]\nb: {x: 1}\n",
    '{"a": ["x"], "b": {"c": 1}}',
    '{\n\t"a": [\n\t\t{\n\t\t\t"x": 1\n\t\t}\n\t],\n\t"b": {}\n}\n',
    "a:\n- |\n    x\n\n# c\nb:\n  q: >-\n    t\n   # d\n",
    "---\na: []\nb:\n  c: 1 # x\n...\n---\nz: 1",
    "a:\n- 'q'\n-\n# b is\nb: ~",
    "a:\n- - x\nb:\n  c:\n  - d\n---\n[\n---\n- &x 1\n- *x\n",
    "z: &z [1]\na:\n  - *z\n  - n: *z\nb: {<<: {c: 1}}\n",
)

words = st.text(max_size=12) | st.sampled_from(HOSTILE)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def documents(text: str) -> list[Any]:
    return [document.data for document in read_documents("", text)[0]]


def edited(edit: Callable[..., str], text: str, *given: Any, **named: Any) -> str | None:
    """The new text; None where the edit was refused, which must not be because it went wrong."""
    try:
        new = edit(text, 0, *given, **named)
    except CannotEdit as error:
        assert error.code != "EGR384", "an edit that would have been wrong was tried"
        return None
    assert new.startswith("\ufeff") == text.startswith("\ufeff")
    assert same(documents(new)[1:], documents(text)[1:])
    return new


def is_insertion(text: str, new: str) -> bool:
    start = 0
    while start < len(text) and text[start] == new[start : start + 1]:
        start += 1
    return text[start:] == new[len(new) - len(text) + start :]


@settings(max_examples=examples(250))
@given(st.sampled_from(TEXTS), values, st.none() | words)
def test_an_appended_item_is_all_that_is_new(text: str, item: Any, comment: str | None) -> None:
    new = edited(append_item, text, ["a"], item, comment=comment)
    assert new is not None
    before = documents(text)[0]
    assert same(documents(new)[0], {**before, "a": [*before["a"], item]})
    if comment is None or "[1, 2]" not in text:
        assert is_insertion(text, new)
        assert remove_item(new, 0, ["a"], len(before["a"])) == text


@settings(max_examples=examples(250))
@given(st.sampled_from(TEXTS), words, values, st.none() | words, st.booleans())
def test_an_inserted_key_is_all_that_is_new(text: str, key: str, value: Any, comment: str | None, behind: bool) -> None:
    new = edited(insert_key, text, [], key, value, after="a" if behind else None, comment=comment)
    if new is None:
        assert key in documents(text)[0]
        return
    assert same(documents(new)[0], {**documents(text)[0], key: value})
    assert is_insertion(text, new)
    assert remove_item(new, 0, [key]) == text


@settings(max_examples=examples(250))
@given(st.sampled_from(TEXTS), values, words)
def test_a_replaced_value_is_all_that_is_new(text: str, value: Any, key: str) -> None:
    before = documents(text)[0]
    new = edited(replace_value, text, ["b"], value)
    if new is not None:
        assert same(documents(new)[0], {**before, "b": value})
        assert new.startswith(text.partition("b:")[0] if "b:" in text else "{")
    new = edited(replace_entry, text, ["b"], key, value)
    if new is not None:
        assert same(documents(new)[0], {**{name: before[name] for name in before if name != "b"}, key: value})


@settings(max_examples=examples(150))
@given(st.lists(values, min_size=1, max_size=4), st.booleans(), st.data())
def test_items_can_be_added_and_removed_in_any_order(items: list[Any], flow: bool, draw: st.DataObject) -> None:
    text = "a: [1, 2] # c\nb: 1\n" if flow else "a:\n  - 1\n  # c\n  - 2\nb: 1\n"
    expected: list[Any] = [1, 2]
    for item in items:
        text = append_item(text, 0, ["a"], item)
        expected.append(item)
        if draw.draw(st.booleans()):
            at = draw.draw(st.integers(0, len(expected) - 1))
            text = remove_item(text, 0, ["a"], at)
            del expected[at]
        assert same(documents(text), [{"a": expected, "b": 1}])


@pytest.mark.parametrize("text", TEXTS)
def test_removing_everything_leaves_an_empty_list_each_other_byte_in_place(text: str) -> None:
    new, size = text, len(documents(text)[0]["a"])
    for at in reversed(range(size)):
        new = remove_item(new, 0, ["a"], at)
    assert same(documents(new)[0], {**documents(text)[0], "a": []})
    assert new.endswith(text.rpartition("b" if '"b' in text else "b:")[2])


@settings(max_examples=examples(100))
@given(st.sampled_from(TEXTS), values)
def test_an_appended_document_is_all_that_is_new(text: str, value: Any) -> None:
    block = insert_key("a: 1\n", 0, [], "value", value)
    new = append_document(text, block)
    assert new.startswith(text)
    assert same(documents(new), [*documents(text), {"a": 1, "value": value}])


@settings(max_examples=examples(100))
@given(st.text(st.sampled_from("ab:-[]{}#&*|>'\" \n,1"), max_size=40), values)
def test_no_text_makes_an_edit_go_wrong(text: str, value: Any) -> None:
    for document in read_documents("", text)[0]:
        if isinstance(document.data, list):
            wanted = [*document.data, value]
            try:
                new = append_item(text, document, [], value)
            except CannotEdit:
                continue
        elif isinstance(document.data, dict):
            wanted = {**document.data, "new key": value}  # type: ignore[assignment]
            try:
                new = insert_key(text, document, [], "new key", value)
            except CannotEdit:
                continue
        else:
            continue
        after = read_documents("", new)[0]
        assert same(next(known.data for known in after if known.index == document.index), wanted)
