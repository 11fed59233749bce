"""Labels of merge requests. Each kind has a scope of its own.

GitLab Premium keeps only one label of a scope (`a::b`, https://docs.gitlab.com/user/project/labels/#scoped-labels): put
on another one, and the first falls off. So two labels that must stand beside each other never share a scope.
"""

from __future__ import annotations

from collections.abc import Collection

NEEDS_APPROVAL, APPROVED, REJECTED = "egress::needs-approval", "egress::approved", "egress::rejected"
DIAGRAM_OPEN = "diagram::open"
"""Somebody must bring the diagram of the request up to date by hand."""
DIAGRAM_UPDATE = "diagram::update"
"""The merge request itself is about a diagram, in another repository than the allowlist's."""
_SCOPES = frozenset({"egress", "dialect", "environment", "risk", "diagram"})
_SIGNS = frozenset(" ._+-/")
_LONGEST = 200


def scoped(scope: str, *values: str) -> tuple[str, ...]:
    """One label for all values, since two of one scope could not stand; none without a value.

    Names come from manifests: a comma would make a second label of the rest, `::` a scope of its own.
    """
    words = "+".join(dict.fromkeys("".join(s if s.isalnum() or s in _SIGNS else "-" for s in v) for v in values))
    words = words.strip(" -+")[:_LONGEST].strip()
    return (f"{scope}::{words}",) if words else ()


def brought_up(there: Collection[str], wanted: Collection[str]) -> tuple[str, ...]:
    """The labels once these are `wanted`: of our scopes nothing else stands, what people put on beside them stays."""
    others = (each for each in there if each.rpartition("::")[0] not in _SCOPES)
    return tuple(dict.fromkeys((*wanted, *others)))
