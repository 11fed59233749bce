"""Reading YAML as a cluster does: scalars, lines, and what is refused instead of guessed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skills.core.messages import say
from skills.core.yaml_text import Document, Map, Seq, Unreadable, read_documents
from tests.work import calls


def data(text: str | bytes) -> list[Any]:
    documents, unreadable = read_documents("a.yaml", text)
    assert not unreadable, unreadable
    return [document.data for document in documents]


def only(text: str) -> Document:
    documents, unreadable = read_documents("a.yaml", text)
    assert not unreadable, unreadable
    assert len(documents) == 1
    return documents[0]


def faults(text: str | bytes) -> list[tuple[str, int]]:
    _, unreadable = read_documents("a.yaml", text)
    for fault in unreadable:
        assert fault.finding.facts["line"] == fault.line
        assert "?)" not in say(fault.finding).says, "a hole of the sentence has no fact"
    return [(fault.finding.code, fault.line) for fault in unreadable]


SCALARS: list[tuple[str, Any]] = [
    *((word, True) for word in ("yes", "Yes", "YES", "on", "On", "true", "TRUE", "y", "Y")),
    *((word, False) for word in ("no", "No", "off", "OFF", "false", "n", "N")),
    *((word, None) for word in ("~", "null", "Null", "NULL", "")),
    *((word, word) for word in ("yEs", "tRue", "nULL", "none", "yes please", "-", "+", ".", "_1", "0x", "0xg", "0b2")),
    ("014", 12),
    ("-014", -12),
    ("0o14", 12),
    ("0x1F", 31),
    ("0b101", 5),
    ("08", 8.0),
    ("1_000", 1000),
    ("+5", 5),
    ("443", 443),
    ("0", 0),
    ("18446744073709551615", 2**64 - 1),
    ("18446744073709551616", float(2**64)),
    ("1e3", 1000.0),
    ("1.", 1.0),
    (".5", 0.5),
    ("-1.5e-3", -0.0015),
    (".inf", math.inf),
    ("-.INF", -math.inf),
    ("1e999", "1e999"),
    ("12:30:45", "12:30:45"),
    ("12:30", "12:30"),
    ("2020-01-01", "2020-01-01"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("10.0.0.1", "10.0.0.1"),
    ("10.0.0.0/8", "10.0.0.0/8"),
    ("1.2.3", "1.2.3"),
    ("1٣", "1٣"),
    ("٣", "٣"),
    ("=", "="),
    ('"yes"', "yes"),
    ("'443'", "443"),
    ('"014"', "014"),
    ("!!str 443", "443"),
    ('!!int "443"', 443),
    ("!!float 1", 1.0),
    ("!Ref name", "name"),
    ("'{{ .Values.host }}'", "{{ .Values.host }}"),
]


@pytest.mark.parametrize(("written", "means"), SCALARS, ids=[written or "empty" for written, _ in SCALARS])
def test_scalars_mean_what_kubernetes_takes_them_for(written: str, means: Any) -> None:
    if written == "-":
        return
    (value,) = data(f"key: {written}\n")
    assert value == {"key": means}
    assert type(value["key"]) is type(means)


def test_nan_is_a_number() -> None:
    assert math.isnan(only("a: .nan\n").data["a"])


TEXT = """\
# a comment
kind: Sidecar
spec:
  hosts:
    - a.example

    - name: b   # one
      port: 443
    -
      name: c
  ports: [80,
    443]
