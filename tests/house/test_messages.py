"""The catalogue of sentences: complete, ordered, used, and every hole filled by those who use it."""

from __future__ import annotations

import ast
import re
import string
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import yaml

from tests.house.source import modules, none_of, shown, tree
from tests.shared import ROOT

CATALOGUE = ROOT / "templates" / "messages.yaml"
CODE = re.compile(r"EGR\d{3,4}")
SECTION = re.compile(r"# --- (\d{1,2})xx ")
LIVE, RETIRED = re.compile(r"- code: (EGR\d{3,4})\s*"), re.compile(r"#\s*- code: (EGR\d{3,4})\b.*")
FIELDS = {"code", "name", "level", "says", "because", "do"}
LEVELS = {"info", "warning", "error"}
SPEAKERS = {"Finding", "finding", "Question", "AskUnclear", "NotAllowed", "Outdated", "Unreachable"}


@cache
def entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8")) or []
    return found


def lines() -> list[str]:
    return CATALOGUE.read_text(encoding="utf-8").splitlines()


def said() -> Iterator[tuple[str, str]]:
    """Every code that stands in our code, with its place. Codes in docstrings are not said."""
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                yield node.value, shown(path, node)


def test_fields_are_those_of_the_catalogue_and_nothing_is_empty() -> None:
    for entry in entries():
        assert set(entry) <= FIELDS, entry
        assert {"code", "name", "level", "says"} <= set(entry), entry
        assert all(isinstance(value, str) and value.strip() for value in entry.values()), entry
        assert entry["level"] in LEVELS, entry
        assert CODE.fullmatch(entry["code"]), entry


def test_holes_have_plain_names() -> None:
    """`{}` or `{app=web}` in a sentence is an example that wants `{{` and `}}`; as a hole it would never be filled."""
    none_of(f"{e['code']} {{{hole}}}" for e in entries() for hole in sorted(_holes(e)) if not hole.isidentifier())


def test_codes_and_names_are_unique() -> None:
    for field in ("code", "name"):
        none_of(value for value, times in Counter(entry[field] for entry in entries()).items() if times > 1)


def test_codes_stand_in_order_in_their_section() -> None:
    section, last = "", ""
    for line in lines():
        if heading := SECTION.match(line):
            section, last = heading[1], ""
        elif code := LIVE.fullmatch(line):
            assert code[1][3:-2] == section, f"{code[1]} stands in section {section}xx"
            assert code[1] > last, f"{code[1]} stands after {last}"
            last = code[1]


def test_a_retired_code_is_never_used_again() -> None:
    retired = {match[1] for line in lines() if (match := RETIRED.fullmatch(line))}
    assert retired & {entry["code"] for entry in entries()} == set()
    none_of(f"{where} {code}" for code, where in said() if code in retired)


def test_every_code_that_is_said_has_its_sentence() -> None:
    known = {entry["code"] for entry in entries()}
    none_of(f"{where} {code}" for code, where in said() if code not in known)


def test_every_sentence_is_said_somewhere() -> None:
    used = {code for code, _ in said()}
    none_of(f"{entry['code']} {entry['name']}" for entry in entries() if entry["code"] not in used)


def test_every_hole_is_filled_where_the_facts_can_be_seen() -> None:
    """Facts that are spelled out beside the code fill every hole of its sentences."""
    holes = {entry["code"]: _holes(entry) for entry in entries()}
    none_of(
        f"{where} {code} lacks {sorted(holes[code] - facts)}"
        for code, facts, where in _spelled_out()
        if code in holes and holes[code] - facts
    )


def _holes(entry: dict[str, Any]) -> set[str]:
    sentences = [entry.get(field, "") for field in ("says", "because", "do")]
    parsed = [part for sentence in sentences for part in string.Formatter().parse(sentence)]
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in parsed if name is not None}


def _spelled_out() -> Iterator[tuple[str, set[str], str]]:
    """Calls like `finding("EGR101", host=...)` and `Finding("EGR101", {"host": ...})`, without `**`."""
    for path in modules().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SPEAKERS:
                code, facts = _call(node)
                if code and facts is not None:
                    yield code, facts, shown(path, node)


def _call(node: ast.Call) -> tuple[str, set[str] | None]:
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    code = next((text for text in texts if CODE.fullmatch(text)), "")
    given = {keyword.arg for keyword in node.keywords}
    if None in given or any(
        isinstance(argument, ast.Starred) and "facts" in ast.unparse(argument) for argument in node.args
    ):
        return code, None
    if ast.unparse(node.func).split(".")[-1] not in {"Finding", "Question"}:
        return code, {name for name in given if name}
    facts = [argument for argument in node.args if not isinstance(argument, ast.Constant)]
    facts += [keyword.value for keyword in node.keywords if keyword.arg == "facts"]
    if not facts:
        return code, set()
    keys = facts[0].keys if isinstance(facts[0], ast.Dict) else [None]
    if not all(isinstance(key, ast.Constant) for key in keys):
        return code, None
    return code, {str(key.value) for key in keys if isinstance(key, ast.Constant)}
