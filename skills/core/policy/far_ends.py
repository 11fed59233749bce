"""Whether what an ask opens meets what a policy names: hosts, wildcards and ranges, compared so that doubt counts.

Every dialect means something else by `*.`; here it is read as widely as any of them does, and with its apex.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

import re2

from skills.core.hosts import Network, is_private
from skills.core.model import Destination

_ALL = frozenset({"everything", "the entity all", "*", "every host"})
_PUBLIC = frozenset({"Anywhere", "every public address", "the entity world"})
ANYWHERE = _ALL | _PUBLIC
"""The words of the platforms' grants for everything, or everything outside."""
_INTERNET = ipaddress.ip_network("0.0.0.0/0")
_HOST = re2.compile(r"[^\s/:{}]+")
_PODS = r"(?:all pods|pods .+)"
_INSIDE = re2.compile(
    rf"{_PODS} in (?:every namespace|namespaces? .+)|(?:every namespace|[a-z0-9-]+) {_PODS}|(?:ingress of|entry to) .+"
    r"|brokered [a-z0-9]+|the Kubernetes API|the cluster's nodes"
    r"|the entity (?:host|remote-node|kube-apiserver|cluster|ingress|health|init|unmanaged|none)"
)
"""Far ends that no entry for hosts or ranges is about, as grants of the dialects say them."""
# Wider than this nobody knows which hosts lie in it, so it may hold any.
_HOLDS_ANY = {4: 8, 6: 16}
# IPv4 inside IPv6: mapped (RFC 4291), NAT64 (RFC 6052) and 6to4 (RFC 3056), with the bits in front of the address.
_CARRIERS = tuple(
    (ipaddress.IPv6Network(net), bits) for net, bits in (("::ffff:0:0/96", 96), ("64:ff9b::/96", 96), ("2002::/16", 16))
)


@dataclass(frozen=True, slots=True)
class Far:
    """A far end: a host or a pattern of hosts, or a range less the ranges that are cut out of it. `unlisted`:
    nobody can say which it is."""

    text: str
    host: str = ""
    networks: tuple[Network, ...] = ()
    without: tuple[Network, ...] = ()
    public: bool = False
    unlisted: bool = False

    @property
    def holds_any_host(self) -> bool:
        return self.host == "*" or any(
            net.prefixlen < _HOLDS_ANY[net.version] and not is_private(net) for net in self.networks
        )


def of_destination(destination: Destination) -> Iterator[Far]:
    """What a destination is, with the addresses that its asker vouches for."""
    shown = str(destination)
    if destination.host:
        yield Far(shown, host=destination.host.casefold())
    for network in filter(None, (destination.network, *destination.addresses)):
        yield Far(shown, networks=_networks(network))


def of_words(words: str) -> Far | None:
    """A far end in the words of grants; None for what lies inside (pods, a platform's own service). What is neither of
    that nor a host or a range can't be listed (`12 hosts`, `whatever a group opens`), so it may hold anything."""
    if words in _ALL:
        return Far(words, host="*", networks=_both(_INTERNET))
    if words in _PUBLIC:
        return Far(words, host="*", networks=_both(_INTERNET), public=True)
    whole, _, without = words.partition(" except ")
    networks = _listed(whole)
    if networks:
        return Far(
            words, networks=networks, without=tuple(net for each in without.split(",") for net in _networks(each))
        )
    if _HOST.fullmatch(words):
        return Far(words, host=words.casefold())
    if _INSIDE.fullmatch(words):
        return None
    return Far(words, host="*", networks=_both(_INTERNET), unlisted=True)


def of_policy(written: str) -> Far:
    networks = _networks(written) if "/" in written or ":" in written else ()
    return Far(written, networks=networks) if networks else Far(written, host=written)


def meets(named: Far, other: Far) -> bool:
    """Whether something that the policy names may be reached through `other`."""
    if named.host:
        return _same_hosts(named.host, other.host) if other.host and other.host != "*" else other.holds_any_host
    return any(_reaches(mine, other) for mine in named.networks)


def is_within(named: Far, other: Far) -> bool:
    """Whether all of `other` is what the policy names, as a question for a host is meant."""
    if named.host and other.host:
        suffix = named.host.removeprefix("*")
        return named.host == other.host or (named.host.startswith("*.") and other.host.endswith(suffix))
    return bool(other.networks) and all(
        any(net.version == mine.version and net.subnet_of(mine) for mine in named.networks)  # type: ignore[arg-type]
        for net in other.networks
    )


def _reaches(mine: Network, other: Far) -> bool:
    if other.public and is_private(mine):
        return False
    cut = any(mine.version == hole.version and mine.subnet_of(hole) for hole in other.without)  # type: ignore[arg-type]
    return not cut and any(mine.version == net.version and mine.overlaps(net) for net in other.networks)


def _same_hosts(named: str, other: str) -> bool:
    if "*" not in other:
        return other == named or (named.startswith("*.") and other.endswith(named[1:]))
    tail = other.rpartition("*")[2]
    if named.startswith("*."):
        return tail.endswith(named[1:]) or named[1:].endswith(tail) or tail == named[1:]
    return named == tail.removeprefix(".") or _pattern(other).fullmatch(named) is not None


def _pattern(written: str) -> re2._Regexp[str]:
    return re2.compile(".*".join(re2.escape(part) for part in written.split("*")))


def _listed(text: str) -> tuple[Network, ...]:
    """Ranges as Cloud Foundry lists them: `10.0.0.0/24,10.1.0.1-10.1.0.9`; none where one of them is something else."""
    found = [_spanned(each) if "-" in each else _networks(each) for each in text.split(",")]
    return tuple(net for each in found for net in each) if all(found) else ()


def _spanned(text: str) -> tuple[Network, ...]:
    first, _, last = text.strip().partition("-")
    try:
        # Both ends are of one version, or this is a TypeError.
        spanned = ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last))
        return tuple(both for net in spanned for both in _both(net))
    except (ValueError, TypeError):
        return ()


def _networks(text: str) -> tuple[Network, ...]:
    """The range, and the one of IPv4 that it carries or that carries it."""
    try:
        return _both(ipaddress.ip_network(text.strip().strip("[]"), strict=False))
    except ValueError:
        return ()


def _both(network: Network) -> tuple[Network, ...]:
    found: list[Network] = [network]
    if isinstance(network, ipaddress.IPv6Network):
        found += [_carried(network, carrier, bits) for carrier, bits in _CARRIERS if network.overlaps(carrier)]
    elif network.prefixlen == 0:
        found.append(ipaddress.ip_network("::/0"))
    return tuple(found)


def _carried(network: ipaddress.IPv6Network, carrier: ipaddress.IPv6Network, bits: int) -> ipaddress.IPv4Network:
    if network.prefixlen <= carrier.prefixlen:
        return ipaddress.IPv4Network("0.0.0.0/0")
    address = (int(network.network_address) >> (128 - bits - 32)) & 0xFFFFFFFF
    return ipaddress.IPv4Network((address, min(32, network.prefixlen - bits)), strict=False)
