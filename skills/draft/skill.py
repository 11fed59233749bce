"""draft: the smallest change for a need, with digest, proof, note, risk and whoever must approve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import change, permit, wire
from skills.core.change import Draft
from skills.core.diagram import note as diagram
from skills.core.errors import AskUnclear
from skills.core.flows import read_flow
from skills.core.messages import say
from skills.core.model import Edit, Finding, Grant, Need, Proof, Verdict, unique
from skills.core.until import read_until
from skills.draft import asking, weighing
from skills.draft.architecture import with_diagram

NAME = "draft"
_WAYS = ("addresses", "service:", "unbind:")  # questions whose answer changes what is drafted
_MEANS = ("service", "protocol", "bucket")  # questions about what one destination is
_UNMET = ("EGR312", "EGR390")  # said before what is wider: a part of what was asked is not in the change
_ANYWHERE = "anywhere.invalid:443"  # a namespace is looked up with a destination that nobody has


class Ask(contract.Ask):
    """What must become reachable, or, with `remove`, must not be any longer."""

    for_: str = Field("", alias="for", description="your workload, as the allowlist repository names it")
    to: tuple[str, ...] = Field((), description="what it must reach: host, host:port, URL, CIDR:port or service")
    ip: tuple[str, ...] = Field((), description="an address that you know the host to have")
    service_account: str | None = Field(None, description="the service account that the workload runs as")
    reason: contract.Words = Field("", description="why it is needed; approvers read it")
    until: str | None = Field(None, description="last day on which it is needed, as 2027-01-31")
    remove: bool = Field(False, description="take the permission away instead")
    answer: contract.ManyWords = Field((), description="an answer to a draft's question, as ID=CHOICE")
    choose: str | None = Field(None, description="the way to open a host: public, addresses (with --ip) or cilium")
    default_deny: str | None = Field(
        None, description="deny all that leaves this namespace, but DNS and what rules allow"
    )
    on: str | None = Field(None, description="the day that is noted beside given addresses; today if not said")


def run(ask: Ask, world: World) -> Answer:
    need, answer = need_of(ask, world)
    if need is None:
        return answer
    drafted = drawn(ask, need, world)
    permit.refuse_denied(world.policy, need, drafted.change)
    answers = asking.answers(ask.answer, need, world) if drafted.change.edits else []
    data = as_json(drafted, need, world, ask.answer)
    findings = (*leading(drafted, need), *_bounds(drafted, need, world), *asking.remembered(answers))
    questions = (*drafted.change.questions, *asking.open_questions(answers))
    data |= {"findings": wire.findings(findings), "questions": wire.questions(questions)}
    return Answer(
        data,
        findings=findings,
        questions=questions,
        next_steps=("open", "more") if drafted.change.edits and not asking.open_questions(answers) else ("more",),
        exit_status=4 if questions else _exit_status(drafted, need),
        detail={"draft": drafted, "need": need, "edits": drafted.change.edits},
    )


def drawn(ask: Ask, need: Need, world: World, comment: str | None = None) -> Draft:
    """The change with its proof and, where the policy names one, with the team's architecture diagram.

    `comment` is the reason as an earlier draft noted it in the file: what was shown is what is done, so a reason that
    came after it stands in the merge request and not in the file.
    """
    need = need if comment is None else replace(need, reason=comment)
    return with_diagram(answered(change.draft(world.allowlist, need), ask.answer), need, world)


def need_of(ask: Ask, world: World) -> tuple[Need | None, Answer]:
    """The need, or None and an answer that asks which workload is meant."""
    given = dict(item.partition("=")[::2] for item in ask.answer)
    last_day = ask.until or given.get(asking.EXPIRY, "")
    until = read_until(last_day, world.now.date()) if last_day else None
    if ask.default_deny:
        return _isolation(ask, world, until)
    if not ask.for_:
        raise AskUnclear("EGR649", field="for")
    flow = read_flow(world.allowlist, _environment(ask) or ask.for_, _meant(ask), ask.ip, ask.service_account)
    need = flow.need(_plain(ask.reason or asking.reason_in(ask.answer)), until, remove=ask.remove)
    if need is not None:
        need = replace(need, choice=_choice(ask), on=ask.on or world.now.date().isoformat())
    return need, _unresolved(flow.verdicts(world.allowlist), world)


def _isolation(ask: Ask, world: World, until: str | None) -> tuple[Need | None, Answer]:
    """A default deny is for a namespace, which is looked up as any workload is."""
    if ask.for_ or ask.to or ask.remove:
        raise AskUnclear("EGR375")
    flow = read_flow(world.allowlist, _environment(ask) or ask.default_deny or "", (_ANYWHERE,))
    workload = flow.workload
    if workload is None:
        found = flow.verdicts(world.allowlist)
        if [finding.code for verdict in found for finding in verdict.findings] == ["EGR103"]:
            raise AskUnclear("EGR682", namespace=ask.default_deny)
        return None, _unresolved(found, world)
    if workload.kind != "k8s" or workload.labels is not None or workload.name != workload.namespace:
        raise AskUnclear("EGR374", written=ask.default_deny)
    others = tuple(flow.workload for flow in flow.others if flow.workload is not None)
    if len(others) < len(flow.others):
        return None, _unresolved(flow.verdicts(world.allowlist), world)
    return Need(workload, (), _plain(ask.reason), until, isolate=True, others=others), _unresolved((), world)


def _unresolved(verdicts: Sequence[Verdict], world: World) -> Answer:
    findings = tuple(finding for verdict in verdicts for finding in verdict.findings)
    questions = verdicts[0].questions if verdicts else ()
    data = {**_empty(world), "findings": wire.findings(findings), "questions": wire.questions(questions)}
    return Answer(data, findings, questions, exit_status=4)


def _meant(ask: Ask) -> tuple[str, ...]:
    """The destinations; an answer such as `service:10.0.0.7:5432=cf-service://rds` puts another one in place of one."""
    given = dict(item.partition("=")[::2] for item in ask.answer)
    chosen = {
        words: next((given[key] for kind in _MEANS if (key := f"{kind}:{words}") in given), "") for words in ask.to
    }
    return tuple(chosen[words] if "://" in chosen[words] else words for words in ask.to)


def _environment(ask: Ask) -> str:
    """The workload with its environment in front, as an answer to the draft's question which one is meant."""
    named = ask.default_deny or ask.for_
    answers = [choice for name, _, choice in (item.partition("=") for item in ask.answer) if name == change.ENVIRONMENT]
    return next((choice for choice in answers if choice.endswith(f":{named}")), "")


