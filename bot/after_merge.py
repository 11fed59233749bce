"""What follows a merge in its thread: the check once more, that it works, that it still fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import re2

from bot.desk import Door
from bot.turns import Turn, ask_for, flow_of, is_about
from bot.world.memory import Memory
from skills.core import life
from skills.core.errors import AskUnclear
from skills.core.joint import beside, half
from skills.core.model import ISOLATION, OPEN_STATES, STANDING_STATES, Finding, Request
from skills.core.short_words import word
from skills.replies import Reply, problem

_UNSAID = ("merged", "rolled_out")
_SAID = {"works": "works now", "fails": "still fails"}
_STILL = re2.compile(r"(?i)\b(?:still|merged|again)\b")


def meant(turn: Turn, request: Request | None) -> tuple[list[str] | None, list[Reply]]:
    """What a symptom is about that names no destination, and what to say first.

    "Merged, and still 502" is about what was merged, even if the thread has spoken of something else since.
    """
    to = turn.state.get("to")
    if request is None or not to:
        return to, []
    if request.destinations == ISOLATION or is_about(turn, request):
        return to, merge_lead(request)
    if request.state not in OPEN_STATES and _STILL.search(turn.words):
        turn.state |= flow_of(request)
        return list(request.destinations), merge_lead(request)
    return to, []


def the_merged(turn: Turn, key: str | None, desk: Door, memory: Memory) -> Request:
    """The request that works, or still fails: of the `key` that was said, else this thread's, else the only one of this
    person's that is merged and of which they did not say so yet. Raises AskUnclear EGR432, EGR654, EGR1483."""
    known = None if key or not turn.state.get("key") else memory.asked_for(turn.state["key"])
    if known is not None:
        return known
    found = [each for world in desk.worlds(turn.who, turn.where) for each in world.requests]
    if key:
        found = [each for each in found if each.key == key.upper()]
    else:
        found = [each for each in found if each.state in _UNSAID and _is_theirs(each, turn)]
    if len(found) > 1:
        found.sort(key=lambda each: each.since)
        facts = {"verb": _SAID[turn.verb], "first": found[-1].key}
        raise AskUnclear("EGR1483", keys=", ".join(each.key for each in found[:-6:-1]), **facts)
    if not found:
        raise AskUnclear("EGR432", key=key) if key else AskUnclear("EGR654")
    return found[0]


def merge_lead(request: Request | None) -> list[Reply]:
    """What a new symptom of an old need has to be read with: the thread's own merge request."""
    return [problem(Finding("EGR474", {"key": request.key, "state": request.state}))] if request else []


def since_merge(request: Request, turn: Turn, desk: Door, memory: Memory, clock: Callable[[], datetime]) -> Reply:
    """The check once more on the new target branch. That it stands is kept as said, so that no timer says it again."""
    found = _since_merge(request, turn, desk)
    if found.code not in life.SAID_WHEN_IT_STANDS:
        return problem(found)
    left = half(request, beside(request, memory.asked_for))
    rest = problem(left).lines if left and turn.where.surface != "slack" else ()  # there its thread hears it
    with memory.transaction() as tx:
        tx.tell(request, f"{request.key}:{life.stands_mark(request)}", found, clock(), here=turn.where.thread)
    return Reply((*problem(found).lines, *rest), steps=("works now", "still fails") if found.code == "EGR437" else ())


def _since_merge(request: Request, turn: Turn, desk: Door) -> Finding:
    """Said with its commit, never assumed."""
    if request.destinations == ISOLATION:
        return _since_denied(request, turn, desk)
    handled = desk.handle("check", ask_for("check", flow_of(request)), turn.who, turn.where, on_target=True)
    if handled.problem is not None:
        return handled.problem.finding
    assert handled.answer is not None
    assert handled.world is not None
    stands = handled.answer.data["decision"] == ("denied" if request.remove else "allowed")
    return life.since_merge(request, handled.world.allowlist.commit, stands=stands)


def _since_denied(request: Request, turn: Turn, desk: Door) -> Finding:
    """Whether the namespace is denied by default now: a draft of the same says so."""
    ask = ask_for("draft", {"default_deny": flow_of(request)["for"]})
    handled = desk.handle("draft", ask, turn.who, turn.where, on_target=True)
    if handled.problem is not None:
        return handled.problem.finding
    assert handled.answer is not None
    assert handled.world is not None
    stands = handled.answer.data["proof"]["before"] == "denied"
    return life.since_merge(request, handled.world.allowlist.commit, stands=stands)


def works(request: Request, turn: Turn, memory: Memory, clock: Callable[[], datetime]) -> Reply:
    """It works now: the row says so where its asker or a watcher says it, and who said it is kept in any case."""
    if request.state not in STANDING_STATES:
        return problem(Finding("EGR1482", {"key": request.key, "state": word("states", request.state)}))
    own = _is_theirs(request, turn)
    with memory.transaction() as tx:
        if own and request.state in _UNSAID:
            tx.move_request(request.key, request.state, "confirmed", request.version, clock())
        tx.add_log(turn.who.id, turn.where.thread, "confirmed" if own else "works", {"key": request.key}, clock())
    return problem(Finding("EGR473" if own else "EGR094", {"key": request.key, "asked_by": request.asked_by}))


def still_fails(request: Request, turn: Turn, memory: Memory, clock: Callable[[], datetime]) -> list[Reply]:
    """What was confirmed is not any more; either way it is kept who said so."""
    with memory.transaction() as tx:
        if request.state == "confirmed" and _is_theirs(request, turn):
            tx.move_request(request.key, "confirmed", "merged", request.version, clock())
        if request.state in STANDING_STATES:
            now, found = clock(), Finding("EGR474", {"key": request.key, "state": request.state})
            tx.tell(request, f"{request.key}:fails:{now:%Y%m%dT%H%M%S}", found, now, quiet=True)
            tx.add_log(turn.who.id, turn.where.thread, "still_fails", {"key": request.key}, now)
    return merge_lead(request)


def _is_theirs(request: Request, turn: Turn) -> bool:
    return any(turn.who.is_same(name) for name in (request.asked_by, *request.watchers))
