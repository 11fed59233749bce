"""The rules of all platforms, compiled, and the layered verdict over them.

Reading is per file and pure (`read_file`), so that callers keep readings by blob; compiling is per
commit. A verdict joins the platforms' views: inside one layer they are a union, an explicit deny
beats it, and every layer in force must allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from skills.core.all_platforms import ALL
from skills.core.apart import environments_by_namespace, joined, unlisted
from skills.core.caveats import Refused, caveats, left_out, refused, unrendered
from skills.core.enforce import cluster as kube
from skills.core.enforce.variables import unfilled
from skills.core.environments import canonical, environments_in
from skills.core.expansion import Expanded, Scope, differing, expand, still_plain
from skills.core.hosts import near
from skills.core.indexes import Indexes
from skills.core.joining import join_layers, said_beside
from skills.core.model import (
    Decision,
    Destination,
    Edit,
    Finding,
    LayerVerdict,
    LayerView,
    Question,
    Verdict,
    Workload,
    WorkloadRef,
    unique,
)
from skills.core.platform_base import Platform, Sources
from skills.core.reading import Blind, Reading, is_manifest, read_file
from skills.core.shelves import changed
from skills.core.yaml_text import Unreadable

_WHOLE = Scope()


@dataclass(frozen=True, slots=True)
class Resolution:
    """The workloads that fit a reference; `suggestions` are near names when none does."""

    workloads: tuple[Workload, ...]
    suggestions: tuple[str, ...] = ()
    unread: tuple[Finding, ...] = ()


class Allowlist:
    """All rules at one commit. `texts` holds the files' texts, for drafts; it may be empty for checks only."""

    def __init__(
        self,
        readings: Mapping[str, Reading],
        texts: Mapping[str, str],
        *,
        commit: str | None = None,
        dirty: bool | None = None,
        findings: Sequence[Finding] = (),
        scope: Scope = _WHOLE,
        expanded: Expanded | None = None,
    ) -> None:
        self.readings = readings
        self.texts = texts
        self.commit = commit
        self.dirty = dirty
        self.findings = tuple(findings)
        self.expanded = expanded or expand(readings, texts, scope)
        self.indexes = Indexes(self.expanded.readings)
        self.scope = scope
        self._by_environment: dict[str, Allowlist] = {}

    @property
    def sources(self) -> Sources:
        return Sources(self.texts)

    @property
    def cluster(self) -> kube.Cluster:
        return self.indexes.cluster

    @property
    def unreadable(self) -> list[Unreadable]:
        broken = sorted(path for path, reading in self.readings.items() if reading.unreadable)
        return [item for path in broken for item in self.readings[path].unreadable]

    @cached_property
    def blind(self) -> tuple[Blind, ...]:
        """Every part of a file that could hold rules and can't be read."""
        readings = self.expanded.readings
        blind = sorted(path for path, reading in readings.items() if reading.blind)
        return tuple(item for path in blind for item in readings[path].blind)

    @cached_property
    def _refused(self) -> Refused:
        return refused(self.readings, self.cluster.homes)

    def with_edits(self, edits: Iterable[Edit]) -> Allowlist:
        """The allowlist as it would be after the edits; only changed files are read again."""
        texts = {edit.path: edit.new_text for edit in edits}
        readings = {path: read_file(path, text) for path, text in texts.items() if is_manifest(path)}
        return self.after(readings, texts, commit=self.commit, dirty=self.dirty, findings=self.findings)

    def after(
        self,
        readings: Mapping[str, Reading | None],
        texts: Mapping[str, str | None],
        *,
        commit: str | None,
        dirty: bool | None,
        findings: Sequence[Finding] = (),
    ) -> Allowlist:
        """The allowlist once some files are others: `readings` and `texts` of those alone, None for what is gone."""
        every, said_now = changed(self.readings, readings), changed(self.texts, texts)
        plain = still_plain(self.expanded, every, readings)
        new = Allowlist(
            every, said_now, commit=commit, dirty=dirty, findings=findings, scope=self.scope, expanded=plain
        )
        changes = differing(self.expanded, new.expanded, readings)
        new.indexes = self.indexes.after(new.expanded.readings, changes)
        if not any(reading and reading.blind for pair in changes.values() for reading in pair):
            new.__dict__["blind"] = self.blind
        if not any(pair and pair.unreadable for path in readings for pair in (self.readings.get(path), readings[path])):
            new.__dict__["_refused"] = self._refused
        for environment, part in self._by_environment.items():
            own = {path: reading for path, reading in readings.items() if _applies(path, environment)}
            said = {path: text for path, text in texts.items() if _applies(path, environment)}
            if part.scope.only == new._part(environment).only:
                new._by_environment[environment] = part.after(own, said, commit=commit, dirty=dirty, findings=findings)
        return new

    # --- workloads

    def resolve(self, ref: WorkloadRef) -> Resolution:
        found = self._pods(ref)
        for platform in ALL:
            found += platform.resolve(self.indexes[platform.NAME], ref)
        if found:
            return Resolution(tuple(found))
        unread = self._may_declare(ref)
        if ref.environment and kube.resolve(self.cluster, replace(ref, environment=None)):
            unread.append(Finding("EGR168", {"workload": ref.written, "environment": ref.environment}))
        return Resolution((), tuple(near(ref.written, self.names())[:3]), tuple(unread))

    def _pods(self, ref: WorkloadRef) -> list[Workload]:
        """Kubernetes manifests name no environment; the folders on the way to them may."""
        if ref.environment is None:
            return [self._named(workload) for workload in kube.resolve(self.cluster, ref)]
        if not self.has_environment(ref.environment):
            return []
        there = self.in_environment(ref.environment)
        found = [there._named(workload) for workload in kube.resolve(there.cluster, replace(ref, environment=None))]
        return [replace(workload, environment=canonical(ref.environment)) for workload in found]

    def has_environment(self, environment: str) -> bool:
        return any(canonical(environment) in environments_in(path) for path in self.readings)

    def in_environment(self, environment: str) -> Allowlist:
        """What applies in one environment: its own folders, and all that lies in no environment's folder."""
        wanted = canonical(environment)
        if wanted not in self._by_environment:
            own = {path: reading for path, reading in self.readings.items() if _applies(path, wanted)}
            texts = {path: text for path, text in self.texts.items() if _applies(path, wanted)}
            part = Allowlist(
                own,
                texts,
                commit=self.commit,
                dirty=self.dirty,
                findings=self.findings,
                scope=self._part(wanted),
            )
            self._by_environment[wanted] = part
        return self._by_environment[wanted]

    def _part(self, environment: str) -> Scope:
        roots = self.expanded.roots if self.scope.only is None else self.scope.only
        return replace(self.scope, environment=environment, only=roots)

    def _may_declare(self, ref: WorkloadRef) -> list[Finding]:
        """Files that can't be read and name what nothing readable declares."""
        name = ref.parts[-1] if ref.parts else ref.written
        return [finding for blind in self.blind if blind.could_declare(name) for finding in blind.findings]

    def _named(self, workload: Workload) -> Workload:
        """The dialect that speaks for a Kubernetes workload is the first that governs it."""
        for platform in self.governing(workload):
            return replace(workload, platform=platform.NAME)
        return workload

    def names(self) -> list[str]:
        names = list(kube.names(self.cluster))
        for platform in ALL:
            names += platform.names(self.indexes[platform.NAME])
        return sorted(set(names))

    @cached_property
    def environments(self) -> tuple[str, ...]:
        """Environments that any workload is declared in, or that namespaces are answered apart for."""
        found = set().union(*self._environments_of.values())
        for platform in ALL:
            index = self.indexes[platform.NAME]
            for name in platform.names(index):
                fits = platform.resolve(index, WorkloadRef(name, parts=tuple(name.split("/"))))
                found |= {workload.environment for workload in fits if workload.environment}
        return tuple(sorted(found))

    def governing(self, workload: Workload) -> list[Platform]:
        return [p for p in ALL if workload.kind == p.KIND and p.governs(self.indexes[p.NAME], workload)]

    # --- verdicts

    def check(self, workload: Workload, destination: Destination) -> Verdict:
        """The verdict for one workload and one destination."""
        if workload.kind == "k8s" and workload.environment:
            there = self.in_environment(workload.environment)
            if len(there.readings) != len(self.readings):  # it holds ours, or some of them
                return there.check(workload, destination)
        whole = self._check(workload, destination)
        apart = self.apart(workload)
        if not apart:
            return whole
        parts = {name: self.in_environment(name)._check(workload, destination) for name in sorted(apart)}
        return joined(parts, whole)

    def apart(self, workload: Workload) -> frozenset[str]:
        """The environments that a question without one may be about: where only some declare the workload, those."""
        if workload.kind != "k8s" or workload.environment or self.scope.environment or not workload.namespace:
            return frozenset()
        namespace, name = workload.namespace, workload.name.rpartition("/")[2]
        named = self._environments_of.get(namespace, frozenset())
        declared = {each for each in named if kube.pods_named(self.in_environment(each).cluster, namespace, name)}
        return frozenset(declared) or named

    @cached_property
    def _environments_of(self) -> Mapping[str, frozenset[str]]:
        return environments_by_namespace(self.readings)

    def _check(self, workload: Workload, destination: Destination) -> Verdict:
        views: list[LayerView] = []
        for platform in ALL:
            if workload.kind == platform.KIND:
                views += self._views(platform, workload, destination, views)
        layers, decision = join_layers(views)
        findings = said_beside(views)
        if decision != "allowed":
            findings += [unknown for layer in layers if layer.decision == "undecided" for unknown in layer.unknown]
        blind = self._blind_spots(workload)
        if blind and (_could_change(decision, layers) or (decision == "allowed" and self._could_deny(workload))):
            decision = "undecided"
        findings += blind
        if decision == "undecided":
            findings += [*unfilled(findings, self.texts), *unrendered(findings, self.readings, self.blind)]
        findings += caveats(workload, layers, self._refused, self.expanded.assumed, self.expanded.nameless)
        if strangers := unlisted(layers, self.readings):
            decision = "undecided" if decision == "allowed" else decision
            findings += strangers
        if not layers:
            findings.append(Finding("EGR106", {"workload": workload.name}))
        return Verdict(decision, workload, destination, layers, unique(findings))

    def _views(
        self, platform: Platform, workload: Workload, destination: Destination, known: Sequence[LayerView]
    ) -> list[LayerView]:
        """What one platform says. Where another sends the packets on a detour, it judges the way out up to there."""
        index = self.indexes[platform.NAME]
        for view in known:
            if (detour := view.detour) is not None:
                break
        else:
            return list(platform.decide(index, workload, destination))
        # What takes a detour is no pod: nothing but the way out is left to say at this layer.
        views = () if platform.LAYERS == ("network_policy",) else platform.decide(index, workload, destination)
        there = platform.decide(index, workload, detour) if "network_policy" in platform.LAYERS else ()
        return [view for view in views if not _way_out(view)] + [view for view in there if _way_out(view)]

    def _blind_spots(self, workload: Workload) -> list[Finding]:
        """Files that can't be read and might hold rules for this workload."""
        if not self.blind:
            return left_out(self.findings)
        marks = {mark for platform in ALL if workload.kind == platform.KIND for mark in platform.MARKS}
        spots = [blind for blind in self.blind if blind.marks & marks and blind.concerns(workload)]
        found = [finding for blind in spots for finding in blind.findings]
        return found + left_out(self.findings)

    def _could_deny(self, workload: Workload) -> bool:
        """Whether an unread file of a dialect with denials of its own names the workload's very namespace."""
        return any(blind.could_deny(workload) for blind in self.blind)

    def audit(self) -> list[Finding]:
        return [finding for platform in ALL for finding in platform.audit(self.indexes[platform.NAME])]


