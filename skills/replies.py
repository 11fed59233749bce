"""An answer as people read it: a few lines first, everything else folded behind *more*.

The sentences come from the catalogue and from templates/replies; here only stands which of them lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from skills.contract import Answer
from skills.core.change import unified_diff
from skills.core.messages import level, say, symptom_words
from skills.core.model import Evidence, Finding, NearMiss, Question, Request, Verdict
from skills.core.rendering import render
from skills.core.short_words import word
from skills.core.wire import costs_of

MOST_LINES = 6
_DIFF_LINES = 120
_MOST_ALSO = 3
_MOST_CAUSES = 2
_LIKELY_MEANT = 2  # distance of a near miss that is worth a line of its own


@dataclass(frozen=True, slots=True)
class Section:
    """A folded part. `code` says that the body is to be shown as it is, in a fixed-width block."""

    title: str
    body: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """`lines` are at most six with the `hint`, which says what to type next where one can type.

    `diff` is shown below them, `folded` only on demand. `steps` are the words of the hint, for buttons;
    `questions` are what is open, for forms; `choices` are those of the one that a number answers. `private`: a refusal,
    which concerns only whoever asked. `whole` is the diff without a cut. `links` are addresses of the forge in it, and
    those that its request was linked with: what else looks like an address leads nowhere.
    """

    lines: tuple[str, ...]
    folded: tuple[Section, ...] = ()
    diff: str = ""
    steps: tuple[str, ...] = ()
    hint: str = ""
    questions: tuple[Question, ...] = ()
    private: bool = False
    whole: str = ""
    choices: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def reply(skill: str, answer: Answer) -> Reply:
    """The reply to an answer of `skill`."""
    beside = answer.detail.get("aside", ())
    answer = replace(answer, findings=tuple(each for each in answer.findings if each not in beside))
    maker = {"check": _check, "diagnose": _diagnose, "draft": _draft, "status": _status, "why": _why}.get(skill, _plain)
    made = maker(answer)
    hint = _hint(answer)
    lines = (*made.lines[: MOST_LINES - bool(hint) - len(beside)], *(say(finding).says for finding in beside))
    choices = answer.questions[0].choices if answer.questions else ()
    links, steps, questions = _links(answer), answer.next_steps, answer.questions
    return replace(made, lines=lines, steps=steps, hint=hint, questions=questions, choices=choices, links=links)


def problem(finding: Finding) -> Reply:
    """A failure as one or two lines: what is wrong, what to do."""
    said, url = say(finding), finding.facts.get("url")
    return Reply(tuple(line for line in (said.says, said.do) if line), links=(str(url),) if url else ())


def _links(answer: Answer) -> tuple[str, ...]:
    one = answer.detail.get("request")
    shown = [one] if isinstance(one, Request) else answer.detail.get("requests") or ()
    return tuple(url for each in shown for url in (each.url, *(link.url for link in each.links)) if url)


def question(answer: Answer) -> tuple[str, ...]:
    """The one question that is open, with its choices numbered; without choices, with how to answer it."""
    return asked(answer.questions)


def asked(questions: Sequence[Question]) -> tuple[str, ...]:
    if not questions:
        return ()
    first = questions[0]
    costs = costs_of(first) or [""] * len(first.choices)
    offered = [f"{choice}: {cost}" if cost else choice for choice, cost in zip(first.choices, costs, strict=True)]
    apart = "\n" if any(costs) else " · "  # what a choice costs is a sentence: each has its own line
    said = say(first)
    return tuple(line for line in (said.says, numbered(offered, apart) or said.do) if line)


def numbered(choices: Sequence[str], apart: str = " · ") -> str:
    """Choices as they are typed: by their number."""
    return apart.join(f"{number}) {choice}" for number, choice in enumerate(choices, 1))


def choosing(finding: Finding, choices: Sequence[str]) -> Reply:
    """A question that is no skill's own."""
    lines = [*problem(finding).lines, *([numbered(choices)] if choices else [])]
    return Reply(tuple(lines), choices=tuple(choices))


def _check(answer: Answer) -> Reply:
    verdicts: Sequence[Verdict] = answer.detail["verdicts"]
    lines: list[str] = []
    for verdict in verdicts[:3]:
        lines += _verdict_lines(verdict, brief=len(verdicts) > 1)
    if len(verdicts) > len(verdicts[:3]):
        lines.append(say(Finding("EGR172", {"count": len(verdicts) - 3})).says)
    lines += question(answer)
    return Reply(tuple(lines), _folded(answer, verdicts))