def _choice(ask: Ask) -> str:
    """The way that was chosen, by its flag or as an answer to one of the draft's questions about it."""
    answers = [choice for name, _, choice in (item.partition("=") for item in ask.answer) if name.startswith(_WAYS)]
    return (ask.choose or next(iter(answers), "")).casefold()


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
    if any(question.id == change.ENVIRONMENT for question in drafted.change.questions):
        differ = [finding for verdict in drafted.before for finding in verdict.findings]
        return (Finding("EGR598", {"workload": need.workload.name}), *differ)
    if need.isolate:
        codes = ("EGR378", "EGR371") if proof.before == "denied" else ("EGR370", "EGR372")
        code = codes[0] if drafted.change.edits else codes[1]
        lead = Finding(code, {"namespace": need.workload.name})
        return (lead, *drafted.change.findings, *proof.lost, *proof.wider_than_asked)
    turned = [v for v in drafted.before if v.allowed == need.remove] or list(drafted.before)
    # What the change doesn't reach is not promised, and said below.
    opened = [v for v in drafted.after if v.allowed and any(v.destination == was.destination for was in turned)]
    turned = opened if opened and not need.remove else turned
    destinations = dict.fromkeys(str(verdict.destination) for verdict in turned)
    facts = {"workload": need.who, "destinations": ", ".join(destinations)}
    known = tuple(f for verdict in drafted.before for f in verdict.findings)
    waiting = (
        drafted.change.questions
        and not drafted.change.edits
        and (drafted.change.findings or [f for f in known if say(f).level != "info"][:1])
    )
    if waiting:
        return (*waiting, *proof.lost, *(f for f in known if f not in waiting))
    if drafted.change.edits and not (need.remove and proof.after == "allowed"):
        met = "EGR301" if proof.after == "allowed" or opened else "EGR391"
        lead = Finding("EGR302" if need.remove else met, facts)
    elif proof.before == "allowed" and not need.remove:
        lead = Finding("EGR303", facts)
    else:
        lead = Finding("EGR315" if need.remove else "EGR304", facts)
    unmet = [finding for finding in drafted.change.findings if finding.code in _UNMET]
    rest = tuple(unique((*proof.lost, *unmet, *proof.wider_than_asked, *drafted.change.findings)))
    return (lead, *rest, *(f for f in known if f not in rest and not _mended(f, drafted)))


