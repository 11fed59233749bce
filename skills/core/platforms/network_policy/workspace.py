"""The texts while a draft is written, and what NetworkPolicies in them say."""

from __future__ import annotations

from skills.core.enforce.kube_objects import expand
from skills.core.enforce.kube_policy import Direction, Pods, labels_match
from skills.core.enforce.policy_texts import Path, PolicyTexts
from skills.core.enforce.selectors import Match
from skills.core.model import Role
from skills.core.platform_base import Sources
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.index import Index, compile_index, path_of
from skills.core.platforms.network_policy.read import read
from skills.core.platforms.network_policy.wish import strays
from skills.core.yaml_text import Document, append_item, read_documents, remove_item

__all__ = ["Path", "Workspace"]


class Workspace(PolicyTexts):
    """`index` always says what the texts say."""

    def __init__(self, index: Index, sources: Sources, environment: str | None = None) -> None:
        super().__init__(sources.texts, environment)
        self.index = index

    def names(self, entry: PolicyEntry, near: Pods) -> bool:
        """Whether the policy is for certain about these pods, and not because it is about all."""
        selector = entry.policy.selector
        return selector is not None and not selector.empty and labels_match(selector, near) is Match.YES

    def is_own(self, entry: PolicyEntry, near: Pods) -> bool:
        """Whether the policy counts for these pods only, here and wherever a base is used."""
        selector = entry.policy.selector
        if selector is None or not self.names(entry, near) or strays(self.index.cluster, near, selector):
            return False
        return self.overlay(entry.path, near.namespace) is None

    def append_rule(self, entry: PolicyEntry, direction: Direction, rule: object, comment: str, role: Role) -> None:
        section = "egress" if direction == "Egress" else "ingress"
        self._append(entry, ("spec", section), rule, comment, role)

    def append_type(self, entry: PolicyEntry, direction: Direction, role: Role) -> None:
        self._append(entry, ("spec", "policyTypes"), direction, "", role)

    def append_value(self, path: str, keys: Path, item: object, comment: str, role: Role) -> None:
        """An item of a list in a chart's values."""
        text = self._text(path)
        self._put(path, append_item(text, read_documents(path, text)[0][0], keys, item, comment=comment), role)

    def files_in(self, folder: str) -> list[str]:
        """Files that stand in the folder itself."""
        return sorted(path for path in self._given if path.rpartition("/")[0] == folder)

    def append_port(
        self, entry: PolicyEntry, direction: Direction, rule: int, port: object, comment: str, role: Role
    ) -> None:
        section = "egress" if direction == "Egress" else "ingress"
        self._append(entry, ("spec", section, rule, "ports"), port, comment, role)

    def remove_policy(self, entry: PolicyEntry, role: Role) -> None:
        """The whole policy: its document with its comments, or its item of a List."""
        document, prefix = self.find(entry)
        text = self._text(entry.path)
        without = remove_item(text, document, prefix) if prefix else _without_document(text, document)
        self._put(entry.path, without, role)

    def empty_section(self, entry: PolicyEntry, section: str, role: Role) -> bool:
        """Takes the last rule away and keeps the pods isolated; not possible where policyTypes follow from rules."""
        document, prefix = self.find(entry)
        if not document.at(*prefix, "spec", "policyTypes"):
            return False
        text = remove_item(self._text(entry.path), document, (*prefix, "spec", section, 0))
        self._put(entry.path, text, role)
        return True

    def _append(self, entry: PolicyEntry, path: Path, item: object, comment: str, role: Role) -> None:
        document, prefix = self.find(entry)
        text = append_item(self._text(entry.path), document, (*prefix, *path), item, comment=comment)
        self._put(entry.path, text, role)

    def _reread(self, path: str, text: str) -> None:
        others = [entry for entry in self.index.read if path_of(entry) != path]
        documents = read_documents(path, text)[0]
        entries = [entry for document in documents for item in expand(document) for entry in read(item)]
        self.index = compile_index([*others, *entries], self.index.cluster)


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