"""


def test_lines_count_from_one_for_keys_and_items() -> None:
    document = only(TEXT)
    assert isinstance(document.data, Map)
    assert isinstance(document.data, Mapping)
    assert document.line == document.data.line == 2
    assert document.data.lines == {"kind": 2, "spec": 3}
    hosts = document.at("spec", "hosts")
    assert isinstance(hosts, Seq)
    assert (hosts.line, hosts.lines) == (5, [5, 7, 10])
    assert document.at("spec", "hosts", 1).lines == {"name": 7, "port": 8}  # type: ignore[union-attr]
    assert document.at("spec", "ports").lines == [11, 12]  # type: ignore[union-attr]


def test_places_name_the_line_and_its_words() -> None:
    document = only(TEXT)
    hosts = document.at("spec", "hosts")
    assert str(document.place()) == "a.yaml:2"
    assert document.place(hosts, 1).text == "- name: b   # one"
    assert document.place(hosts, -1).line == 10
    assert document.place(hosts, 99).line == document.place(hosts).line == 5
    assert document.place(document.data, "nothing").line == 2
    assert document.place_of("spec", "hosts", 1, "port").line == 8
    assert document.place_of("spec", "hosts", 1, "gone", "deeper").line == 7
    assert document.place_of("spec", "hosts", 7).line == 4
    assert document.place_of().line == 2


def test_a_place_shows_at_most_200_characters() -> None:
    assert len(only("a: " + "x" * 5000).place_of("a").text) == 200


def test_at_gives_none_where_a_step_does_not_exist() -> None:
    document = only(TEXT)
    assert document.at() is document.data
    assert document.at("spec", "hosts", 0) == "a.example"
    for path in (("gone",), ("kind", "x"), ("kind", 0), ("spec", "hosts", 9), ("spec", "hosts", "0"), ("spec", 0)):
        assert document.at(*path) is None


def test_documents_of_a_file_have_numbers_lines_and_one_list_of_rows() -> None:
    documents, _ = read_documents("a.yaml", "a: 1\n---\n# only words\n---\n# why\nb: 2\n...\n---\n- c\n")
    assert [(each.index, each.line, each.data) for each in documents] == [
        (0, 1, {"a": 1}),
        (1, 2, None),
        (2, 6, {"b": 2}),
        (3, 9, ["c"]),
    ]
    assert len({id(each.rows) for each in documents}) == 1


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff", "\r\n"])
def test_a_file_without_content_has_no_documents(text: str) -> None:
    assert read_documents("a.yaml", text) == ([], [])


def test_line_ends_and_byte_order_mark_are_no_content() -> None:
    assert data(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - c\r\n") == [{"a": 1, "b": ["c"]}]
    assert only("\ufeffa: 1\r\n").place_of("a").text == "a: 1"
    assert data("\ufeffa: 1\n---\n\ufeffb: 2\nc: 'x\ufeff'\n") == [{"a": 1}, {"b": 2, "c": "x\ufeff"}]


def test_lines_are_those_of_git_where_yaml_knows_more_line_breaks() -> None:
    document = only('a: "x\u2028y"\n# \x85\nb: 1\nc:\n  - d\n')
    assert document.data.lines == {"a": 1, "b": 3, "c": 4}
    assert document.at("c").lines == [5]  # type: ignore[union-attr]


# --- anchors and merges


def test_merge_keys_are_applied_and_own_keys_win() -> None:
    document = only("base: &b {x: 1, z: 2}\nmine:\n  <<: *b\n  x: 3\nmany:\n  <<: [*b, {z: 9, w: 4}]\n")
    assert document.data["mine"] == {"x": 3, "z": 2}
    assert document.data["many"] == {"x": 1, "z": 2, "w": 4}
    assert document.data["mine"].lines == {"x": 4, "z": 1}
    assert data("a: '<<'\n'<<': b\n") == [{"a": "<<", "<<": "b"}]


def test_aliases_repeat_what_their_anchor_holds() -> None:
    assert data("a: &x [1]\nb: *x\nc: &y 5\nd: {*y : 1}\n") == [{"a": [1], "b": [1], "c": 5, "d": {5: 1}}]
    assert data("a: &x [&x 1, *x]\nb: *x\n") == [{"a": [1, 1], "b": 1}]


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in itertools.pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: *gone\n", "EGR507", 1),
        ("a: 1\nb: &b\n  c: *b\n", "EGR508", 3),
        ("a: &a {<<: *a}\n", "EGR508", 1),
        ("a:\n  <<: 1\n", "EGR509", 2),
        ("? [a]\n: 1\n", "EGR506", 1),
        ("a: &m {b: 1}\n*m : 1\n", "EGR506", 2),
        ("[" * 101 + "]" * 101, "EGR510", 1),
        ("".join("  " * depth + "a:\n" for depth in range(150)), "EGR510", 101),
        (BOMB, "EGR511", 7),
        ("{" + ",".join(f"k{n}: 1" for n in range(9)) + "}\n{", "EGR513", 2),
    ],
)
def test_what_has_no_end_or_no_sense_is_refused_with_its_line(text: str, code: str, line: int) -> None:
    assert faults(text) == [(code, line)]


def test_a_chain_of_aliases_can_not_nest_deeper_than_text_can() -> None:
    links = "".join(f"- &x{n} [[[[[[[[*x{n - 1}]]]]]]]]\n" for n in range(1, 40))
    assert [code for code, _ in faults("- &x0 [1]\n" + links)] == ["EGR510"]


def test_a_hundred_levels_are_read() -> None:
    assert len(data("[" * 100 + "]" * 100)) == 1


# --- broken documents among whole ones


def test_a_duplicate_key_names_both_lines() -> None:
    documents, (fault,) = read_documents("a.yaml", "a: 1\n---\nb: 1\nc: 2\nb: 3\n---\nd: 1\n")
    assert [(each.index, each.data) for each in documents] == [(0, {"a": 1}), (2, {"d": 1})]
    assert (fault.finding.code, fault.line) == ("EGR505", 5)
    assert fault.finding.facts["key"] == "b"
    assert fault.finding.facts["first"] == 3


def test_a_broken_document_hides_no_other() -> None:
    documents, unreadable = read_documents("a.yaml", "a: 1\n---\nb: 2\n---\nc: [\n---\nd: 4\n---\n@\n--- {e: 5}\n")
    assert [(each.index, each.line, each.data) for each in documents] == [
        (0, 1, {"a": 1}),
        (1, 3, {"b": 2}),
        (3, 7, {"d": 4}),
        (5, 10, {"e": 5}),
    ]
    assert [fault.line for fault in unreadable] == [5, 9]


def test_markers_inside_text_are_text() -> None:
    text = "a: |\n  ---\n  b\nc: ---d\n"
    assert data(text) == [{"a": "---\nb\n", "c": "---d"}]
    documents, unreadable = read_documents("a.yaml", "x: [\n  ---\n" + "---\n" + text)
    assert [each.data for each in documents] == data(text)
    assert len(unreadable) == 1


def test_an_open_quote_is_shown_where_it_opens() -> None:
    assert faults('a: 1\nb: "open\nc: 2\n') == [("EGR513", 2)]


def test_many_broken_documents_end_the_reading() -> None:
    documents, unreadable = read_documents("a.yaml", "ok: 1\n" + "---\n@\n" * 5000)
    assert [each.data for each in documents] == [{"ok": 1}]
    assert len(unreadable) == 21
    assert unreadable[-1].finding.code == "EGR512"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"\x00", "EGR503"),
        (b"\x1b[31m", "EGR503"),
        (b"\x7f", "EGR503"),
        (b"\xff\xfe", "EGR502"),
        (b"caf\xe9", "EGR502"),
        (b"\xed\xa0\x80", "EGR502"),
    ],
)
def test_a_bad_character_spoils_its_document_only(bad: bytes, code: str) -> None:
    text = b"a: 1\n---\nb: 2\nc: '" + bad + b"'\n---\nd: 3\n"
    documents, unreadable = read_documents("a.yaml", text)
    assert [(each.index, each.line, each.data) for each in documents] == [(0, 1, {"a": 1}), (2, 6, {"d": 3})]
    assert [(fault.finding.code, fault.line) for fault in unreadable] == [(code, 4)]


def test_text_with_a_lone_surrogate_is_refused_too() -> None:
    assert faults("a: 1\nb: \ud800\n") == [("EGR503", 2)]


def test_utf_16_is_not_read() -> None:
    assert faults("a: 1\n".encode("utf-16")) == [("EGR502", 1)]


def test_a_tab_is_no_indentation() -> None:
    assert faults("a:\n\tb: 1\n") == [("EGR513", 2)]


# --- templates


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: {{ .Values.b }}\n", 2),
        ("a: 1\n{{- if .Values.x }}\nb: 2\n{{- end }}\n", 2),
        ("{{ range .hosts }}\n- a\n{{ end }}", 1),
        ("a: 1\n{% if x %}\nb: 2\n{% endif %}\n", 2),
    ],
)
def test_a_template_is_told_from_broken_yaml(text: str, line: int) -> None:
    assert faults(text) == [("EGR504", line)]
    assert faults("a: 1\nb: [\n") == [("EGR513", 2)]


def test_a_template_among_documents_hides_no_other() -> None:
    documents, unreadable = read_documents("a.yaml", "a: {{ x }}\n---\nb: '{{ x }}'\n")
    assert [(each.index, each.data) for each in documents] == [(1, {"b": "{{ x }}"})]
    assert [fault.finding.code for fault in unreadable] == ["EGR504"]


# --- JSON


def test_json_is_read_with_lines() -> None:
    document = only('{\n\t"a": [1,\n\t\t{"b": "yes"}],\n\t"c": "\\/"\n}\n')
    assert document.data == {"a": [1, {"b": "yes"}], "c": "/"}
    assert document.data.lines == {"a": 2, "c": 4}


def test_json_that_is_no_yaml_is_read_all_the_same() -> None:
    long = "k" * 2000
    assert data('{"a": "\\ud83d\\ude00", "' + long + '": [1, {"b": null}]}') == [{"a": "😀", long: [1, {"b": None}]}]
    assert only('{"a": ["\\ud83d\\ude00"]}').place_of("a", 0).line == 1


@pytest.mark.parametrize("text", ['{"a": "\\ud83d\\ude00", "a": 1}', '{"a": "\\ud800"}', '{"a": "\\ud83d\\ude00"'])
def test_json_with_duplicate_keys_or_half_characters_is_refused(text: str) -> None:
    assert [code for code, _ in faults(text)] == ["EGR513"]


# --- bounds


@pytest.mark.parametrize(
    "text",
    [
        "x" * 5_000_001,
        "[" * 2_000_000,
        "- " * 2_000_000,
        "? " * 2_000_000,
        '{"a":' * 900_000,
        "---\n@\n" * 800_000,
        "---\n{{ x\n" * 500_000,
        "%TAG !a! x\n" * 400_000,
        "\0" * 4_900_000,
        "---\n\0\n" * 700_000,
        "a: &a {" + ",".join(f"k{n}: 1" for n in range(20_000)) + "}\n" + "b: {<<: *a}\n" * 1,
        "a: &a {"
        + ",".join(f"k{n}: 1" for n in range(9000))
        + "}\n"
        + "".join(f"b{n}: {{<<: *a}}\n" for n in range(9000)),
        "[" + "{}," * 1_600_000 + "]",
        '"\n' * 2_400_000,
        "#\u2028\n" * 600_000 + "a: 1",
    ],
    ids=[f"case {number}" for number in range(15)],
)
def test_no_file_is_too_much(text: str) -> None:
    documents, unreadable = read_documents("a.yaml", text)
    assert documents or unreadable
    assert len(unreadable) <= 21


@pytest.mark.parametrize(
    "piece",
    ["[", "- ", "? ", '{"a":', "---\n@\n", "---\n{{ x\n", "%TAG !a! x\n", "---\n\0\n", "[{},", '"\n', "#\u2028\n"],
)
def test_work_is_linear(piece: str) -> None:
    few, many = (calls(lambda size=size: read_documents("a.yaml", piece * size)) for size in (500, 4000))  # type: ignore[misc]
    assert many < 9 * few


@given(
    st.binary(max_size=60) | st.text(alphabet=st.sampled_from("ab:-[]{}#&*!|>'\"%@`\n\t ?,~<.\r\ufeff\0é"), max_size=40)
)
def test_no_text_raises(text: str | bytes) -> None:
    documents, unreadable = read_documents("a.yaml", text)
    rows = (text.count(b"\n") if isinstance(text, bytes) else text.count("\n")) + 1
    assert all(1 <= fault.line <= rows and isinstance(fault, Unreadable) for fault in unreadable)
    assert all(1 <= document.line <= rows for document in documents)
    numbers = [document.index for document in documents]
    assert numbers == sorted(set(numbers))


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text("abcxzé :#-.,'\"{}[]&*!|>%@?\n", max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxz .-:#", max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(_plain, st.booleans())
def test_what_a_yaml_library_writes_is_read_back(value: Any, flow: bool) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow)
    assert data(text) == [value]


@pytest.mark.parametrize(
    "text", [TEXT, "a: &x [1]\nb: *x\n", "a: 1\n---\nb: [\n---\nc: 2\n", "a: {{ b }}\n", "a: '\x01'\n", ""]
)
def test_without_libyaml_the_same_is_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> Any:
        documents, unreadable = read_documents("a.yaml", text)
        lines = [document.data.lines for document in documents]
        return [document.data for document in documents], lines, [(f.finding.code, f.line) for f in unreadable]

    fast = said()
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert said() == fast
