"""The egress gateway of sidecar mode: an optional component of a bundle, with a list of ports (G-D08, G-D09).

What a bundle says of it, what is wrong with that, and what a draft changes in the bundle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from skills.core.enforce.mesh_hosts import within
from skills.core.enforce.selectors import Match
from skills.core.model import Finding, finding
from skills.core.platforms.uds.index import Index
from skills.core.platforms.uds.package import CoreDeployment, ExtraRules, Package
from skills.core.platforms.uds.read import GATEWAY
from skills.core.platforms.uds.workbench import Workbench
from skills.core.yaml_text import Document, append_item, insert_key, replace_value

STATUS_PORT = 15021
DEFAULT_PORTS = (80, 443)
_NAMES = {STATUS_PORT: "status-port", 80: "http2", 443: "https"}
_PATH = "service.ports"


def exposes(core: CoreDeployment, port: int) -> Match:
    """Whether the gateway that this bundle deploys listens on the port."""
    if core.unsure:
        return Match.UNKNOWN
    listed = DEFAULT_PORTS if core.ports is None else core.ports
    return Match.YES if port in listed else Match.NO


def state(index: Index, ports: Sequence[int]) -> tuple[Match, tuple[Finding, ...]]:
    """Whether the gateway is there and listens on `ports`, and what to say of it.

    Without a bundle in the repository the ports that the gateway has by itself are taken to be there, which is said;
    whether it has another is open, as it is where bundles disagree.
    """
    shown = ", ".join(map(str, ports))
    if not index.cores:
        others = ", ".join(str(port) for port in ports if port not in DEFAULT_PORTS)
        return (
            (Match.UNKNOWN, (finding("EGR1302", ports=others),))
            if others
            else (Match.YES, (finding("EGR811", ports=shown),))
        )
    found: list[Finding] = []
    for core in index.cores:
        if not core.gateway:
            found.append(finding("EGR807", core.place, bundle=core.bundle))
            continue
        place = core.ports_place or core.place
        closed = [port for port in ports if exposes(core, port) is not Match.YES]
        found += [finding("EGR808", place, bundle=core.bundle, port=port) for port in closed]
    ready = [core for core in index.cores if core.gateway and all(exposes(core, port) is Match.YES for port in ports)]
    if len(ready) == len(index.cores):
        return Match.YES, ()
    maybe = [core for core in index.cores if core.gateway and all(exposes(core, port) for port in ports)]
    return Match.UNKNOWN if maybe else Match.NO, tuple(found)


def extra_rules(extra: ExtraRules) -> Finding:
    """That a bundle adds rules, as far as it says them."""
    if not extra.count:
        return finding("EGR899", extra.place, package=extra.package)
    return finding("EGR848", extra.place, package=extra.package, count=extra.count)


def also_used(index: Index, package: Package, host: str) -> list[Finding]:
    """Gateways and VirtualServices of Istio that name a host of a Package with sidecars too."""
    if index.mode(package) != "sidecar":
        return []
    named = [use for use in index.uses if any(within(host, each) for each in use.hosts)]
    facts = {"host": host, "package": package.name, "namespace": package.namespace}
    return [finding("EGR898", use.place, kind=use.kind, name=use.name, at=str(use.place), **facts) for use in named]


def audit(index: Index) -> Iterator[Finding]:
    """An override replaces the whole list of ports, so it must repeat those that the gateway has by default."""
    for core in index.cores:
        if core.ports is not None:
            missing = [port for port in (STATUS_PORT, *DEFAULT_PORTS) if port not in core.ports]
            if missing:
                facts = {"bundle": core.bundle, "missing": ", ".join(map(str, missing))}
                yield finding("EGR809", core.ports_place or core.place, **facts)


# --- what a draft changes


def open_gateway(bench: Workbench, ports: Sequence[int]) -> None:
    """Changes every bundle of the repository that deploys UDS Core; without one, says what to check."""
    if not bench.index.cores:
        for found in state(bench.index, ports)[1]:
            bench.tell(found)
        return
    for core in bench.index.cores:
        if not core.gateway:
            bench.change_bundle(core, partial(_add_component, core.index))
    for position in range(len(bench.index.cores)):
        for port in ports:
            core = bench.index.cores[position]
            if exposes(core, port) is Match.NO:
                bench.change_bundle(core, partial(_add_port, core, port))


def _add_component(index: int, text: str, document: Document) -> str:
    package = ("packages", index)
    if document.at(*package, "optionalComponents"):
        return append_item(text, document, (*package, "optionalComponents"), GATEWAY)
    return _set(text, document, package, "optionalComponents", [GATEWAY])


def _add_port(core: CoreDeployment, port: int, text: str, document: Document) -> str:
    """Adds to the override, or makes one with the whole list, because it replaces the gateway's own."""
    values = ("packages", core.index, "overrides", GATEWAY, "gateway", "values")
    position = _position(document.at(*values))
    if position is not None:
        return append_item(text, document, (*values, position, "value"), _entry(port))
    override = {"path": _PATH, "value": [_entry(number) for number in (STATUS_PORT, *DEFAULT_PORTS, port)]}
    if document.at(*values):
        return append_item(text, document, values, override)
    missing: Any = [override]
    for depth in range(len(values) - 1, 1, -1):
        holder, key = values[:depth], str(values[depth])
        if isinstance(document.at(*holder), Mapping):
            return _set(text, document, holder, key, missing)
        missing = {key: missing}
    return insert_key(text, document, values[:2], "overrides", missing)


def _set(text: str, document: Document, holder: tuple[str | int, ...], key: str, value: Any) -> str:
    """Inserts the key, or fills it where it stands empty."""
    data = document.at(*holder)
    if isinstance(data, Mapping) and key in data:
        return replace_value(text, document, (*holder, key), value)
    return insert_key(text, document, holder, key, value)


def _position(values: Any) -> int | None:
    items = enumerate(values) if isinstance(values, list) else ()
    return next((n for n, item in items if isinstance(item, Mapping) and item.get("path") == _PATH), None)


def _entry(port: int) -> dict[str, Any]:
    return {"name": _NAMES.get(port, f"tcp-{port}"), "port": port, "protocol": "TCP", "targetPort": port}
