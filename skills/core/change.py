"""A need and the files become a change: edits, their proof, and a digest over what was shown.

A change is a function of the need and the base commit, so that it can be drawn anew at any time and
compared with what somebody saw.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from skills.core.all_platforms import ALL
from skills.core.allowlist import Allowlist
from skills.core.apart import ENVIRONMENT, common_to_all, which_environment
from skills.core.enforce.selectors import OPEN
from skills.core.model import (
    Change,
    Decision,
    Destination,
    Edit,
    Finding,
    Need,
    Place,
    Plan,
    Proof,
    Question,
    Verdict,
    finding,
    unique,
)
from skills.core.platform_base import Platform
from skills.core.proof import DENIER, default, part_for, prove, worst, worst_of
from skills.core.reading import read_file
from skills.core.values_lists import in_values, out_of_values

__all__ = ["ENVIRONMENT", "Draft", "Elsewhere", "digest", "draft", "effect", "unified_diff", "worst_of"]

_OF_EDITS = frozenset({"EGR586", "EGR993"})  # they say what edits do
_FOR_ALL = "istio"  # the dialect in which a need is for all overlays, unless one is named


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The block that a diagram in another repository shall hold once the change is merged."""

    repository: str
    path: str
    block: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A change with the verdicts that it turns: one before and one after for each destination.

    `elsewhere` is a text for a file of another repository, which the digest covers as well.
    """

    change: Change
    before: tuple[Verdict, ...]
    after: tuple[Verdict, ...]
    elsewhere: Elsewhere | None = None


def draft(allowlist: Allowlist, need: Need) -> Draft:
    """Lets each platform in charge write its part until the need is met, then proves the whole."""
    if need.others:
        return _for_each(allowlist, need)
    before = _verdicts(allowlist, need)
    plans, changed = _planned(allowlist, need, before)
    edits = _merged(allowlist, plans)
    after = _verdicts(changed, need)
    asked = _which_environment(allowlist, need, edits, before, after)
    if asked is not None:
        return _only_asks(allowlist, need, before, asked)
    beaten = _beaten(need, after) if edits else {}
    if beaten:
        return _without(allowlist, need, beaten, before)
    proof = prove(allowlist, changed, need, (before, after), edits)
    findings = [finding for plan in plans for finding in plan.findings]
    findings += _shortfall(edits, need, after)
    findings += _unreadable_after(edits)
    findings += [finding("EGR300", Place(edit.path), path=edit.path) for edit in edits if _is_bare(edit)]
    change = Change(
        allowlist.commit,
        digest(allowlist.commit, edits),
        edits,
        tuple(dict.fromkeys(command for plan in plans for command in plan.commands)),
        proof,
        tuple(findings),
        _questions(plans),
    )
    return Draft(change, before, after)


def _planned(allowlist: Allowlist, need: Need, before: Sequence[Verdict]) -> tuple[list[Plan], Allowlist]:
    """What each platform in charge writes, and the allowlist with it. A list in the values of a chart comes first."""
    plans: list[Plan] = []
    changed = allowlist
    adds = not (need.remove or need.isolate)
    if adds and all(verdict.allowed for verdict in before):
        return plans, changed
    written = in_values if adds else out_of_values if need.remove else None
    listed = written(allowlist, need, before) if written and not need.choice else None
    if listed is not None:
        code = "EGR387" if adds else "EGR398"
        said = Finding(code, {"path": listed.path, "keys": listed.keys, "chart": listed.chart})
        return [Plan(listed.edits, findings=(said,))], allowlist.with_edits(listed.edits)
    for platform in _in_charge(allowlist, need, before):
        part = part_for(changed, need)
        plan = _only_where_it_stands(part, platform.edit(part.indexes[platform.NAME], part.sources, need))
        plans.append(plan)
        changed = changed.with_edits(plan.edits)
        done = bool(plan.edits) and all(verdict.allowed for verdict in _verdicts(changed, need))
        if plan.alone or (done and not need.remove):
            break
    return plans, changed


def _for_each(allowlist: Allowlist, need: Need) -> Draft:
    """One change for several environments: each is drafted on what the one before it left."""
    parts: list[Draft] = []
    changed = allowlist
    before: list[Verdict] = []
    for workload in (need.workload, *need.others):
        one = replace(need, workload=workload, others=())
        before += _verdicts(allowlist, one)
        parts.append(draft(changed, one))
        changed = changed.with_edits(parts[-1].change.edits)
    changes = [part.change for part in parts]
    edits = _merged(allowlist, [Plan(change.edits) for change in changes])
    after = [verdict for part in parts for verdict in part.after]
    decided = (worst_of(before), worst_of(after))
    if need.isolate:
        decided = (worst(change.proof.before for change in changes), worst(change.proof.after for change in changes))
    proof = Proof(
        *decided,
        tuple(dict.fromkeys(grant for change in changes for grant in change.proof.newly_allowed)),
        tuple(dict.fromkeys(line for change in changes for line in change.proof.newly_denied)),
        unique(_wider_than_all(need, changes)),
        unique([said for change in changes for said in change.proof.lost]),
    )
    made = Change(
        allowlist.commit,
        digest(allowlist.commit, edits),
        edits,
        tuple(dict.fromkeys(command for change in changes for command in change.commands)),
        proof,
        unique([said for change in changes for said in change.findings]),
        tuple({question.id: question for change in changes for question in change.questions}.values()),
    )
    return Draft(made, tuple(before), tuple(after))


def _wider_than_all(need: Need, changes: Sequence[Change]) -> list[Finding]:
    """What is wider than what was asked for all the environments together."""
    named = {workload.environment for workload in (need.workload, *need.others)}
    said = [item for change in changes for item in change.proof.wider_than_asked]
    return [
        item for item in said if item.code != "EGR599" or not named.issuperset(str(item.facts["others"]).split(", "))
    ]


def _beaten(need: Need, after: Sequence[Verdict]) -> dict[Destination, Finding]:
    """Destinations that a rule denies outright even after the draft: no line that allows them helps."""
    if need.remove or need.isolate:
        return {}
    found: dict[Destination, Finding] = {}
    for verdict in after:
        denies = [hit for layer in verdict.denying() for hit in layer.rules if hit.effect == "deny"]
        if denies:
            facts = {"destination": str(verdict.destination), "workload": need.workload.name}
            found[verdict.destination] = finding("EGR329", denies[0].place, **facts, place=str(denies[0].place))
    return found


def _without(
    allowlist: Allowlist, need: Need, beaten: Mapping[Destination, Finding], before: tuple[Verdict, ...]
) -> Draft:
    """The draft for the other destinations alone; it says why nothing is written for these."""
    rest = tuple(to for to in need.destinations if to not in beaten)
    part = draft(allowlist, replace(need, destinations=rest)) if rest else None
    edits = part.change.edits if part else ()
    after = _verdicts(allowlist.with_edits(edits), need)
    proof = prove(allowlist, allowlist.with_edits(edits), need, (before, after), edits)
    said = (*beaten.values(), *(part.change.findings if part else ()))
    change = Change(
        allowlist.commit,
        digest(allowlist.commit, edits),
        edits,
        part.change.commands if part else (),
        proof,
        said,
        part.change.questions if part else (),
    )
    return Draft(change, before, after)


def _which_environment(
    allowlist: Allowlist, need: Need, edits: Sequence[Edit], before: Sequence[Verdict], after: Sequence[Verdict]
) -> Question | None:
    """Asks where environments are answered apart and the change is for some of them only, or can't serve all."""
    environments = allowlist.apart(need.workload)
    if len(environments) < 2 or not (edits or any(verdict.questions for verdict in before)):
        return None
    served = not need.isolate and all(verdict.decision == _wanted(need) for verdict in after)
    if served and any(platform.NAME == _FOR_ALL for platform in allowlist.governing(need.workload)):
        return None
    differ = any(question.id == ENVIRONMENT for verdict in before for question in verdict.questions)
    if differ or len(common_to_all(edits)) < len(edits):
        return which_environment(need.workload.name, environments)
    return None


