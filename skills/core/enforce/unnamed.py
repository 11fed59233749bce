"""What of a rendered object depends on the name of its release, found by rendering it under two names.

Where nothing in the repository names a release, each text that follows the name is one with an unknown part: alike only
with what the same chart writes alike, and possibly alike with everything else.
"""

from __future__ import annotations

from typing import Any

from skills.core.enforce.selectors import OPEN
from skills.core.yaml_text import Map, Seq

STAND_IN = "postern-release-name"
_FILLED_IN = "{{ .Release.Name }}"
_LABELS = frozenset({"labels", "matchLabels", "selector", "matchExpressions"})


def without_name(data: Map, other: Any, chart: str) -> Map | None:
    """`data` with what differs from `other`, the same object under the name STAND_IN, made unknown.

    Its own name and annotations stay, by which people call it. None: the name decides more than single texts.
    """
    try:
        made: Map = _walked(data, other, chart, ())
    except _Apart:
        return None
    return made


class _Apart(Exception):
    """The two are not built alike."""


def _walked(node: Any, other: Any, chart: str, way: tuple[str, ...]) -> Any:
    if isinstance(node, Map):
        if not isinstance(other, Map) or list(node) != list(other):
            raise _Apart
        mapping = Map({key: _walked(value, other[key], chart, (*way, str(key))) for key, value in node.items()})
        mapping.line, mapping.lines = node.line, node.lines
        return mapping
    if isinstance(node, Seq):
        if not isinstance(other, Seq) or len(node) != len(other):
            raise _Apart
        sequence = Seq(_walked(item, twin, chart, way) for item, twin in zip(node, other, strict=True))
        sequence.line, sequence.lines = node.line, node.lines
        return sequence
    if node == other or way[:2] in (("metadata", "name"), ("metadata", "annotations")):
        return node
    if not isinstance(node, str) or not isinstance(other, str):
        raise _Apart
    if _LABELS.isdisjoint(way):
        return other.replace(STAND_IN, _FILLED_IN) if STAND_IN in other else f"{_FILLED_IN}:{node}"
    whose = f"{OPEN}{chart}»"
    return other.replace(STAND_IN, whose) if STAND_IN in other else f"{whose}:{node}"
