"""Reads the words of a proof again: does this line name that very flow?

The words are for people, so this reads them as people do: who sends, what is opened, on which ports. It knows only the
pods and names of tests/core/properties/repositories.py, and shares no code with what wrote the words.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.core.properties.repositories import PODS, labels

_TERMS = re.compile(r",\s+(?![^(]*\))")
_IN_HOME = re.compile(r"(?:all pods|pods (?P<terms>.+)) in (?:every namespace|namespace (?P<home>\S+))")
_AT_HOME = re.compile(r"(?P<home>\S+|the whole cluster) (?:all pods|pods (?P<terms>.+))")
_ONE_OF = re.compile(r"(?P<key>\S+) In \((?P<values>.+)\)")
_RECEIVER = re.compile(r"(?:ingress of|entry to) (?P<pods>.+)")
_NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels.team"
_ALL = frozenset({"everything", "every namespace", "the entity all"})
# Rules that speak of ports by what they are not: every port may be among them.
_SOME_PORTS = frozenset({"every port", "their ports", "ports that no remoteHost rule names"})
_OVER_TCP = frozenset({"tcp", "tls", "http", "https", "any"})


@dataclass(frozen=True)
class End:
    """Where a flow goes: a pod, or a name or address outside."""

    text: str
    port: int
    protocol: str

    @property
    def pod(self) -> str | None:
        name = self.text.rpartition("/")[2]
        return name if self.text.startswith("workload:") else None


def end_of(to: str) -> End:
    kind, _, rest = to.rpartition("://")
    text, _, port = rest.rpartition(":")
    return End(f"{kind}:{text}" if kind == "workload" else text, int(port), "udp" if kind == "udp" else "tcp")


def names(source: str, target: str, ports: str, protocol: str, who: str, to: End) -> bool:
    """Whether a permission in words covers the flow, on its sender's or on its receiver's side."""
    if not _on_port(ports, protocol, to):
        return False
    receiver = _RECEIVER.fullmatch(target)
    if receiver is not None:
        return to.pod is not None and _is_pod(receiver["pods"], to.pod) and _is_sender(source, who)
    return _is_sender(source, who) and _is_target(target, to)


def covers(facts: Mapping[str, object], who: str, to: End) -> bool:
    """Whether a line of what is wider holds the flow, by whatever it names: who sends, what is opened, on which ports."""
    said = {key: str(value) for key, value in facts.items()}
    if "ports" in said and not _on_port(said["ports"].partition(" (")[0], said.get("protocol", "any"), to):
        return False
    scope = said.get("scope") or said.get("source")
    receives = to.pod is not None and scope is not None and _is_pod(_bare(scope), to.pod)
    if scope is not None and not (_is_sender(scope, who) or receives):
        return False
    target = said.get("target")
    if target is None:
        return scope is not None or "ports" in said
    return _is_target(_bare(target), to) or _is_sender(target, who)


def is_about(facts: Mapping[str, object], source: str, target: str, ports: str) -> bool:
    """Whether a line of what is wider speaks of this permission."""
    said = {key: str(facts[key]) for key in ("scope", "source", "target", "ports") if key in facts}
    ends = {source, target, _bare(target), _bare(source)}
    return all(
        value.partition(" (")[0] == ports if key == "ports" else value in ends or _bare(value) in ends
        for key, value in said.items()
    )


def _bare(words: str) -> str:
    found = _RECEIVER.fullmatch(words)
    return found["pods"] if found else words


def isolates(source: str, who: str, to: End) -> bool:
    """Whether a scope that is denied by default holds the flow's sender, or its receiver."""
    receiver = _RECEIVER.fullmatch(source)
    if receiver is not None:
        return to.pod is not None and _is_pod(receiver["pods"], to.pod)
    return _is_sender(source, who)


def _on_port(ports: str, protocol: str, to: End) -> bool:
    fits = protocol in _OVER_TCP if to.protocol == "tcp" else protocol in {"udp", "any"}
    return fits and (ports in _SOME_PORTS or any(_holds_port(part, to.port) for part in ports.split(", ")))


def _holds_port(part: str, port: int) -> bool:
    first, _, last = part.partition("-")
    return first == "0" or int(first) <= port <= int(last or first)


def _is_sender(words: str, who: str) -> bool:
    """A workload of a cluster, a project of Infrastream (`production:payments`) or a space (`acme/dev`)."""
    if ":" in who:
        environment, _, project = who.partition(":")
        return words.endswith(f"/{project} ({environment})")
    name = who.rpartition("/")[2]
    return _is_pod(words, name) if name in PODS else words == who


def _is_pod(words: str, name: str) -> bool:
    words = re.sub(r" \((any service account|service account .+)\)$", "", words)
    whole, _, part = words.partition(" that are ")
    if part:
        return _is_pod(whole, name) and _is_pod(part, name)
    if words in _ALL or words == "the entity cluster" or words == f"{PODS[name]}/{name}":
        return True
    found = _IN_HOME.fullmatch(words) or _AT_HOME.fullmatch(words)
    if found is None or found["home"] not in {None, "every", "the whole cluster", PODS[name]}:
        return False
    return all(_has(term, name) for term in _TERMS.split(found["terms"] or "") if term)


def _has(term: str, name: str) -> bool:
    own = {**labels(name), _NAMESPACE_LABEL: PODS[name]}
    one_of = _ONE_OF.fullmatch(term)
    if one_of is not None:
        return own.get(one_of["key"]) in one_of["values"].split(", ")
    key, _, value = term.partition("=")
    return own.get(key) == value


def _is_target(words: str, to: End) -> bool:
    if words in _ALL:
        return True
    if to.pod is not None:
        return _is_pod(words, to.pod) or _is_wide(words)
    if words == "the entity world" or _is_wide(words):
        return True
    try:
        wanted = ipaddress.ip_network(to.text)
    except ValueError:
        return fnmatch.fnmatchcase(to.text, words.replace("**", "*"))
    return _holds(words, wanted)


def _is_wide(words: str) -> bool:
    return words.startswith(("0.0.0.0/0", "::/0"))


def _holds(words: str, wanted: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    block, _, spared = words.partition(" except ")
    first, dash, last = block.partition("-")
    try:
        if dash:
            ends = int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last))
            return ends[0] <= int(wanted[0]) and int(wanted[-1]) <= ends[1]
        inside = wanted.subnet_of(ipaddress.ip_network(block))  # type: ignore[arg-type]
    except ValueError:
        return False
    return inside and not any(wanted.subnet_of(ipaddress.ip_network(each)) for each in spared.split(", ") if each)  # type: ignore[arg-type]
