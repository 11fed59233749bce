"""What the forge shows, against what a request's row says: how the row moves and what its thread must hear.

Our own effects are never news: a state that the row has already, a head that Postern made, a merge or closing of
Postern's own user that is under way. What was seen last is kept as a mirror, a plain JSON object:

    {"state", "head", "labels", "approvals", "pipeline": [id, state] | null, "pipeline_url", "remark", "branch", "was"}

`remark` is the number of the newest remark, `was` the state of the row before somebody closed the merge request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import re2

from skills.core.model import (
    APPROVED,
    CLOSED_BY_US,
    NEEDS_APPROVAL,
    REJECTED,
    STANDING_STATES,
    Evidence,
    Finding,
    Job,
    Pipeline,
    Relabel,
    Request,
    RequestState,
    Seen,
    finding,
)
from skills.core.secrets import mask

Mirror = Mapping[str, Any]

_WAITS = ("waiting", "held", "returned")
_UNDECIDED = (*_WAITS, "drafted", "proposed", "failed")
_UNDER_WAY = (*_WAITS, "decided")
_DONE = (*STANDING_STATES, "removed")
_OVER = ("rejected", *CLOSED_BY_US)
_STOPPED = ("canceled", "skipped", "manual")
_MOST_REMARKS = 5
_WORDS = 300  # characters of a remark
_LINES, _LINE = 12, 200  # of a log: lines and characters of each

_MARKS = re2.compile(r"\x1b\[[0-9;?]*[A-Za-z]|section_(?:start|end):[0-9]+:[^\r\n]*\r?")
_STAMP = re2.compile(r"(?m)^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z [0-9a-f]{2}[OE][ +]?")


@dataclass(frozen=True, slots=True)
class News:
    """Something that the thread must hear once: `kind` and `mark` (a head, a pipeline, a moment) tell it apart."""

    kind: str
    mark: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Step:
    """`to` is the state that the row moves to (None: it stays). `void` says that approvals count no longer, `relabel`
    puts labels back to what the row says."""

    mirror: Mirror
    to: RequestState | None = None
    news: tuple[News, ...] = ()
    void: bool = False
    pushed: str | None = None
    relabel: Relabel | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """What Postern itself did or is doing: effects under way, commits that it made, labels that it put on."""

    under_way: Collection[str] = ()
    heads: Collection[str] = ()
    labels: Collection[str] = ()


def opened(head: str, labels: Collection[str]) -> dict[str, Any]:
    """The mirror of a merge request that Postern has just opened: nothing of it is news."""
    return {"state": "opened", "head": head, "labels": sorted(labels), "approvals": [], "remark": 0, "branch": True}


def step(request: Request, before: Mirror | None, now: Seen, own: Own, jobs: Collection[Job] = ()) -> Step:
    """What follows from `now`. `jobs` are the failed ones of its pipeline. Without `before` remarks are not news."""
    known = before or {}
    if "open" in own.under_way:  # it is being drawn anew: whatever stands there is looked at afterwards
        return Step(known, pushed=request.pushed)
    to, state_news = _state(request, known, now, own)
    moved = replace(request, state=to or request.state)
    pushed, void, push_news = _pushed(moved, now, own)
    lost = _took_back(moved, now)
    if (push_news or lost) and moved.state == "decided":
        to = "waiting"
    news = [*state_news, *push_news]
    if moved.state in _UNDER_WAY and now.state == "opened":
        news += [*_branch(moved, known, now), *_labels(moved, known, now, own), *_pipeline(moved, known, now, jobs)]
    news += [*_approvals(moved, known, now), *_remarks(moved, before, now)]
    if lost:
        news.append(News("took_back", f"{now.head}:{now.at}", Finding("EGR1658", {"key": request.key})))
    wrong = [each.finding.facts["label"] for each in news if each.kind == "label_by_hand"]
    kept = tuple({NEEDS_APPROVAL} & set(own.labels))
    back = Relabel(request.key, request.digest, kept, tuple(map(str, wrong))) if wrong else None
    if request.state == "decided" and to == "waiting":
        back = Relabel.unapproved(request.key, request.digest)
    return Step(_mirror(request, known, now, to), to, tuple(news), void or lost, pushed, back)


# --- open, merged, closed


def _state(request: Request, known: Mirror, now: Seen, own: Own) -> tuple[RequestState | None, list[News]]:
    if now.state == "merged":
        return _merged(request, now, own)
    if now.state == "closed":
        return _closed(request, now, own)
    if request.state == "closed":
        news = News("reopened", now.at, finding("EGR005", key=request.key, url=now.url))
        return _as_before(known), [news]
    if request.state in _OVER and known.get("state") == "closed" and "close" not in own.under_way:
        facts = {"key": request.key, "state": request.state, "url": now.url}
        return None, [News("reopened", now.at, Finding("EGR006", facts))]
    return None, []


def _as_before(known: Mirror) -> RequestState:
    """What was held or given back still is, once somebody opens it again."""
    was = known.get("was")
    return "held" if was == "held" else "returned" if was == "returned" else "waiting"


def _merged(request: Request, now: Seen, own: Own) -> tuple[RequestState | None, list[News]]:
    if request.state in _DONE or (now.own and "merge" in own.under_way):
        return None, []
    facts = {"key": request.key, "by": now.by or "somebody", "commit": (now.merged_commit or now.head)[:12]}
    if request.commit and now.head != request.commit:
        code = "EGR003"
        facts |= {"head": now.head[:12], "shown": request.commit[:12]}
    elif request.state == "decided":
        code = "EGR001"
    else:
        code = "EGR002"
    if code == "EGR001" and now.own:
        return "merged", []
    return "merged", [News("merged", now.merged_commit or now.head, Finding(code, facts))]


def _closed(request: Request, now: Seen, own: Own) -> tuple[RequestState | None, list[News]]:
    if request.state not in (*_UNDER_WAY, *_UNDECIDED) or (now.own and "close" in own.under_way):
        return None, []
    facts = {"key": request.key, "by": now.by or "somebody", "url": now.url}
    return "closed", [News("closed", now.at, Finding("EGR004", facts))]


# --- the branch


def _pushed(request: Request, now: Seen, own: Own) -> tuple[str | None, bool, list[News]]:
    """The foreign commit on the branch, whether approvals are void now, and what is said about it.

    A head that Postern made before is no push: right after ours, a forge may still show the one of before.
    """
    if request.state not in _UNDER_WAY or now.state != "opened" or request.commit is None:
        return request.pushed, False, []
    facts = {"key": request.key, "branch": request.branch, "shown": request.commit[:12], "head": now.head[:12]}
    if now.head == request.commit:
        if request.pushed is None:
            return None, False, []
        return None, True, [News("pushed_back", f"{request.pushed}:{now.at}", Finding("EGR008", facts))]
    if now.head == request.pushed or now.head in own.heads:
        return request.pushed, False, []
    names = dict.fromkeys(past.by for past in request.decisions if past.verb == "approve")
    facts["void"] = f"void now: the approval of {', '.join(names)}" if names else "nobody had approved it yet"
    return now.head, True, [News("pushed", f"{now.head}:{now.at}", Finding("EGR007", facts))]


def _branch(request: Request, known: Mirror, now: Seen) -> Iterator[News]:
    if not now.branch and known.get("branch", True):
        facts = {"key": request.key, "branch": request.branch, "url": now.url}
        yield News("branch_gone", f"{now.head}:{now.at}", Finding("EGR009", facts))


def by_hand(request: Request, known: Mirror | None, now: Seen, own: Own) -> list[str]:
    """New labels that read like a decision which nobody took here, as far as that shows without who put them on."""
    if not known or request.state not in _WAITS or now.state != "opened" or {"merge", "open"} & set(own.under_way):
        return []
    return sorted(({APPROVED, REJECTED} & set(now.labels)) - set(known.get("labels", ())) - set(own.labels))


def _labels(request: Request, known: Mirror, now: Seen, own: Own) -> Iterator[News]:
    """Labels that people put on and take off again are theirs; a decided request changes its own. One that reads like
    a decision is none, and that is said."""
    if request.state not in _WAITS:
        return
    wrong = [label for label in by_hand(request, known, now, own) if now.labelled.get(label) != ""]
    for label in wrong:
        who = {"by": now.labelled.get(label, "Somebody"), "names": ", ".join(request.waits_for) or "an approver"}
        yield News(
            "label_by_hand", f"{label}:{now.at}", Finding("EGR1647", {"key": request.key, "label": label, **who})
        )
    if wrong:
        return  # of one scope GitLab keeps the last only, so that ours went with theirs
    for label in sorted((set(known.get("labels", ())) & set(own.labels)) - set(now.labels)):
        yield News("label", f"{label}:{now.at}", finding("EGR010", key=request.key, label=label))


# --- approvals of the forge's own, pipelines, remarks


def _approvals(request: Request, known: Mirror, now: Seen) -> Iterator[News]:
    had = known.get("approvals")
    if now.approvals is None or had is None or now.state != "opened":
        return
    waits_for = (", ".join(request.waits_for) if request.state in _WAITS else "") or "nobody"
    for by in (name for name in now.approvals if name not in had):
        facts = {"key": request.key, "by": by, "waits_for": waits_for}
        yield News("approved_there", f"{by}:{now.head}:{now.at}", Finding("EGR011", facts))
    lost = [name for name in had if name not in now.approvals]
    if lost:
        code = "EGR012" if known.get("head") != now.head else "EGR013"
        names = ", ".join(lost)
        yield News("approvals_lost", f"{names}:{now.head}:{now.at}", finding(code, key=request.key, names=names))


def _took_back(request: Request, now: Seen) -> bool:
    """Whether somebody whose approval was written down from the forge has taken it back there: then everybody decides
    anew, and what was decided is not merged."""
    if request.state not in _UNDER_WAY or now.state != "opened" or now.approvals is None:
        return False
    stand = {name.casefold() for name in now.approvals}
    return any(
        past.there and past.there.casefold() not in stand for past in request.decisions if past.verb == "approve"
    )


def wants_jobs(known: Mirror | None, now: Seen) -> bool:
    """Whether the failed jobs of the pipeline must be looked up: it failed, and nobody was told yet."""
    return now.pipeline is not None and now.pipeline.state == "failed" and _is_new(known or {}, now.pipeline)


def _is_new(known: Mirror, pipeline: Pipeline) -> bool:
    return known.get("pipeline") != [pipeline.id, pipeline.state]


def _pipeline(request: Request, known: Mirror, now: Seen, jobs: Collection[Job]) -> Iterator[News]:
    pipeline = now.pipeline
    if pipeline is None or not _is_new(known, pipeline):
        return
    facts: dict[str, str | int] = {"key": request.key, "url": pipeline.url}
    mark = f"{pipeline.id}:{pipeline.state}:{pipeline.at}"
    if pipeline.state == "failed":
        yield News("pipeline", mark, _failed(facts, list(jobs)))
    elif pipeline.state == "success":
        yield News("pipeline", mark, Finding("EGR016", facts))
    elif pipeline.state in _STOPPED:
        yield News("pipeline", mark, Finding("EGR017", {**facts, "state": pipeline.state}))


def _failed(facts: dict[str, str | int], jobs: list[Job]) -> Finding:
    if not jobs:
        return Finding("EGR015", facts)
    first = jobs[0]
    more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
    named = {"job": _line(first.name, _LINE), "stage": _line(first.stage, _LINE), "more": more, "url": first.url}
    log = last_lines(first.log)
    return Finding("EGR014", {**facts, **named}, (Evidence(quote=log),) if log else ())


def last_lines(log: str) -> str:
    """The end of a job's log as a person reads it: without colours and section marks, masked, bounded."""
    plain = _STAMP.sub("", _MARKS.sub("", log))
    masked = mask(plain).text
    # A carriage return writes over what stood on the line, as progress bars do.
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in masked.split("\n")]
    return "\n".join(_line(line, _LINE) for line in [line for line in lines if line.strip()][-_LINES:])


