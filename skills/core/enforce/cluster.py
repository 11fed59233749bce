"""What all manifests of a repository say of pods, namespaces, services and service accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skills.core.enforce.matching import Match
from skills.core.model import Destination, Workload, WorkloadRef
from skills.core.yaml_text import Document


@dataclass(frozen=True, slots=True)
class Cluster:
    """TO BE WRITTEN by the Kubernetes helper; other code may rely on the functions below."""


def expand(document: Document) -> Sequence[Document]:
    """A `List` or a typed list (`PodList`) as its items; any other document as itself."""
    raise NotImplementedError


def read(document: Document) -> Sequence[Any]:
    raise NotImplementedError


def compile_cluster(entries: Sequence[Any]) -> Cluster:
    raise NotImplementedError


def resolve(cluster: Cluster, ref: WorkloadRef) -> Sequence[Workload]:
    raise NotImplementedError


def names(cluster: Cluster) -> Sequence[str]:
    raise NotImplementedError
