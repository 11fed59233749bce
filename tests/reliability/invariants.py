"""What must hold after any history of acts and troubles. Each check gives sentences that name what does not.

I1 exactly one of every effect; I2 no merge without a recorded approval by somebody who may, who did not ask, for exactly
that commit; I3 every accepted request waits for a person or is over; I4 what is on main is what was approved; I5 the
last thing that a thread heard is true; I6 the audit log only grows and misses nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.world import wire
from bot.world.memory import DecisionRow, IntentRow, LogRow, PostRow, RequestRow
from skills.core.model import Finding
from tests.fakes.gitlab_people import BOT
from tests.reliability.history import Event, History
from tests.reliability.schedule import Schedule
from tests.reliability.town import APPROVERS, Town

WAITS = frozenset({"waiting", "held"})
STANDS = frozenset({"merged", "rolled_out", "confirmed", "in_force", "expiring"})
OVER = frozenset({"rejected", "withdrawn", "expired", "closed", "superseded", "removed"})
_SHOWN_AS = {"opened": WAITS | {"decided", "drafted", "proposed"}, "merged": STANDS | {"removed"}, "closed": OVER}
"""The states of a row by what GitLab shows of its merge request."""
_NEWS = {
    **dict.fromkeys(("EGR001", "EGR002", "EGR003"), "merged"),
    **dict.fromkeys(("EGR005", "EGR007", "EGR008", "EGR059", "EGR060"), "opened"),
    "EGR004": "closed",
    "EGR062": "superseded",
}
"""News that say what a request is now, by their code: a state, or what GitLab shows of it."""
_NOT_NOW = frozenset({"EGR461", "EGR468", "EGR095", "EGR096", "EGR489", "EGR493", "EGR495"})
"""Answers after which nobody knows yet: something does not answer, and it is tried again."""


@dataclass
class Seen:
    """Everything that is left when all is quiet."""

    schedule: Schedule
    history: History
    rows: Sequence[RequestRow]
    numbers: Mapping[str, int]
    """Which need of the schedule a request is about, by its key."""
    decisions: Mapping[str, Sequence[DecisionRow]]
    intents: Mapping[str, Sequence[IntentRow]]
    news: Mapping[str, Sequence[PostRow]]
    logs: Sequence[Sequence[LogRow]]
    merge_requests: Mapping[int, Mapping[str, Any]]
    notes: Mapping[int, Sequence[Mapping[str, Any]]]
    posted: Sequence[Mapping[str, Any]]
    git: Callable[..., str]


def seen(town: Town, schedule: Schedule, logs: Sequence[Sequence[LogRow]]) -> Seen:
    memory, gitlab = town.memory, town.gitlab
    rows = memory.requests(town.repository)
    keys = [row.request.key for row in rows]
    asked = [(number, town.request_of(number, need)) for number, need in enumerate(schedule.needs)]
    return Seen(
        schedule=schedule,
        history=town.history,
        rows=rows,
        numbers={request.key: number for number, request in asked if request},
        decisions={key: memory.decisions(key) for key in keys},
        intents={key: memory.intents_of(key) for key in keys},
        news={key: memory.news(key, last=10_000) for key in keys},
        logs=logs,
        merge_requests={number: gitlab.seen(number) for number in gitlab.merge_requests},
        notes=gitlab.notes,
        posted=town.slack.posted,
        git=gitlab.git,
    )


def violations(found: Seen) -> list[str]:
    checks = {"I1": once, "I2": approved, "I3": at_rest, "I4": as_approved, "I5": told_truly, "I6": logged}
    return [f"{name} {says}" for name, check in checks.items() for says in check(found)]


# --- I1


def once(found: Seen) -> Iterator[str]:
    for row in found.rows:
        request = row.request
        ours = _merge_requests_of(found, request.branch)
        if len(ours) > 1 or (request.number is not None and ours != [request.number]):
            yield f"{request.key}: its merge requests are {ours}, its row says {request.number}"
        merges = found.git("rev-list", "main", f"--grep=Postern-Request: {request.key}", "--merges").split()
        by_us = [number for number in ours if _is_merged_by_us(found.merge_requests[number])]
        if len(merges) != len(by_us):
            yield f"{request.key}: {len(merges)} merges by Postern on main, GitLab knows {len(by_us)}"
        if request.state == "waiting" and not request.pushed and found.git("rev-parse", "--verify", request.branch):
            commits = found.git("rev-list", "--count", f"{request.base}..{request.branch}")
            if commits != "1":
                yield f"{request.key}: {commits} commits on its branch"
        keys = Counter((each.by, each.verb, each.digest, each.round) for each in found.decisions[request.key])
        yield from (f"{request.key}: decided {times} times by {who}" for who, times in keys.items() if times > 1)
    for number, notes in found.notes.items():
        bodies = Counter(note["body"] for note in notes if note["author"] == BOT)
        yield from (f"!{number}: {times} times the note {body[:60]!r}" for body, times in bodies.items() if times > 1)
    yield from _posted_once(found)


def _posted_once(found: Seen) -> Iterator[str]:
    posted = Counter(_key_of(post) for post in found.posted)
    yield from (f"{times} times the message {key}" for key, times in posted.items() if times > 1)
    for news in found.news.values():
        for post in news:
            answered = (
                not post.channel
            )  # the thread in which somebody decided heard it as the answer: noted, not posted
            if post.state != "done" or not (answered or posted[post.key]):
                yield f"the message {post.key} is {post.state} and stands {posted[post.key]} times in its thread"


# --- I2


def approved(found: Seen) -> Iterator[str]:
    for row in found.rows:
        request = row.request
        for number in _merge_requests_of(found, request.branch):
            merged = found.merge_requests[number]
            if not _is_merged_by_us(merged):
                continue
            given = [each for each in found.decisions[request.key] if each.verb == "approve"]
            may = [
                each.by for each in given if each.by in APPROVERS - {request.asked_by} and each.head == merged["sha"]
            ]
            if not may:
                yield f"{request.key}: merged at {merged['sha'][:8]}; approvals {[(e.by, e.head) for e in given]}"


# --- I3


def at_rest(found: Seen) -> Iterator[str]:
    for row in found.rows:
        request = row.request
        if request.state not in WAITS | STANDS | OVER:
            work = [(intent.key, intent.state, intent.error) for intent in found.intents[request.key]]
            yield f"{request.key}: it is {request.state} for ever; {work}"
        for intent in found.intents[request.key]:
            if intent.state in ("todo", "doing"):
                yield f"{request.key}: {intent.key} is still {intent.state}"
        for number in _merge_requests_of(found, request.branch):
            state = found.merge_requests[number]["state"]
            if request.state not in _SHOWN_AS[state]:
                yield f"{request.key}: it is {request.state}, GitLab shows !{number} {state}"
    answered = {event.facts["request"] for event in found.history.of("act") if event.facts.get("state")}
    lost = answered - set(found.numbers.values())
    yield from (f"request {number}: it was accepted and has no row" for number in lost)


# --- I4


def as_approved(found: Seen) -> Iterator[str]:
    for row in found.rows:
        for number in _merge_requests_of(found, row.request.branch):
            merged = found.merge_requests[number]
            if not _is_merged_by_us(merged):
                continue
            commit, head = merged["merge_commit_sha"], merged["sha"]
            did = found.git("diff", f"{commit}^1", commit)
            shown = found.git("diff", f"{head}^1", head)
            host = row.request.destinations[0].partition(":")[0]
            added = [line[1:].strip() for line in did.splitlines() if line.startswith("+") and line[1:2] != "+"]
            if did != shown:
                yield f"{row.request.key}: {commit[:8]} on main is not the diff of {head[:8]} that was approved"
            if [line.partition("  #")[0] for line in added] != [f"- {host}"]:
                yield f"{row.request.key}: asked for {host}, and main got {added}"


# --- I5


@dataclass(frozen=True)
class Heard:
    """What a thread was told: a state, “not now”, or None for what says nothing of the state. `news`: their code."""

    said: str | None
    news: str = ""


def told_truly(found: Seen) -> Iterator[str]:
    heard = _heard(found)
    for row in found.rows:
        request = row.request
        told = [each for each in heard[request.key] if each.said]
        in_time = list(told)
        while in_time and in_time[-1].news and _is_late(found, request.key, in_time[-1].news):
            in_time.pop()
        if not told or _is_true(told, request.state) or (in_time and _is_true(in_time, request.state)):
            continue
        yield f"{request.key}: it is {request.state}, and its thread heard at last “{told[-1].said}”"


def _is_true(told: Sequence[Heard], state: str) -> bool:
    last = told[-1].said
    if last == "not now":  # it was to be tried again: what came of it is told, unless nothing did
        return state in ("drafted", "proposed", "decided") or (len(told) > 1 and _is_true(told[:-1], state))
    if last in _SHOWN_AS:
        return state in _SHOWN_AS[last]
    return last == state or (last in STANDS and state in STANDS)


def _is_late(found: Seen, key: str, news: str) -> bool:
    """Whether news of this code were written down before the last thing that somebody did here about the request.

    Slack kept them back meanwhile. docs/RELIABILITY.md says that this order is not promised.
    """
    told = [line.seq for line in found.logs[-1] if line.facts.get("key") == key and news in line.facts.get("codes", ())]
    done = [line.seq for line in found.logs[-1] if key in line.facts.get("keys", ())]
    return bool(told and done and max(told) < max(done))


def _heard(found: Seen) -> Mapping[str, list[Heard]]:
    """What each thread was told, in order."""
    by_post = {post.key: post for news in found.news.values() for post in news}
    keys = {number: key for key, number in found.numbers.items()}
    heard: dict[str, list[Heard]] = defaultdict(list)
    for event in found.history.events:
        if event.kind == "act" and event.facts["request"] in keys:
            heard[keys[event.facts["request"]]].append(Heard(_answered(event)))
        if event.kind == "post" and event.facts["key"] in by_post:
            post = by_post[event.facts["key"]]
            news = wire.load(Finding, post.payload)
            heard[post.request or ""].append(Heard(_said(news), news.code))
    return heard


def _answered(event: Event) -> str | None:
    state, code, facts = (event.facts.get(name) for name in ("state", "code", "facts"))
    if code in _NOT_NOW:
        return "not now"
    return str((facts or {}).get("state") or state or "") or None


def _said(news: Finding) -> str | None:
    return _NEWS.get(news.code) or (str(news.facts["state"]) if "state" in news.facts else None)


# --- I6


def logged(found: Seen) -> Iterator[str]:
    for before, after in zip(found.logs, found.logs[1:], strict=False):
        if list(after[: len(before)]) != list(before):
            yield f"the log changed: {len(before)} lines were not the beginning of the {len(after)} after them"
    last = found.logs[-1]
    if [line.seq for line in last] != sorted({line.seq for line in last}):
        yield "the log's numbers do not grow"
    lines = Counter((line.kind, line.who) for line in last)
    asked = Counter(
        ("propose" if event.facts["what"] == "propose" else "decide", f"{event.facts['who']}@fincorp.example")
        for event in found.history.of("act")
        if event.facts.get("state")
    )
    decided = Counter(each.by for given in found.decisions.values() for each in given)
    for (kind, who), _ in asked.items():
        if not lines[kind, who]:
            yield f"{who} was answered for {kind}, and the log has no line of it"
    yield from (
        f"{who} decided {times} times, the log has less"
        for who, times in decided.items()
        if lines["decide", who] < times
    )
    for row in found.rows:
        if not any(line.kind == "propose" and row.request.key in line.facts.get("keys", ()) for line in last):
            yield f"{row.request.key}: no line of the log says who asked for it"
        key, state = row.request.key, row.request.state
        moved = [line.facts["to"] for line in last if line.facts.get("key") == key and "to" in line.facts]
        if state in ("waiting", "merged") and state not in moved:
            yield f"{key}: it is {state}, and no line of the log says how it came to that"


def _merge_requests_of(found: Seen, branch: str) -> list[int]:
    return [number for number, each in found.merge_requests.items() if each["source_branch"] == branch]


def _is_merged_by_us(merge_request: Mapping[str, Any]) -> bool:
    return bool(merge_request["state"] == "merged" and merge_request["merge_user"] == BOT)


def _key_of(post: Mapping[str, Any]) -> str:
    return str(post.get("metadata", {}).get("event_payload", {}).get("key", ""))
