"""Helm templates without Helm: what is readable around `{{ }}`, and which documents depend on what Helm fills in.

Lines that are nothing but an action are taken out; an action inside a line becomes an opaque value, which readers see
as it is written. A document with an action that can add to it, or leave it out, is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import re2

from skills.core.enforce.kube_objects import mapping_of, text_of
from skills.core.enforce.overlay.objects import CLUSTER_WIDE
from skills.core.yaml_text import Document, Map, Seq, Unreadable, read_documents

RELEASE_NAMESPACE = "{{ .Release.Namespace }}"

_OPEN, _CLOSE = "\ue000", "\ue001"
_TOKEN = re2.compile("\ue000(\\d+)\ue001")
_ONLY_TOKENS = re2.compile("^(?:\\s*\ue000\\d+\ue001)+\\s*$")
_WORD = re2.compile(r"^\{\{-?\s*(/\*|\$[\w.]*\s*:?=|\w*)")
_BLOCKS = frozenset({"if", "with", "range", "block", "define"})
_SILENT = frozenset({"end", "else", "/*", "break", "continue"})
_MOST_ACTIONS = 20_000


@dataclass(slots=True)
class _Masked:
    """`actions` are the texts of all actions. `unsure` are rows (from 0) that Helm may leave out, repeat or add to."""

    rows: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    unsure: set[int] = field(default_factory=set)


def is_template(path: str, text: str | bytes) -> bool:
    return (b"{{" in text if isinstance(text, bytes) else "{{" in text) and "templates" in path.split("/")[:-1]


def read_template(path: str, text: str) -> tuple[list[Document], list[tuple[Document, int]], list[Unreadable]]:
    """Documents that stand whatever Helm fills in; those that don't, with the first line to blame; what is no YAML.

    An object without a namespace is in the release's, which nothing here says.
    """
    text = text.encode("utf-8", "replace").decode()  # a lone surrogate is no text for the patterns below
    masked = _mask(text)
    if masked is None:
        return [], [], read_documents(path, text)[1]
    documents, unreadable = read_documents(path, "\n".join(masked.rows))
    rows = text.split("\n")
    starts = [at for at, row in enumerate(masked.rows) if row.startswith("---")]
    sure: list[Document] = []
    unsure: list[tuple[Document, int]] = []
    for document in documents:
        if not isinstance(document.data, Map):
            continue
        first = max((at for at in starts if at < document.line), default=0)
        last = min((at for at in starts if at >= document.line), default=len(masked.rows))
        whole = Document(path, document.index, _restored(document.data, masked.actions), document.line, rows)
        _at_home(whole.data)
        blame = next(_unsure_rows(masked, first, last), None)
        if blame is None and _opaque_pods(whole.data):
            blame = document.line - 1
        if blame is None:
            sure.append(whole)
        else:
            unsure.append((whole, blame + 1))
    return sure, unsure, [_original(item, rows) for item in unreadable]


def masked_rows(text: str) -> list[str] | None:
    """The rows of a template without its actions, on their own lines; None where its blocks don't fit together."""
    masked = _mask(text)
    return masked.rows if masked else None


def _original(item: Unreadable, rows: list[str]) -> Unreadable:
    return Unreadable(item.path, item.line, item.finding, "\n".join(rows))


def _mask(text: str) -> _Masked | None:
    """The text without its actions. None where an action has no end, or there are too many."""
    masked = _Masked()
    pieces: list[str] = []
    at = 0
    while (start := text.find("{{", at)) != -1:
        end = _end_of(text, start)
        if end is None or len(masked.actions) >= _MOST_ACTIONS:
            return None
        action = text[start:end]
        pieces.append(text[at:start])
        # The lines below keep their numbers.
        pieces.append(f"{_OPEN}{len(masked.actions)}{_CLOSE}" + "\n" * action.count("\n"))
        masked.actions.append(action)
        at = end
    pieces.append(text[at:])
    masked.rows = "".join(pieces).replace("\r\n", "\n").split("\n")
    return masked if _walk(masked) else None


