"""A host that must leave as its neighbours do: through their egress gateway, written as theirs are written.

What can't be copied line by line, or leads nowhere once it is written, is for a person to write, who is told what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import re2

from skills.core.enforce.kube_policy import Pods
from skills.core.model import Destination, Place, Ports
from skills.core.platforms.istio.entries import Gateway, Hop, ListedPort, ServiceEntry, Spot, VirtualService
from skills.core.platforms.istio.gateways import gateways_of, gets_out, steered
from skills.core.platforms.istio.scope import Scope
from skills.core.platforms.istio.workbench import Workbench, text_of_document
from skills.core.platforms.istio.writing import dashed, free_name
from skills.core.yaml_text import CannotEdit, append_item, read_documents, replace_value

_COMMENT = re2.compile(r"(?m)(^[ \t]*#.*\n|[ \t]+#[^\"'\n]*$)")
_MOST_HOSTS = 200


@dataclass(frozen=True, slots=True)
class Way:
    """A registered host that leaves through a gateway, with what steers it there."""

    host: str
    entry: ServiceEntry
    port: ListedPort
    service: VirtualService
    hop: Hop

    @property
    def home(self) -> str:
        """The gateway's namespace, where hosts for everybody are kept too."""
        return self.hop.to[0][0].split(".")[1]

    @property
    def destination(self) -> Destination:
        return _reached(self.host, self.port)


def leaves_through(bench: Workbench, scope: Scope, pods: Pods, to: Destination) -> bool | None:
    """Writes the host as its neighbours are written. None: they don't all take a gateway; False: for a person to write.

    The neighbours are the hosts of the pods' namespace, or of all namespaces where that one registers none.
    """
    own = [entry for entry in scope.of_namespace.get(pods.namespace, ()) if entry.sound]
    ways = list(_ways(scope, own or [entry for entry in scope.entries if entry.sound]))
    found = [way for way in ways if isinstance(way, Way)]
    if not found or len(found) < len(ways):
        return None
    ours = [way for way in found if way.entry.namespace in (pods.namespace, way.home)]
    like = next((way for way in ours if _like(way, to)), None)
    texts, index, said = dict(bench.texts), bench.index, len(bench.findings)
    try:
        if like is None or to.host is None:
            raise CannotEdit("EGR392", port=str(to.ports), spoken=to.application or "plain TCP")
        _write(bench, scope, like, to.host)
        if len(bench.findings) > said or not gets_out(bench.index.scopes[scope.environment], pods, to):
            raise CannotEdit("EGR394", host=to.name)
    except CannotEdit as refused:
        bench.texts, bench.index, bench.findings[said:] = texts, index, []
        _by_hand(bench, scope, like or found[-1], to, str(refused).rstrip("."))
        return False
    return True


def _ways(scope: Scope, entries: list[ServiceEntry]) -> Iterator[Way | None]:
    """One for each registered host, None where it leaves directly."""
    for entry in entries[:_MOST_HOSTS]:
        pods = Pods("", entry.namespace or "", {})
        for host, _ in entry.hosts:
            if host.startswith("*") or host.endswith((".svc.cluster.local", ".internal")):
                continue
            led = [(port, steered(scope, pods, _reached(host, port))) for port in entry.ports]
            yield next((Way(host, entry, port, *found) for port, found in led if found is not None), None)


def _reached(host: str, port: ListedPort) -> Destination:
    application = port.family if port.family != "tcp" else None
    return Destination(host, host=host, ports=Ports(port.number, port.number), application=application)


def _like(way: Way, to: Destination) -> bool:
    """Whether a copy with another host is what is asked for."""
    return (
        to.host is not None
        and way.destination.ports == to.ports
        and way.port.family == (to.application or "tcp")
        and way.service.hosts == (way.host,)
        and way.entry.shape == "manifest"
        and [host for host, _ in way.entry.hosts] == [way.host]
    )


