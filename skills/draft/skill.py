"""draft: the smallest change for a need, with digest, proof, note, risk and whoever must approve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import change, diagram, risk, wire
from skills.core.change import Draft
from skills.core.errors import AskUnclear
from skills.core.flows import read_flow
from skills.core.messages import say
from skills.core.model import Edit, Finding, Grant, Need, Proof
from skills.core.until import read_until

NAME = "draft"


class Ask(contract.Ask):
    """What must become reachable, or, with `remove`, must not be any longer."""

    for_: str = Field(alias="for", description="your workload, as the allowlist repository names it")
    to: tuple[str, ...] = Field(description="what it must reach: host, host:port, URL, CIDR:port or service")
    ip: tuple[str, ...] = Field((), description="an address that you know the host to have")
    service_account: str | None = Field(None, description="the service account that the workload runs as")
    reason: str = Field("", description="why it is needed; approvers read it")
    until: str | None = Field(None, description="last day on which it is needed, as 2027-01-31")
    remove: bool = Field(False, description="take the permission away instead")
    answer: tuple[str, ...] = Field((), description="an answer to a draft's question, as ID=CHOICE")


def run(ask: Ask, world: World) -> Answer:
    need, answer = need_of(ask, world)
    if need is None:
        return answer
    drafted = answered(change.draft(world.allowlist, need), ask.answer)
    data = as_json(drafted, need, world)
    findings = leading(drafted, need)
    return Answer(
        data,
        findings=findings,
        questions=drafted.change.questions,
        next_steps=("open", "more") if drafted.change.edits else ("more",),
        exit_status=_exit_status(drafted),
        detail={"draft": drafted, "need": need, "edits": drafted.change.edits},
    )


def need_of(ask: Ask, world: World) -> tuple[Need | None, Answer]:
    """The need, or None and an answer that asks which workload is meant."""
    flow = read_flow(world.allowlist, ask.for_, ask.to, ask.ip, ask.service_account)
    until = read_until(ask.until, world.now.date()) if ask.until else None
    need = flow.need(_plain(ask.reason), until, remove=ask.remove)
    verdicts = flow.verdicts(world.allowlist)
    findings = tuple(finding for verdict in verdicts for finding in verdict.findings)
    data = {**_empty(world), "findings": wire.findings(findings), "questions": wire.questions(verdicts[0].questions)}
    return need, Answer(data, findings, verdicts[0].questions, exit_status=4)


def _plain(reason: str) -> str:
    """One line without signs that nobody sees: direction marks and controls would make a text read otherwise."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in reason).split())


def answered(drafted: Draft, answers: Sequence[str]) -> Draft:
    """Questions to which the asker chose something that a change can be drafted for are settled."""
    given = dict(answer.partition("=")[::2] for answer in answers)
    left = tuple(q for q in drafted.change.questions if given.get(q.id) not in q.choices or given[q.id] == "addresses")
    return replace(drafted, change=replace(drafted.change, questions=left))


def leading(drafted: Draft, need: Need) -> tuple[Finding, ...]:
    """The effect in one sentence first; then what is wider, what is lost, and what the platform adds."""
    proof = drafted.change.proof
    turned = [v for v in drafted.before if v.allowed == need.remove] or list(drafted.before)
    facts = {"workload": str(need.workload), "destinations": ", ".join(str(v.destination) for v in turned)}
    if drafted.change.edits and not (need.remove and proof.after == "allowed"):
        lead = Finding("EGR302" if need.remove else "EGR301", facts)
    elif proof.before == "allowed" and not need.remove:
        lead = Finding("EGR303", facts)
    else:
        lead = Finding("EGR315" if need.remove else "EGR304", facts)
    rest = (*proof.lost, *proof.wider_than_asked, *drafted.change.findings)
    return (lead, *rest, *(f for verdict in drafted.before for f in verdict.findings if f not in rest))


def as_json(drafted: Draft, need: Need, world: World) -> dict[str, Any]:
    edits = drafted.change.edits
    note = diagram.note(diagram.connections(need), removed=need.remove)
    assessed = risk.assess(need, drafted.change.proof)
    return {
        "base": drafted.change.base,
        "digest": drafted.change.digest,
        "files": [_file(edit, world) for edit in edits],
        "commands": list(drafted.change.commands),
        "proof": _proof(drafted.change.proof),
        "questions": wire.questions(drafted.change.questions),
        "approvals": world.policy.groups_for(edit.path for edit in edits),
        "risk": {"score": assessed.score, "reasons": [say(reason).says for reason in assessed.reasons]},
        "note": {"markdown": note.markdown, "mermaid": note.mermaid},
        "findings": wire.findings(leading(drafted, need)),
    }


def refuse_unproved(drafted: Draft, need: Need) -> None:
    """A change that does not do what was asked is never proposed."""
    proof = drafted.change.proof
    if drafted.change.questions:
        question = drafted.change.questions[0]
        asks, choices = say(question).says, " or ".join(f"--answer {question.id}={c}" for c in question.choices)
        raise AskUnclear("EGR314", question=asks, choices=choices)
    if drafted.change.edits and (proof.after == "allowed") == need.remove:
        raise AskUnclear("EGR305", workload=need.workload.name)


def _exit_status(drafted: Draft) -> int:
    if drafted.change.questions:
        return 4
    if drafted.change.edits or drafted.change.proof.before == "allowed":
        return 0
    return contract.EXIT_STATUS[drafted.change.proof.after]


def _file(edit: Edit, world: World) -> dict[str, Any]:
    return {
        "path": edit.path,
        "role": edit.role,
        "repository": world.repository,
        "diff": change.unified_diff(edit),
        "new_text": edit.new_text,
    }


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "before": proof.before,
        "after": proof.after,
        "newly_allowed": [_grant(grant) for grant in proof.newly_allowed],
        "newly_denied": list(proof.newly_denied),
        "wider_than_asked": [say(finding).says for finding in proof.wider_than_asked],
    }


def _grant(grant: Grant) -> dict[str, str]:
    return {
        "from": grant.source,
        "to": grant.target,
        "ports": grant.ports,
        "protocol": grant.protocol,
        "layer": grant.layer,
    }


def _empty(world: World) -> dict[str, Any]:
    return {
        "base": world.allowlist.commit,
        "digest": None,
        "files": [],
        "commands": [],
        "proof": {
            "before": "undecided",
            "after": "undecided",
            "newly_allowed": [],
            "newly_denied": [],
            "wider_than_asked": [],
        },
        "approvals": [],
        "risk": {"score": 0, "reasons": []},
        "note": {"markdown": "", "mermaid": ""},
    }
