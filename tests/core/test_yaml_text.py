"""Editing YAML in place: what changes, what stays byte for byte, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from skills.core.messages import catalogue
from skills.core.yaml_text import (
    CannotEdit,
    append_document,
    append_item,
    insert_key,
    put_below,
    read_documents,
    remove_item,
    replace_entry,
    replace_value,
)


def data(text: str, number: int = 0) -> Any:
    documents, _ = read_documents("a.yaml", text)
    return next(document.data for document in documents if document.index == number)


def refused(edit: Any, *given: Any, **named: Any) -> str:
    with pytest.raises(CannotEdit) as caught:
        edit(*given, **named)
    assert caught.value.code in catalogue()
    assert str(caught.value), "it says why in words"
    assert "?)" not in str(caught.value)
    return caught.value.code


SPEC = """\
# team payments
spec:
  hosts:   # who we call
  - a.example
  - "*.b.example"  # b

  # about ports
  ports: [443, 8443] # tls
  none: []
  nothing:
  rules:
    - name: one
      port: 443
    # the second
    - name: two
      port: 80
"""


def changed(old: str, new: str) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came, in one block."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return before[start : len(before) - end], after[start : len(after) - end]


# --- append_item

APPENDED: list[tuple[str, str, list[str | int], Any, str]] = [
    ("block list", "a:\n- x\nb: 1\n", ["a"], "v", "a:\n- x\n- v\nb: 1\n"),
    ("indented dashes", "a:\n    - x\nb: 1\n", ["a"], "v", "a:\n    - x\n    - v\nb: 1\n"),
    ("wide dashes", "a:\n  -   x\n", ["a"], "v", "a:\n  -   x\n  -   v\n"),
    ("wide dashes, mappings", "a:\n-   k: 1\n", ["a"], {"k": 2, "m": 3}, "a:\n-   k: 1\n-   k: 2\n    m: 3\n"),
    ("item below its dash", "a:\n  -\n    k: 1\nb: 1\n", ["a"], {"k": 2}, "a:\n  -\n    k: 1\n  - k: 2\nb: 1\n"),
    ("comment behind the dash", "a:\n  - # why\n    k: 1\n", ["a"], {"k": 2}, "a:\n  - # why\n    k: 1\n  - k: 2\n"),
    ("crlf", "a:\r\n- x\r\nb: 1\r\n", ["a"], "v", "a:\r\n- x\r\n- v\r\nb: 1\r\n"),
    ("crlf at the end", "a:\r\n- x", ["a"], "v", "a:\r\n- x\r\n- v"),
    ("byte-order mark", "\ufeffa:\n- x\n", ["a"], "v", "\ufeffa:\n- x\n- v\n"),
    ("no last line break", "a:\n- x", ["a"], "v", "a:\n- x\n- v"),
    ("comment behind the last item", "a:\n- x # c\nb: 1\n", ["a"], "v", "a:\n- x # c\n- v\nb: 1\n"),
    ("comment of the next key", "a:\n- x\n# b is\nb: 1\n", ["a"], "v", "a:\n- x\n- v\n# b is\nb: 1\n"),
    ("comments between items", "a:\n- x\n# c\n- v\n", ["a"], "z", "a:\n- x\n# c\n- v\n- z\n"),
    ("blank line behind", "a:\n- x\n\n\nb: 1\n", ["a"], "v", "a:\n- x\n- v\n\n\nb: 1\n"),
    ("literal last", "a:\n- |\n  x\n\n  z\n\n\nb: 1\n", ["a"], "v", "a:\n- |\n  x\n\n  z\n- v\n\n\nb: 1\n"),
    ("literal with comment", "a:\n- | # c\n  x\n# b\nb: 1\n", ["a"], "v", "a:\n- | # c\n  x\n- v\n# b\nb: 1\n"),
    ("literal that keeps", "a:\n- |+\n  x\n\n\nb: 1\n", ["a"], "v", "a:\n- |+\n  x\n\n\n- v\nb: 1\n"),
    ("literal with spaces", "a:\n- |\n  x\n     \nb: 1\n", ["a"], "v", "a:\n- |\n  x\n     \n- v\nb: 1\n"),
    ("folded, stripped, no end", "a:\n- >-\n  x\n  v", ["a"], "z", "a:\n- >-\n  x\n  v\n- z"),
    ("plain over lines", "a:\n- x\n  v\nb: 1\n", ["a"], "z", "a:\n- x\n  v\n- z\nb: 1\n"),
    ("quoted over lines", 'a:\n- "x\n\n  v"\nb: 1\n', ["a"], "z", 'a:\n- "x\n\n  v"\n- z\nb: 1\n'),
    ("empty item", "a:\n-\nb: 1\n", ["a"], "v", "a:\n-\n- v\nb: 1\n"),
    ("empty value at the end", "a:\n- k:\nb: 1\n", ["a"], {"k": 1}, "a:\n- k:\n- k: 1\nb: 1\n"),
    ("nested in one line", "a:\n- - x\nb: 1\n", ["a", 0], "v", "a:\n- - x\n  - v\nb: 1\n"),
    ("lists in lists", "a:\n- - x\nb: 1\n", ["a"], ["v", "z"], "a:\n- - x\n- - v\n  - z\nb: 1\n"),
    ("root", "- x\n- v\n", [], "z", "- x\n- v\n- z\n"),
    ("root behind a marker", "--- # c\n- x\n", [], "v", "--- # c\n- x\n- v\n"),
    ("document end", "a:\n- x\n...\n", ["a"], "v", "a:\n- x\n- v\n...\n"),
    ("single quotes", "a:\n- 'x'\n- 'v'\n", ["a"], "it's", "a:\n- 'x'\n- 'v'\n- 'it''s'\n"),
    ("quotes only where needed", "a:\n- x\n- '*.v'\n- z\n", ["a"], "*.w", "a:\n- x\n- '*.v'\n- z\n- '*.w'\n"),
    ("no quotes where not needed", "a:\n- x\n- '*.v'\n", ["a"], "w", "a:\n- x\n- '*.v'\n- w\n"),
    ("flow", "a: [x, v] # c\n", ["a"], "z", "a: [x, v, z] # c\n"),
    ("flow with spaces", "a: [ 1, 2 ]\n", ["a"], 3, "a: [ 1, 2, 3 ]\n"),
    ("flow with a comma at its end", "a: [1, 2,]\n", ["a"], 3, "a: [1, 2, 3,]\n"),
    ("empty flow", "a: []\n", ["a"], "x", "a: [x]\n"),
    ("empty flow of spaces", "a: [ ]\n", ["a"], "x", "a: [x ]\n"),
    ("flow in flow", "{a: [[1], [2]]}\n", ["a", 1], 3, "{a: [[1], [2, 3]]}\n"),
    ("flow over lines", "a: [\n  1,\n  2\n]\n", ["a"], 3, "a: [\n  1,\n  2,\n  3\n]\n"),
    ("flow over lines, comma", "a: [\n  1,\n  2,\n]\n", ["a"], 3, "a: [\n  1,\n  2,\n  3,\n]\n"),
    ("flow over lines, comment", "a: [\n  1,\n  2 # c\n]\n", ["a"], 3, "a: [\n  1,\n  2, # c\n  3\n]\n"),
    ("flow over lines, both", "a: [\n  1, # b\n  2, # c\n]\n", ["a"], 3, "a: [\n  1, # b\n  2, # c\n  3,\n]\n"),
    ("flow over lines, two a line", "a: [1,\n  2, 3]\n", ["a"], 4, "a: [1,\n  2, 3, 4]\n"),
    ("flow over lines, crlf", "a: [\r\n  1\r\n]\r\n", ["a"], 2, "a: [\r\n  1,\r\n  2\r\n]\r\n"),
    ("flow signs are quoted in flow", "a: [x]\n", ["a"], "v,z", 'a: [x, "v,z"]\n'),
    ("flow items in a block", "a:\n- {k: 1}\nb: 1\n", ["a"], {"k": 2}, "a:\n- {k: 1}\n- {k: 2}\nb: 1\n"),
    ("json", '{"a": ["x"]}', ["a"], "v", '{"a": ["x", "v"]}'),
    ("json over lines", '{\n\t"a": [\n\t\t"x"\n\t]\n}\n', ["a"], "v", '{\n\t"a": [\n\t\t"x",\n\t\t"v"\n\t]\n}\n'),
    (
        "json objects over lines",
        '[\n  {\n    "a": 1\n  }\n]',
        [],
        {"a": 2, "b": ["x"]},
        '[\n  {\n    "a": 1\n  },\n  {\n    "a": 2,\n    "b": [\n      "x"\n    ]\n  }\n]',
    ),
    (
        "the neighbours' ways by key",
        "r:\n- to: 'x'\n  ports: [1]\n  in:\n    - p\n  m: {a: 1}\n",
        ["r"],
        {"to": "v", "ports": [2, 3], "in": ["q"], "m": {"a": 2}},
        "r:\n- to: 'x'\n  ports: [1]\n  in:\n    - p\n  m: {a: 1}\n"
        "- to: 'v'\n  ports: [2, 3]\n  in:\n    - q\n  m: {a: 2}\n",
    ),
    (
        "nothing of its kind seen",
        "a:\n- x\n",
        ["a"],
        {"m": {"k": [{"o": 1}, []]}, "e": {}, "l": [1]},
        "a:\n- x\n- m:\n    k:\n    - o: 1\n    - []\n  e: {}\n  l:\n  - 1\n",
    ),
]


@pytest.mark.parametrize(
    ("text", "path", "item", "wanted"), [case[1:] for case in APPENDED], ids=[c[0] for c in APPENDED]
)
def test_an_item_is_appended_and_its_removal_undoes_it(
    text: str, path: list[str | int], item: Any, wanted: str
) -> None:
    new = append_item(text, 0, path, item)
    assert new == wanted
    size = len(read_documents("", text)[0][0].at(*path))  # type: ignore[arg-type]
    assert remove_item(new, 0, path, size) == text


def test_comments_stand_behind_scalars_and_above_mappings() -> None:
    new = append_item(SPEC, 0, ["spec", "hosts"], "c.example", comment="ticket 7")
    assert changed(SPEC, new) == ([], ["  - c.example  # ticket 7\n"])
    new = append_item(SPEC, 0, ["spec", "rules"], {"name": "three"}, comment="# ticket 8")
    assert changed(SPEC, new) == ([], ["    # ticket 8\n", "    - name: three\n"])
    assert remove_item(new, 0, ["spec", "rules"], 2) == SPEC


def test_comments_in_flow_style_go_to_the_end_of_a_free_line() -> None:
    assert append_item("a: [1]\n", 0, ["a"], 2, comment="c") == "a: [1, 2]  # c\n"
    assert append_item("a: [1] # b\n", 0, ["a"], 2, comment="c") == "a: [1, 2] # b\n"
    assert append_item("a: [\n  1\n]\n", 0, ["a"], 2, comment="c") == "a: [\n  1,\n  2  # c\n]\n"
    assert append_item('{"a": [\n"x"\n]}', 0, ["a"], "v", comment="c") == '{"a": [\n"x",\n"v"\n]}'


def test_only_the_named_document_changes() -> None:
    text = "a: [1]\n---\na: [1]\n--- \na:\n- 1\n# end\n---\n[\n---\na: [1]\n"
    assert append_item(text, 1, ["a"], 2) == text.replace("---\na: [1]\n", "---\na: [1, 2]\n", 1)
    assert append_item(text, 2, ["a"], 2) == text.replace("- 1\n", "- 1\n- 2\n")
    assert append_item(text, 4, ["a"], 2) == text[: -len("]\n")] + ", 2]\n"
    documents, _ = read_documents("a.yaml", text)
    assert append_item(text, documents[-1], ["a"], 2) == append_item(text, 4, ["a"], 2)
    assert refused(append_item, text, 3, ["a"], 2) == "EGR386"
    assert refused(append_item, text, 5, ["a"], 2) == "EGR386"


def test_documents_are_told_apart_however_they_end_and_start() -> None:
    text = "a: [1]\n...\n---\na: [2]\n...\n# c\n--- {a: [3]}\n--- |\n  ---\n--- # d\na: [4]\n"
    for number, there in ((0, "[1]"), (1, "[2]"), (2, "[3]"), (4, "[4]")):
        assert append_item(text, number, ["a"], 9) == text.replace(there, there[:-1] + ", 9]")


# --- values


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a.example", "a.example"),
        ("*.example", '"*.example"'),
        ("yes", '"yes"'),
        ("N", '"N"'),
        ("443", '"443"'),
        ("014", '"014"'),
        ("0o7", '"0o7"'),
        ("1_0", '"1_0"'),
        ("1e3", '"1e3"'),
        ("12:30", '"12:30"'),
        ("2020-01-01", '"2020-01-01"'),
        ("null", '"null"'),
        ("", '""'),
        ("=", '"="'),
        ("<<", '"<<"'),
        ("a: b", '"a: b"'),
        ("a:", '"a:"'),
        ("a #b", '"a #b"'),
        ("a#b", "a#b"),
        (" a", '" a"'),
        ("a ", '"a "'),
        ("- a", '"- a"'),
        ("-a", '"-a"'),
        ("!a", '"!a"'),
        ("&a", '"&a"'),
        ("@a", '"@a"'),
        ("`a", '"`a"'),
        ("%a", '"%a"'),
        ("{{ a }}", '"{{ a }}"'),
        ("...", '"..."'),
        ("---", '"---"'),
        ("a\nb: c", '"a\\nb: c"'),
        ("a\r\n---\n", '"a\\r\\n---\\n"'),
        ('say "a" \\', 'say "a" \\'),
        ('"a"', '"\\"a\\""'),
        ("a\tb", '"a\\tb"'),
        ("a\x00\x1b\x7f", '"a\\0\\u001b\\u007f"'),
        ("a\u2028b\ufeff", '"a\\u2028b\\ufeff"'),
        ("é 😀", "é 😀"),
        ("a" + chr(0xE0001), '"a\\U000e0001"'),
        ("2001:db8::1", "2001:db8::1"),
        ("2001::1", '"2001::1"'),
        ("::1", '"::1"'),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1:443", '"10.0.0.1:443"'),
        ("https://a.example/x", "https://a.example/x"),
        (443, "443"),
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        ({}, "{}"),
        ([], "[]"),
    ],
)
def test_values_are_quoted_where_some_reader_could_mistake_them(value: Any, written: str) -> None:
    new = append_item("a:\n- x\nb: 1\n", 0, ["a"], value)
    assert new == f"a:\n- x\n- {written}\nb: 1\n"


def test_what_is_no_plain_data_is_refused() -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    for value in (object(), b"x", {1, 2}, "half \ud800", 10**5000, {"k" * 1100: 1}, deep, {"a": {"b": deep}}):
        assert refused(append_item, "a:\n- x\n", 0, ["a"], value) == "EGR383"
        assert refused(append_item, "a: [x]\n", 0, ["a"], value) == "EGR383"
        assert refused(append_item, '["x"]', 0, [], value) == "EGR383"


@pytest.mark.parametrize(
    "comment", ["x\n- evil", "x\r- evil", "x\u2028- evil", "x\x85- evil", "\x00", "# # x", "", "a" * 900]
)
def test_a_comment_stays_a_comment(comment: str) -> None:
    new = append_item("a:\n- x\nb: 1\n", 0, ["a"], "v", comment=comment)
    assert data(new) == {"a": ["x", "v"], "b": 1}
    assert len(new) < 250


# --- insert_key


def test_a_key_is_inserted_at_the_end_of_its_mapping() -> None:
    new = insert_key(SPEC, 0, ["spec"], "new", "x")
    assert changed(SPEC, new) == ([], ["  new: x\n"])
    assert new.endswith("      port: 80\n  new: x\n")
    new = insert_key(SPEC, 0, ["spec", "rules", 0], "host", "yes", comment="why")
    assert changed(SPEC, new) == ([], ['      host: "yes"  # why\n'])
    assert remove_item(new, 0, ["spec", "rules", 0, "host"]) == SPEC


def test_a_key_is_inserted_behind_another() -> None:
    new = insert_key(SPEC, 0, ["spec"], "more", {"a": [{"b": 1}], "c": {}}, after="hosts", comment="why")
    wanted = ["  # why\n", "  more:\n", "    a:\n", "    - b: 1\n", "    c: {}\n"]
    assert changed(SPEC, new)[0] == []
    assert "".join(wanted) in new
    assert new.index("b.example") < new.index("# why") < new.index("# about ports")
    assert refused(insert_key, SPEC, 0, ["spec"], "more", 1, after="gone") == "EGR380"


def test_the_comment_of_a_list_of_one_stands_behind_its_item() -> None:
    new = insert_key("spec:\n  a: 1\n", 0, ["spec"], "hosts", ["x"], comment="why")
    assert new == "spec:\n  a: 1\n  hosts:\n  - x  # why\n"
    new = insert_key("spec:\n  a: 1\n", 0, ["spec"], "hosts", ["x", "v"], comment="why")
    assert new == "spec:\n  a: 1\n  # why\n  hosts:\n  - x\n  - v\n"


def test_a_key_is_inserted_into_flow_style() -> None:
    assert insert_key("a: {b: 1}\n", 0, ["a"], "c", [1, "x:v"]) == 'a: {b: 1, c: [1, "x:v"]}\n'
    assert insert_key("a: {}\n", 0, ["a"], "c", {"d": 1}) == "a: {c: {d: 1}}\n"
    assert insert_key("a: {b: 1, d: 2}\n", 0, ["a"], "c", 3, after="b") == "a: {b: 1, c: 3, d: 2}\n"
    assert insert_key('{\n  "a": 1\n}\n', 0, [], "b", True) == '{\n  "a": 1,\n  "b": true\n}\n'


def test_a_key_that_stands_there_is_not_set_again() -> None:
    assert refused(insert_key, SPEC, 0, ["spec"], "hosts", 1) == "EGR385"
    assert refused(insert_key, SPEC, 0, ["spec", "hosts"], "x", 1) == "EGR380"
    assert refused(insert_key, SPEC, 0, ["gone"], "x", 1) == "EGR380"
    assert refused(insert_key, SPEC, 0, ["spec"], "x" * 1100, 1) == "EGR383"


def test_line_ends_are_kept_where_keys_are_inserted() -> None:
    assert insert_key("\ufeffa: 1\r\n", 0, [], "b", ["x"]) == "\ufeffa: 1\r\nb:\r\n- x\r\n"
    assert insert_key("a:\r\n  c: 1", 0, ["a"], "b", "x") == "a:\r\n  c: 1\r\n  b: x"


# --- replace


REPLACED: list[tuple[str, str, Any, str]] = [
    ("plain", "a: x # c\nb: 1\n", "v", "a: v # c\nb: 1\n"),
    ("plain that must be quoted", "a: x # c\n", "*", 'a: "*" # c\n'),
    ("double quotes stay", 'a: "x"\n', "v", 'a: "v"\n'),
    ("single quotes stay", "a: 'x'\n", "it's", "a: 'it''s'\n"),
    ("number", "a: 443 # c\n", 8443, "a: 8443 # c\n"),
    ("text for a number", "a: 443\n", "443", 'a: "443"\n'),
    ("nothing", "a:\nb: 1\n", "v", "a: v\nb: 1\n"),
    ("nothing, with a comment", "a: # c\nb: 1\n", "v", "a: v # c\nb: 1\n"),
    ("null", "a: ~\n", 1, "a: 1\n"),
    ("list of scalars", "a: 443 # c\n", [443, 8443], "a: [443, 8443] # c\n"),
    ("list of scalars, as that key is elsewhere", "a: 1\nb:\n  a:\n  - 2\n", [1, 3], "a:\n- 1\n- 3\nb:\n  a:\n  - 2\n"),
    ("list of mappings", "a: [] # c\nb: 1\n", [{"x": 1, "v": 2}], "a: # c\n- x: 1\n  v: 2\nb: 1\n"),
    ("mapping for nothing", "a: # c\nb: 1\n", {"x": {"v": 1}}, "a: # c\n  x:\n    v: 1\nb: 1\n"),
    ("mapping for nothing at the end", "b: 1\na:", {"x": 1}, "b: 1\na:\n  x: 1"),
    ("literal", "a: |\n  x\n  v\n\nb: 1\n", "z", "a: z\n\nb: 1\n"),
    ("literal that keeps", "a: |+\n  x\n\nb: 1\n", "z", "a: z\n\nb: 1\n"),
    ("plain over lines", "a: x\n  v\nb: 1\n", "z", "a: z\nb: 1\n"),
    ("flow", "a: [1, 2]\nb: 1\n", [3], "a: [3]\nb: 1\n"),
    ("in flow", "{a: x, b: 1}\n", "v,z", '{a: "v,z", b: 1}\n'),
    ("tagged", "a: !!str 1 # c\n", "2", 'a: "2" # c\n'),
    ("crlf", "a:\r\nb: 1\r\n", [{"x": 1}], "a:\r\n- x: 1\r\nb: 1\r\n"),
    ("json", '{"a": "x"}', ["v"], '{"a": ["v"]}'),
    ("hostile", "a: x\nb: 1\n", "v\nb: 2", 'a: "v\\nb: 2"\nb: 1\n'),
]


@pytest.mark.parametrize(
    ("text", "value", "wanted"), [case[1:] for case in REPLACED], ids=[case[0] for case in REPLACED]
)
def test_a_value_is_replaced_in_its_place(text: str, value: Any, wanted: str) -> None:
    assert replace_value(text, 0, ["a"], value) == wanted


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_of_a_literal_block_only_the_lines_that_differ_are_written(end: str) -> None:
    text = "values: |\n  # why\n  a:\n    - 1   # one\n\n    - 2\n  b: 3\nother: x\n".replace("\n", end)
    inner = "# why\na:\n  - 1   # one\n\n  - 2\n  - 9\nb: 3\n"
    assert replace_value(text, 0, ["values"], inner) == text.replace(f"    - 2{end}", f"    - 2{end}    - 9{end}")
    assert replace_value(text, 0, ["values"], inner.replace("  - 9\n", "")) == text
    assert "\\n" in replace_value(text, 0, ["values"], "a: 1\n")  # too little to be a block


def test_an_item_is_replaced_in_its_place() -> None:
    assert replace_value("- x # c\n- v\n", 0, [0], "z") == "- z # c\n- v\n"
    assert replace_value("- x\n- v\n", 0, [0], {"k": 1, "m": 2}) == "- k: 1\n  m: 2\n- v\n"
    assert replace_value("-\n- v\n", 0, [0], "z") == "- z\n- v\n"
    assert replace_value("x\n", 0, [], "z") == "z\n"


def test_a_block_is_not_replaced() -> None:
    assert refused(replace_value, SPEC, 0, ["spec", "hosts"], ["x"]) == "EGR382"
    assert refused(replace_value, SPEC, 0, ["spec"], 1) == "EGR382"
    assert refused(replace_value, SPEC, 0, ["spec", "gone"], 1) == "EGR380"


def test_an_entry_gets_another_key_on_its_line() -> None:
    new = replace_entry(SPEC, 0, ["spec", "rules", 0, "port"], "ports", [443, 8443])
    assert changed(SPEC, new) == (["      port: 443\n"], ["      ports: [443, 8443]\n"])
    assert replace_entry("a: 1 # c\nb: 2\n", 0, ["a"], "c", "x") == "c: x # c\nb: 2\n"
    assert replace_entry("a: 1\n", 0, ["a"], "a", 2) == "a: 2\n"
    assert replace_entry('{"a": 1}', 0, ["a"], "b", [2]) == '{"b": [2]}'
    assert replace_entry("a:\nb: 2\n", 0, ["a"], "c", {"x": 1}) == "c:\n  x: 1\nb: 2\n"
    assert refused(replace_entry, "a: 1\nb: 2\n", 0, ["a"], "b", 1) == "EGR385"
    assert refused(replace_entry, "- 1\n", 0, [0], "b", 1) == "EGR380"


# --- remove

REMOVED: list[tuple[str, str, list[str | int], str]] = [
    ("item", "a:\n- x\n- v\n- z\n", ["a", 1], "a:\n- x\n- z\n"),
    ("from behind", "a:\n- x\n- v\n", ["a", -1], "a:\n- x\n"),
    ("item with its comment", "a:\n- x\n- v # why\n- z\n", ["a", 1], "a:\n- x\n- z\n"),
    ("comment above", "a:\n- x\n# of v\n# too\n- v\n- z\n", ["a", 1], "a:\n- x\n- z\n"),
    ("comment above, elsewhere indented", "a:\n  - x\n# of v\n  - v\n", ["a", 1], "a:\n  - x\n# of v\n"),
    ("comment above a blank line", "a:\n- x\n# section\n\n- v\n", ["a", 1], "a:\n- x\n# section\n\n"),
    ("head of the list", "a:\n# all hosts\n- x\n- v\n", ["a", 0], "a:\n# all hosts\n- v\n"),
    ("each has its own comment", "a:\n# of x\n- x\n# of v\n- v\n", ["a", 0], "a:\n# of v\n- v\n"),
    ("comment of the next key", "a:\n- x\n- v\n# b is\nb: 1\n", ["a", 1], "a:\n- x\n# b is\nb: 1\n"),
    ("the only item", "a:\n  - x\nb: 1\n", ["a", 0], "a: []\nb: 1\n"),
    ("the only item, comments", "a: # all\n  # of x\n  - x # v\n# b\nb: 1\n", ["a", 0], "a: [] # all\n# b\nb: 1\n"),
    ("the only item, no end", "a:\n- x", ["a", 0], "a: []"),
    ("the only item of the root", "- x # c\n", [0], "[] # c\n"),
    ("the only key", "a:\n  b: 1\nc: 2\n", ["a", "b"], "a: {}\nc: 2\n"),
    ("the only key of an item", "- a: 1\n- b\n", [0, "a"], "- {}\n- b\n"),
    ("mapping item", "- a: 1\n  b:\n    - 2\n- c: 1\n", [0], "- c: 1\n"),
    ("key", "a: 1\nb:\n  c: 1\nd: 2\n", ["b"], "a: 1\nd: 2\n"),
    ("first key of an item", "- a: 1\n  b: 2\n", [0, "a"], "- b: 2\n"),
    ("first of lists in lists", "- - a\n  - b\n- c\n", [0, 0], "- - b\n- c\n"),
    ("item below its dash", "-\n  a: 1\n- b\n", [0], "- b\n"),
    ("literal", "- |\n  x\n\n- b\n", [0], "\n- b\n"),
    ("literal that keeps", "- |+\n  x\n\n- b\n", [0], "- b\n"),
    ("last without line break", "- a\n- b", [1], "- a"),
    ("crlf", "- a\r\n- b\r\n- c", [2], "- a\r\n- b"),
    ("byte-order mark", "\ufeff- a\n- b\n", [0], "\ufeff- b\n"),
    ("flow, first", "a: [1, 2, 3] # c\n", ["a", 0], "a: [2, 3] # c\n"),
    ("flow, middle", "a: [1, 2, 3]\n", ["a", 1], "a: [1, 3]\n"),
    ("flow, last", "a: [1, 2, 3]\n", ["a", 2], "a: [1, 2]\n"),
    ("flow, only", "a: [1]\n", ["a", 0], "a: []\n"),
    ("flow mapping", "a: {b: 1, c: 2}\n", ["a", "c"], "a: {b: 1}\n"),
    ("flow over lines", "a: [\n  1, # b\n  2, # c\n  3\n]\n", ["a", 1], "a: [\n  1, # b\n  3\n]\n"),
    ("flow over lines, last", "a: [\n  1, # b\n  2 # c\n]\n", ["a", 1], "a: [\n  1 # b # c\n]\n"),
    ("json", '{\n  "a": 1,\n  "b": 2\n}\n', ["b"], '{\n  "a": 1\n}\n'),
]


@pytest.mark.parametrize(("text", "path", "wanted"), [case[1:] for case in REMOVED], ids=[case[0] for case in REMOVED])
def test_an_item_is_removed_with_what_belongs_to_it(text: str, path: list[str | int], wanted: str) -> None:
    assert remove_item(text, 0, path) == wanted
    assert remove_item(text, 0, path[:-1], path[-1]) == wanted


def test_what_is_not_there_can_not_be_removed() -> None:
    assert refused(remove_item, SPEC, 0, ["spec", "hosts", 2]) == "EGR380"
    assert refused(remove_item, SPEC, 0, ["spec", "hosts", "a.example"]) == "EGR380"
    assert refused(remove_item, SPEC, 0, []) == "EGR380"


# --- anchors, aliases, duplicates


ANCHORS = """\
base: &base
  hosts: &hosts
    - a
  port: 1
