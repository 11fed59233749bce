"""Real files: each is read or refused with a line, and edits of it are insertions and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from skills.core.messages import catalogue
from skills.core.yaml_text import CannotEdit, Map, Seq, append_item, insert_key, read_documents, remove_item

pytestmark = pytest.mark.needs_shared

NAMES = (".yaml", ".yml", ".json", ".tmpl", ".tftpl", ".yml-example")
A_FILE = pytest.mark.parametrize("most", [1, pytest.param(3, marks=pytest.mark.slow)])
"""How many containers of each file are tried: one by default, three in `make slow`."""

# How many cases there were when this was written. Fewer mean that data or this test has lost some.
READ, AWKWARD, SAME_AS_PYYAML = 921, 461, 835
APPENDED, INSERTED = {1: 802, 3: 2144}, {1: 847, 3: 2458}


@pytest.fixture(scope="module")
def texts(shared: Path) -> dict[str, bytes]:
    corpus = shared / "platforms" / "corpus"
    paths = sorted(path for path in corpus.rglob("*") if path.name.endswith(NAMES) and path.is_file())
    return {str(path.relative_to(corpus)): path.read_bytes() for path in paths}


def report(capsys: pytest.CaptureFixture[str], name: str, found: int, run: int, agreed: int, least: int) -> None:
    with capsys.disabled():
        print(f"\n{name}: {found} found, {run} run, {agreed} agreed")
    assert run >= least, f"{name}: only {run} of {least} cases ran"
    assert agreed == run


def plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items()}
    return [plain(value) for value in node] if isinstance(node, list) else node


def is_told(path: str, text: bytes) -> bool:
    """Whether a file gives documents, or a place and a reason; one of nothing but comments gives neither."""
    documents, unreadable = read_documents(path, text)
    rows = text.count(b"\n") + 1
    assert all(1 <= fault.line <= rows and fault.finding.code in catalogue() for fault in unreadable)
    assert all(1 <= document.line <= rows for document in documents)
    if documents or unreadable:
        return True
    return all(line.strip()[:1] in {b"", b"#"} for line in text.splitlines())


def test_every_file_is_read_or_refused_with_a_line(texts: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    agreed = sum(is_told(path, text) for path, text in texts.items())
    report(capsys, "files read", len(texts), len(texts), agreed, READ)


def test_awkward_files_are_read_or_refused_with_a_line(
    shared: Path, texts: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = shared / "platforms" / "corpus"
    listed = json.loads((corpus / "AWKWARD.json").read_text(encoding="utf-8"))
    found = {path for paths in listed.values() for path in paths}
    there = [path for path in sorted(found) if (corpus / path).is_file()]
    agreed = sum(is_told(path, (corpus / path).read_bytes()) for path in there)
    report(capsys, "awkward files", len(found), len(there), agreed, AWKWARD)


class _Loader(yaml.CSafeLoader):
    """PyYAML without what differs on purpose: dates that stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def test_files_say_what_pyyaml_reads(texts: dict[str, bytes], capsys: pytest.CaptureFixture[str]) -> None:
    run = agreed = 0
    for path, text in texts.items():
        documents, unreadable = read_documents(path, text)
        if unreadable or not documents:
            continue
        run += 1
        agreed += [document.data for document in documents] == list(yaml.load_all(text, Loader=_Loader))
    report(capsys, "files as PyYAML", len(texts), run, agreed, SAME_AS_PYYAML)


@A_FILE
def test_an_item_can_be_appended_everywhere(
    texts: dict[str, bytes], most: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run = agreed = 0
    for path, text, number, way, container, count in _chosen(texts, Seq, most):
        found += 1
        last = container[-1] if container else ""
        mapping = {"name": "added", "ports": [443], "selector": {"app": "*"}}
        fresh = mapping if isinstance(last, Mapping) else "*.added.example"
        item = plain(last) if container and count % 2 else fresh
        try:
            new = append_item(text, number, way, item)
        except CannotEdit as error:
            assert error.code == "EGR381", (path, way, str(error))
            continue
        run += 1
        agreed += (
            _inserted(text, new)
            and _says(new, number, way) == [*plain(container), item]
            and remove_item(new, number, way, len(container)) == text
        )
    report(capsys, "items appended", found, run, agreed, APPENDED[most])


@A_FILE
def test_a_key_can_be_inserted_everywhere(
    texts: dict[str, bytes], most: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run = agreed = 0
    for path, text, number, way, container, count in _chosen(texts, Map, most):
        found += 1
        value: Any = {"a": ["x", 1, {"b": "yes"}], "c": {}} if count % 2 else "12:30"
        try:
            new = insert_key(text, number, way, "addedKey", value)
        except CannotEdit as error:
            assert error.code == "EGR381", (path, way, str(error))
            continue
        run += 1
        agreed += (
            _inserted(text, new)
            and _says(new, number, way) == {**plain(container), "addedKey": value}
            and remove_item(new, number, (*way, "addedKey")) == text
        )
    report(capsys, "keys inserted", found, run, agreed, INSERTED[most])


_Way = tuple[str | int, ...]


def _chosen(texts: dict[str, bytes], kind: type, most: int) -> Iterator[tuple[str, str, int, _Way, Any, int]]:
    """Some containers of a kind in each file, spread over it."""
    for place, (path, content) in enumerate(texts.items()):
        documents, _ = read_documents(path, content)
        if not documents:
            continue
        every = [
            (document.index, way, node)
            for document in documents
            for way, node in _containers(document.data, ())
            if isinstance(node, kind)
        ]
        text = content.decode()
        for count, (number, way, node) in enumerate(every[:: max(1, len(every) // most)][:most]):
            yield path, text, number, way, node, place + count


def _containers(node: Any, way: _Way) -> Iterator[tuple[_Way, Any]]:
    if isinstance(node, (Map, Seq)):
        yield way, node
        for key, value in node.items() if isinstance(node, Map) else enumerate(node):
            yield from _containers(value, (*way, key))


def _inserted(text: str, new: str) -> bool:
    """Whether `new` is `text` with one insertion."""
    low, high = 0, len(text)
    while low < high:  # the longest common start, by halves: comparing slices is fast
        middle = (low + high + 1) // 2
        if text[:middle] == new[:middle]:
            low = middle
        else:
            high = middle - 1
    return len(new) > len(text) and new.endswith(text[low:])


def _says(text: str, number: int, way: _Way) -> Any:
    documents, _ = read_documents("", text)
    return next(plain(document.at(*way)) for document in documents if document.index == number)
