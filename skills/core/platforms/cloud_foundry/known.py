"""What is known of Cloud.gov's own groups, which no tenant's repository defines.

Sources: Cloud.gov's page "Controlling egress traffic" (the table of group types) and the platform's own definitions
(cloud-gov/deploy-cf, terraform/stacks/cf/asg.tf). The addresses of its brokered services are not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skills.core.enforce.spans import EVERY_PORT, EVERY_V4, PRIVATE_V4, Region, Span, Spans, network_span, without
from skills.core.hosts import CLOUD_GOV_REGION, Network, parent_of

PUBLIC = "public_networks_egress"
TRUSTED = "trusted_local_networks_egress"
REGION = CLOUD_GOV_REGION
ENDPOINT = "vpce-01beaa66570dfb2b9-1hlav4x8.s3.us-gov-west-1.vpce.amazonaws.com"
SUPPORT = "support@cloud.gov"
_LEGACY = {"public_networks": PUBLIC, "trusted_local_networks": TRUSTED}

# The table's columns: brokered service -> the tcp ports that the group opens for it.
_TRUSTED_SERVICES: Mapping[str, tuple[int, ...]] = {
    "rds": (5432, 3306, 1433, 1521),
    "redis": (6379,),
    "elasticsearch": (443,),
    "s3": (443,),
}
_PUBLIC_SERVICES: Mapping[str, tuple[int, ...]] = {"s3": (443,)}
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """`services` are brokered services with the tcp ports that are open to them; `regions` are known by protocol."""

    name: str
    services: Mapping[str, tuple[int, ...]]
    regions: tuple[tuple[str, Region], ...] = ()
    endpoint: bool = False


def _spans(*networks: Network) -> Spans:
    return tuple(network_span(network) for network in networks)


def _public() -> Spans:
    """Every IPv4 address but the private and link-local ones; 100.64/10 and 127/8 are in the platform's ranges."""
    holes: list[Span] = [(169 << 24 | 254 << 16, 169 << 24 | 254 << 16 | 0xFFFF)]
    holes += [span for span in PRIVATE_V4 if span[0] >> 24 != 100]
    return without(EVERY_V4, holes)


_DNS = tuple((protocol, Region(((53, 53),), EVERY_V4)) for protocol in ("tcp", "udp"))
_OPEN = (("all", Region((EVERY_PORT,), _public())),)
GROUPS: Mapping[str, KnownGroup] = {
    group.name: group
    for group in (
        KnownGroup("dns", {}, _DNS),
        KnownGroup("dns_egress", {}, _DNS),
        KnownGroup(PUBLIC, _PUBLIC_SERVICES, _OPEN, endpoint=True),
        KnownGroup("public_networks", {}, _OPEN),
        KnownGroup(TRUSTED, _TRUSTED_SERVICES),
        KnownGroup("trusted_local_networks", _TRUSTED_SERVICES),
    )
}
GLOBAL_RUNNING = ("dns",)
GLOBAL_STAGING = ("dns", PUBLIC, TRUSTED)

# The page's labels for kinds of egress; people write them where a group's name belongs.
LABELS: Mapping[str, str] = {
    "public-egress": PUBLIC,
    "trusted-local-egress": TRUSTED,
    "restricted-egress": TRUSTED,
    "closed-egress": "",
}

_SERVICE_HOSTS = {
    f"{REGION}.rds.amazonaws.com": "rds",
    f"{REGION}.cache.amazonaws.com": "redis",
    f"{REGION}.es.amazonaws.com": "elasticsearch",
}
_CACHE_REGION = "usgw1.cache.amazonaws.com"


def twin_of(name: str) -> str:
    """The present name of a legacy group, else the name itself."""
    return _LEGACY.get(name, name)


def service_ports(service: str) -> tuple[int, ...]:
    return _TRUSTED_SERVICES.get(service, ())


def service_of(host: str) -> str | None:
    """The brokered service that a host name of the platform's region belongs to."""
    for suffix, service in _SERVICE_HOSTS.items():
        if parent_of(suffix, host):
            return service
    return "redis" if parent_of(_CACHE_REGION, host) else None


def is_endpoint(host: str) -> bool:
    return host == ENDPOINT or parent_of(ENDPOINT, host)


def bucket_of(host: str) -> str | None:
    """The bucket of an S3 host in the platform's region; empty where the host names none. None: no such host."""
    for front in ("s3", "s3-fips"):
        for sign in ".-":
            base = f"{front}{sign}{REGION}.amazonaws.com"
            if host == base:
                return ""
            if parent_of(base, host):
                return host.removesuffix(f".{base}")
    return None


def list_bucket(bucket: str) -> str:
    """The command that lists an own bucket by the platform's endpoint. A host's labels need no quotes in a shell."""
    name = bucket or "BUCKET"
    return f"aws --endpoint-url https://{name}.{ENDPOINT} s3 ls s3://{name}"


def is_internal_route(host: str) -> bool:
    return host == "apps.internal" or parent_of("apps.internal", host)
