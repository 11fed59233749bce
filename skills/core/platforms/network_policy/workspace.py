"""The texts while a draft is written: each edit is read again before the next one."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.enforce.kube_objects import expand
from skills.core.enforce.kube_policy import Direction
from skills.core.enforce.own_overlay import Overlay, Overlays, listed
from skills.core.model import Edit, Role
from skills.core.platform_base import Sources
from skills.core.platforms.network_policy.entries import Entry, PolicyEntry
from skills.core.platforms.network_policy.index import Index, compile_index
from skills.core.platforms.network_policy.read import read
from skills.core.yaml_text import (
    CannotEdit,
    Document,
    append_document,
    append_item,
    read_documents,
    remove_item,
)

Path = tuple[str | int, ...]


class Workspace:
    """`index` always says what the texts say."""

    def __init__(self, index: Index, sources: Sources, environment: str | None = None) -> None:
        self.index = index
        self._sources = sources
        self._environment = environment
        self._overlays = Overlays(sources.texts)
        self._changed: dict[str, str] = {}
        self._roles: dict[str, Role] = {}

    def text(self, path: str) -> str | None:
        return self._changed.get(path, self._sources.texts.get(path))

    def edits(self) -> tuple[Edit, ...]:
        return tuple(
            Edit(path, self._sources.texts.get(path), text, self._roles[path])
            for path, text in sorted(self._changed.items())
            if text != self._sources.texts.get(path)
        )

    def append_rule(self, entry: PolicyEntry, direction: Direction, rule: object, comment: str, role: Role) -> None:
        section = "egress" if direction == "Egress" else "ingress"
        self._append(entry, ("spec", section), rule, comment, role)

    def append_type(self, entry: PolicyEntry, direction: Direction, role: Role) -> None:
        self._append(entry, ("spec", "policyTypes"), direction, "", role)

    def list_file(self, path: str, neighbour: str | None = None) -> None:
        """A new file, where a kustomization must list it to count."""
        found = listed(self.text, path, neighbour)
        if found is not None:
            self._put(*found, "allowlist")

    def overlay(self, path: str, namespace: str) -> Overlay | None:
        """Where to add for this namespace alone, if a file of a base serves others too."""
        return self._overlays.own(path, namespace, self._environment)

    def append_value(self, path: str, keys: Path, item: object, comment: str, role: Role) -> None:
        """An item of a list in a chart's values."""
        text = self.text(path) or ""
        self._put(path, append_item(text, read_documents(path, text)[0][0], keys, item, comment=comment), role)

    def files_in(self, folder: str) -> list[str]:
        """Files that stand in the folder itself."""
        return sorted(path for path in self._sources.texts if path.rpartition("/")[0] == folder)

    def holds(self, entry: PolicyEntry) -> bool:
        """Whether the policy stands in its file as it was read; a template only makes it."""
        try:
            self.find(entry)
        except CannotEdit:
            return False
        return True

    def append_port(
        self, entry: PolicyEntry, direction: Direction, rule: int, port: object, comment: str, role: Role
    ) -> None:
        section = "egress" if direction == "Egress" else "ingress"
        self._append(entry, ("spec", section, rule, "ports"), port, comment, role)

    def remove(self, entry: PolicyEntry, path: Path, role: Role) -> None:
        document, prefix = self.find(entry)
        self._put(entry.policy.place.path, remove_item(self._text(entry), document, (*prefix, *path)), role)

    def remove_policy(self, entry: PolicyEntry, role: Role) -> None:
        """The whole policy: its document with its comments, or its item of a List."""
        document, prefix = self.find(entry)
        text = self._text(entry)
        without = remove_item(text, document, prefix) if prefix else _without_document(text, document)
        self._put(entry.policy.place.path, without, role)

    def empty_section(self, entry: PolicyEntry, section: str, role: Role) -> bool:
        """Takes the last rule away and keeps the pods isolated; not possible where policyTypes follow from rules."""
        document, prefix = self.find(entry)
        if not document.at(*prefix, "spec", "policyTypes"):
            return False
        text = remove_item(self._text(entry), document, (*prefix, "spec", section, 0))
        self._put(entry.policy.place.path, text, role)
        return True

    def add_document(self, path: str, block: str, role: Role) -> None:
        text = self.text(path)
        self._put(path, block if text is None else append_document(text, block), role)

    def find(self, entry: PolicyEntry) -> tuple[Document, Path]:
        """The document that holds the policy, and the path to it when it is an item of a List."""
        documents, _ = read_documents(entry.policy.place.path, self._text(entry))
        found = [(each, item.way) for each in documents for item in expand(each) if item.line == entry.line]
        if len(found) != 1:  # the index knows a file whose text nobody gave, or several stand on one line
            raise CannotEdit("EGR386", number=1)
        return found[0]

    def _text(self, entry: PolicyEntry) -> str:
        return self.text(entry.policy.place.path) or ""

    def _append(self, entry: PolicyEntry, path: Path, item: object, comment: str, role: Role) -> None:
        document, prefix = self.find(entry)
        text = append_item(self._text(entry), document, (*prefix, *path), item, comment=comment)
        self._put(entry.policy.place.path, text, role)

    def _put(self, path: str, text: str, role: Role) -> None:
        """A file that the sender's own rules touch is shown as the allowlist, whatever else changes in it."""
        self._changed[path] = text
        self._roles[path] = "allowlist" if "allowlist" in {role, self._roles.get(path)} else role
        others = [entry for entry in self.index.read if _path_of(entry) != path]
        self.index = compile_index([*others, *_entries(path, text)], self.index.cluster)


def _path_of(entry: Entry) -> str:
    return entry.policy.place.path if isinstance(entry, PolicyEntry) else entry.place.path


def _without_document(text: str, document: Document) -> str:
    """The file without one document, from its `---` up to the next; a header above the first one stays."""
    rows = [f"{row}\n" for row in text.split("\n")]
    rows[-1] = rows[-1][:-1]
    markers = [
        number for number, row in enumerate(rows) if row.startswith("---") and row[3:4] in {"", " ", "\t", "\r", "\n"}
    ]
    end = next((number for number in markers if number >= document.line), len(rows))
    start = next((number for number in reversed(markers) if number < document.line), None)
    if start is None:
        start = document.line - 1
        while start and rows[start - 1].startswith("#"):
            start -= 1
    left = "".join(rows[:start] + rows[end:])
    if end == len(rows) and not text.endswith("\n"):
        left = left.removesuffix("\n").removesuffix("\r")  # the file ended without a line break, and still does
    return left


def _entries(path: str, text: str) -> Sequence[Entry]:
    documents, _ = read_documents(path, text)
    return [entry for document in documents for item in expand(document) for entry in read(item)]