def _applies(path: str, environment: str) -> bool:
    return environments_in(path) <= {environment}


def unresolved(ref: WorkloadRef, destination: Destination, resolution: Resolution) -> Verdict:
    """The verdict when a workload's name fits nothing, or more than one thing."""
    if not resolution.workloads:
        code = "EGR102" if resolution.suggestions else "EGR103"
        facts = {"workload": ref.written, "suggestion": " or ".join(resolution.suggestions)}
        question = Question("workload", "EGR105", {"workload": ref.written}, resolution.suggestions)
        findings = (*resolution.unread, Finding(code, facts))
        return Verdict("undecided", None, destination, (), findings, (question,))
    choices = tuple(choice_for(workload) for workload in resolution.workloads)
    facts = {"workload": ref.written, "choices": ", ".join(choices)}
    question = Question("workload", "EGR105", {"workload": ref.written}, choices)
    return Verdict("undecided", None, destination, (), (Finding("EGR104", facts),), (question,))


def choice_for(workload: Workload) -> str:
    """What to write after --for to mean exactly this workload."""
    name = workload.name if workload.kind == "k8s" else workload.scope
    return f"{workload.environment}:{name}" if workload.environment else name


def _way_out(view: LayerView) -> bool:
    return view.layer == "network_policy" and view.half == "egress"


def _could_change(decision: Decision, layers: Sequence[LayerVerdict]) -> bool:
    """Whether an unread file could turn the decision.

    Our platforms' unread rules can add a permission or isolate a workload. So a denial may be wrong,
    and so may an allowance that stands on nothing but the absence of an isolating rule.
    """
    if decision == "denied":
        return not any(rule.effect == "deny" for layer in layers for rule in layer.rules)
    return any(not layer.rules for layer in layers)
