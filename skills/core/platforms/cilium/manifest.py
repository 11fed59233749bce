"""A policy of its own for one wish: its name and its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import re2

from skills.core.platforms.cilium.wish import Wish
from skills.core.yaml_text.emit import Style, block

_LONGEST_NAME = 63
_NOT_SLUG = re2.compile(r"[^a-z0-9]+")


def policy_data(wish: Wish, name: str, *, with_namespace: bool) -> dict[str, Any]:
    """The policy as the cluster takes it."""
    metadata = {"name": name, **({"namespace": wish.namespace} if with_namespace else {})}
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": metadata,
        "spec": {"endpointSelector": {"matchLabels": dict(wish.labels)}, wish.section: [wish.rule()]},
    }


def policy_text(data: Mapping[str, Any], comment: str, *, indent_lists: bool) -> str:
    """A policy as a document with its comment, without a separator."""
    return "\n".join([f"# {comment}", *block(data, Style(dash=2 if indent_lists else 0))]) + "\n"


def policy_name(wish: Wish, taken: set[str]) -> str:
    """`allow-WHAT-WHO`, unique in its namespace; the other way round for the receiving side."""
    ends = (wish.what, wish.who) if wish.direction == "Egress" else ("ingress", wish.who, wish.what)
    base = "-".join(("allow", *(_slug(end) for end in ends)))[: _LONGEST_NAME - 3].strip("-")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _slug(text: str) -> str:
    return _NOT_SLUG.sub("-", text.lower()).strip("-")[:40].strip("-") or "pods"