def _diagnose(answer: Answer) -> Reply:
    verdicts: Sequence[Verdict] = answer.detail["verdicts"]
    cause = say(answer.detail["cause"])
    lines = [cause.says, cause.because]
    shown = next(iter(verdicts), None)  # the worst stands first
    if shown and answer.detail["cause"].code != "EGR281":  # a fault that no rule bears on
        lines += [*_missing(shown, cause.says), _cited(shown), _near(shown)]
    lines = [cause.says, *(line for line in lines[1:] if line not in cause.says)]
    lines += [say(finding).says for finding in (*answer.detail["also"][:_MOST_ALSO], *answer.detail["notes"])]
    lines += question(answer)
    warned = [finding for finding in shown.findings if level(finding) != "info"] if shown and shown.allowed else []
    causes = (*warned, *answer.detail["causes"])[:_MOST_CAUSES]
    told = [_with_remedy(item) for item in causes] or [cause.do]
    lines += [] if answer.questions else told
    return Reply(tuple(line for line in lines if line), _folded(answer, verdicts))


def _draft(answer: Answer) -> Reply:
    if "edits" not in answer.detail:
        leads = dict.fromkeys(_leads(answer.findings, 2))  # of several destinations, the same is said of each
        return Reply((*leads, *question(answer)), _folded(answer, ()))
    said, until = [say(finding) for finding in answer.findings], answer.detail["need"].until
    lines = [" ".join((said[0].says, *([say(Finding("EGR1449", {"until": until})).says] if until else [])))]
    asked, edits = question(answer), answer.detail["edits"]
    commands = " · ".join(answer.data["commands"]) if edits else ""
    last = [say(Finding("EGR348", {"commands": commands})).says] if commands else []
    room = MOST_LINES - 2 - len(last) - len(asked)
    lines += [item.says for item in said[1:] if item.level != "info"][: min(room, 3) if last else 3]
    if not edits and not asked:
        lines += [item.says for item in said[1:] if item.level == "info"][:2]
        lines += [item.do for item in said if item.do][:1]
    lines += [*last, *asked]
    diff = "".join(unified_diff(edit) for edit in answer.detail["edits"] if edit.role != "architecture")
    return Reply(tuple(lines), _proof(answer), _cut(diff), whole=diff)


def _status(answer: Answer) -> Reply:
    requests: Sequence[Request] = answer.detail["requests"]
    waits_for, leads = answer.detail["waits_for"], _leads(answer.findings, 2)
    stands = answer.detail.get("called", {})
    shown = requests[: MOST_LINES - len(leads)]
    lines = [
        render(
            "replies/status.txt.j2",
            **{"request": each, "called": stands.get(each.key), "waits_for": waits_for(each)},
            **{"say": say, "word": word},
        ).strip()
        for each in shown
    ]
    return Reply((*leads, *lines))


def _why(answer: Answer) -> Reply:
    listed = [render("replies/reach.txt.j2", reach=each).strip() for each in answer.detail.get("reaches", ())]
    lines = []
    for reason in answer.detail.get("reasons", ()):
        decisions = reason.request.decisions if reason.request else ()
        approved = list(dict.fromkeys(past.by for past in decisions if past.verb == "approve"))
        lines.append(render("replies/why.txt.j2", reason=reason, approved=approved).strip())
    named = listed or lines
    more = say(Finding("EGR172", {"count": len(named) - MOST_LINES + 2})).says
    shown = named if len(named) < MOST_LINES else [*named[: MOST_LINES - 2], more]
    folded = (Section("more", "\n".join((*listed, *lines))),) if listed or shown != named else ()
    return Reply((*_leads(answer.findings, 1 if lines else 2), *shown, *question(answer)), folded)


def _plain(answer: Answer) -> Reply:
    said = [say(finding) for finding in answer.findings]
    lines = [said[0].says, said[0].because]
    lines += [item.says for item in said[1:] if item.level != "info"][:2]
    request = answer.detail.get("request")
    if isinstance(request, Request):
        lines += [] if request.state == "merged" else [request.url or ""]
        lines += [say(Finding("EGR040", {"what": link.what, "url": link.url})).says for link in request.links]
    lines += [say(Finding("EGR476", {"command": command})).says for command in answer.detail.get("commands", ())]
    lines += [said[0].do, *question(answer)]
    return Reply(tuple(line for line in lines if line))


def _leads(findings: Sequence[Finding], most: int) -> tuple[str, ...]:
    return tuple(say(finding).says for finding in findings[:most])


