"""The contract of a platform. Each package below `platforms/` is one; the package itself is the adapter.

To add one: see docs/ADDING.md. A platform reads documents into entries of its own (plain, frozen,
picklable: they are kept by blob), compiles all entries of a commit into an index, brings that index
up to the next commit, and answers from it. It never reads a file, never asks the network, and never
inherits from another platform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from skills.core.enforce.cluster import Cluster
from skills.core.model import Destination, Finding, Grant, Isolation, LayerView, Need, Plan, Workload, WorkloadRef
from skills.core.yaml_text import Document, Unreadable


@dataclass(frozen=True, slots=True)
class Sources:
    """The texts of the allowlist at one commit, for edits. `texts` maps path to whole text."""

    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Touched:
    """The files whose entries for one reader a commit changed: all their entries before and after, by path.

    A file without any is left out. Files stand in order of their paths.
    """

    before: Mapping[str, Sequence[Any]]
    after: Mapping[str, Sequence[Any]]

    def __bool__(self) -> bool:
        return bool(self.before or self.after)


class TextReader(Protocol):
    """A dialect that also keeps rules in files that are not YAML: Terraform, shell scripts, lists of a proxy."""

    @property
    def NAME(self) -> str:
        """The dialect's name."""

    def reads(self, path: str) -> bool:
        """Whether a file of this path could hold its rules. No file that YAML is read from."""

    def read_source(self, path: str, text: str) -> tuple[Sequence[Any], Sequence[Unreadable]]:
        """Entries of one file, as `Platform.read` gives them, and what in it can't be read. Never raises."""


class Platform(Protocol):
    """What `core/allowlist.py` and `core/change.py` ask of a dialect."""

    @property
    def NAME(self) -> str:
        """The dialect's name in answers: `infrastream`, `uds`, `network_policy` ..."""

    @property
    def KIND(self) -> str:
        """The family of workloads it governs: `infra`, `k8s` or `cf`."""

    @property
    def LAYERS(self) -> tuple[str, ...]:
        """The layers that its views are of."""

    @property
    def MARKS(self) -> tuple[str, ...]:
        """Words that stand in every file of this dialect.

        A file that can't be parsed and contains one of them could hold our rules, so a verdict that it
        could change is undecided.
        """

    def read(self, document: Document) -> Sequence[Any]:
        """Entries of one YAML document (typed lists are expanded before); none if it is not ours."""

    def compile(self, entries: Sequence[Any], cluster: Cluster) -> Any:
        """The index that the other functions work on. `cluster` is what all manifests say of pods."""

    def update(self, index: Any, touched: Touched, entries: Callable[[], Sequence[Any]], cluster: Cluster) -> Any:
        """The index after a commit: what `compile(entries(), cluster)` gives, for the price of what changed.

        `index` stays as it is. `cluster` may be another than that of `index`, also where nothing was touched.
        """

    def resolve(self, index: Any, ref: WorkloadRef) -> Sequence[Workload]:
        """Workloads that fit `ref`. Kubernetes platforms return none: the cluster resolves those."""

    def names(self, index: Any) -> Sequence[str]:
        """Names of workloads that this platform knows, for did-you-mean."""

    def governs(self, index: Any, workload: Workload) -> bool:
        """Whether this platform has a say about the workload (its name is then shown)."""

    def decide(self, index: Any, workload: Workload, destination: Destination) -> Sequence[LayerView]:
        """One view per layer for which the repository has evidence."""

    def audit(self, index: Any) -> Sequence[Finding]:
        """Contradictions inside the repository that are worth saying without being asked."""

    def grants(self, index: Any) -> Sequence[Grant]:
        """Every permission that the rules give, for comparing before with after."""

    def isolations(self, index: Any) -> Sequence[Isolation]:
        """Every scope that is denied by default."""

    def wider(self, grant: Grant, need: Need) -> Sequence[Finding]:
        """What a newly given permission opens beyond the need; none if it is exactly the need."""

    def edit(self, index: Any, sources: Sources, need: Need) -> Plan:
        """The smallest change that satisfies the need, in the file's own style; or none, and why."""