def _write(bench: Workbench, scope: Scope, like: Way, host: str) -> None:
    entries = [entry.name for entry in scope.entries if entry.namespace == like.entry.namespace]
    _copy(bench, "ServiceEntry", like.entry.place, like.entry.name, entries, (like.host, host))
    gateway = next(iter(gateways_of(scope, like.destination, like.hop)), None)
    if gateway is None:
        raise CannotEdit("EGR394", host=host)
    _expose(bench, gateway, like, host)
    services = [each.name for each in scope.virtual]
    _copy(bench, "VirtualService", like.service.place, like.service.name, services, (like.host, host))
    for rule in scope.tls_rules:
        if rule.host == like.host:
            rules = [each.name for each in scope.tls_rules]
            _copy(bench, "DestinationRule", rule.place, rule.name, rules, (like.host, host))
        elif rule.host == like.hop.to[0][0] and like.host in (bench.text(rule.place.path) or ""):
            raise CannotEdit("EGR393", path=str(rule.place), host=like.host)


def _copy(bench: Workbench, kind: str, place: Place, name: str, taken: list[str], hosts: tuple[str, str]) -> None:
    """Appends the neighbour's document with the other host and a name of its own; its comments are not about that."""
    old, new = hosts
    text = text_of_document(bench.text(place.path) or "", place.path, kind, name)
    plain = str(_COMMENT.sub("", text)).lstrip("\n")
    shown = [document.data for document in read_documents(place.path, text)[0]]
    word = re2.compile(rf"[A-Za-z0-9.*-]*{re2.escape(old)}[A-Za-z0-9.-]*")
    whole = all(match.group(0) == old for match in word.finditer(plain))
    if [document.data for document in read_documents(place.path, plain)[0]] != shown or len(shown) != 1 or not whole:
        raise CannotEdit("EGR393", path=str(place), host=old)
    made = plain.replace(old, new)
    slug, wanted = dashed(old), dashed(new)
    called = free_name(name.replace(slug, wanted) if slug in name else wanted, taken)
    (document,) = read_documents(place.path, made)[0]
    bench.add_document(place.path, replace_value(made, document, ("metadata", "name"), called))


def _expose(bench: Workbench, gateway: Gateway, like: Way, host: str) -> None:
    """The server that lists the neighbour takes the host too, unless a wildcard there covers both."""
    if not any(like.host in server.hosts for server in gateway.servers):
        return
    arrives, path = like.hop.to[0][1], gateway.place.path
    at = next(
        at for at, server in enumerate(gateway.servers) if like.host in server.hosts and arrives in {None, server.port}
    )
    number = next(
        document.index
        for document in read_documents(path, bench.text(path) or "")[0]
        if document.at("kind") == "Gateway" and document.at("metadata", "name") == gateway.name
    )
    way = ("spec", "servers", at, "hosts")
    listed = map(str, _items(bench, path, number, way))
    prefix = next(item for item in listed if item.rpartition("/")[2] == like.host).removesuffix(like.host)
    bench.change(Spot(path, number), lambda text, document: append_item(text, document, way, prefix + host))


def _items(bench: Workbench, path: str, number: int, way: tuple[str | int, ...]) -> list[object]:
    found = next(each for each in read_documents(path, bench.text(path) or "")[0] if each.index == number).at(*way)
    return list(found) if isinstance(found, list) else []


def _by_hand(bench: Workbench, scope: Scope, like: Way, to: Destination, why: str) -> None:
    gateways = gateways_of(scope, like.destination, like.hop)
    rules = [rule for rule in scope.tls_rules if rule.host in {like.host, like.hop.to[0][0]}]
    parts = [("ServiceEntry", like.entry.name, like.entry.place), ("VirtualService", like.service.name, like.hop.place)]
    parts += [("Gateway", gateway.name, gateway.place) for gateway in gateways]
    parts += [("DestinationRule", rule.name, rule.place) for rule in rules]
    listed = ", ".join(f"{kind} {name} ({place.path}:{place.line})" for kind, name, place in parts)
    whose = bench.namespace if scope.of_namespace.get(bench.namespace) else "this repository"
    facts = {"host": to.name, "namespace": whose, "like": like.host, "parts": listed, "why": why}
    bench.say("EGR578", *(place for _, _, place in parts), gateway=like.hop.to[0][0], **facts)
    bench.alone = True
