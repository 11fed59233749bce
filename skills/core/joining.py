"""The views of all platforms on one flow become one verdict a layer, and one decision over all layers."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.model import (
    LAYERS,
    Decision,
    Finding,
    LayerVerdict,
    LayerView,
    NearMiss,
    Place,
    RuleHit,
    unique,
)

_NEAR_MISSES = 8
_NO_NAMES = frozenset({"EGR863", "EGR924", "EGR925", "EGR926"})


def join_layers(views: Sequence[LayerView]) -> tuple[tuple[LayerVerdict, ...], Decision]:
    """The views of all platforms as one verdict a layer, and the decision over all layers."""
    by_layer: dict[str, list[LayerView]] = {}
    for view in views:
        by_layer.setdefault(view.layer, []).append(view)
    layers = tuple([_join(layer, by_layer[layer]) for layer in LAYERS if layer in by_layer])
    return layers, _decide(layers)


def said_beside(views: Sequence[LayerView]) -> list[Finding]:
    """What views of weight say beside their verdicts. That no name can be looked up is so only where each dialect that
    denies by default says it, for their rules are a union; then it is said once."""
    isolated = {view.layer for view in views if view.default == "deny"}
    heard = [view for view in views if view.default == "deny" or view.allows or view.layer not in isolated]
    unnamed = [(view, [item for item in view.findings if item.code in _NO_NAMES]) for view in heard]
    open_to_names = {
        view.layer for view, blocked in unnamed if view.default == "deny" and view.half == "egress" and not blocked
    }
    first = next((item for view, blocked in unnamed if view.layer not in open_to_names for item in blocked), None)
    return [item for view in heard for item in view.findings if item.code not in _NO_NAMES or item is first]


def _join(layer: str, views: Sequence[LayerView]) -> LayerVerdict:
    """The union of the views of one half; when the far side has a half of its own, both must allow."""
    egress = [view for view in views if view.half == "egress"]
    if len(egress) == len(views) or not egress:
        return _join_half(layer, views)
    present = [_join_half(layer, egress), _join_half(layer, [view for view in views if view.half == "ingress"])]
    decision = _decide(present)
    deciding = [half for half in present if half.decision == decision] if decision != "allowed" else present
    return LayerVerdict(
        layer,
        decision,
        deciding[0].default,
        tuple(rule for half in present for rule in half.rules),
        tuple(place for half in deciding for place in half.isolators),
        tuple(miss for half in deciding for miss in half.near_misses),
        tuple(unknown for half in deciding for unknown in half.unknown),
        tuple(dict.fromkeys(name for half in present for name in half.platforms)),
    )


def _join_half(layer: str, views: Sequence[LayerView]) -> LayerVerdict:
    allows: list[RuleHit] = []
    denies: list[RuleHit] = []
    doubts: list[Finding] = []
    unknown: list[Finding] = []
    places: list[Place] = []
    misses: list[NearMiss] = []
    for view in views:
        allows += view.allows
        denies += view.denies
        doubts += view.doubts
        unknown += view.unknown
        places += view.isolators
        misses += view.near
    isolated = any(view.default == "deny" for view in views)
    if len(misses) > 1:
        misses.sort(key=lambda miss: miss.distance)
    return LayerVerdict(
        layer,
        _half(isolated, allows, denies, doubts, unknown),
        "deny" if isolated else "allow",
        tuple(dict.fromkeys(denies or allows)),
        tuple(dict.fromkeys(places)),
        tuple(misses[:_NEAR_MISSES]),
        unique([*doubts, *unknown]),
        tuple(dict.fromkeys([view.platform for view in views])),
    )


def _half(
    isolated: bool,
    allows: Sequence[RuleHit],
    denies: Sequence[RuleHit],
    doubts: Sequence[Finding],
    unknown: Sequence[Finding],
) -> Decision:
    if denies:
        return "denied"
    if allows or not isolated:
        return "undecided" if doubts or (unknown and not allows) else "allowed"
    # What may only deny besides makes a denial no less certain.
    return "undecided" if unknown else "denied"


def _decide(layers: Sequence[LayerVerdict]) -> Decision:
    """Every layer in force must allow; without any evidence nothing is known."""
    decisions = {layer.decision for layer in layers}
    if "denied" in decisions:
        return "denied"
    if "undecided" in decisions or not decisions:
        return "undecided"
    return "allowed"