def _wanted(need: Need) -> Decision:
    return "denied" if need.remove else "allowed"


def _only_asks(allowlist: Allowlist, need: Need, before: Sequence[Verdict], question: Question) -> Draft:
    said = default(allowlist, need) if need.isolate else worst_of(before)
    proof = Proof(said, said)
    change = Change(allowlist.commit, digest(allowlist.commit, ()), (), (), proof, (), (question,))
    return Draft(change, tuple(before), tuple(before))


def _only_where_it_stands(part: Allowlist, plan: Plan) -> Plan:
    """What comes out otherwise than its file says (patched, rendered) is for a person to change; it is said where."""
    made = part.expanded.by_hand
    blocked = [made[edit.path] for edit in plan.edits if edit.path in made and not _only_adds(part, edit)]
    if any(OPEN in edit.new_text and OPEN not in (edit.old_text or "") for edit in plan.edits):
        blocked += part.expanded.nameless.values()  # a label of which nobody knows the value can't be written down
    if not blocked:
        return plan
    said = [item for item in plan.findings if item.code not in _OF_EDITS]
    return replace(plan, edits=(), findings=(*said, *blocked))


def _in_charge(allowlist: Allowlist, need: Need, before: Sequence[Verdict]) -> list[Platform]:
    """Who may write: those that govern the workload, then those that deny it at the far end (to take away: that have
    a say there); or the one that the asker chose among several ways."""
    if need.isolate:
        denied = default(allowlist, need) == "denied"
        return [
            p for p in ALL if p.NAME == DENIER and (not denied or p.governs(allowlist.indexes[p.NAME], need.workload))
        ]
    chosen = [platform for platform in ALL if need.choice == platform.NAME and need.workload.kind == platform.KIND]
    governing = allowlist.governing(need.workload)
    concerned = [layer for verdict in before for layer in (verdict.layers if need.remove else verdict.denying())]
    names = {name for layer in concerned for name in layer.platforms}
    far = [platform for platform in ALL if platform.NAME in names and platform not in governing]
    return chosen or [*governing, *far]


