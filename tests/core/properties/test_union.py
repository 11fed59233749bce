"""Dialects that only ever allow: with the isolation held fixed, two files together allow what either allows.

A default deny beside both holds the isolation fixed. What one file leaves undecided is not asked about.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skills.core.model import Decision
from tests.core.properties import others, repositories
from tests.core.properties.brute import Flow, decisions, read
from tests.core.properties.repositories import APPS, SENDERS, Repository, cluster
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
    "cilium": (repositories.cilium_policies(denies=False), _CLOSED, (*OUTSIDE, *repositories.NAMED)),
    "istio": (st.lists(others.service_entry(0, ("shop",)), max_size=2), [others.SIDECAR], repositories.NAMED),
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
