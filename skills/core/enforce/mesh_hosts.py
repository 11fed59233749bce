"""Host names as Istio compares them: wildcards, what a Sidecar imports, what a namespace exports.

Source: istio/istio pkg/config/host/name.go (overlap, within), pilot/pkg/model/sidecar.go (imports) and
pkg/config/validation/validation.go (names that admission refuses).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from skills.core.hosts import LONGEST_LABEL, is_address

LONGEST = 255
_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")

HostFault = Literal["star", "wildcard", "address", "label"]


def is_wildcard(name: str) -> bool:
    return name.startswith("*")


def within(name: str, pattern: str) -> bool:
    """Whether every host that `name` means is meant by `pattern`. `*.foo.com` means `a.b.foo.com`, not `foo.com`."""
    if not is_wildcard(pattern):
        return name == pattern
    return name.removeprefix("*").endswith(pattern[1:])


def overlap(one: str, other: str) -> bool:
    """Whether some host is meant by both names."""
    return within(one, other) or within(other, one)


@dataclass(frozen=True, slots=True)
class Import:
    """One item of a Sidecar's `egress[].hosts`: `namespace/host`, where the namespace may be `*`, `.` or `~`."""

    namespace: str
    host: str
    port: int | None = None

    def admits(self, own: str, home: str, host: str, port: int | None = None) -> bool:
        """Whether pods of `own` see what namespace `home` registers as `host`; `port` None: on some port."""
        there = own if self.namespace == "." else self.namespace
        fits = port is None or self.port in {None, port}
        return fits and there in {"*", home} and within(host, self.host)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.host}" + (f" on port {self.port}" if self.port else "")


def read_import(text: str) -> Import | None:
    """None for what has no `namespace/host` form, which admission refuses."""
    namespace, slash, host = text.strip().partition("/")
    return Import(namespace, host) if slash and namespace and host else None


def imported(imports: Sequence[Import] | None, own: str, home: str, host: str, port: int | None = None) -> bool:
    """`imports` None: the Sidecar restricts nothing. `host` is as it is registered."""
    return imports is None or any(item.admits(own, home, host, port) for item in imports)


def exported(export_to: Iterable[str], home: str, namespace: str) -> bool:
    """Whether what `home` registers is visible in `namespace`; an empty `exportTo` is `*`."""
    targets = list(export_to) or ["*"]
    return any(target == "*" or namespace == (home if target == "." else target) for target in targets)


def host_fault(host: str) -> HostFault | None:
    """Why a ServiceEntry may not list this host; None when it may."""
    labels = host.removeprefix("*").removeprefix(".").removesuffix(".").split(".")
    if len(host) <= LONGEST and all(map(_is_label, labels)) and not labels[-1].isdecimal():
        return None  # as nearly every host, and no address: to try one costs more than all of this
    if host == "*":
        return "star"
    if is_address(host):
        return "address"
    return "wildcard" if "*" in host[1:] else "label"


def _is_label(label: str) -> bool:
    return 0 < len(label) <= LONGEST_LABEL and _SIGNS.issuperset(label) and "-" not in {label[0], label[-1]}
