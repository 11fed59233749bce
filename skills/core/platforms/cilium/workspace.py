"""The texts while a draft is written, and what Cilium's policies in them say."""

from __future__ import annotations

from typing import Any

from skills.core.enforce.kube_objects import expand
from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.policy_texts import Path, PolicyTexts
from skills.core.model import Role
from skills.core.platform_base import Sources
from skills.core.platforms.cilium.entries import CiliumPolicy, Spec
from skills.core.platforms.cilium.index import Index, compile_index
from skills.core.platforms.cilium.read import read
from skills.core.platforms.cilium.wish import strays
from skills.core.yaml_text import append_item, insert_key, read_documents

__all__ = ["Path", "Workspace"]


class Workspace(PolicyTexts):
    """`index` always says what the texts say."""

    def __init__(self, index: Index, sources: Sources, environment: str | None = None) -> None:
        super().__init__(sources.texts, environment)
        self.index = index

    def is_own(self, policy: CiliumPolicy, spec: Spec, near: Pods) -> bool:
        """Whether a spec that selects these pods selects no others, here and wherever a base is used."""
        labels = spec.selector.labels
        if not labels or strays(self.index.cluster, near, labels):
            return False
        return self.overlay(policy.path, near.namespace) is None

    def append(self, policy: CiliumPolicy, path: Path, item: Any, comment: str, role: Role) -> None:
        """A new last item of the list at `path`; the list comes to be where it is not there yet."""
        document, prefix = self.find(policy)
        text = self._text(policy.path)
        if document.at(*prefix, *path) is None:
            *holder, key = path
            new = insert_key(text, document, (*prefix, *holder), str(key), [item], comment=comment)
        else:
            new = append_item(text, document, (*prefix, *path), item, comment=comment)
        self._put(policy.path, new, role)

    def again(self, policy: CiliumPolicy) -> CiliumPolicy:
        """The same policy in the text as it now stands."""
        key = (policy.kind, policy.namespace, policy.name, policy.path)
        return next(p for p in self.index.policies if (p.kind, p.namespace, p.name, p.path) == key)

    def _reread(self, path: str, text: str) -> None:
        documents = read_documents(path, text)[0]
        entries = [entry for document in documents for item in expand(document) for entry in read(item)]
        others = [entry for entry in self.index.read if entry.place.path != path]
        self.index = compile_index([*others, *entries], self.index.cluster)
