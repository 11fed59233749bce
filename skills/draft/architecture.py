"""The team's architecture diagram as part of a draft: an edit of the same change, or a text for another repository."""

from __future__ import annotations

from dataclasses import replace

from skills.contract import World
from skills.core.change import Draft, Elsewhere, digest
from skills.core.diagram.block import placed
from skills.core.diagram.drawing import drawn
from skills.core.diagram.reach import TooMany, covers
from skills.core.errors import AskUnclear
from skills.core.model import Edit, Finding, Need, Role
from skills.core.policy import DiagramSetting, Policy

ROLE: Role = "architecture"


def setting_for(policy: Policy, need: Need) -> DiagramSetting | None:
    """The first of the policy's diagrams that is kept for the workload."""
    return next((each for each in policy.diagrams if covers(each.workloads, need.workload)), None)


def with_diagram(drafted: Draft, need: Need, world: World) -> Draft:
    """The draft with its diagram. What keeps it from being drawn is a finding: the change does not wait for it."""
    setting = setting_for(world.policy, need)
    if setting is None or not drafted.change.edits:
        return drafted
    try:
        made = _block(drafted, setting, need, world)
        if setting.repository is not None:
            note = Finding("EGR031", {"path": setting.path, "repository": setting.repository})
            outside = Elsewhere(setting.repository, setting.path, made)
            return _bound(replace(drafted, elsewhere=outside), (), note)
        old = world.file(setting.path)
        new = placed(old, made, setting.path)
    except TooMany:
        return _bound(drafted, (), Finding("EGR032", {"path": setting.path}))
    except AskUnclear as problem:
        return _bound(drafted, (), problem.finding)
    edits = (Edit(setting.path, old, new, ROLE),) if new != old else ()
    return _bound(drafted, edits, None)


def is_open(drafted: Draft, need: Need, world: World) -> bool:
    """Whether somebody must bring the diagram up to date by hand."""
    drawn_here = any(edit.role == ROLE for edit in drafted.change.edits)
    setting = setting_for(world.policy, need)
    if setting is None:
        return True
    return not drawn_here and any(finding.code in _UNDRAWN for finding in drafted.change.findings)


_UNDRAWN = ("EGR030", "EGR032", "EGR033")


def _block(drafted: Draft, setting: DiagramSetting, need: Need, world: World) -> str:
    rules = [edit for edit in drafted.change.edits if edit.role != ROLE]
    turned = [was.destination for was in drafted.before if not was.allowed]
    new = replace(need, destinations=tuple(turned), reason=need.reason)
    return drawn(world.allowlist.with_edits(rules), setting.workloads, world.requests, new)


def _bound(drafted: Draft, edits: tuple[Edit, ...], said: Finding | None) -> Draft:
    """The digest covers the diagram too, also the one that goes into another repository."""
    change, outside = drafted.change, drafted.elsewhere
    every = (*change.edits, *edits)
    covered = (*every, Edit(f"{outside.repository}:{outside.path}", None, outside.block, ROLE)) if outside else every
    findings = (*change.findings, said) if said else change.findings
    return replace(drafted, change=replace(change, digest=digest(change.base, covered), edits=every, findings=findings))
