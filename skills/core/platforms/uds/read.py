"""Reads Packages and bundles out of YAML documents. Whatever stands in a field, reading never fails.

Schema: the CRD packages.uds.dev (v1alpha1) and the UDSBundle of uds-cli.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skills.core.enforce.known_fields import UDS_PACKAGE, slips
from skills.core.enforce.kube_objects import templated
from skills.core.enforce.selectors import LabelSelector, from_labels, label_text
from skills.core.model import Finding, Place, finding
from skills.core.platforms.uds.package import (
    GENERATED,
    Allow,
    CoreDeployment,
    CoreRelease,
    Entry,
    Expose,
    ExtraRules,
    HostUse,
    Package,
)
from skills.core.yaml_text import Document, Map, Seq

GATEWAY = "istio-egress-gateway"
POLICY, RELEASE = "egress-policy.yaml", "uds_core"
_CORE = frozenset({"core", "uds-core", "core-base", "core-slim-dev", "k3d-core", "k3d-core-slim-dev"})
_REMOTES = ("remoteHost", "remoteCidr", "remoteGenerated", "remoteNamespace", "remoteSelector", "remotePodLabels")
_DIRECTIONS = ("Egress", "Ingress")
_PROTOCOLS = ("TLS", "HTTP", "TCP", "UDP")
_MODES = ("ambient", "sidecar")
_STEERS = ("Gateway", "VirtualService")
_DEVICE_FLOW = "oauth2.device.authorization.grant.enabled"
# Aliases can make one rule or list stand for thousands; more than this nobody runs.
_MOST_RULES = 5_000
_NO_MAP, _NO_SEQ = Map(), Seq()
_MOST_PORTS = 1_000


def read(document: Document) -> Sequence[Entry]:
    """The entries of one document; none when it is neither a Package nor a bundle."""
    data = document.data
    if not isinstance(data, Map):
        return ()
    if data.get("kind") == "Package" and str(data.get("apiVersion", "")).startswith("uds.dev/"):
        return _package(document, data)
    if data.get("kind") == "UDSBundle":
        return _bundle(document, data)
    if data.get("kind") in _STEERS and str(data.get("apiVersion", "")).startswith("networking.istio.io/"):
        return _host_use(document, data)
    if document.path == POLICY and data.get(RELEASE) is not None:
        return (CoreRelease(document.place(data, RELEASE), label_text(data[RELEASE])[:60]),)
    return ()


class _Fields:
    """Typed access to one mapping that remembers what has the wrong shape."""

    def __init__(self, document: Document, data: Map) -> None:
        self.document, self.data, self.faults = document, data, list[Finding]()

    def place(self, key: object) -> Place:
        """The line of a field; of the mapping where the field is absent."""
        if key in self.data:
            return self.document.place(self.data, key)
        return self.document.place(self.data) if self.data else self.document.place_of()

    def wrong(self, key: str, expected: str) -> None:
        """A shape that the CRD refuses. What a template fills in may turn out right, so it is none."""
        if _holds_template(self.data.get(key)):
            return
        value = str(self.data.get(key))[:60]
        self.faults.append(finding("EGR823", self.place(key), field=key, value=value, expected=expected))

    def text(self, key: str, choices: Sequence[str] = ()) -> str | None:
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.wrong(key, "a text")
            return None if isinstance(value, (Map, Seq)) else label_text(value)
        if choices and value not in choices:
            self.wrong(key, ", ".join(choices))
        return value

    def labels(self, key: str, old_key: str) -> LabelSelector | None:
        """Labels under `key`, else under the deprecated spelling."""
        used = key if self.data.get(key) is not None else old_key
        value = self.data.get(used)
        if value is None:
            return None
        if not isinstance(value, Map) or any(isinstance(item, (Map, Seq)) for item in value.values()):
            self.wrong(used, "a map of labels")
            return None
        return from_labels(value)

    def port(self, key: str) -> int | None:
        value = self.data.get(key)
        if value is None:
            return None
        if not _is_port(value):
            self.wrong(key, "a port number from 1 to 65535")
            return None
        return int(value)

    def ports(self, key: str) -> tuple[int, ...]:
        value = self.data.get(key)
        if value is None:
            return ()
        if not isinstance(value, Seq) or len(value) > _MOST_PORTS or not all(map(_is_port, value)):
            self.wrong(key, f"a list of at most {_MOST_PORTS} port numbers from 1 to 65535")
            return tuple(filter(_is_port, value[:_MOST_PORTS])) if isinstance(value, Seq) else ()
        return tuple(value)


def _is_port(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


def _package(document: Document, data: Map) -> Sequence[Entry]:
    metadata = _map(data.get("metadata"))
    network = _map(_map(data.get("spec")).get("network"))
    mesh = _Fields(document, _map(network.get("serviceMesh")))
    faults = list(slips(data.get("spec"), UDS_PACKAGE, document.place))
    rules, exposed = [], []
    items = _list(network.get("allow"))
    if len(items) > _MOST_RULES:
        many = {"field": "allow", "value": f"{len(items)} rules", "expected": f"at most {_MOST_RULES}"}
        faults.append(finding("EGR823", document.place(network, "allow"), **many))
    for index, item in enumerate(items[:_MOST_RULES]):
        if isinstance(item, Map):
            fields = _Fields(document, item)
            rules.append(_allow(fields, index))
            faults += fields.faults
        else:
            place = document.place(network["allow"], index)
            faults.append(finding("EGR823", place, field="allow", value=str(item)[:60], expected="a list of rules"))
    for item in _list(network.get("expose"))[:_MOST_RULES]:
        if isinstance(item, Map):
            exposed.append(_expose(_Fields(document, item)))
    mode = mesh.text("mode", _MODES)
    named = _Fields(document, metadata)
    faults += _sso_faults(document, _list(_map(data.get("spec")).get("sso")))
    name, home = named.text("name") or "", named.text("namespace") or ""
    place = document.place_of("metadata", "name")
    every = (*mesh.faults, *faults)
    return (Package(name, home, place, document.index, mode, tuple(rules), tuple(exposed), every, document.way),)


def _allow(fields: _Fields, index: int) -> Allow:
    data = fields.data
    remotes = [key for key in _REMOTES if data.get(key) is not None]
    first = next(iter(data), None)
    place = fields.place(remotes[0] if remotes else first)
    if fields.text("direction", _DIRECTIONS) is None:
        fields.wrong("direction", ", ".join(_DIRECTIONS))
    return Allow(
        position=index,
        place=place,
        direction=str(data.get("direction")),
        selector=fields.labels("selector", "podLabels"),
        remote_namespace=fields.text("remoteNamespace"),
        remote_selector=fields.labels("remoteSelector", "remotePodLabels"),
        remote_generated=fields.text("remoteGenerated", GENERATED),
        remote_cidr=fields.text("remoteCidr"),
        remote_host=fields.text("remoteHost"),
        remote_protocol=fields.text("remoteProtocol", _PROTOCOLS),
        port=fields.port("port"),
        ports=fields.ports("ports"),
        service_account=fields.text("serviceAccount") or None,
        remote_service_account=fields.text("remoteServiceAccount") or None,
        description=fields.text("description"),
        templated=any(map(_holds_template, data.values())),
        places=fields.document.places(data),
    )


def _holds_template(value: Any) -> bool:
    if isinstance(value, str):
        return templated(value)
    if isinstance(value, int):
        return False
    items = value.values() if isinstance(value, Map) else value if isinstance(value, Seq) else ()
    return any(isinstance(item, str) and templated(item) for item in items)


def _expose(fields: _Fields) -> Expose:
    target, port = fields.port("targetPort"), fields.port("port")
    udp = fields.text("protocol", ("HTTP", "UDP")) == "UDP"
    return Expose(
        fields.place(next(iter(fields.data), None)),
        fields.text("gateway") or ("the default gateway" if udp else "tenant"),
        fields.labels("selector", "podLabels") or LabelSelector(),
        target if target is not None else port,
        udp,
        port,
    )


def _host_use(document: Document, data: Map) -> Sequence[Entry]:
    spec, name = _map(data.get("spec")), label_text(_map(data.get("metadata")).get("name", ""))
    if any(str(key).startswith("uds/") for key in _map(_map(data.get("metadata")).get("labels"))):
        return ()  # an export of the cluster: the operator made it from a Package
    servers = [_map(item) for item in _list(spec.get("servers"))[:_MOST_RULES]]
    written = [host for holder in (spec, *servers) for host in _list(holder.get("hosts"))[:_MOST_RULES]]
    hosts = tuple(host.rpartition("/")[2] for host in written if isinstance(host, str))
    return (HostUse(document.place_of("metadata", "name"), str(data["kind"]), name, hosts),) if hosts else ()


def _sso_faults(document: Document, clients: Seq) -> list[Finding]:
    """A public client may have a service account only where it is for the device flow."""
    found = []
    for position, item in enumerate(clients):
        client = _map(item)
        device = str(_map(client.get("attributes")).get(_DEVICE_FLOW)).lower() == "true"
        if client.get("publicClient") is True and client.get("serviceAccountsEnabled") is True and not device:
            name = label_text(client.get("clientId", "?"))
            found.append(finding("EGR897", document.place(clients, position), client=name))
    return found


def _bundle(document: Document, data: Map) -> Sequence[Entry]:
    entries: list[Entry] = []
    bundle = str(_map(data.get("metadata")).get("name", "")) or document.path
    packages = _list(data.get("packages"))
    for index, item in enumerate(packages):
        if not isinstance(item, Map):
            continue
        overrides = _map(item.get("overrides"))
        if _is_core(item):
            entries.append(_core(document, bundle, packages, index))
        entries += _extra_rules(document, str(item.get("name", "")), overrides)
    return entries


def _is_core(package: Map) -> bool:
    """Whether this is UDS Core, by its name or by the last part of its repository."""
    repository = str(package.get("repository", "")).rstrip("/").rsplit("/", 1)[-1].split(":")[0]
    return repository in _CORE or str(package.get("name", "")) in _CORE or GATEWAY in _map(package.get("overrides"))


def _core(document: Document, bundle: str, packages: Seq, index: int) -> CoreDeployment:
    package = packages[index]
    place = document.place(package, "name") if "name" in package else document.place(packages, index)
    gateway = _map(_map(_map(package.get("overrides")).get(GATEWAY)).get("gateway"))
    variables = [_map(item).get("path") for item in _list(gateway.get("variables"))]
    ports, ports_place = None, None
    for item in _list(gateway.get("values")):
        override = _map(item)
        if override.get("path") == "service.ports" and isinstance(override.get("value"), Seq):
            listed = [_map(port).get("port") for port in override["value"]]
            ports = tuple(int(port) for port in listed if port is not None and _is_port(port))
            ports_place = document.place(override, "path")
    return CoreDeployment(
        bundle,
        place,
        document.index,
        index,
        GATEWAY in _list(package.get("optionalComponents")),
        ports,
        ports_place,
        "service.ports" in variables or "service" in variables,
        _release(package),
    )


def _release(package: Map) -> str | None:
    """UDS Core's own release; a k3d bundle around it counts alike, because both carry the same number."""
    written = package.get("ref", package.get("version"))
    return label_text(written) if isinstance(written, (str, float, int)) else None


def _extra_rules(document: Document, package: str, overrides: Map) -> list[Entry]:
    found: list[Entry] = []
    for component in overrides.values():
        for chart in _map(component).values():
            for item in (*_list(_map(chart).get("values")), *_list(_map(chart).get("variables"))):
                override = _map(item)
                path, value = str(override.get("path", "")), override.get("value", override.get("default"))
                if path.rsplit(".", 1)[-1] != "additionalNetworkAllow":
                    continue
                place = document.place(override, "path")
                if isinstance(value, Seq) and "value" in override:
                    out = any(_map(rule).get("direction") != "Ingress" for rule in value)
                    found += [ExtraRules(place, package, len(value), out)] if value else []
                elif "value" not in override or isinstance(value, str):
                    found.append(ExtraRules(place, package, 0))
    return found


def _map(data: Any) -> Map:
    return data if isinstance(data, Map) else _NO_MAP


def _list(data: Any) -> Seq:
    return data if isinstance(data, Seq) else _NO_SEQ
