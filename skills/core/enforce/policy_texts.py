"""The texts of a draft while policies are written into them: each edit is read again before the next one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from skills.core.enforce.kube_objects import expand
from skills.core.enforce.own_overlay import Overlay, Overlays, listed
from skills.core.enforce.policy_files import json_beside, json_like
from skills.core.model import Edit, Role
from skills.core.yaml_text import CannotEdit, Document, append_document, append_item, read_documents, remove_item

Path = tuple[str | int, ...]


class Standing(Protocol):
    """A policy as it was read; `line` is where its document (or list item) begins."""

    @property
    def path(self) -> str: ...

    @property
    def line(self) -> int: ...


class PolicyTexts(ABC):
    """The given texts, and over them what was written; a dialect keeps its index in step with them."""

    def __init__(self, texts: Mapping[str, str], environment: str | None) -> None:
        self._given = texts
        self._environment = environment
        self._overlays = Overlays(texts)
        self._changed: dict[str, str] = {}
        self._roles: dict[str, Role] = {}

    @abstractmethod
    def _reread(self, path: str, text: str) -> None:
        """Puts what the file says now in place of what it said."""

    def text(self, path: str) -> str | None:
        return self._changed.get(path, self._given.get(path))

    def edits(self) -> tuple[Edit, ...]:
        return tuple(
            Edit(path, self._given.get(path), text, self._roles[path])
            for path, text in sorted(self._changed.items())
            if text != self._given.get(path)
        )

    def overlay(self, path: str, namespace: str) -> Overlay | None:
        """Where to add for this namespace alone, if a file of a base serves others too."""
        return self._overlays.own(path, namespace, self._environment)

    def find(self, policy: Standing) -> tuple[Document, Path]:
        """The document that holds the policy, and the path to it when it is an item of a List."""
        documents, _ = read_documents(policy.path, self._text(policy.path))
        found = [(each, item.way) for each in documents for item in expand(each) if item.line == policy.line]
        if len(found) != 1:  # the index knows a file whose text nobody gave, or several stand on one line
            raise CannotEdit("EGR386", number=1)
        return found[0]

    def holds(self, policy: Standing) -> bool:
        """Whether the policy stands in its file as it was read; a template only makes it."""
        try:
            self.find(policy)
        except CannotEdit:
            return False
        return True

    def remove(self, policy: Standing, path: Path, role: Role) -> None:
        document, prefix = self.find(policy)
        self._put(policy.path, remove_item(self._text(policy.path), document, (*prefix, *path)), role)

    def add_document(self, path: str, block: str, role: Role) -> None:
        """Behind the other documents of a file, or as a new file."""
        is_new = self.text(path) is None
        self._put(path, append_document(self._text(path), block), role)
        if is_new:
            self._list(path)

    def add_json(self, path: str, policy: Mapping[str, Any], role: Role) -> None:
        """Among the others of a list in a JSON file, or, since JSON holds one object only, in a file of its own beside
        the one that is there."""
        text = self._text(path)
        document = read_documents(path, text)[0][0]
        if document.at("items") is not None:
            self._put(path, append_item(text, document, ("items",), policy), role)
            return
        new = json_beside(path, policy["metadata"]["name"], lambda path: self.text(path) is not None)
        self._put(new, json_like(text, policy), role)
        self._list(new, path)

    def _list(self, path: str, neighbour: str | None = None) -> None:
        """A new file, where a kustomization must list it to count."""
        found = listed(self.text, path, neighbour)
        if found is not None:
            self._put(*found, "allowlist")

    def _text(self, path: str) -> str:
        return self.text(path) or ""

    def _put(self, path: str, text: str, role: Role) -> None:
        """A file that the sender's own rules touch is shown as the allowlist, whatever else changes in it."""
        self._changed[path] = text
        self._roles[path] = "allowlist" if "allowlist" in {role, self._roles.get(path)} else role
        self._reread(path, text)
