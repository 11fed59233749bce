"""The texts while a draft is written: each edit is read again before the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skills.core.enforce.kube_objects import expand
from skills.core.enforce.own_overlay import Overlay, Overlays, listed
from skills.core.enforce.policy_files import json_beside, json_like
from skills.core.model import Edit, Role
from skills.core.platform_base import Sources
from skills.core.platforms.cilium.entries import CiliumPolicy
from skills.core.platforms.cilium.index import Index, compile_index
from skills.core.platforms.cilium.read import read
from skills.core.yaml_text import (
    CannotEdit,
    Document,
    append_document,
    append_item,
    insert_key,
    read_documents,
    remove_item,
)

Path = tuple[str | int, ...]
_NO_DOCUMENT = "EGR386"


class Workspace:
    """`index` always says what the texts say."""

    def __init__(self, index: Index, sources: Sources, environment: str | None = None) -> None:
        self.index = index
        self._sources = sources
        self._environment = environment
        self._overlays = Overlays(sources.texts)
        self._changed: dict[str, str] = {}
        self._roles: dict[str, Role] = {}

    def edits(self) -> tuple[Edit, ...]:
        return tuple(
            Edit(path, self._sources.texts.get(path), text, self._roles[path])
            for path, text in sorted(self._changed.items())
            if text != self._sources.texts.get(path)
        )

    def overlay(self, path: str, namespace: str) -> Overlay | None:
        """Where to add for this namespace alone, if a file of a base serves others too."""
        return self._overlays.own(path, namespace, self._environment)

    def append(self, policy: CiliumPolicy, path: Path, item: Any, comment: str, role: Role) -> None:
        """A new last item of the list at `path`; the list comes to be where it is not there yet."""
        document, prefix = self.find(policy)
        text = self._text(policy.place.path)
        if document.at(*prefix, *path) is None:
            *holder, key = path
            new = insert_key(text, document, (*prefix, *holder), str(key), [item], comment=comment)
        else:
            new = append_item(text, document, (*prefix, *path), item, comment=comment)
        self._put(policy.place.path, new, role)

    def remove(self, policy: CiliumPolicy, path: Path, role: Role) -> None:
        document, prefix = self.find(policy)
        self._put(policy.place.path, remove_item(self._text(policy.place.path), document, (*prefix, *path)), role)

    def add_document(self, path: str, block: str, role: Role) -> None:
        is_new = self.text(path) is None
        self._put(path, append_document(self._text(path), block), role)
        if is_new:
            self._list(path)

    def add_json(self, path: str, name: str, data: Mapping[str, Any], role: Role) -> None:
        """A file of its own beside a JSON file, which holds one object only; or an item of the list that it holds."""
        text = self._text(path)
        document = read_documents(path, text)[0][0]
        if document.at("items") is not None:
            self._put(path, append_item(text, document, ("items",), data), role)
            return
        new = json_beside(path, name, lambda path: self.text(path) is not None)
        self._put(new, json_like(text, data), role)
        self._list(new, path)

    def _list(self, path: str, neighbour: str | None = None) -> None:
        """A new file, where a kustomization must list it to count."""
        found = listed(self.text, path, neighbour)
        if found is not None:
            self._put(*found, "allowlist")

    def find(self, policy: CiliumPolicy) -> tuple[Document, Path]:
        """The document that holds the policy, and the path to it when it is an item of a List."""
        documents, _ = read_documents(policy.place.path, self._text(policy.place.path))
        found = [(each, item.way) for each in documents for item in expand(each) if item.line == policy.line]
        if len(found) != 1:  # the index knows a file whose text nobody gave, or several stand on one line
            raise CannotEdit(_NO_DOCUMENT, number=1)
        return found[0]

    def holds(self, policy: CiliumPolicy) -> bool:
        """Whether the policy stands in its file as it was read; a template only makes it."""
        try:
            self.find(policy)
        except CannotEdit:
            return False
        return True

    def again(self, policy: CiliumPolicy) -> CiliumPolicy:
        """The same policy in the text as it now stands."""
        key = (policy.kind, policy.namespace, policy.name, policy.place.path)
        return next(p for p in self.index.policies if (p.kind, p.namespace, p.name, p.place.path) == key)

    def text(self, path: str) -> str | None:
        return self._changed.get(path, self._sources.texts.get(path))

    def _text(self, path: str) -> str:
        return self.text(path) or ""

    def _put(self, path: str, text: str, role: Role) -> None:
        """A file that the sender's own rules touch is shown as the allowlist, whatever else changes in it."""
        self._changed[path] = text
        self._roles[path] = "allowlist" if "allowlist" in {role, self._roles.get(path)} else role
        documents = read_documents(path, text)[0]
        entries = [entry for document in documents for item in expand(document) for entry in read(item)]
        others = [entry for entry in self.index.read if entry.place.path != path]
        self.index = compile_index([*others, *entries], self.index.cluster)
