"""The text of a new policy, in the style of the file that will hold it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from skills.core.messages import say
from skills.core.model import Destination, Finding, Need
from skills.core.yaml_text.emit import Style, block

_WIDTH = 110
_LONGEST_REASON = 300


def comment_for(need: Need, destination: Destination) -> str:
    """Why the rule is there, on one line. What people typed can neither end the comment nor wake a template."""
    reason = one_line(need.reason)
    facts = {"workload": need.workload.name, "destination": str(destination), "reason": reason}
    said = [say(Finding("EGR958" if reason else "EGR959", facts)).says]
    if destination.host and destination.addresses:
        said.append(say(Finding("EGR354" if need.on else "EGR353", {"on": need.on})).says)
    if need.until:
        said.append(say(Finding("EGR963", {"until": need.until})).says)
    return one_line(" ".join(said))


def one_line(text: str) -> str:
    """Text for a comment: no line breaks of any kind, nothing invisible, nothing that Helm or envsubst would run."""
    flat = "".join(char for char in " ".join(text.split()) if char.isprintable())
    for mark in ("{{", "}}", "${"):
        while mark in flat:
            flat = flat.replace(mark, f"{mark[0]} {mark[1]}")
    return flat if len(flat) <= _LONGEST_REASON else f"{flat[:_LONGEST_REASON]}…"


def policy_data(name: str, namespace: str | None, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Any policy as the cluster takes it. Without a `namespace` Helm, Kustomize or `kubectl -n` says it."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": dict(spec)}


def policy_text(data: Mapping[str, Any], comment: str, *, indent_lists: bool) -> str:
    """A policy as a document with its comment, without a separator."""
    lines = [f"# {line}" for line in textwrap.wrap(comment, _WIDTH, break_long_words=False, break_on_hyphens=False)]
    return "\n".join([*lines, *block(data, Style(dash=2 if indent_lists else 0))]) + "\n"