def _remarks(request: Request, before: Mirror | None, now: Seen) -> Iterator[News]:
    if before is None:
        return
    for remark in [each for each in now.remarks if each.id > before.get("remark", 0)][-_MOST_REMARKS:]:
        facts = {"key": request.key, "by": remark.by, "text": _line(mask(remark.text).text, _WORDS)}
        yield News("remark", str(remark.id), Finding("EGR018", facts))


def _line(text: str, most: int) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split(" ")).strip()
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _mirror(request: Request, known: Mirror, now: Seen, to: RequestState | None) -> Mirror:
    pipeline = now.pipeline
    return {
        "state": now.state,
        "head": now.head,
        "labels": sorted(now.labels),
        "approvals": known.get("approvals") if now.approvals is None else sorted(now.approvals),
        "approved": _approved(known, now),
        "pipeline": [pipeline.id, pipeline.state] if pipeline else None,
        "pipeline_url": pipeline.url if pipeline else None,
        "remark": max([known.get("remark", 0), *(remark.id for remark in now.remarks)]),
        "branch": now.branch,
        "was": request.state if to == "closed" else known.get("was"),
    }


def _approved(known: Mirror, now: Seen) -> Mapping[str, str]:
    """For each approval of the forge's own the commit that it is for: the one that stood when it was first seen and
    the time before. It is empty where a push came in between, or where nobody noted it: then nobody can tell."""
    before: Mapping[str, str] = known.get("approved") or {}
    if now.approvals is None:
        return before
    head = now.head if known.get("head") == now.head else ""
    old = known.get("approvals") or ()
    return {name: before.get(name, "" if name in old else head) for name in sorted(now.approvals)}
