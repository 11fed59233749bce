"""The same random clusters asked of Postern and of IBM's network-config-analyzer, line by line.

The analyzer (PyPI `network-config-analyzer`, written by others from the same documentation) runs in a process of its
own, all clusters in one. Where both differ, one of them is wrong: docs/TRUTH.md says who and why.
`POSTERN_NCA_CLUSTERS=500` and `POSTERN_NCA_SEED=1000` ask for more than the few that always run.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from skills.core.enforce.kube_policy import Outside
from skills.core.enforce.spans import EVERY_PORT, Span, Spans, covers, merged, without
from tests.conftest import ORACLE
from tests.core.enforce.np_guard import Connections
from tests.core.enforce.random_clusters import manifests
from tests.core.kube import world_of

CLUSTERS = int(os.environ.get("POSTERN_NCA_CLUSTERS", "12"))
FIRST = int(os.environ.get("POSTERN_NCA_SEED", "1"))

_PROTOCOLS = ("sctp", "tcp", "udp")
_LINE = re.compile(r"^(?P<source>\S+) => (?P<target>\S+) : (?P<what>All connections|\{.*\})$")
_PART = re.compile(r"protocols:(?P<protocols>[A-Z]+(?:, ?[A-Z]+)*)(?:,dst_ports:(?P<ports>[\d,-]+))?")
Opened = Mapping[str, Spans]  # by protocol, the ports that are open
Told = dict[tuple[str, str], dict[str, Spans]]


@pytest.mark.needs("network-config-analyzer")
def test_random_clusters_agree_with_the_analyzer(tmp_path: Path) -> None:
    seeds = range(FIRST, FIRST + CLUSTERS)
    told = analyzed(tmp_path, seeds)
    compared, allowed, differing = 0, 0, []
    for seed in seeds:
        for source, target, ours, theirs in compare(seed, told[seed]):
            compared += 1
            allowed += any(ours.values())
            if ours != theirs:
                differing.append((seed, source, target, ours, theirs))
    print(f"analyzer: {CLUSTERS} clusters, {compared} pairs, {allowed} with a connection, {len(differing)} differ")
    assert not differing, "\n".join(map(str, differing[:10]))
    assert compared > 20 * CLUSTERS
    assert 0 < allowed < compared


# What the analyzer reads otherwise than Kubernetes: spec of one policy in namespace `a`, the pair, whether it is open
# for us, and whether it is open for the analyzer (None: it refuses to go on). docs/TRUTH.md has the reasons.
_QUIRKS: dict[str, tuple[dict[str, Any], tuple[str, str], bool, bool | None]] = {
    "no policyTypes and an empty egress list: no egress isolation": (
        {"podSelector": {}, "ingress": [], "egress": []},
        ("a/pod-x[Pod]", "b/pod-y[Pod]"),
        True,
        False,
    ),
    "Exists beside a namespaceSelector: pods of those namespaces": (
        {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [
                        {
                            "namespaceSelector": {},
                            "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
                        }
                    ]
                }
            ],
        },
        ("a/pod-x[Pod]", "b/pod-y[Pod]"),
        True,
        False,
    ),
    "rules of a direction that policyTypes leave out: taken and ignored": (
        {"podSelector": {}, "policyTypes": ["Ingress"], "egress": [{"to": [{"podSelector": {}}]}]},
        ("a/pod-x[Pod]", "b/pod-y[Pod]"),
        True,
        None,
    ),
}


@pytest.mark.needs("network-config-analyzer")
@pytest.mark.parametrize("quirk", _QUIRKS)
def test_where_the_analyzer_is_wrong(quirk: str, tmp_path: Path) -> None:
    spec, pair, ours, theirs = _QUIRKS[quirk]
    items = [
        *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {}}} for name in ("a", "b")),
        *(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": home, "labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "example"}]},
            }
            for name, home in (("pod-x", "a"), ("pod-y", "b"))
        ),
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "one", "namespace": "a"},
            "spec": spec,
        },
    ]
    connections = Connections(world_of({"all.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": items})}))
    ends = connections.workloads
    assert any(connections.between(ends[pair[0]], ends[pair[1]]).values()) is ours
    told, said = run(tmp_path, {0: items})
    if theirs is None:
        assert told == {}
        assert "policyTypes" in said
    else:
        assert (pair in told[0]) is theirs


def analyzed(folder: Path, seeds: range) -> dict[int, Told]:
    told, said = run(folder, {seed: manifests(seed) for seed in seeds})
    assert set(told) == set(seeds), said
    return told


def run(folder: Path, clusters: Mapping[int, Sequence[Mapping[str, Any]]]) -> tuple[dict[int, Told], str]:
    """What the analyzer says of each cluster. One query a cluster, because its lines don't name the cluster."""
    scheme: dict[str, list[object]] = {"networkConfigList": [], "queries": []}
    for seed, manifest in clusters.items():
        items = {"apiVersion": "v1", "kind": "List", "items": manifest}
        (folder / f"c{seed}").mkdir()
        (folder / f"c{seed}" / "all.yaml").write_text(json.dumps(items))
        scheme["networkConfigList"].append({"name": f"c{seed}", "resourceList": [f"./c{seed}"]})
        shape = {"outputFormat": "txt_no_fw_rules", "excludeIPv6Range": False}
        scheme["queries"].append({"name": f"q{seed}", "connectivityMap": [f"c{seed}"], "outputConfiguration": shape})
    (folder / "scheme.yaml").write_text(json.dumps(scheme))
    command = [sys.executable, "-m", "nca", "--scheme", "scheme.yaml"]
    environment = {"PYTHONPATH": str(ORACLE), "PATH": os.environ.get("PATH", "")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    told: dict[int, Told] = {}
    for line in done.stdout.splitlines():
        if line.startswith("Running query q"):
            current = told.setdefault(int(line.removeprefix("Running query q")), {})
        elif match := _LINE.match(line):
            pair = (match["source"], match["target"])
            _add(current.setdefault(pair, dict.fromkeys(_PROTOCOLS, ())), match["what"])
    return told, done.stdout[-2000:] + done.stderr[-2000:]


def _add(known: dict[str, Spans], what: str) -> None:
    if what == "All connections":
        known.update(dict.fromkeys(_PROTOCOLS, (EVERY_PORT,)))
        return
    match = _PART.search(what)
    assert match, what
    parts = [part.split("-") for part in match["ports"].split(",")] if match["ports"] else []
    ports = [(int(part[0]), int(part[-1])) for part in parts] or [EVERY_PORT]
    for protocol in match["protocols"].lower().replace(" ", "").split(","):
        known[protocol] = merged([*known[protocol], *ports])


def compare(seed: int, told: Told) -> list[tuple[str, str, Opened, Opened]]:
    """Every pair of pods, and every pod with every range of addresses, as both see it."""
    items = {"apiVersion": "v1", "kind": "List", "items": manifests(seed)}
    connections = Connections(world_of({"all.json": json.dumps(items)}))
    found: list[tuple[str, str, Opened, Opened]] = []
    for source, sender in connections.workloads.items():
        for target, receiver in connections.workloads.items():
            if source != target:
                theirs = told.get((source, target), dict.fromkeys(_PROTOCOLS, ()))
                found.append((source, target, connections.between(sender, receiver), theirs))
        for version in (4, 6):
            for span in connections.ranges(version):
                there = Outside("outside", version, (span,))
                words = _words(version, span)
                out, into = connections.half("Egress", sender, there), connections.half("Ingress", sender, there)
                found.append((source, words, out, _outside(told, source, version, span, out=True)))
                found.append((words, source, into, _outside(told, source, version, span, out=False)))
    return found


def _words(version: int, span: Span) -> str:
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    return f"{kind(span[0])}-{kind(span[1])}"


def _outside(told: Told, pod: str, version: int, span: Span, *, out: bool) -> Opened:
    """The analyzer's ranges are cut elsewhere than ours; each of ours lies inside one of its or outside all."""
    opened: dict[str, Spans] = dict.fromkeys(_PROTOCOLS, ())
    for (source, target), known in told.items():
        near, far = (source, target) if out else (target, source)
        if near == pod and "/" not in far and _holds(far, version, span):
            for protocol in _PROTOCOLS:
                opened[protocol] = merged([*opened[protocol], *known[protocol]])
    return opened


def _holds(text: str, version: int, span: Span) -> bool:
    first, _, last = text.partition("-")
    ends = ipaddress.ip_address(first), ipaddress.ip_address(last or first)
    if ends[0].version != version:
        return False
    whole = (int(ends[0]), int(ends[1]))
    assert covers([whole], [span]) or without([span], [whole]) == (span,)
    return covers([whole], [span])