def _mended(known: Finding, drafted: Draft) -> bool:
    """What was wrong and is not after the change would be read as still wrong: no name can be looked up, say."""
    there = (finding.code for verdict in drafted.after for finding in verdict.findings)
    return bool(drafted.change.edits) and say(known).level != "info" and known.code not in there


def _bounds(drafted: Draft, need: Need, world: World) -> tuple[Finding, ...]:
    """What will keep it from being proposed, or approved now: said with the draft, before anybody waits."""
    if not drafted.change.edits:
        return ()
    found = permit.breaches(world.policy, need, drafted.change, world.allowlist, world.now)
    return (*found, *permit.freeze_ahead(world.policy, need, world.now))


def as_json(drafted: Draft, need: Need, world: World, given: Sequence[str] = ()) -> dict[str, Any]:
    edits = drafted.change.edits
    note = diagram.note(diagram.connections(need), removed=need.remove or need.isolate)
    assessed = weighing.assess(need, drafted.change.proof, given, world)
    return {
        "base": drafted.change.base,
        "digest": drafted.change.digest,
        "files": [_file(edit, world) for edit in edits],
        "commands": list(drafted.change.commands),
        "proof": _proof(drafted.change.proof),
        "questions": wire.questions(drafted.change.questions),
        "approvals": weighing.groups_for(drafted.change, need, assessed, world),
        "risk": {"score": assessed.score, "reasons": [say(reason).says for reason in assessed.reasons]},
        "note": {"markdown": note.markdown, "mermaid": note.mermaid},
        "findings": wire.findings(leading(drafted, need)),
    }


def refuse_unproved(drafted: Draft, need: Need) -> None:
    """A change that does not do what was asked is never proposed."""
    proof = drafted.change.proof
    if drafted.change.questions:
        question = drafted.change.questions[0]
        flag = "--choose " if question.costs else f"--answer {question.id}="
        asks, choices = say(question).says, " or ".join(f"{flag}{choice}" for choice in question.choices)
        raise AskUnclear("EGR314", question=asks, choices=choices)
    if drafted.change.edits and (proof.after == "allowed") == (need.remove or need.isolate):
        raise AskUnclear("EGR305", workload=need.workload.name)


def _exit_status(drafted: Draft, need: Need) -> int:
    if drafted.change.questions:
        return 4
    proof = drafted.change.proof
    if need.isolate:
        return 0 if drafted.change.edits or proof.before == "denied" else contract.EXIT_STATUS["undecided"]
    if need.remove and proof.after != "denied" and not need.choice:
        return contract.EXIT_STATUS["undecided"]  # nobody may take it for done, unless told to leave it
    if need.remove and drafted.change.edits:
        return 0
    return contract.EXIT_STATUS[proof.after if proof.before != "allowed" else proof.before]


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
