"""The life of a request after it was opened: what follows from the time that passed, from Git and from what deploys.

Pure: given a row, what people were told already and the moment, each function gives one Step. A timer counts from what
was *said* before it, never from a date alone: whoever is told that a request closes in seven days has seven days, even
when a clock jumped or nobody ran for a month. What is said has a mark, which is its natural key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from skills.core.messages import say
from skills.core.model import (
    ISOLATION,
    OPEN_STATES,
    STANDING_STATES,
    CloseMergeRequest,
    Deployed,
    Effect,
    Finding,
    LeaveNote,
    Relabel,
    Request,
    RequestState,
)
from skills.core.policy import PATH, Policy, Timers, frozen
from skills.core.rights import POSTERN, is_still_approved
from skills.core.waits import SATURDAY, working_days

Said = Mapping[str, datetime]
"""When people were told what, by mark."""

SAID_WHEN_IT_STANDS = ("EGR437", "EGR470", "EGR376")
_LONG_AGO = timedelta(days=30)
_ROLLOUT = timedelta(days=3)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Told:
    """Something that is said once: `to` hear it by themselves beside the thread; `quiet`: it is only noted as said."""

    mark: str
    finding: Finding
    to: tuple[str, ...] = ()
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """`to` is the state that the row moves to, `until` its new last day. `ends`: its removal has to be drawn, and what
    came of it to be said with it."""

    to: RequestState | None = None
    told: tuple[Told, ...] = ()
    effects: tuple[Effect, ...] = ()
    ends: bool = False
    until: str | None = None

    def __bool__(self) -> bool:
        return bool(self.to or self.told or self.ends)


NOTHING = Step()


def by_time(request: Request, said: Said, now: datetime, policy: Policy) -> Step:
    """What is due now. Nothing for a request that is over."""
    if request.state in OPEN_STATES:
        return _open(request, said, now, policy)
    if request.state in STANDING_STATES and not request.renews:
        return _standing(request, said, now, policy)
    return NOTHING


def by_review(request: Request, said: Said, now: datetime, policy: Policy) -> Step:
    """A broken glass that nobody has reviewed: whoever may do so hears of it again, at the pace of those who decide."""
    never = request.state not in (*OPEN_STATES, *STANDING_STATES, "removed")
    if request.review is None or request.review.by or never or now.weekday() >= SATURDAY:
        return NOTHING
    broke, since = request.review.broke, datetime.fromisoformat(request.review.at)
    mark = f"review:{since:%Y%m%dT%H%M%S}"
    due = _reminder(mark, since, said, now, policy.timers)
    if due is None:
        return NOTHING
    own = {policy.canon(name) for name in (broke, request.asked_by, *request.watchers)}
    who = tuple(sorted(policy.approvers(request) - own))
    facts = {"key": request.key, "broke": broke, "since": f"{since:%Y-%m-%d}", "reason": request.review.reason}
    found = Finding("EGR1654", {**facts, "names": ", ".join(who) or "nobody who may"})
    return _asking(request, Told(due, found, who))


def departed(request: Request, gone: Collection[str], policy: Policy) -> Told:
    """That a request waits for people who are nobody at the forge any more, for whoever keeps the policy."""
    names = ", ".join(sorted(gone))
    found = Finding("EGR1666", {"key": request.key, "names": names, "keepers": policy.keepers})
    return Told(f"departed:{names}", found, tuple(sorted(policy.approvers((PATH,)))))


def _reminder(mark: str, since: datetime, said: Said, now: datetime, pace: Timers) -> str | None:
    """The mark of the reminder that is due now, each so long after the one before it; None where none is."""
    number = next((n for n in range(1, pace.reminders + 1) if f"{mark}:{n}" not in said), None)
    if number is None or working_days(said.get(f"{mark}:{number - 1}", since), now) < pace.gap(number):
        return None
    return f"{mark}:{number}"


# --- while nobody has decided


def _open(request: Request, said: Said, now: datetime, policy: Policy) -> Step:
    if request.state == "decided":
        return _unmerged(request, said, now, policy)
    since = _last_word(request)
    pace, mark = policy.timers, f"{since:%Y%m%dT%H%M%S}"
    closes = said.get(f"closes:{mark}")
    if closes is not None and _over(closes, now, pace.warn_days) and _over(since, now, pace.request_days):
        return _expired(request, Finding("EGR081", {"key": request.key, "since": request.since[:10]}))
    waits = waits_for(request)
    facts = {"key": request.key, "since": request.since[:10], "url": request.url or ""}
    if closes is None and _over(since, now, pace.request_days - pace.warn_days):
        told = Told(f"closes:{mark}", Finding("EGR080", {**facts, "days": pace.warn_days}), waits)
        return _asking(request, told)
    if request.state != "waiting" or closes is not None or not waits or now.weekday() >= SATURDAY:
        return NOTHING
    names = ", ".join(waits)
    flow = {"workload": request.workload, "destinations": ", ".join(request.destinations)}
    if due := _reminder(f"remind:{mark}", since, said, now, pace):
        found = Finding("EGR078", {**facts, **flow, "names": names})
        return _asking(request, Told(due, found, waits))
    delegates = policy.stand_ins(request, {request.asked_by, *request.watchers, *waits})
    reminded = said.get(f"remind:{mark}:{min(2, pace.reminders)}")
    if delegates and reminded and f"escalate:{mark}" not in said and working_days(since, now) >= pace.escalate_days:
        found = Finding("EGR079", {**facts, "names": names, "delegates": ", ".join(delegates)})
        return _asking(request, Told(f"escalate:{mark}", found, delegates))
    return NOTHING


def _unmerged(request: Request, said: Said, now: datetime, policy: Policy) -> Step:
    """What Postern merges needs nobody; whoever merges it instead is reminded at the pace of those who decide. What is
    never merged comes to its end as what is never decided does."""
    since = _last_word(request)
    mark = f"unmerged:{since:%Y%m%dT%H%M%S}"
    if request.left_to and not is_still_approved(request, policy, _broke(request)):
        found = Finding("EGR1648", {"key": request.key, "path": PATH})
        void = Told(f"void:{request.version}", found, waits_for(request))
        return Step("waiting", (void,), (Relabel.unapproved(request.key, request.digest),))
    if ending := _ending_unmerged(request, said, now, policy):
        return ending
    due = _reminder(mark, since, said, now, policy.timers)
    if request.left_to is None or due is None or now.weekday() >= SATURDAY or f"{mark}:closes" in said:
        return NOTHING
    facts = {"key": request.key, "since": f"{since:%Y-%m-%d}", "url": request.url or ""}
    found = Finding("EGR1652", {**facts, "names": ", ".join(request.left_to.people) or request.left_to.group})
    return _asking(request, Told(due, found, request.left_to.people))


def _broke(request: Request) -> str:
    """Who broke the glass for what is decided now."""
    last = request.decisions[-1:]
    return "".join(past.by for past in last if past.verb == "break-glass")


def _ending_unmerged(request: Request, said: Said, now: datetime, policy: Policy) -> Step:
    """A freeze holds the merge up, so it does not count against whoever would merge."""
    since, pace = _last_word(request), policy.timers
    mark = f"unmerged:{since:%Y%m%dT%H%M%S}:closes"
    facts = {"key": request.key, "since": f"{since:%Y-%m-%d}", "url": request.url or ""}
    if mark not in said:
        if not _over(since, now, pace.request_days - pace.warn_days):
            return NOTHING
        people = request.left_to.people if request.left_to else ()
        told = Told(mark, Finding("EGR1656", {**facts, "days": pace.warn_days}), (request.asked_by, *people))
        return _asking(request, told)
    if not _over(said[mark], now, pace.warn_days) or frozen(policy, request.environments, now):
        return NOTHING
    return _expired(request, Finding("EGR1657", facts))


def _asking(request: Request, told: Told) -> Step:
    """The forge's own people hear it at the merge request, where they get the forge's mail."""
    there = [name for name in told.to if not name.startswith("slack:")]
    if not there or not request.number:
        return Step(told=(told,))
    return Step(
        told=(told,),
        effects=(LeaveNote(request.key, request.digest, POSTERN.shown, say(told.finding).says, told.mark),),
    )


def _expired(request: Request, found: Finding) -> Step:
    told = Told(f"expired:{request.version}", found)
    close = (CloseMergeRequest(request.key, request.digest, say(found).says),) if request.number else ()
    return Step("expired", (told,), close)


def waits_for(request: Request) -> tuple[str, ...]:
    """Whoever holds it; else approvers who have not decided on what stands now, and never whoever asked."""
    if request.state == "held":
        return tuple([past.by for past in request.decisions if past.verb == "hold"][-1:]) or request.waits_for
    if request.state == "returned":
        return (request.asked_by,)
    if request.is_left_to_others and request.left_to:
        return request.left_to.people
    if request.state != "waiting":
        return ()
    latest = {past.by.casefold(): past.verb for past in request.decisions if past.digest == request.digest}
    own = {name.casefold() for name in (request.asked_by, *request.watchers)}
    return tuple(
        name
        for name in request.waits_for
        if latest.get(name.casefold()) in (None, "changes", "resume") and name.casefold() not in own
    )


def _last_word(request: Request) -> datetime:
    """When somebody did something about it last: asked, or decided."""
    return max(datetime.fromisoformat(at) for at in (request.since, *(past.at for past in request.decisions)) if at)


# --- while it stands


def _standing(request: Request, said: Said, now: datetime, policy: Policy) -> Step:
    pace = policy.timers
    ending = _ending(request, said, now, pace)
    if ending:
        return ending
    if request.state == "expiring" or not said.get(stands_mark(request)):
        return NOTHING
    quiet_since = max(at for mark, at in said.items() if mark == stands_mark(request) or mark.startswith("fails:"))
    if request.state == "confirmed" and _over(quiet_since, now, 1):
        return Step("in_force")
    if request.state in ("merged", "rolled_out") and _over(quiet_since, now, pace.settle_days):
        facts = {"key": request.key, "commit": (request.commit or "")[:12]}
        rollout = "it was rolled out" if request.state == "rolled_out" else "whether it is rolled out is not known here"
        return Step(
            "in_force", (Told(f"in_force:{request.version}", Finding("EGR084", {**facts, "rollout": rollout})),)
        )
    return NOTHING


def _ending(request: Request, said: Said, now: datetime, pace: Timers) -> Step:
    """What the last day asks for. Without a default deny everything is open, so its end is said and drawn by nobody."""
    if not request.until or request.remove:
        return NOTHING
    until, mark = date.fromisoformat(request.until), f"ends:{request.until}"
    if mark not in said:
        if now.date() < until - pace.notice_days * _DAY:
            return NOTHING
        if request.destinations == ISOLATION:
            facts = {"key": request.key, "namespace": request.workload, "until": request.until}
            return Step(told=(Told(mark, Finding("EGR1673", facts)),))
        return Step("expiring" if request.state != "expiring" else None, ends=True)
    if now.date() <= until or request.destinations == ISOLATION or f"over:{request.until}" in said:
        return NOTHING
    facts = {"key": request.key, "until": request.until, "asked_by": request.asked_by}
    return Step(told=(Told(f"over:{request.until}", Finding("EGR089", facts)),))


def by_renewal(request: Request, said: Said, others: Iterable[Request]) -> Step:
    """A last day that moved: in the file, by a merge; then the removal that was drawn for the old day is taken back."""
    if request.renews:
        return Step("in_force") if request.state in ("merged", "rolled_out") else NOTHING
    if request.ends and request.state in OPEN_STATES and request.state != "decided":
        ended = next((each for each in others if each.key == request.ends), None)
        if ended is None or ended.until == request.until:
            return NOTHING
        told = renewed(ended, ended.asked_by, ended.until or "", ended.reason)
        close = (CloseMergeRequest(request.key, request.digest, say(told.finding).says),) if request.number else ()
        return Step("withdrawn", (told,), close)
    merged = [each for each in others if each.renews == request.key and each.state in STANDING_STATES]
    newest = max(merged, key=lambda each: each.since, default=None)
    if newest is None or newest.until in (None, request.until) or request.state not in STANDING_STATES:
        return NOTHING
    told = renewed(request, newest.asked_by, newest.until or "", newest.reason)
    if told.mark in said:
        return NOTHING
    return Step("in_force", (told,), until=newest.until)


def renewed(request: Request, by: str, until: str, reason: str) -> Told:
    """What is said when a last day moved."""
    facts = {"key": request.key, "by": by, "until": until, "reason": reason}
    return Told(f"renewed:{until}", Finding("EGR091", facts))


def removal_told(request: Request, removal: Request | None, why: str) -> Told:
    """What came of drawing the removal of a permission whose last day is near."""
    facts = {"key": request.key, "until": request.until or "", "asked_by": request.asked_by, "why": why}
    found = Finding("EGR087", {**facts, "removal": removal.key}) if removal else Finding("EGR088", facts)
    return Told(f"ends:{request.until}", found)


# --- what Git says


def stands_mark(request: Request) -> str:
    """The mark of the news that the target does what was asked, for this merge."""
    return f"stands:{(request.commit or request.digest)[:12]}"


def by_git(
    request: Request, said: Said, stands: bool | None, commit: str | None, others: Iterable[Request], now: datetime
) -> Step:
    """What follows from the target's newest commit. `stands`: it does what was asked (None: nobody can tell)."""
    if stands is None:
        return NOTHING
    if request.state == "removed":
        return _again(request, commit, others) if stands and not request.remove else NOTHING
    seen = stands_mark(request) in said
    if stands and not seen:
        # Whoever confirmed it knows, and so does everybody of a merge of long ago, by a Postern that did not say it.
        old = now - _last_word(request) > _LONG_AGO or request.state not in ("merged", "rolled_out")
        told = Told(stands_mark(request), since_merge(request, commit, stands=True), quiet=old)
        return Step("removed" if request.remove else None, (told,))
    if stands or request.remove:
        return Step("removed") if stands and request.remove else NOTHING
    if not seen:
        mark = f"not_yet:{(request.commit or '')[:12]}"
        found = since_merge(request, commit, stands=False)
        return NOTHING if mark in said else Step(told=(Told(mark, found),))
    return _gone(request, commit, others, now)