def _end_of(text: str, start: int) -> int | None:
    """The offset behind the `}}` of an action; quotes and comments inside may hold braces."""
    at = start + 2
    if text[at : at + 20].lstrip("- \t\n").startswith("/*"):
        end = text.find("*/", at)
        end = text.find("}}", end) if end != -1 else -1
        return None if end == -1 else end + 2
    while at < len(text):
        sign = text[at]
        if text.startswith("}}", at):
            return at + 2
        if sign in '"`':
            at += 1
            while at < len(text) and text[at] != sign:
                at += 2 if sign == '"' and text[at] == "\\" else 1
        at += 1
    return None


def _walk(masked: _Masked) -> bool:
    """Goes through the rows with the blocks that are open; False where blocks don't fit together."""
    blocks: list[str] = []
    for number, row in enumerate(masked.rows):
        words = [_word(masked.actions[int(found)]) for found in _TOKEN.findall(row)]
        opened = bool(blocks)
        for word in words:
            if word in _BLOCKS:
                blocks.append(word)
            elif word == "end":
                if not blocks:
                    return False
                if blocks.pop() == "define":
                    masked.rows[number] = ""
        if "define" in blocks:
            masked.rows[number] = ""
            continue
        only = bool(words) and _ONLY_TOKENS.match(row) is not None
        if only:
            masked.rows[number] = ""
            if any(word not in _BLOCKS | _SILENT and not word.startswith("$") for word in words):
                masked.unsure.add(number)
        elif (opened or blocks) and row.strip() and not row.lstrip().startswith("#"):
            masked.unsure.add(number)
    return not blocks


def _word(action: str) -> str:
    found = _WORD.match(action)
    word = found.group(1) if found else ""
    return "$" if word.startswith("$") else word


def _unsure_rows(masked: _Masked, first: int, last: int) -> Iterator[int]:
    """Rows of a document that matter; labels and annotations of the object itself do not."""
    way: list[tuple[int, str]] = []
    for number in range(first, last):
        row = masked.rows[number]
        content = row.strip()
        if content and not content.startswith(("#", "---")):
            depth = len(row) - len(row.lstrip())
            while way and way[-1][0] >= depth:
                way.pop()
            way.append((depth, content.partition(":")[0]))
        if number in masked.unsure:
            names = [name for _, name in way]
            if names[:2] not in (["metadata", "labels"], ["metadata", "annotations"]):
                yield number


def _restored(node: Any, actions: list[str]) -> Any:
    """The data with the actions as they are written, in place of what stood for them."""
    if isinstance(node, Map):
        mapping = Map({_text(key, actions): _restored(value, actions) for key, value in node.items()})
        mapping.line = node.line
        mapping.lines = {_text(key, actions): line for key, line in node.lines.items()}
        return mapping
    if isinstance(node, Seq):
        sequence = Seq(_restored(item, actions) for item in node)
        sequence.line, sequence.lines = node.line, list(node.lines)
        return sequence
    return _text(node, actions)


def _text(value: Any, actions: list[str]) -> Any:
    if not isinstance(value, str) or _OPEN not in value:
        return value
    return _TOKEN.sub(lambda found: actions[int(found.group(1))], value)


def _at_home(data: Map) -> None:
    metadata, kind = data.get("metadata"), text_of(data.get("kind"))
    housed = kind and kind not in CLUSTER_WIDE and "Clusterwide" not in kind
    if housed and isinstance(metadata, Map) and not text_of(metadata.get("namespace")):
        metadata["namespace"] = RELEASE_NAMESPACE
        metadata.lines.setdefault("namespace", metadata.lines.get("name", metadata.line))


def _opaque_pods(data: Map) -> bool:
    """Whether it makes pods with labels that nobody knows yet."""
    spec = mapping_of(data.get("spec"))
    below = mapping_of(mapping_of(spec.get("jobTemplate")).get("spec"))
    templates = [mapping_of(spec.get("template")), mapping_of(below.get("template"))]
    templates += [data] if data.get("kind") == "Pod" else []
    labels = [mapping_of(mapping_of(template.get("metadata")).get("labels")) for template in templates]
    return any("{{" in f"{key}{value}" for found in labels for key, value in found.items())
