"""What one file says, in entries of all readers, and what in it nobody could read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from skills.core.all_platforms import ALL, TEXTS
from skills.core.enforce import cluster as kube
from skills.core.enforce import delivery
from skills.core.enforce.kinds import UNKNOWN, unknown_kind
from skills.core.enforce.kube_objects import mapping_of, templated, text_of
from skills.core.enforce.plugin import read_plugin
from skills.core.enforce.templates import is_template, read_template
from skills.core.model import Evidence, Fact, Finding, Place, Workload
from skills.core.yaml_text import Document, Unreadable, read_documents

MANIFESTS = (".yaml", ".yml", ".json")
_TEXT_KEPT = 200_000  # characters of an unread part that are searched for a workload's name
# Dialects that can deny what others allow: REGISTRY_ONLY of a sidecar, explicit denies.
DENYING = frozenset({"uds.dev/", "cilium.io/", "networking.istio.io/", "security.istio.io/"})
_NAMESPACE_LINE = re2.compile(r"""(?m)^\s*namespace:\s*["']?([^\s"'#]*)""")
_READERS: tuple[tuple[str, Any], ...] = (
    (kube.NAME, kube.read),
    (kube.NAME, read_plugin),
    (delivery.NAME, delivery.read),
    *((platform.NAME, platform.read) for platform in ALL),
)
ALL_MARKS = frozenset(mark for platform in ALL for mark in platform.MARKS)


@dataclass(frozen=True, slots=True)
class Blind:
    """A part of a file that could hold rules and that nobody could read.

    `marks` are the marks of dialects in it, `text` its words. `namespaces` are those that it can be about; None
    means that only its words tell.
    """

    path: str
    line: int
    finding: Finding
    marks: frozenset[str]
    text: str = ""
    namespaces: frozenset[str] | None = None

    def concerns(self, workload: Workload) -> bool:
        """Whether it could speak of this workload. Templated names could be any."""
        if self.namespaces is not None:
            return workload.namespace is None or workload.namespace in self.namespaces
        if "{{" in self.text or "${" in self.text or workload.kind == "cf":
            return True  # cf-mgmt's files are named after the space and rarely say its name inside
        if workload.namespace is None:
            return workload.scope.rsplit("/", 1)[-1] in self.text
        namespaces = _NAMESPACE_LINE.findall(self.text)
        return not namespaces or workload.namespace in namespaces

    def could_deny(self, workload: Workload) -> bool:
        """Whether it is of a dialect with denials of its own and names the workload's very namespace."""
        if not self.marks & DENYING:
            return False
        if self.namespaces is not None:
            return workload.namespace in self.namespaces
        return workload.namespace in _NAMESPACE_LINE.findall(self.text)

    def could_declare(self, name: str) -> bool:
        return name in self.text or "{{" in self.text

    @property
    def findings(self) -> tuple[Finding, ...]:
        """That something is not known here, and why."""
        place = Place(self.path, self.line)
        facts: dict[str, Fact] = {"path": self.path, "line": self.line}
        return (Finding("EGR107", facts, (Evidence(place=place),)), self.finding)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file says: entries by reader (`kube` or a platform's name), and what can't be read."""

    path: str
    entries: Mapping[str, tuple[Any, ...]]
    unreadable: tuple[Unreadable, ...] = ()
    blind: tuple[Blind, ...] = ()


def is_manifest(path: str) -> bool:
    """Whether any reader wants the file."""
    return path.lower().endswith(MANIFESTS) or _is_text(path)


def _is_text(path: str) -> bool:
    """Whether a dialect reads the file by itself: Terraform may be JSON too."""
    return any(reader.reads(path) for reader in TEXTS)


def read_file(path: str, text: str | bytes) -> Reading:
    """Reads one file. Nothing in it can raise: what is not readable becomes an `Unreadable`."""
    unreadable: Sequence[Unreadable]
    if path.lower().endswith(MANIFESTS) and not (path.endswith(".json") and _is_text(path)):
        documents, unreadable = read_documents(path, text)
        if any(item.finding.code == "EGR504" for item in unreadable) or is_template(path, text):
            return _read_template(path, _words(text))
        entries = entries_of(documents)
        unknown = [item for item in map(unknown_kind, documents) if item]
        unreadable = [*unreadable, *unknown] if unknown else unreadable
    else:
        entries, unreadable = _of_text(path, _words(text))
    if not unreadable:
        return Reading(path, entries)
    words = _words(text)
    return Reading(
        path,
        entries,
        tuple(unreadable),
        tuple(_blind(item, words) for item in unreadable if item.finding.code != UNKNOWN),
    )


def _words(text: str | bytes) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _of_text(path: str, text: str) -> tuple[dict[str, tuple[Any, ...]], list[Unreadable]]:
    """The entries of a file that is not YAML, by reader."""
    found: dict[str, tuple[Any, ...]] = {}
    unreadable: list[Unreadable] = []
    for reader in TEXTS:
        if reader.reads(path):
            entries, unread = reader.read_source(path, text)
            unreadable += unread
            if entries:
                found[reader.NAME] = tuple(entries)
    return found, unreadable


def _read_template(path: str, text: str) -> Reading:
    """What stands in a template whatever is filled in; the rest is a blind spot each."""
    documents, unsure, unreadable = read_template(path, text)
    left = [_blind(item, text) for item in unreadable]
    for document, line in unsure:
        metadata = mapping_of(document.data.get("metadata"))
        name, namespace = text_of(metadata.get("name")), text_of(metadata.get("namespace"))
        words = str(document.data)
        facts: dict[str, Fact] = {"path": path, "line": line, "kind": text_of(document.data.get("kind"))}
        finding = Finding("EGR591", {**facts, "name": name})
        known = None if templated(namespace) or not namespace else frozenset({namespace})
        left.append(Blind(path, line, finding, marks_in(words), words[:_TEXT_KEPT], known))
    found = [item for item in left if item.finding.code == "EGR591"]
    unreadable += [Unreadable(path, item.line, item.finding, item.text) for item in found]
    return Reading(path, entries_of(documents), tuple(unreadable), tuple(left))


def entries_of(documents: Iterable[Document]) -> dict[str, tuple[Any, ...]]:
    """The entries of documents, typed lists written out, by reader."""
    found: dict[str, list[Any]] = {}
    for document in documents:
        for item in kube.expand(document):
            for name, read in _READERS:
                entries = read(item)
                if entries:
                    found.setdefault(name, []).extend(entries)
    return {name: tuple(items) for name, items in found.items()}


def marks_in(text: str) -> frozenset[str]:
    return frozenset(mark for mark in ALL_MARKS if mark in text)


def _blind(item: Unreadable, words: str) -> Blind:
    """Only the document that can't be read counts, where it is known which one that is."""
    text = (item.text or words).encode("utf-8", "replace").decode()  # bytes that are not UTF-8 are no text to search
    marks = marks_in(text)
    return Blind(item.path, item.line, item.finding, marks, text[:_TEXT_KEPT])
