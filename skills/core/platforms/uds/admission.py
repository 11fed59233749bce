"""Would UDS Core admit this Package? Each reason why not is a finding; a refused Package never takes effect.

Source: uds-core `package-validator.ts`; the order and the words of the reasons follow it.
"""

from __future__ import annotations

from collections.abc import Iterator

from skills.core.enforce.mesh_hosts import host_fault
from skills.core.model import Finding, finding
from skills.core.platforms.uds.naming import policy_name
from skills.core.platforms.uds.package import APPLICATION_PROTOCOLS, TRANSPORT_PROTOCOLS, Allow, Expose, Package
from skills.core.platforms.uds.versions import NEWEST, Version

_SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "pepr-system", ""})
_NOTHING = (None, None, None, None)
_NEVER_UDP = frozenset({"KubeAPI", "KubeNodes", "CloudMetadata"})


def refusals(package: Package, rules: Version = NEWEST) -> tuple[Finding, ...]:
    """Why the API server or the operator's webhook would refuse the Package; none when it is admitted."""
    found = list(package.faults)
    if package.namespace in _SYSTEM_NAMESPACES:
        namespace = package.namespace or "(none)"
        found.append(finding("EGR813", package.place, package=package.name, namespace=namespace))
    for rule in package.rules:
        if _only_a_host(rule):
            continue
        found += _remote_refusals(package, rule, rules)
        found += _protocol_refusals(package, rule, rules)
        found += _account_refusals(package, rule, rules)
    return (*found, *_duplicate_names(package, rules), *_duplicate_listeners(package))


def _only_a_host(rule: Allow) -> bool:
    """Whether nothing but a sound host is named, as in nearly every rule of a host: there is nothing to refuse."""
    host = rule.remote_host
    if host is None or rule.direction != "Egress" or rule.service_account is not None:
        return False
    if "*" in host or host_fault(host):
        return False
    others = (rule.remote_generated, rule.remote_namespace, rule.remote_selector, rule.remote_cidr)
    return others == _NOTHING and (rule.remote_protocol is None or rule.remote_protocol in APPLICATION_PROTOCOLS)


def families(rule: Allow) -> list[str]:
    """The remote families that a rule names; exactly one is right."""
    named = {
        "remoteGenerated": rule.remote_generated is not None,
        "remoteNamespace or remoteSelector": rule.remote_namespace is not None or rule.remote_selector is not None,
        "remoteCidr": rule.remote_cidr is not None,
        "remoteHost": rule.remote_host is not None,
    }
    return [family for family, present in named.items() if present]


def _remote_refusals(package: Package, rule: Allow, rules: Version) -> Iterator[Finding]:
    facts = {"package": package.name}
    remotes = families(rule)
    if not remotes and rules.remote_required:
        yield finding("EGR815", rule.place, **facts)
    if len(remotes) > 1:
        yield finding("EGR816", rule.place, families=" and ".join(remotes), **facts)
    if rule.remote_host is not None and "*" in rule.remote_host:
        yield finding("EGR802", rule.at("remoteHost"), host=rule.remote_host, **facts)
    # The webhook lets these pass, and the operator fails on the ServiceEntry that Istio refuses (G-D25).
    fault = host_fault(rule.remote_host) if rule.remote_host and "*" not in rule.remote_host else None
    if fault is not None:
        yield finding(
            "EGR825" if fault == "address" else "EGR1304", rule.at("remoteHost"), host=rule.remote_host, **facts
        )
    if rule.remote_host is not None and not rule.egress:
        yield finding("EGR819", rule.at("remoteHost"), host=rule.remote_host, **facts)
    if rule.remote_cidr is not None and rule.network is None:
        yield finding("EGR826", rule.at("remoteCidr"), cidr=rule.remote_cidr, **facts)


def _protocol_refusals(package: Package, rule: Allow, rules: Version) -> Iterator[Finding]:
    protocol = rule.remote_protocol
    if protocol is None:
        return
    if protocol in APPLICATION_PROTOCOLS and rule.remote_host is not None and rule.egress:
        return  # as nearly every rule of a host is
    place, facts = rule.at("remoteProtocol"), {"package": package.name, "protocol": protocol}
    if protocol in APPLICATION_PROTOCOLS:
        yield finding("EGR817", place, **facts)
    if protocol in TRANSPORT_PROTOCOLS and not rules.transport_protocols:
        yield finding("EGR820", place, release="1.4.0", **facts)
    elif protocol in TRANSPORT_PROTOCOLS and rule.remote_host is not None:
        yield finding("EGR812", place, host=rule.remote_host, **facts)
    if protocol == "UDP" and rule.remote_generated in _NEVER_UDP:
        yield finding("EGR818", place, remote=rule.remote_generated, **facts)


def _account_refusals(package: Package, rule: Allow, rules: Version) -> Iterator[Finding]:
    """G-D10: a service account only counts at the waypoint."""
    if rule.service_account is None:
        return
    at_waypoint = rule.remote_host is not None or (rule.remote_generated == "Anywhere" and rule.egress)
    if package.effective_mode(rules) != "ambient" or not at_waypoint:
        place = rule.at("serviceAccount")
        facts = {"package": package.name, "account": rule.service_account}
        yield finding("EGR810", place, mode=package.effective_mode(rules), **facts)


def _duplicate_names(package: Package, rules: Version) -> Iterator[Finding]:
    """G-D01."""
    first: dict[str, Allow] = {}
    for rule in package.rules:
        name = policy_name(package.name, rule, rules)
        if name in first:
            other = first[name]
            place, earlier = rule.at("description"), other.at("description")
            yield finding(
                "EGR801", place, earlier, package=package.name, name=name, line=place.line, other=earlier.line
            )
        else:
            first[name] = rule


def _duplicate_listeners(package: Package) -> Iterator[Finding]:
    """Two UDP entries can't listen on one port of one gateway."""
    first: dict[tuple[str, int | None], Expose] = {}
    for item in package.expose:
        earlier = first.setdefault((item.gateway, item.listens), item) if item.udp else item
        if earlier is not item:
            facts = {"package": package.name, "gateway": item.gateway, "port": str(item.listens)}
            yield finding("EGR896", item.place, earlier.place, **facts)
