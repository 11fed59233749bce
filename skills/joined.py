"""The answers of several repositories as one: the queue of all, and every rule that allows a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from skills.contract import Answer
from skills.core.model import Finding


def _status(answers: Mapping[str, Answer]) -> Answer:
    """The queues of all as one, oldest first."""
    rows = [{**row, "repository": name} for name, made in answers.items() for row in made.data["requests"]]
    requests = [request for made in answers.values() for request in made.detail["requests"]]
    names = {request.key: name for name, made in answers.items() for request in made.detail["requests"]}
    lead = Finding("EGR440", {"count": len(rows)}) if rows else Finding("EGR439")
    waits = [made.data["usual_wait"] for made in answers.values() if made.data["usual_wait"]]
    first = next(iter(answers.values()))
    return Answer(
        {"requests": sorted(rows, key=lambda row: row["since"]), "usual_wait": max(waits, default=None)},
        (lead,),
        detail={
            **{"requests": sorted(requests, key=lambda each: each.since), "waits_for": first.detail["waits_for"]},
            "called": names,
        },
    )


def _why(answers: Mapping[str, Answer]) -> Answer:
    """The rules of all that have some; where none has, what the first says."""
    having = {name: made for name, made in answers.items() if made.data["rules"]}
    if not having:
        first = next(iter(answers.values()))
        return replace(first, data={"rules": []}, detail={**first.detail, "aside": ()})
    rows = [{**row, "repository": name} for name, made in having.items() for row in made.data["rules"]]
    reasons = tuple(reason for made in having.values() for reason in made.detail["reasons"])
    lead = next(iter(having.values())).findings[0]
    findings = (lead._replace(facts={**lead.facts, "count": len(rows)}),)
    said = tuple(Finding("EGR1861", {"repository": name}) for name in having)
    status = min(made.exit_status for made in having.values())
    return Answer({"rules": rows}, (*findings, *said), exit_status=status, detail={"reasons": reasons, "aside": said})


JOINED: Mapping[str, Callable[[Mapping[str, Answer]], Answer]] = {"status": _status, "why": _why}
"""What is asked of all at once where it names neither a request nor a workload."""