def _gone(request: Request, commit: str | None, others: Iterable[Request], now: datetime) -> Step:
    facts = {"key": request.key, "workload": request.workload, "commit": (commit or "")[:12]}
    facts["destinations"] = ", ".join(request.destinations)
    done = (*STANDING_STATES, "removed")
    meant = any(each.ends == request.key or _takes_away(each, request) for each in others if each.state in done)
    over = request.until is not None and now.date() > date.fromisoformat(request.until)
    told = Told(f"gone:{facts['commit']}", Finding("EGR090" if meant or over else "EGR085", facts))
    return Step("removed", (told,))


def _takes_away(other: Request, request: Request) -> bool:
    return other.remove and other.workload == request.workload and set(other.destinations) >= set(request.destinations)


def _again(request: Request, commit: str | None, others: Iterable[Request]) -> Step:
    """A revert of a revert. Where it was asked for anew, the newer request tells that."""
    for each in others:
        same = (each.workload, each.destinations, each.remove) == (request.workload, request.destinations, False)
        if each.key != request.key and same and each.state in (*OPEN_STATES, *STANDING_STATES):
            return NOTHING
    found = Finding("EGR086", {"key": request.key, "commit": (commit or "")[:12]})
    return Step("in_force", (Told(f"again:{(commit or '')[:12]}", found),))


