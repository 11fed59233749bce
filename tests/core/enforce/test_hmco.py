"""The verdicts that follow from the policies of a real chart, under three states of its namespace labels."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from skills.core.enforce.kube_objects import PodFacts
from skills.core.model import Destination, Place
from tests.core.kube import World, half_decision, namespace, to, world_of

ROOT = Path("platforms/corpus/e_networkpolicy/hmco")
CHARTS = "helm/charts/networking/templates"
NAMESPACES = ("platform-policies/templates/rbac-audit.yaml", "service-mesh/templates/istio-operator.yaml")
NAMED = (
    "cloudflare-tunnel",
    "data-platform",
    "ingress-nginx",
    "istio-system",
    "kong",
    "kube-system",
    "monitoring",
    "vault-prod",
    "velero",
)
ROWS = 24


def build(root: Path, labels: str) -> World:
    texts = {str(path.relative_to(root)): path.read_text() for path in (root / CHARTS).glob("*.yaml")}
    if labels == "repo":
        texts |= {name: (root / "helm/charts" / name).read_text() for name in NAMESPACES}
    if labels == "named":
        texts["namespaces.yaml"] = "---\n".join(namespace(name, name=name) for name in NAMED)
    return world_of(texts)


def destination(made: World, row: dict[str, str]) -> tuple[World, Destination]:
    """The destination column in our words; pods that it names are put into the cluster."""
    where, port, protocol = row["destination"], int(row["port"]), row["protocol"].lower()
    if "(internet)" in where or where in {"anywhere", "Cloudflare edge (internet)"}:
        return made, to("8.8.8.8", port, protocol)
    home, _, pod = where.partition("/") if "/" in where else ("elsewhere", "", "any pod")
    name = {"istiod": "app=istiod", "kube-dns": "k8s-app=kube-dns", "any pod": "some=pod"}.get(pod, pod)
    key, _, value = name.partition("=")
    there = PodFacts("Pod", "target", home, {key: value}, "default", Place("asked"))
    cluster = replace(made.cluster, pods={**made.cluster.pods, home: (there,)})
    return World(made.texts, cluster, replace(made.index, cluster=cluster)), to(
        f"workload://{home}/target", port, protocol
    )


def rows(shared: Path) -> Iterator[dict[str, str]]:
    with (shared / ROOT / "EXPECTED_derived.tsv").open() as lines:
        yield from csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")


@pytest.mark.needs_shared
def test_derived_verdicts(shared: Path) -> None:
    built = {labels: build(shared / ROOT, labels) for labels in ("auto", "repo", "named")}
    asked, differing = 0, []
    for row in rows(shared):
        made, where = destination(built[row["ns_labels"].replace("any", "auto")], row)
        key, _, value = row["source_pod_labels"].partition("=")
        sender = made.workload(row["source_ns"], **{key.replace("/", "__").replace("-", "_"): value})
        assert sender.labels == {key: value}
        decision = half_decision(made.views(sender, where)[0])
        asked += 1
        if decision != {"yes": "allowed", "no": "denied"}[row["egress_allowed"]]:
            differing.append((row, decision))
    print(f"derived verdicts: {asked} asked, {asked - len(differing)} agree")
    assert not differing
    assert asked >= ROWS


@pytest.mark.needs_shared
def test_what_the_chart_gets_wrong(shared: Path) -> None:
    found = build(shared / ROOT, "repo").audit()
    assert found.count("EGR940") == 3  # rules for the Internet that reach only pods
    assert found.count("EGR942") == 2  # two items where one was meant
    assert "EGR941" in found
