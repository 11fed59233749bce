"""What is worth knowing about a verdict beside its rules: objects that are refused, and values that are assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from skills.core.model import Finding, LayerVerdict, Workload
from skills.core.reading import Blind, Reading, is_manifest

# Files that the snapshot left out: whoever read the repository could not say what stands in them.
_UNREAD = frozenset({"EGR555", "EGR556", "EGR557", "EGR558", "EGR559", "EGR560"})

_REFUSED = "EGR597"
_TEMPLATE = "EGR591"
_NOT_RENDERED = frozenset({"EGR1205", "EGR593"})

Refused = Mapping[str, tuple[Finding, ...]]


def refused(readings: Mapping[str, Reading], homes: Mapping[str, tuple[str, ...]]) -> Refused:
    """Objects that no API server takes, by the namespaces for which they were meant; "" is all of them."""
    found: dict[str, tuple[Finding, ...]] = {}
    for path in sorted(path for path, reading in readings.items() if reading.unreadable):
        for item in readings[path].unreadable:
            if item.finding.code == _REFUSED:
                for namespace in homes.get(path) or (str(item.finding.facts["namespace"]),):
                    found[namespace] = (*found.get(namespace, ()), item.finding)
    return found


def caveats(
    workload: Workload,
    layers: Sequence[LayerVerdict],
    of_namespace: Refused,
    assumed: Mapping[str, Finding],
    nameless: Mapping[str, Finding],
) -> list[Finding]:
    """`assumed` is by path: what a file says only with values that nothing in the repository confirms. `nameless` are
    files in which the name of a release decides that nothing says: worth saying where something is undecided."""
    said = [*of_namespace.get(workload.namespace or "", ()), *of_namespace.get("", ())] if workload.namespace else []
    if assumed:
        places = [place for layer in layers for place in (*(rule.place for rule in layer.rules), *layer.isolators)]
        said += [assumed[path] for path in dict.fromkeys(place.path for place in places) if path in assumed]
    if nameless:
        unknown = [item for layer in layers if layer.decision == "undecided" for item in layer.unknown]
        spots = [item.place for finding in unknown for item in finding.evidence if item.place]
        spots += [workload.place] if unknown and workload.place else []
        said += [nameless[path] for path in dict.fromkeys(spot.path for spot in spots) if path in nameless]
    return said


def unrendered(findings: Iterable[Finding], readings: Mapping[str, Reading], blind: Iterable[Blind]) -> list[Finding]:
    """What is missing for the templates of these findings to be rendered, once for each chart."""
    failed = {spot.path: spot.finding for spot in blind if spot.finding.code in _NOT_RENDERED}
    said: dict[str, Finding] = {}
    for item in findings:
        if item.code == _TEMPLATE:
            path = str(item.facts["path"])
            root = f"/{path}".partition("/templates/")[0].lstrip("/")
            chart = f"{root}/Chart.yaml".lstrip("/")
            over = next((above for above in failed if chart.startswith(above.removesuffix("Chart.yaml"))), None)
            if chart not in readings:
                said.setdefault(chart, Finding("EGR1204", {"path": path, "line": 1, "chart": chart}))
            elif over is not None:
                said.setdefault(chart, failed[over])
    return list(said.values())


def left_out(findings: Iterable[Finding]) -> list[Finding]:
    """Manifests that were not read at all; a finding without a path is about all files."""
    unread = [item for item in findings if item.code in _UNREAD]
    return [item for item in unread if is_manifest(str(item.facts.get("path", "any.yaml")))]