def since_merge(request: Request, commit: str | None, *, stands: bool) -> Finding:
    """What is said of a merge at a commit of the target."""
    destinations = ", ".join(request.destinations)
    facts: dict[str, str] = {"key": request.key, "workload": request.workload, "destinations": destinations}
    facts |= {"destination": destinations, "commit": (commit or "")[:12], "namespace": request.workload}
    if request.destinations == ISOLATION:
        return Finding("EGR376" if stands else "EGR377", facts)
    if not stands:
        return Finding("EGR438", facts)
    if request.remove:
        return Finding("EGR470", facts)
    hint = Finding("EGR471" if "443" in request.destinations[0] else "EGR472", {"host": request.destinations[0]})
    return Finding("EGR437", {**facts, "hint": say(hint).says})


# --- what deploys says


def wants_rollout(request: Request, said: Said, now: datetime) -> bool:
    """Whether whoever deploys is asked: merged lately, and not told yet."""
    stood = said.get(stands_mark(request))
    return request.state == "merged" and bool(request.number) and stood is not None and now - stood < _ROLLOUT


def by_rollout(request: Request, said: Said, shown: Sequence[Deployed]) -> Step:
    """Only evidence counts. Deployments and the cluster's own controllers say more than a pipeline does."""
    strong = [each for each in shown if each.deploys] or list(shown)
    commit = (request.commit or "")[:12]
    facts = {"key": request.key, "workload": request.workload}
    failed = [each for each in strong if each.state == "failed"]
    if failed:
        told = Told(f"rollout_failed:{commit}", Finding("EGR083", {**facts, "evidence": _evidence(failed)}))
        return NOTHING if told.mark in said else Step(told=(told,))
    if strong and all(each.state == "success" for each in strong):
        told = Told(f"rolled_out:{commit}", Finding("EGR082", {**facts, "evidence": _evidence(strong)}))
        return Step("rolled_out", (told,))
    return NOTHING


def _evidence(shown: Sequence[Deployed]) -> str:
    return ", ".join(f"{each.what} ({each.state}{f', {each.url}' if each.url else ''})" for each in shown[:3])


def _over(since: datetime, now: datetime, days: int) -> bool:
    return now - since >= days * _DAY
