"""diagnose: a pasted error, joined with the verdict of the allowlist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import wire
from skills.core.all_symptoms import Judgement, judge
from skills.core.errors import AskUnclear
from skills.core.flows import addresses, brokered, read_flow, readable, with_pending
from skills.core.messages import say, symptom_words
from skills.core.model import Evidence, Finding, Question, Verdict
from skills.core.report import Report, read_report
from skills.diagnose.causes import coverage, elsewhere, since
from skills.diagnose.meant import by_word, several
from skills.diagnose.several import as_far_as_read, other_environments, others, worst_first

NAME = "diagnose"
_MOST_CHECKED = 5
_ANSWERED = frozenset({"auth_401", "rate_limited_429", "proxy_error_407"})  # something answered, so the way is open
_TRUST = frozenset({"tls_certificate", "tls_hostname_mismatch", "tls_expired"})
_LOOSE = 50  # strength of a sighting that stands for several faults


class Ask(contract.Ask):
    """What went wrong, in the words of whoever printed it."""

    text: str = Field(
        description="file with the pasted error, or - for standard input", json_schema_extra={"file": True}
    )
    for_: str | None = Field(None, alias="for", description="the workload that got the error")
    to: tuple[str, ...] = Field((), description="the destination, where the text does not name it")


def run(ask: Ask, world: World) -> Answer:
    if not ask.text.strip():
        raise AskUnclear("EGR280")
    report = read_report(ask.text)
    judgement = judge(report)
    to, named, which = by_word(readable(judgement.destinations), ask.to, report.text, world)
    asked = _verdicts(ask, to, judgement, world)
    verdicts = worst_first(asked)
    cause, certainty, block = _cause(judgement, verdicts, to, unsigned=report.status_origin is None)
    cause, certainty, block = as_far_as_read(report, judgement, several(which, cause), certainty, block)
    causes, questions = _causes(judgement, cause, verdicts), which or _questions(ask, cause, verdicts, world)
    also = (*other_environments(verdicts), *_also(ask, report, judgement, world))
    notes = (*named, *_before(report, verdicts, world), *_implied(judgement, verdicts), *_cut(report))
    findings = (
        cause,
        judgement.best.finding,
        *also,
        *causes,
        *notes,
        *_masked(report),
        *(f for verdict in verdicts for f in verdict.findings if f not in notes),
        *(f for verdict in verdicts[:1] if (f := coverage(verdict))),
    )
    return Answer(
        _data(judgement, cause, certainty, block, findings, questions, verdicts, world),
        findings=findings,
        questions=questions,
        next_steps=_next_steps(verdicts, questions),
        detail={
            "cause": cause,
            "causes": causes,
            "also": also,
            "notes": notes,
            "judgement": judgement,
            "verdicts": verdicts,
            "to": tuple(_most_wanted(to, asked)),
            "hint": next(iter(judgement.best.quotes), ""),
            "commit": world.allowlist.commit,
        },
    )


def _verdicts(ask: Ask, to: Sequence[str], judgement: Judgement, world: World) -> list[Verdict]:
    """None for what no allowlist can explain, and none where the workload or the destination is not said."""
    if not ask.for_ or not to or judgement.symptom in _ANSWERED:
        return []
    wanted, tried = tuple(to[:_MOST_CHECKED]), addresses(judgement.destinations)
    verdicts = read_flow(world.allowlist, ask.for_, wanted, tried=tried).verdicts(world.allowlist)
    if tried:
        named = read_flow(world.allowlist, ask.for_, wanted).verdicts(world.allowlist)
        verdicts = [_by_address(*pair) for pair in zip(verdicts, named, strict=True)]
    return [with_pending(verdict, world.requests) for verdict in verdicts]


def _by_address(verdict: Verdict, named: Verdict) -> Verdict:
    """Where rules name ranges, the address that the client tried may settle what the name leaves open."""
    if verdict.decision == named.decision:
        return named
    to = verdict.destination
    finding = Finding("EGR218", {"host": to.name, "address": ", ".join(to.addresses)})
    return replace(verdict, findings=(finding, *verdict.findings))


def _also(ask: Ask, report: Report, judgement: Judgement, world: World) -> tuple[Finding, ...]:
    """The further errors of one paste, each with its own verdict."""
    found = []
    for read, other in others(report, judgement):
        to = readable(other.destinations)
        unsigned = read.status_origin is None
        finding, _, _ = _cause(other, _verdicts(ask, to[:1], other, world), to, unsigned=unsigned)
        found.append(finding)
    return tuple(found)


def _causes(judgement: Judgement, cause: Finding, verdicts: Sequence[Verdict]) -> tuple[Finding, ...]:
    """What else shows this face, where the allowlist does not explain it."""
    if cause.code not in ("EGR285", "EGR288", "EGR296"):
        return ()
    denied = [verdict for verdict in verdicts if verdict.decision == "denied"]
    return elsewhere(judgement, (denied or list(verdicts))[0], live=not denied)


def _cause(
    judgement: Judgement, verdicts: Sequence[Verdict], to: Sequence[str], *, unsigned: bool = False
) -> tuple[Finding, float, str]:
    """The leading finding, how certain it is, and whether a denied egress explains the report.

    `unsigned` says that the text does not tell who sent the status.
    """
    block = judgement.egress_block
    called = "unsaid" if judgement.best.finding.code == "EGR217" else judgement.symptom
    facts: dict[str, Any] = {"symptom": symptom_words(called), "destination": to[0] if to else ""}
    quotes = tuple(Evidence(quote=quote) for quote in judgement.best.quotes[:2])
    denied = [verdict for verdict in verdicts if verdict.decision == "denied"]
    if judgement.symptom in _ANSWERED or (judgement.symptom == "app_error" and not denied):
        return Finding("EGR281", facts, quotes), judgement.certainty, "no"
    if not to:
        code = "EGR295" if judgement.symptom == "no_error" else "EGR282"
        return Finding(code, facts, quotes), judgement.certainty, block
    if not verdicts:
        return Finding("EGR283", facts, quotes), judgement.certainty, block
    verdict = denied[0] if denied else verdicts[0]
    facts |= {"workload": str(verdict.workload or ""), "destination": str(verdict.destination)}
    if verdict.workload is None:
        return verdict.findings[0], judgement.certainty, block
    if verdict.decision == "undecided":
        return Finding("EGR284", {**facts, "missing": _missing(verdict)}, quotes), 0.5, block
    if verdict.allowed:
        code = "EGR296" if judgement.symptom in _TRUST else "EGR285"
        code = "EGR289" if judgement.symptom == "no_error" else code
        return Finding(code, facts, quotes), max(0.8, judgement.certainty), "no"
    if unsigned and judgement.symptom == "bad_gateway_502" and any(each.layer == "mesh" for each in verdict.denying()):
        # Where the mesh itself opens TLS, its own 502 is logged under an https:// URL.
        return Finding("EGR294", {**facts, "layer": "mesh"}, quotes), 0.6, "unclear"
    return _denied(judgement, verdict, facts, quotes)


def _missing(verdict: Verdict) -> str:
    """What an undecided verdict waits for: the first thing that a layer could not tell, in words."""
    unknown = [finding for layer in verdict.layers for finding in layer.unknown]
    findings: list[Finding | Question] = [*unknown, *verdict.questions, *verdict.findings]
    return say(findings[0]).says if findings else "the repository does not settle it."


def _denied(
    judgement: Judgement, verdict: Verdict, facts: dict[str, Any], quotes: tuple[Evidence, ...]
) -> tuple[Finding, float, str]:
    """Denied: does the symptom belong to a layer that denies?"""
    layers = [layer.layer for layer in verdict.denying()]
    fitting = [layer for layer in layers if layer in judgement.best.fits]
    facts["layer"] = " and the ".join(layer.replace("_", " ") for layer in fitting or layers)
    if judgement.symptom == "no_error":
        return Finding("EGR286", facts, quotes), 0.95, "no"
    if judgement.symptom == "app_error":
        return Finding("EGR293", facts, quotes), 0.5, "unclear"
    if fitting and judgement.symptom in _TRUST:
        return Finding("EGR297", {**facts, "host": verdict.destination.name}, quotes), 0.75, judgement.egress_block
    if fitting and judgement.egress_block == "yes":
        return Finding("EGR287", facts, quotes), 0.95, "yes"
    if fitting or judgement.best.strength <= _LOOSE:
        return Finding("EGR294", facts, quotes), 0.75, judgement.egress_block
    return (
        Finding("EGR288", facts, quotes),
        0.6,
        judgement.egress_block if judgement.egress_block != "yes" else "unclear",
    )


def _before(report: Report, verdicts: Sequence[Verdict], world: World) -> list[Finding]:
    """An error that is older than the line that allows its connection may be over."""
    verdict = verdicts[0] if len(verdicts) == 1 and verdicts[0].allowed else None
    if verdict is None or report.when is None:
        return []
    newest = since(verdict, world.origin)
    if newest is None or not report.when.before(newest.date):
        return []
    facts = {"when": report.when.words, "since": newest.date[:10], "commit": newest.commit[:12]}
    return [Finding("EGR298", facts)]


def _implied(judgement: Judgement, verdicts: Sequence[Verdict]) -> list[Finding]:
    """On which host and address the answer stands, where the text leaves room."""
    buckets = [Finding("EGR299", {"host": seen.host}) for seen in judgement.destinations[:1] if not seen.stated]
    node = [Finding("EGR266")] if judgement.by_node else []
    return buckets + node + [each for verdict in verdicts for each in verdict.findings if each.code == "EGR218"]


def _cut(report: Report) -> list[Finding]:
    if report.scanned == report.total:
        return []
    return [Finding("EGR290", {"scanned": report.scanned, "total": report.total})]


def _masked(report: Report) -> list[Finding]:
    return [Finding("EGR291", {"what": ", ".join(dict.fromkeys(report.masked))})] if report.masked else []


def _questions(ask: Ask, cause: Finding, verdicts: Sequence[Verdict], world: World) -> tuple[Question, ...]:
    if verdicts and verdicts[0].questions:
        return verdicts[0].questions
    if cause.code == "EGR283" and not ask.for_:
        return (Question("workload", "EGR105"),)
    if cause.code in ("EGR282", "EGR295"):
        service = brokered(world.allowlist, ask.for_, ask.text)
        return (
            Question("destination", "EGR265", {"service": service}, (service,))
            if service
            else Question("destination", "EGR292"),
        )
    return ()


def _next_steps(verdicts: Sequence[Verdict], questions: Sequence[Question]) -> tuple[str, ...]:
    if not questions and any(verdict.decision == "denied" for verdict in verdicts):
        return ("draft", "more", "not right")
    return ("more", "not right")


def _most_wanted(to: Sequence[str], verdicts: Sequence[Verdict]) -> list[str]:
    """What a draft would be about: the denied ones of those that the report names, else the first."""
    wanted = list(to[:_MOST_CHECKED])
    rounds = range(0, len(verdicts), max(1, len(wanted)))  # once for each environment
    denied = [
        words
        for start in rounds
        for words, verdict in zip(wanted, verdicts[start:], strict=False)
        if verdict.decision == "denied"
    ]
    return denied[:1] or wanted[:1]


def _data(
    judgement: Judgement,
    cause: Finding,
    certainty: float,
    block: str,
    findings: Sequence[Finding],
    questions: Sequence[Question],
    verdicts: Sequence[Verdict],
    world: World,
) -> dict[str, Any]:
    check = None
    if verdicts:
        results = [wire.verdict(verdict, world.allowlist) for verdict in verdicts]
        decision = contract.worst([verdict.decision for verdict in verdicts])
        check = results[0] if len(results) == 1 else {"decision": decision, "results": results}
    return {
        "symptom": judgement.symptom,
        "origin": judgement.origin,
        "client": judgement.client,
        "envoy_flags": list(judgement.envoy_flags),
        "destinations": [
            {"host": seen.host, "ip": seen.ip, "port": seen.port, "scheme": seen.scheme}
            for seen in judgement.destinations
        ],
        "egress_block": block,
        "certainty": round(certainty, 2),
        "cause": cause.code,
        "findings": wire.findings(findings),
        "questions": wire.questions(questions),
        "check": check,
    }