def _only_adds(part: Allowlist, edit: Edit) -> bool:
    """A new object behind all others goes the way of the others, and the proof says what comes out of it."""
    return edit.new_text.startswith(part.texts.get(edit.path, "").rstrip())


def digest(base: str | None, edits: Iterable[Edit]) -> str:
    """Covers the base commit, every path and all new text; nothing that is shown can change without it."""
    rows = sorted((edit.path, edit.role, edit.new_text) for edit in edits)
    return hashlib.sha256(json.dumps([base, rows], ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def effect(change: Change) -> str:
    """Covers the text of every touched file before and after and all that the proof says, but not the base: on two
    commits the same change for the same files is the same."""
    proof = change.proof
    said = [[item.code, dict(item.facts)] for item in (*proof.wider_than_asked, *proof.lost)]
    rows = sorted((edit.path, edit.role, edit.old_text or "", edit.new_text) for edit in change.edits)
    whole = [rows, [str(grant) for grant in proof.newly_allowed], proof.newly_denied, said, proof.before, proof.after]
    return hashlib.sha256(json.dumps(whole, default=str).encode()).hexdigest()


def unified_diff(edit: Edit) -> str:
    """As `git diff` prints it, without the index line; missing line ends at the end of a file are said."""
    old, new = _lines(edit.old_text or ""), _lines(edit.new_text)
    before = f"a/{edit.path}" if edit.old_text is not None else "/dev/null"
    lines = []
    for line in difflib.unified_diff(old, new, before, f"b/{edit.path}"):
        lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """Lines as Git counts them: only a line feed ends one."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _verdicts(allowlist: Allowlist, need: Need) -> tuple[Verdict, ...]:
    return tuple(allowlist.check(need.workload, destination) for destination in need.destinations)


def _merged(allowlist: Allowlist, plans: Sequence[Plan]) -> tuple[Edit, ...]:
    """One edit a file, from the text that stands to the text that results; no-ops are dropped."""
    merged: dict[str, Edit] = {}
    for edit in (edit for plan in plans for edit in plan.edits):
        first = merged.get(edit.path)
        merged[edit.path] = replace(edit, old_text=first.old_text if first else allowlist.texts.get(edit.path))
    return tuple(merged[path] for path in sorted(merged) if merged[path].old_text != merged[path].new_text)


def _shortfall(edits: Sequence[Edit], need: Need, after: Sequence[Verdict]) -> list[Finding]:
    """A draft that does not do what was asked says so itself."""
    if not edits:
        return []
    if need.isolate:
        return []
    if need.remove:
        return [
            Finding("EGR317", {"destination": str(verdict.destination), "workload": need.workload.name})
            for verdict in after
            if verdict.allowed
        ]
    codes = {"denied": "EGR312", "undecided": "EGR390"}
    return [
        Finding(codes[verdict.decision], {"destination": str(verdict.destination), "workload": need.workload.name})
        for verdict in after
        if not verdict.allowed
    ]


def _is_bare(edit: Edit) -> bool:
    """Whether nothing but comments is left of the file."""
    return all(not row.strip() or row.startswith(("#", "---")) for row in edit.new_text.split("\n"))


def _unreadable_after(edits: Sequence[Edit]) -> list[Finding]:
    """The file must parse after the edit as well as it did before."""
    broken = []
    for edit in edits:
        if edit.path.endswith((".yaml", ".yml", ".json")):
            worse = len(read_file(edit.path, edit.new_text).unreadable)
            if worse > len(read_file(edit.path, edit.old_text or "").unreadable):
                broken.append(Finding("EGR313", {"path": edit.path}))
    return broken


def _questions(plans: Sequence[Plan]) -> tuple[Question, ...]:
    return tuple({question.id: question for plan in plans for question in plan.questions}.values())
