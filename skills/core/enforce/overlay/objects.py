"""One object on its way through a kustomization, and the faults that stop the build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, text_of
from skills.core.model import Fact, Finding
from skills.core.yaml_text import Document, FarLine, Map, Seq

CLUSTER_WIDE = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ComponentStatus",
        "CustomResourceDefinition",
        "FlowSchema",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
    }
)
_DEFAULT = "default"

Id = tuple[str, str, str, str]
"""apiVersion, kind, name, namespace; what a patch may mean an object by."""


class CannotBuild(Exception):
    """Kustomize would refuse here, or does something that we don't work out."""

    def __init__(self, code: str, **facts: Fact) -> None:
        super().__init__(code, facts)
        self.finding = Finding(code, facts)


@dataclass(slots=True)
class Object:
    """`data` is ours to change. `ids` are all names that it has had. `patched`: more than its metadata changed."""

    document: Document
    data: Map
    ids: list[Id] = field(default_factory=list)
    patched: bool = False
    unsure: Finding | None = None

    @property
    def id(self) -> Id:
        metadata = mapping_of(self.data.get("metadata"))
        return (
            text_of(self.data.get("apiVersion")),
            text_of(self.data.get("kind")),
            text_of(metadata.get("name")),
            text_of(metadata.get("namespace")) or _DEFAULT,
        )

    @property
    def kind(self) -> str:
        return text_of(self.data.get("kind"))

    @property
    def name(self) -> str:
        return self.id[2]

    def note_id(self) -> None:
        if self.id not in self.ids:
            self.ids.append(self.id)

    def metadata(self) -> Map:
        return child(self.data, "metadata", self.data.line)


def new_object(document: Document) -> Object:
    made = Object(document, copied(document.data))
    made.note_id()
    return made


def copied(node: Any, far: tuple[str, Any, int] | None = None) -> Any:
    """A copy that shares nothing. With `far` (path, rows, lines above) it remembers that it comes from another file."""
    if isinstance(node, Map):
        mapping = Map({key: copied(value, far) for key, value in node.items()})
        mapping.line = _line(node.line, far)
        mapping.lines = {key: _line(line, far) for key, line in node.lines.items()}
        return mapping
    if isinstance(node, Seq):
        sequence = Seq(copied(item, far) for item in node)
        sequence.line, sequence.lines = _line(node.line, far), [_line(line, far) for line in node.lines]
        return sequence
    return node


def _line(line: int, far: tuple[str, Any, int] | None) -> int:
    if far is None or isinstance(line, FarLine):
        return line
    path, rows, above = far
    return FarLine(line + above, path, rows)


def child(parent: Map, key: str, line: int) -> Map:
    """The mapping below a key, made where there is none."""
    below = parent.get(key)
    if not isinstance(below, Map):
        below = Map()
        below.line, below.lines = line, {}
        put(parent, key, below, line)
    return below


def put(parent: Map, key: Any, value: Any, line: int) -> None:
    parent[key] = value
    parent.lines[key] = line