one:
  <<: *base
  name: one
two:
  hosts: *hosts
  ports: &p [1]
three: &unused
  hosts:
    - b
"""


def test_what_is_repeated_elsewhere_is_not_edited() -> None:
    for path in (["base", "hosts"], ["one", "hosts"], ["two", "hosts"]):
        assert refused(append_item, ANCHORS, 0, path, "x") == "EGR381"
    assert refused(insert_key, ANCHORS, 0, ["base"], "x", 1) == "EGR381"
    assert refused(remove_item, ANCHORS, 0, ["base", "port"]) == "EGR381"
    assert refused(remove_item, ANCHORS, 0, ["base", "hosts"]) == "EGR381"


def test_what_only_stands_beside_anchors_is_edited() -> None:
    assert changed(ANCHORS, append_item(ANCHORS, 0, ["three", "hosts"], "c")) == ([], ["    - c\n"])
    assert changed(ANCHORS, append_item(ANCHORS, 0, ["two", "ports"], 2))[1] == ["  ports: &p [1, 2]\n"]
    assert changed(ANCHORS, insert_key(ANCHORS, 0, ["one"], "x", 1)) == ([], ["  x: 1\n"])
    assert changed(ANCHORS, replace_value(ANCHORS, 0, ["one", "name"], "uno"))[1] == ["  name: uno\n"]
    assert changed(ANCHORS, replace_value(ANCHORS, 0, ["two", "hosts"], "x"))[1] == ["  hosts: x\n"]
    assert changed(ANCHORS, remove_item(ANCHORS, 0, ["two", "hosts"])) == (["  hosts: *hosts\n"], [])
    alone = "a: &x\n  - b\n"
    assert append_item(alone, 0, ["a"], "c") == alone + "  - c\n"


def test_documents_that_can_not_be_read_are_not_edited() -> None:
    for text in ("a: [1]\na: [2]\n", "a: [1]\nb: {{ x }}\n", "a: [1", ""):
        assert refused(append_item, text, 0, ["a"], 1) == "EGR386"


def test_a_change_that_can_not_be_proved_is_refused() -> None:
    # Without a line break at its end a literal holds none; with a line below it would.
    assert refused(append_item, "a:\n- |\n  x", 0, ["a"], "v") == "EGR384"
    assert append_item("a:\n- |-\n  x", 0, ["a"], "v") == "a:\n- |-\n  x\n- v"


# --- append_document


def test_a_document_is_appended_in_the_files_line_ends() -> None:
    assert append_document("a: 1\n", "b:\n  c: 2\n") == "a: 1\n---\nb:\n  c: 2\n"
    assert append_document("a: 1\r\n", "---\nb:\n- 2\n") == "a: 1\r\n---\r\nb:\r\n- 2\r\n"
    assert append_document("a: 1", "b: 2\n") == "a: 1\n---\nb: 2"
    assert append_document("", "b: 2") == "b: 2\n"
    assert append_document("# words\n", "b: 2\n") == "# words\n---\nb: 2\n"
    assert append_document("a: 1\n...\n", "b: 2\n") == "a: 1\n...\n---\nb: 2\n"
    assert append_document("a: [\n", "b: 2\n---\nc: 3\n") == "a: [\n---\nb: 2\n---\nc: 3\n"


def test_a_broken_or_empty_document_is_not_appended() -> None:
    for block in ("b: [", "b: 1\nb: 2\n", "", "# words\n", "b: {{ x }}"):
        assert refused(append_document, "a: 1\n", block) == "EGR384"


def test_a_drawn_heading_stays_when_the_item_below_it_goes() -> None:
    text = "a:\n- one\n# --- outside ---\n# why two\n- two\n- three\n"
    assert remove_item(text, 0, ["a", 1]) == "a:\n- one\n# --- outside ---\n- three\n"
    plain = text.replace("# --- outside ---\n", "")
    assert remove_item(plain, 0, ["a", 1]) == "a:\n- one\n- three\n"


# --- a value at a path of keys


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("a: 1\n", "a: 1\nspec:\n  network:\n    allow:\n    - x\n"),
        ("spec:  # all\n  mode: m\n", "spec:  # all\n  mode: m\n  network:\n    allow:\n    - x\n"),
        ("spec: {}\n", "spec:\n  network:\n    allow:\n    - x\n"),
        ("spec:\n  network:  # none\nb: 1\n", "spec:\n  network:  # none\n    allow:\n    - x\nb: 1\n"),
        ("spec:\n  network:\n    allow: []\n", "spec:\n  network:\n    allow: [x]\n"),
        ('{"spec": {}}', '{"spec": {"network": {"allow": ["x"]}}}'),
    ],
)
def test_what_is_missing_on_the_way_is_made_and_what_is_empty_is_filled(text: str, new: str) -> None:
    (document,) = read_documents("a.yaml", text)[0]
    assert put_below(text, document, ("spec", "network", "allow"), ["x"]) == new


@pytest.mark.parametrize("text", ["spec: false\n", "spec: [1]\n", "spec:\n  network: {allow: {b: 1}}\n", "- 1\n"])
def test_what_stands_on_the_way_stays(text: str) -> None:
    (document,) = read_documents("a.yaml", text)[0]
    assert refused(put_below, text, document, ("spec", "network", "allow"), ["x"])
