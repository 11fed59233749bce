"""What must be reached, and by whom: destinations, workloads and the need that joins them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from skills.core.model.places import Place


@dataclass(frozen=True, slots=True)
class Ports:
    """An inclusive range of port numbers, 1 to 65535."""

    first: int
    last: int

    def covers(self, other: Ports) -> bool:
        return self.first <= other.first and other.last <= self.last

    def meets(self, other: Ports) -> bool:
        return self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


_CUSTOMARY = {Ports(443, 443): "tls", Ports(80, 80): "http"}


@dataclass(frozen=True, slots=True)
class Destination:
    """The far end of one flow, read from what a person wrote.

    Exactly one of `host`, `network`, `workload` and `service` is set. `host` is lower case, ASCII
    (punycode) and without a trailing dot. `network` is a CIDR in canonical form; a single address is
    a /32 or /128 and also stands in `ip`. `workload` is `namespace/name` (the pods themselves, with
    `ports` as pod ports; labels may follow in braces). `service` is a platform's own service, for
    example `rds`, or `route:APP`.
    `application` is what speaks above the transport as far as it is known: `tls`, `http` or None.
    `addresses` are the addresses that the asker vouches for (`--ip`); Postern never resolves names.
    """

    written: str
    host: str | None = None
    ip: str | None = None
    network: str | None = None
    workload: str | None = None
    service: str | None = None
    ports: Ports | None = None
    protocol: str = "tcp"
    application: str | None = None
    scheme: str | None = None
    addresses: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The destination without its port, as people say it."""
        return self.host or self.ip or self.network or self.workload or self.service or self.written

    def __str__(self) -> str:
        """As it could be asked again: what 443 and 80 don't say by custom stands in front."""
        if self.ports is None:
            return self.name
        name = f"[{self.name}]" if ":" in self.name and "/" not in self.name else self.name
        return f"{self._prefix}{name}:{self.ports}"

    @property
    def _prefix(self) -> str:
        if self.workload or self.service:
            return ""
        if self.protocol != "tcp":
            return f"{self.protocol}://"
        if self.host is None and self.application is None:
            return ""
        customary = _CUSTOMARY.get(self.ports) if self.ports else None
        return "" if self.application == customary else f"{self.application or 'tcp'}://"


@dataclass(frozen=True, slots=True)
class WorkloadRef:
    """What a person wrote after `--for`, taken apart but not yet looked up.

    `kind` is `infra`, `k8s` or `cf` when a prefix forces it. `parts` are the path segments,
    `labels` the pod labels that the asker asserts (None: nothing asserted).
    """

    written: str
    kind: str | None = None
    environment: str | None = None
    parts: tuple[str, ...] = ()
    labels: Mapping[str, str] | None = None
    service_account: str | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload that the repository names.

    `kind` says which family of platforms governs it (`infra`, `k8s`, `cf`), `platform` the dialect
    that speaks for it in answers. `scope` is its full name (`org/ou/project` or a namespace).
    `labels` and `service_account` are None where the repository does not say. `asserted`: the labels are what the
    asker says of the pods, which may carry others.
    `container_ports` maps port names to numbers; `place` is where the workload is declared.
    """

    kind: str
    platform: str
    name: str
    scope: str
    environment: str | None = None
    namespace: str | None = None
    labels: Mapping[str, str] | None = None
    service_account: str | None = None
    container_ports: Mapping[str, int] = field(default_factory=dict)
    host_network: bool = False
    place: Place | None = None
    asserted: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.environment})" if self.environment else self.name


@dataclass(frozen=True, slots=True)
class Need:
    """One wish: this workload must reach these destinations (or, with `remove`, no longer).

    `isolate` is the wish that all pods of the workload's namespace are denied by default; it has no destinations.
    `choice` is what the asker chose where a draft offers several ways (`public`, `addresses`, or the name of a
    platform that shall write it). `on` is the day (ISO) on which the asker gave addresses, for a comment. `others` are
    the same workload in the further environments that were named.
    """

    workload: Workload
    destinations: tuple[Destination, ...]
    reason: str = ""
    until: str | None = None
    remove: bool = False
    isolate: bool = False
    choice: str = ""
    on: str = ""
    others: tuple[Workload, ...] = ()

    @property
    def who(self) -> str:
        """The workload with all the environments that are meant, as people read it."""
        environments = [each.environment or "" for each in (self.workload, *self.others)]
        return f"{self.workload.name} ({', '.join(environments)})" if any(environments) else str(self.workload)
