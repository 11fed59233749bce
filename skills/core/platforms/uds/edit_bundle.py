"""The bundle's part of a sidecar rule: the egress gateway must be installed and listen on the port (G-D08, G-D09)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from skills.core.enforce.matching import Match
from skills.core.platforms.uds.gateway import DEFAULT_PORTS, STATUS_PORT, exposes
from skills.core.platforms.uds.package import CoreDeployment
from skills.core.platforms.uds.read import GATEWAY
from skills.core.platforms.uds.workbench import Workbench
from skills.core.yaml_text import Document, append_item, insert_key, replace_value

_NAMES = {STATUS_PORT: "status-port", 80: "http2", 443: "https"}
_PATH = "service.ports"


def open_gateway(bench: Workbench, ports: Sequence[int]) -> None:
    """Changes every bundle of the repository that deploys UDS Core; without one, says what to check."""
    if not bench.index.cores:
        bench.say("EGR811", ports=", ".join(map(str, ports)))
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
