"""Which manifests are in force where: a namespace in several environments' folders is answered for each.

Without an environment in the question all folders would count at once, and what staging opens would open production.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from skills.core.enforce.cluster import NAME as KUBE
from skills.core.enforce.kube_objects import NamespaceFacts, PluginFacts
from skills.core.enforce.kustomize import Kustomization, kustomizations_in
from skills.core.enforce.overlay import reached
from skills.core.environments import environments_in
from skills.core.model import Edit, Finding, LayerVerdict, Question, Verdict, unique
from skills.core.reading import Reading

ENVIRONMENT = "environment"
"""The id of the question which environment is meant."""


def environments_by_namespace(readings: Mapping[str, Reading]) -> dict[str, frozenset[str]]:
    """The environments whose folders speak of a namespace, themselves or through what their overlays use."""
    found: dict[str, set[str]] = {}
    if len({name for path in readings for name in environments_in(path)}) < 2:
        return {}
    overlays = {entry.folder: entry for path in readings for entry in _kustomizations(readings[path])}
    for path, reading in readings.items():
        here = environments_in(path)
        if len(here) != 1:
            continue
        names = _namespaces(reading)
        for overlay in _kustomizations(reading):
            names |= {overlay.namespace} if overlay.namespace else _below(overlay, overlays, readings)
        for name in names:
            found.setdefault(name, set()).update(here)
    return {name: frozenset(environments) for name, environments in found.items() if len(environments) > 1}


def _kustomizations(reading: Reading) -> list[Kustomization]:
    return [entry for entry in reading.entries.get(KUBE, ()) if isinstance(entry, Kustomization)]


def _namespaces(reading: Reading) -> set[str]:
    entries = [entry for entry in reading.entries.get(KUBE, ()) if not isinstance(entry, (Kustomization, PluginFacts))]
    return {entry.name if isinstance(entry, NamespaceFacts) else entry.namespace for entry in entries}


def _below(overlay: Kustomization, overlays: Mapping[str, Kustomization], readings: Mapping[str, Reading]) -> set[str]:
    """The namespaces of all that an overlay uses."""
    waiting, seen, names = [overlay], {overlay.folder}, set[str]()
    while waiting:
        for path in reached(waiting.pop()):
            if path in seen:
                continue
            seen.add(path)
            if path in overlays:
                waiting.append(overlays[path])
                names |= {overlays[path].namespace} - {""}
            elif path in readings:
                names |= _namespaces(readings[path])
    return names


def joined(verdicts: Mapping[str, Verdict], whole: Verdict) -> Verdict:
    """One verdict where all environments agree; else undecided, saying what each of them says."""
    decisions = {verdict.decision for verdict in verdicts.values()}
    if decisions == {whole.decision}:
        return whole
    if len(decisions) == 1:
        return replace(next(iter(verdicts.values())), workload=whole.workload)
    said = ", ".join(f"{verdict.decision} in {environment}" for environment, verdict in sorted(verdicts.items()))
    name = whole.workload.name if whole.workload else ""
    finding = Finding("EGR594", {"workload": name, "destination": str(whole.destination), "said": said})
    question = which_environment(name, verdicts)
    own = whole.findings if whole.decision == "undecided" else ()
    theirs = [item for verdict in verdicts.values() if verdict.decision == "undecided" for item in verdict.findings]
    return replace(whole, decision="undecided", findings=unique([finding, *own, *theirs]), questions=(question,))


def which_environment(name: str, environments: Iterable[str]) -> Question:
    """Asks for one of the environments, or all of them; each choice is what to write after --for."""
    known = sorted(environments)
    choices = (*(f"{environment}:{name}" for environment in known), f"{','.join(known)}:{name}")
    return Question(ENVIRONMENT, "EGR595", {"workload": name}, choices)


def common_to_all(edits: Iterable[Edit]) -> list[str]:
    """The files that lie in no environment's folder."""
    return [edit.path for edit in edits if not environments_in(edit.path)]


def unlisted(layers: Iterable[LayerVerdict], readings: Mapping[str, Reading]) -> list[Finding]:
    """Files of deciding rules beside a kustomization that none lists: Kustomize does not deliver them."""
    paths: dict[str, None] = {}
    for layer in layers:
        for rule in layer.rules:
            paths[rule.place.path] = None
        for place in layer.isolators:
            paths[place.path] = None
    found = []
    for path in paths:
        beside = kustomizations_in(path.rpartition("/")[0])
        there = next((each for each in beside if each in readings), None)
        if there and path not in beside and not _is_listed(path, readings):
            found.append(Finding("EGR573", {"path": path, "kustomization": there}))
    return found


def _is_listed(path: str, readings: Mapping[str, Reading]) -> bool:
    overlays = (each for file in readings if "ustomization" in file for each in _kustomizations(readings[file]))
    return any(path in reached(each) for each in overlays)
