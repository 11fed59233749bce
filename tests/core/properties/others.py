"""Repositories of the dialects that know no NetworkPolicies, or write them: Istio, UDS, Infrastream, Cloud Foundry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.core.properties.repositories import (
    ADDRESSED,
    APPS,
    HOSTS,
    INSIDE,
    NAMED,
    SENDERS,
    Repository,
    cluster,
    in_files,
    some,
    written,
)

# --- Istio

SIDECAR = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"name": "default", "namespace": "shop"},
    "spec": {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}},
}
_ENTRY_PORTS = st.sampled_from(
    [
        [{"number": 443, "name": "tls", "protocol": "TLS"}],
        [{"number": 443, "name": "tls", "protocol": "TLS"}, {"number": 8443, "name": "tls-8443", "protocol": "TLS"}],
        [{"number": 80, "name": "http", "protocol": "HTTP"}],
    ]
)


@st.composite
def service_entry(draw: st.DrawFn, number: int, homes: Sequence[str] = ("shop", "shop", "back")) -> dict[str, Any]:
    wild = draw(st.sampled_from([False, False, False, True]))
    hosts = draw(st.lists(st.sampled_from(HOSTS), min_size=1, max_size=2, unique=True))
    spec: dict[str, Any] = {
        "hosts": [f"*.{host}" for host in hosts] if wild else hosts,
        "location": "MESH_EXTERNAL",
        "resolution": "NONE" if wild else "DNS",
        "ports": draw(_ENTRY_PORTS),
    }
    exported = draw(st.sampled_from([None, ["."], ["*"], ["shop"]]))
    if exported:
        spec["exportTo"] = exported
    # An entry nearer by takes the place of another namespace's for the same host, on all its ports.
    metadata = {"name": f"entry-{number}", "namespace": draw(st.sampled_from(homes))}
    return {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": metadata, "spec": spec}


@st.composite
def istio(draw: st.DrawFn) -> Repository:
    entries = [draw(service_entry(number)) for number in range(draw(st.integers(0, 4)))]
    files = draw(in_files([SIDECAR, *entries], ("istio.yaml", "more/entries.yaml")))
    return Repository("istio", {APPS: cluster(), **files}, SENDERS, (*NAMED[:6], "http://api.acme.example:80"))


# --- UDS


@st.composite
def uds_rule(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {"direction": "Egress"}
    who = draw(st.sampled_from([None, {"app": "web"}, {"app": "web"}, {"app": "job"}]))
    if who:
        rule["selector"] = who
    kind = draw(st.sampled_from(["host", "host", "anywhere", "pods", "cidr"]))
    if kind == "host":
        rule |= {"remoteHost": draw(st.sampled_from(HOSTS)), "port": draw(st.sampled_from([443, 8443]))}
    elif kind == "anywhere":
        rule["remoteGenerated"] = draw(st.sampled_from(["Anywhere", "IntraNamespace"]))
    elif kind == "pods":
        rule |= {"remoteNamespace": "back", "remoteSelector": {"app": "api"}, "port": 8080}
    else:
        rule |= {"remoteCidr": draw(st.sampled_from(["198.51.100.7/32", "198.51.100.0/24"])), "port": 443}
    return {**rule, "description": "kept"}


@st.composite
def uds(draw: st.DrawFn) -> Repository:
    network: dict[str, Any] = {}
    mode = draw(st.sampled_from([None, "ambient", "sidecar"]))
    if mode:
        network["serviceMesh"] = {"mode": mode}
    network["allow"] = draw(some(uds_rule(), 4))
    package = {
        "apiVersion": "uds.dev/v1alpha1",
        "kind": "Package",
        "metadata": {"name": "shop", "namespace": "shop"},
        "spec": {"network": network},
    }
    files = {"package.yaml": draw(written([package]))}
    return Repository("uds", {APPS: cluster(), **files}, SENDERS, (*NAMED[:6], *ADDRESSED[:4], *INSIDE))


# --- Infrastream

FOLDER = "organization/fincorp/organizational-unit/retail"
ITEMS = st.sampled_from([*HOSTS, "*.acme.example", "*.partner.example", "198.51.100.0/24", "198.51.100.7"])


@st.composite
def infrastream(draw: st.DrawFn) -> Repository:
    files = {}
    for environment, name in (("production", "payments"), ("staging", "payments"), ("production", "orders")):
        spec: dict[str, Any] = {"description": "kept"}
        listed = draw(st.none() | st.lists(ITEMS, max_size=3, unique=True))
        if listed is not None:
            spec["allowedEgress"] = listed
        metadata = {
            "name": name,
            "environment": environment,
            "organizational-unit": "retail",
            "organization": "fincorp",
        }
        document = {"apiVersion": "lowops.manifests.v1", "kind": "Project", "metadata": metadata, "spec": spec}
        files[f"{FOLDER}/environment/{environment}/project/{name}.yaml"] = draw(written([document]))
    workloads = ("production:payments", "staging:payments", "production:orders")
    return Repository("infrastream", files, workloads, (*NAMED[:5], *ADDRESSED[:3], "198.51.100.0/24:443"))


# --- Cloud Foundry

ASG_RULES = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(["tcp", "tcp", "udp"]),
        "destination": st.sampled_from(["198.51.100.7", "198.51.100.0/24", "198.51.100.0-198.51.100.9", "203.0.113.5"]),
        "ports": st.sampled_from(["443", "443", "443,8443", "8000-9000"]),
    }
)
_GROUPS = ("partner", "common")


@st.composite
def cloud_foundry(draw: st.DrawFn) -> Repository:
    files = {f"config/asgs/{name}.json": json.dumps(draw(some(ASG_RULES, 3)), indent=2) + "\n" for name in _GROUPS}
    for space in ("dev", "prod"):
        bound = draw(st.lists(st.sampled_from(_GROUPS), unique=True))
        listed = "".join(f"\n- {each}" for each in bound) or " []"
        own = draw(st.booleans())
        text = f"org: acme\nspace: {space}\n{'enable-security-group: true' if own else 'allow-ssh: false'}\n"
        files[f"config/acme/{space}/spaceConfig.yml"] = f"{text}named-security-groups:{listed}\n"
        if own:
            files[f"config/acme/{space}/security-group.json"] = json.dumps(draw(some(ASG_RULES, 2)), indent=2) + "\n"
    running = draw(st.sampled_from([[], [], ["common"]]))
    files["config/cf-mgmt.yml"] = f"running-security-groups: {json.dumps(running)}\nstaging-security-groups: []\n"
    return Repository("cloud_foundry", files, ("acme/dev", "acme/prod"), (*ADDRESSED, "198.51.100.0/24:443"))
