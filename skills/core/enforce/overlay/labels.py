"""Where Kustomize writes labels: on objects, on pods, and into selectors.

Source: api/internal/konfig/builtinpluginconsts/commonlabels.go of Kustomize.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from skills.core.enforce.overlay.objects import Object, child
from skills.core.yaml_text import Map, Seq

# Path to a mapping of labels; `*` stands for every item of a list. A True makes what is missing.
_TEMPLATE = "spec/template/metadata/labels"
_CRON_TEMPLATE = "spec/jobTemplate/spec/template/metadata/labels"
_TEMPLATES: Mapping[str, tuple[tuple[str, bool], ...]] = {
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"), ((_TEMPLATE, True),)
    ),
    "CronJob": (("spec/jobTemplate/metadata/labels", True), (_CRON_TEMPLATE, True)),
}
_SELECTORS: Mapping[str, tuple[tuple[str, bool], ...]] = {
    "Service": (("spec/selector", True),),
    "ReplicationController": (("spec/selector", True),),
    "Deployment": (("spec/selector/matchLabels", True),),
    "ReplicaSet": (("spec/selector/matchLabels", True),),
    "DaemonSet": (("spec/selector/matchLabels", True),),
    "StatefulSet": (("spec/selector/matchLabels", True),),
    "Job": (("spec/selector/matchLabels", False),),
    "CronJob": (("spec/jobTemplate/spec/selector/matchLabels", False),),
    "NetworkPolicy": (
        ("spec/podSelector/matchLabels", False),
        ("spec/ingress/*/from/*/podSelector/matchLabels", False),
        ("spec/egress/*/to/*/podSelector/matchLabels", False),
    ),
}


def add_labels(item: Object, labels: Mapping[str, Any], line: int, *, selectors: bool, templates: bool) -> None:
    """`selectors` writes into selectors and pods as well, `templates` into pods only."""
    targets = [("metadata/labels", True)]
    if selectors or templates:
        targets += _TEMPLATES.get(item.kind, ())
    if selectors and (item.kind != "NetworkPolicy" or item.id[0].startswith("networking.k8s.io/")):
        targets += _SELECTORS.get(item.kind, ())
    for path, create in targets:
        for found in list(_at(item.data, path.split("/"), line, create)):
            for key, value in labels.items():
                found[key], found.lines[key] = value, line
            item.patched = item.patched or not path.startswith("metadata/")


def _at(node: Any, steps: list[str], line: int, create: bool) -> Iterator[Map]:
    if not steps:
        if isinstance(node, Map):
            yield node
    elif steps[0] == "*":
        for below in node if isinstance(node, Seq) else ():
            yield from _at(below, steps[1:], line, create)
    elif isinstance(node, Map) and (create or steps[0] in node):
        below = child(node, steps[0], line) if create else node[steps[0]]
        yield from _at(below, steps[1:], line, create)