def _verdict_lines(verdict: Verdict, *, brief: bool) -> list[str]:
    facts = {"workload": str(verdict.workload or ""), "destination": str(verdict.destination)}
    code = {"allowed": "EGR170", "denied": "EGR171", "undecided": "EGR108"}[verdict.decision]
    lines = [] if verdict.workload is None else [say(Finding(code, facts)).says]
    told = _with_remedy if verdict.decision == "undecided" else _says
    lines += [told(finding) for finding in verdict.findings if level(finding) != "info"][:1]
    if verdict.decision != "allowed":
        lines += [say(f).says for f in verdict.findings if f.code == "EGR109"]
    if not brief or verdict.decision == "denied":
        lines += [_cited(verdict), _near(verdict)]
    return [line for line in dict.fromkeys(lines) if line]


def _cited(verdict: Verdict) -> str:
    """The one place to look at: the rule that decides, else where a rule would stand, and what came closest."""
    layers = verdict.denying() or tuple(layer for layer in verdict.layers if layer.rules) or verdict.layers
    for layer in layers:
        near = layer.near_misses[0] if layer.near_misses else None
        if layer.rules:
            place = layer.rules[0].place
            return say(Finding("EGR173", {"place": str(place), "text": place.text})).says
        if layer.isolators:
            return say(Finding("EGR175", {"place": str(layer.isolators[0])})).says
        if near:
            return _closest(near)
    return ""


def _near(verdict: Verdict) -> str:
    """What came so close that it is likely what was meant: a slip, an apex, a port, another environment."""
    layers = verdict.layers if verdict.decision == "undecided" else verdict.denying()
    near = [miss for layer in layers for miss in layer.near_misses if miss.distance <= _LIKELY_MEANT]
    return _closest(near[0]) if near else ""


def _missing(verdict: Verdict, said: str) -> list[str]:
    """What would have to be known, in its own words, and how to say it; only that where `said` says the rest."""
    if verdict.decision != "undecided":
        return []
    unknown = next((unknown for layer in verdict.layers for unknown in layer.unknown), None)
    if unknown is None:
        return []
    return [say(unknown).do if _says(unknown) in said else _with_remedy(unknown)]


def _says(found: Finding) -> str:
    return say(found).says


def _with_remedy(found: Finding) -> str:
    said = say(found)
    return f"{said.says} {said.do}".rstrip()


def _closest(miss: NearMiss) -> str:
    return say(Finding("EGR174", {"place": str(miss.place), "says": say(miss.finding).says})).says


def _hint(answer: Answer) -> str:
    if "open" in answer.next_steps and not answer.questions and answer.detail["need"].reason:
        return say(Finding("EGR180")).says
    for step, code in (("draft", "EGR176"), ("open", "EGR177"), ("more", "EGR179")):
        if step in answer.next_steps and not answer.questions:
            return say(Finding(code)).says
    return ""


def _folded(answer: Answer, verdicts: Sequence[Verdict]) -> tuple[Section, ...]:
    facts: dict[str, Any] = {"answer": answer, "verdicts": verdicts, "said": [say(f) for f in answer.findings]}
    pieces = [_evidence(piece) for finding in answer.findings for piece in finding.evidence]
    facts["evidence"] = list(dict.fromkeys(pieces))
    facts |= {"say": say, "symptom_words": symptom_words}
    facts["judgement"] = answer.detail.get("judgement")
    facts["commit"] = answer.detail.get("commit")
    return (Section("more", render("replies/more.txt.j2", **facts).strip()),)


def _evidence(piece: Evidence) -> str:
    return f"{piece.place}  {piece.place.text}".rstrip() if piece.place else f"“{piece.quote}”"


def _proof(answer: Answer) -> tuple[Section, ...]:
    facts = {"draft": answer.detail["draft"], "data": answer.data, "said": [say(f) for f in answer.findings]}
    there = answer.detail["draft"].elsewhere
    outside = [f"{there.repository} {there.path}\n\n{there.block}"] if there else []
    drawn = [unified_diff(edit) for edit in answer.detail["edits"] if edit.role == "architecture"]
    return (
        Section("proof", render("replies/proof.txt.j2", **facts).strip()),
        Section("architecture note", str(answer.data["note"]["markdown"]), code=True),
        *(Section("architecture diagram", diff, code=True) for diff in (*drawn, *outside)),
    )


def _cut(diff: str) -> str:
    lines = diff.splitlines()
    if len(lines) <= _DIFF_LINES:
        return diff
    rest = say(Finding("EGR178", {"count": len(lines) - _DIFF_LINES})).says
    return "\n".join([*lines[:_DIFF_LINES], rest]) + "\n"
