"""Dialects that only ever allow: with the isolation held fixed, two files together allow what either allows.

A default deny beside both holds the isolation fixed. What one file leaves undecided is not asked about.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skills.core.model import Decision
from tests.core.properties import others, repositories
from tests.core.properties.brute import Flow, decisions, read
from tests.core.properties.repositories import APPS, NAMED, SENDERS, Repository, cluster
from tests.core.properties.test_drafts import looking

OUTSIDE = repositories.ADDRESSED
_BOTH_WAYS = ["Egress", "Ingress"]
_CLOSED = [
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "closed", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": _BOTH_WAYS},
    }
    for namespace in ("shop", "back")
]
DRAWN = {
    "network_policy": (repositories.network_policies(2), _CLOSED, (*OUTSIDE, *repositories.INSIDE)),
    "cilium": (repositories.cilium_policies(denies=False), _CLOSED, (*OUTSIDE, *NAMED)),
    "istio": (st.lists(others.service_entry(0, ("shop",)), max_size=2), [others.SIDECAR], NAMED),
}


@pytest.mark.parametrize("dialect", DRAWN)
def test_two_files_together_allow_what_either_allows(dialect: str) -> None:
    documents, closed, asked = DRAWN[dialect]

    @looking
    @given(documents, documents)
    def holds(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
        files = {"one.yaml": _named(one, "a"), "other.yaml": _named(other, "b")}
        fixed = {APPS: cluster(), "closed.yaml": yaml.safe_dump_all(closed)}
        both = _decided(dialect, {**fixed, **files}, asked)
        parts = [_decided(dialect, {**fixed, path: text}, asked) for path, text in files.items()]
        for flow, decision in both.items():
            alone = {part[flow] for part in parts}
            if "allowed" in alone:
                assert decision == "allowed", f"{flow}: {decision} by both, {alone} by one\n{files}"
            elif alone == {"denied"} and _needs_one_rule(dialect, flow):
                assert decision == "denied", f"{flow}: {decision} by both, denied by each\n{files}"

    holds()


def _package(mode: str | None) -> Callable[[list[Any]], dict[str, str]]:
    """One host that every part names keeps the mesh closed in all of them."""

    def files(rules: list[Any]) -> dict[str, str]:
        fixed = {"direction": "Egress", "remoteHost": "fixed.example", "port": 443}
        # The operator refuses a rule that stands there twice.
        network: dict[str, Any] = {"allow": [fixed, *(rule for at, rule in enumerate(rules) if rule not in rules[:at])]}
        if mode:
            network["serviceMesh"] = {"mode": mode}
        package = {
            "apiVersion": "uds.dev/v1alpha1",
            "kind": "Package",
            "metadata": {"name": "shop", "namespace": "shop"},
            "spec": {"network": network},
        }
        return {APPS: cluster(), "package.yaml": yaml.safe_dump(package, sort_keys=False)}

    return files


def _project(listed: list[Any]) -> dict[str, str]:
    metadata = {
        "name": "payments",
        "environment": "production",
        "organizational-unit": "retail",
        "organization": "fincorp",
    }
    spec = {"allowedEgress": list(dict.fromkeys(listed))}
    document = {"apiVersion": "lowops.manifests.v1", "kind": "Project", "metadata": metadata, "spec": spec}
    return {f"{others.FOLDER}/environment/production/project/payments.yaml": yaml.safe_dump(document)}


def _space(rules: list[Any]) -> dict[str, str]:
    return {
        "config/asgs/partner.json": json.dumps(rules),
        "config/acme/dev/spaceConfig.yml": "org: acme\nspace: dev\nnamed-security-groups: [partner]\n",
        "config/cf-mgmt.yml": "running-security-groups: []\nstaging-security-groups: []\n",
    }


LISTED = {
    "uds": (others.uds_rule(), _package(None), SENDERS, (*NAMED[:6], *OUTSIDE[:4], *repositories.INSIDE)),
    "uds_ambient": (others.uds_rule(), _package("ambient"), SENDERS, (*NAMED[:6], *OUTSIDE[:4])),
    "uds_sidecar": (others.uds_rule(), _package("sidecar"), SENDERS, (*NAMED[:6], *OUTSIDE[:4])),
    "infrastream": (others.ITEMS, _project, ("production:payments",), (*NAMED[:5], *OUTSIDE[:3])),
    "cloud_foundry": (others.ASG_RULES, _space, ("acme/dev",), OUTSIDE),
}


@pytest.mark.parametrize("dialect", LISTED)
def test_two_lists_together_allow_what_either_allows(dialect: str) -> None:
    items, files, workloads, asked = LISTED[dialect]

    @looking
    @given(st.lists(items, max_size=2), st.lists(items, max_size=2))
    def holds(one: list[Any], other: list[Any]) -> None:
        both, *parts = (
            decisions(read(made), made)
            for made in (Repository(dialect, files(part), workloads, asked) for part in ([*one, *other], one, other))
        )
        for flow, decision in both.items():
            alone = {part[flow] for part in parts}
            # The operator may refuse a Package for what two of its rules ask for together.
            if "allowed" in alone:
                fits = decision == "allowed" or (dialect.startswith("uds") and decision == "undecided")
                assert fits, f"{flow}: {decision} by both, {alone} by one\n{one}\n{other}"
            elif alone == {"denied"} and not dialect.startswith("uds"):
                assert decision == "denied", f"{flow}: {decision} by both, denied by each\n{one}\n{other}"

    holds()


def _needs_one_rule(dialect: str, flow: Flow) -> bool:
    """Pods need a rule on each side, and a name in Cilium one for its lookup: there two files may do it together."""
    return dialect == "istio" or flow[1] in OUTSIDE


def _named(documents: list[dict[str, Any]], mark: str) -> str:
    """The file, with names that no other one uses."""
    metadata = [{**each["metadata"], "name": f"{mark}-{at}"} for at, each in enumerate(documents)]
    named = [{**each, "metadata": data} for each, data in zip(documents, metadata, strict=True)]
    return yaml.safe_dump_all(named, sort_keys=False)


def _decided(dialect: str, files: dict[str, str], asked: tuple[str, ...]) -> dict[Flow, Decision]:
    repository = Repository(dialect, files, SENDERS, asked)
    return decisions(read(repository), repository)
