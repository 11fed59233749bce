"""Small kustomizations, drawn at random, and what Kustomize itself makes of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from skills.core.enforce.kube_objects import read
from skills.core.enforce.kustomize import Kustomization
from skills.core.enforce.overlay import Built, build
from skills.core.yaml_text import Document, read_documents

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"tier": "front"}},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "serviceAccountName": "runner",
                "containers": [
                    {"name": "main", "image": "a", "ports": [{"containerPort": 8080, "name": "http"}]},
                    {"name": "side", "image": "b"},
                ],
            },
        },
    },
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "old"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}, {"port": 81, "name": "b"}]},
}
ACCOUNT: dict[str, Any] = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "runner"}}
NAMESPACE: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old", "labels": {"a": "b"}}}
POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "egress"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Egress"],
        "egress": [
            {"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": [{"port": 443}]},
            {"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]},
        ],
    },
}
CRON: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "night"},
    "spec": {
        "schedule": "* * * * *",
        "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}},
    },
}
PACKAGE: dict[str, Any] = {
    "apiVersion": "uds.dev/v1alpha1",
    "kind": "Package",
    "metadata": {"name": "web"},
    "spec": {"network": {"allow": [{"direction": "Egress", "remoteHost": "a.example", "port": 443}]}},
}
OBJECTS = [DEPLOYMENT, SERVICE, ACCOUNT, POLICY, CRON, PACKAGE, NAMESPACE]


def identity(item: Mapping[str, Any], **metadata: str) -> dict[str, Any]:
    named = {"name": item["metadata"]["name"], **metadata}
    if "namespace" in item["metadata"]:
        named.setdefault("namespace", item["metadata"]["namespace"])
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": named}


MERGES = st.sampled_from(
    [
        {**identity(DEPLOYMENT), "spec": {"template": {"metadata": {"labels": {"app": "shop", "tier": None}}}}},
        {**identity(DEPLOYMENT), "$patch": "delete"},
        {
            **identity(DEPLOYMENT),
            "spec": {
                "template": {
                    "spec": {
                        "containers": [
                            {"name": "main", "ports": [{"containerPort": 9090, "name": "http2"}]},
                            {"name": "side", "$patch": "delete"},
                            {"name": "third", "image": "c"},
                        ]
                    }
                }
            },
        },
        {**identity(POLICY), "spec": {"egress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}},
        {**identity(POLICY), "spec": {"podSelector": {"matchLabels": {"app": None, "tier": "x"}}}},
        {**identity(POLICY), "spec": {"podSelector": {"$patch": "replace", "matchExpressions": []}, "egress": None}},
        {**identity(SERVICE), "spec": {"ports": [{"port": 80, "targetPort": "alt"}, {"port": 82}]}},
        {**identity(PACKAGE), "spec": {"network": {"allow": [{"direction": "Egress", "remoteHost": "b.example"}]}}},
        {**identity(NAMESPACE), "metadata": {"name": "old", "labels": {"istio-injection": "enabled"}}},
    ]
)
OPERATIONS = st.sampled_from(
    [
        [{"op": "add", "path": "/spec/egress/-", "value": {"ports": [{"port": 53, "protocol": "UDP"}]}}],
        [{"op": "add", "path": "/spec/egress/0", "value": {"ports": [{"port": 53}]}}],
        [{"op": "remove", "path": "/spec/egress/0"}],
        [{"op": "replace", "path": "/spec/podSelector", "value": {}}],
        [{"op": "test", "path": "/metadata/name", "value": "egress"}, {"op": "remove", "path": "/spec/egress/1/to"}],
        [{"op": "copy", "from": "/spec/egress/0", "path": "/spec/egress/1"}],
        [{"op": "move", "from": "/spec/egress/0", "path": "/spec/egress/1"}],
        [{"op": "add", "path": "/metadata/labels", "value": {"a~1b": "c"}}],
        [
            {"op": "add", "path": "/metadata/annotations", "value": {}},
            {"op": "add", "path": "/metadata/annotations/a~1b", "value": "c"},
        ],
    ]
)
TARGETS = st.sampled_from(
    [
        {"kind": "NetworkPolicy"},
        {"kind": "NetworkPolicy", "name": "egr.*"},
        {"group": "networking.k8s.io", "version": "v1", "name": "egress"},
        {"kind": "Network"},
        {"kind": "NetworkPolicy", "labelSelector": "tier=front"},
        {"kind": "NetworkPolicy", "namespace": "default"},
    ]
)


@st.composite
def layers(draw: st.DrawFn, resources: Sequence[str]) -> dict[str, Any]:
    """One kustomization over resources; patches are written inline."""
    made: dict[str, Any] = {"resources": list(resources)}
    for key, value in (
        ("namespace", st.sampled_from(["shop", "pay"])),
        ("namePrefix", st.just("a-")),
        ("nameSuffix", st.just("-z")),
        ("commonLabels", st.just({"team": "x"})),
    ):
        if draw(st.integers(0, 3)) == 0:
            made[key] = draw(value)
    if draw(st.integers(0, 3)) == 0:
        flags = {key: draw(st.booleans()) for key in ("includeSelectors", "includeTemplates")}
        made["labels"] = [{"pairs": {"env": "e"}, **{key: True for key, on in flags.items() if on}}]
    patches: list[dict[str, Any]] = []
    for merge in draw(st.lists(MERGES, max_size=2)):
        patches.append({"patch": json.dumps(merge, indent=1)})
    if draw(st.booleans()):
        patches.append({"patch": json.dumps(draw(OPERATIONS), indent=1), "target": draw(TARGETS)})
    if patches:
        made["patches"] = patches
    if draw(st.integers(0, 4)) == 0:
        made["patchesStrategicMerge"] = [json.dumps(draw(MERGES), indent=1) + "\n"]
    return made


@st.composite
def trees(draw: st.DrawFn) -> dict[str, str]:
    """A base, sometimes a component, and one overlay at `top`."""
    left_out = draw(st.sets(st.sampled_from(range(len(OBJECTS))), max_size=1))
    chosen = [n for n in range(len(OBJECTS)) if n not in left_out]
    files = {f"base/o{n}.yaml": OBJECTS[n] for n in chosen}
    written: dict[str, Any] = dict(files)
    written["base/kustomization.yaml"] = draw(layers([f"o{n}.yaml" for n in chosen]))
    written["top/kustomization.yaml"] = top = draw(layers(["../base"]))
    if draw(st.integers(0, 3)) == 0:
        part = draw(layers([]))
        written["part/kustomization.yaml"] = {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            **part,
        }
        top["components"] = ["../part"]
    return {path: json.dumps(data, indent=1) for path, data in written.items()}


def ours(texts: Mapping[str, str], root: str = "top") -> Built:
    documents: dict[str, list[Document]] = {path: read_documents(path, text)[0] for path, text in texts.items()}
    found = [fact for items in documents.values() for item in items for fact in read(item)]
    folders = {fact.folder: fact for fact in found if isinstance(fact, Kustomization)}
    return build(folders, documents.get, root)


def theirs(texts: Mapping[str, str], below: Path, root: str = "top") -> list[Any] | None:
    """What Kustomize builds, or None where it refuses."""
    shutil.rmtree(below, ignore_errors=True)
    for path, text in texts.items():
        (below / path).parent.mkdir(parents=True, exist_ok=True)
        (below / path).write_text(text)
    program = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or "kubectl"
    done = subprocess.run([program, "kustomize", str(below / root)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        return None
    return [item.data for item in read_documents("out.yaml", done.stdout)[0]]


def canonical(items: Sequence[Any]) -> list[str]:
    """The order of objects, and of lists that are merged by a key, is no matter."""
    return sorted(json.dumps(_sorted(item), sort_keys=True) for item in items)


def _sorted(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: sorted(map(_sorted, value), key=lambda item: json.dumps(item, sort_keys=True))
            if key in {"ports", "containers"}
            else _sorted(value)
            for key, value in node.items()
        }
    return [_sorted(item) for item in node] if isinstance(node, list) else node
