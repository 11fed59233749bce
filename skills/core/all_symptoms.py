"""The list of symptoms, and the judgement over what they see."""

from __future__ import annotations

from dataclasses import dataclass

from skills.core.report import Report, Seen
from skills.core.symptom_base import Block, Origin, Sighting, Symptom, by_node
from skills.core.symptoms import denied, dns, gateway, not_network, refused, reset, timeout, tls

ALL: list[Symptom] = [tls, dns, timeout, refused, reset, gateway, denied, not_network]
"""Of two sightings of the same strength the earlier module names the symptom."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the text shows, as far as the text alone tells. `certainty` is 0 to 1. `sightings`: strongest first.

    `by_node` says that the node wanted the connection, and no pod of it.
    """

    symptom: str
    origin: Origin
    client: str
    envoy_flags: tuple[str, ...]
    destinations: tuple[Seen, ...]
    egress_block: Block
    certainty: float
    sightings: tuple[Sighting, ...]
    by_node: bool = False

    @property
    def best(self) -> Sighting:
        return self.sightings[0]


def judge(report: Report) -> Judgement:
    """Let every symptom look, and choose the strongest sighting."""
    seen = [sighting for symptom in ALL for sighting in symptom.look(report)]
    seen.sort(key=lambda sighting: -sighting.strength)
    strongest: dict[str, Sighting] = {}
    for sighting in seen:
        strongest.setdefault(sighting.symptom, sighting)
    ranked = tuple(strongest.values())
    best = ranked[0]
    return Judgement(
        symptom=best.symptom,
        origin=best.origin,
        client=report.client,
        envoy_flags=report.envoy_flags,
        destinations=report.destinations,
        egress_block=best.egress_block,
        certainty=_certainty(ranked),
        sightings=ranked,
        by_node=by_node(report),
    )


def _certainty(ranked: tuple[Sighting, ...]) -> float:
    """The strength of the best sighting, less the closer a rival of another family comes."""
    best = ranked[0]
    family = next((module.NAMES for module in ALL if best.symptom in module.NAMES), ())
    rival = next((sighting.strength for sighting in ranked if sighting.symptom not in family), 0)
    doubt = max(0, 12 - (best.strength - rival)) / 40
    return round(max(0.05, min(0.98, best.strength / 100 - doubt)), 2)
