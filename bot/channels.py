"""What a channel speaks of and who reads along there; and what a form or flags say exactly, past any channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import re2

from bot.gather import Where
from bot.turns import Turn, new_subject, who_will_read
from bot.which import named_in
from bot.world.memory import Memory
from skills.cards import earlier
from skills.contract import World, masked
from skills.core.commands import Heard
from skills.core.flow_text import destination
from skills.core.messages import say
from skills.core.model import Finding, Person
from skills.core.named import find_environment, find_workload
from skills.replies import Reply, problem

_ABOUT_A_FLOW = ("check", "diagnose", "draft")
_KEPT_OF_AN_ASK = ("for", "to", "until", "remove", "ip", "answer", "on", "reason", "default_deny")
_KEPT_TEXT, _MOST_BEFORE = 20_000, 3
_TEAM = re2.compile(r"(?i)\b(?:the\s+)?team\s+([A-Za-z0-9][A-Za-z0-9._-]{0,62})")
_NOTHING = re2.compile(r"(?i)\s*(?:for\s+)?(?:nothing|none|clear|off)\s*")


Defaults = Callable[[str, str], Mapping[str, str]]
"""Gives what stands for the team of a channel, or of this name: `team`, `for`, `repository`."""


def note_asked(turn: Turn, skill: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a form or flags said exactly is what the thread speaks of from now on; gives what the skill is asked.

    `error` is what was seen, for the merge request.
    """
    if skill not in _ABOUT_A_FLOW:
        return fields
    new_subject(turn.state, Heard("reply"))
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    turn.state |= {name: _without_secrets(given[name]) for name in _KEPT_OF_AN_ASK if given.get(name)}
    if seen := given.get("text") if skill == "diagnose" else given.get("error"):
        turn.state["text"] = masked(str(seen))[:_KEPT_TEXT]
    if skill == "draft":
        turn.state["drafted_by"] = turn.who.id
    return {name: value for name, value in fields.items() if name != "error"}


def _without_secrets(given: Any) -> Any:
    if isinstance(given, list):
        return [_without_secrets(each) for each in given]
    return masked(given) if isinstance(given, str) else given


def of_the_channel(turn: Turn, memory: Memory, of_team: Defaults) -> None:
    """What the channel speaks of stands in for what nobody has named in this thread: what was said there, else what the
    policy says of its team."""
    surface, *parts = turn.where.thread.split(":")
    if surface != "slack" or len(parts) < 2 or turn.state.get("for"):
        return
    channel = channel_of(turn.where.thread)
    said = memory.channel(channel)
    speaks = {**of_team(channel, str(said.get("team") or "")), **said} if not said.get("for") else said
    if named := speaks.get("for"):
        turn.state |= {"for": named, "of_channel": named}
    here = {f"{name}_here": speaks[name] for name in ("repository", "environment") if speaks.get(name)}
    turn.state |= here


def of_the_card(turn: Turn, memory: Memory) -> None:
    """In the thread of a card its request is meant, and what the card showed first was shown."""
    if shown := memory.card_shown(turn.where.thread):
        key, digest = shown
        turn.state |= {"key": key, "shown": {key: digest, **turn.state.get("shown", {})}}


def by_the_channel(turn: Turn, skill: str) -> list[Reply]:
    """Said once a thread, when an answer stands on what the channel speaks of."""
    if skill not in _ABOUT_A_FLOW or not turn.state.get("of_channel"):
        return []
    workload = turn.state.pop("of_channel")
    return [problem(Finding("EGR1417", {"workload": workload}))] if workload == turn.state.get("for") else []


def decided_before(turn: Turn, skill: str, world: World | None) -> list[Reply]:
    """Whoever is about to ask hears what was decided on the same host before, as those who decide will."""
    if skill != "draft" or world is None or not turn.state.get("digest"):
        return []
    hosts = [str(destination(words)[0]) for words in turn.state.get("to", ())]
    lines = [
        say(
            Finding("EGR1433", {"what": line.label, "by": ", ".join(line.people), "at": line.at[:10], "of": line.text})
        ).says
        for line in earlier(hosts, world.requests)[:_MOST_BEFORE]
    ]
    return [Reply(tuple(lines))] if lines else []


def channel_of(thread: str) -> str:
    """`slack:TEAM:CHANNEL` of a thread of a chat."""
    return ":".join(thread.split(":")[:3])


def before_others_read_it(turn: Turn, reason: str) -> Reply | None:
    """Text of a private channel that more people will read: said once a thread; whoever opens it then knows."""
    if not turn.where.private or turn.warned or turn.state.get("told_who_reads"):
        return None
    turn.state |= {"told_who_reads": True, "reason_given": reason}
    return Reply(problem(who_will_read(turn.state)).lines, steps=("open",))


def speak_of(
    where: Where,
    words: str,
    who: Person,
    names: tuple[Sequence[str], Collection[str]],
    memory: Memory,
    now: datetime,
    of_team: Defaults,
    repositories: Sequence[str],
) -> Finding:
    """`/egress here for payments in production`: kept with who said so; without words, what is set now. A team of the
    policy, a repository where several are served, and an environment can be set as well."""
    channel = channel_of(where.thread)
    if not words.strip():
        return _told(memory.channel(channel))
    speaks, team = {}, _TEAM.search(words)
    if team and not of_team("", team[1]):
        return Finding("EGR1874", {"team": team[1][:60]})
    if not _NOTHING.fullmatch(words):
        named, rest = named_in(_TEAM.sub(" ", words), repositories)
        found = {"for": _named(rest, *names), "team": team[1] if team else "", "repository": "".join(named[:1])}
        if not found["for"]:
            found["environment"] = find_environment(rest, names[1]) or ""
        speaks = {name: each for name, each in found.items() if each}
        if not speaks:
            return Finding("EGR1429")
    with memory.transaction() as tx:
        tx.set_channel(channel, speaks, who.id, now)
        tx.add_log(who.id, where.thread, "channel", {"channel": channel, "speaks_of": speaks}, now)
    return _told(speaks)


def _told(speaks: Mapping[str, Any]) -> Finding:
    if not speaks:
        return Finding("EGR1427")
    if set(speaks) == {"for"}:
        return Finding("EGR1428", {"workload": speaks["for"]})
    said = [str(speaks["for"])] if speaks.get("for") else []
    said += [f"the {name} {speaks[name]}" for name in ("team", "environment", "repository") if speaks.get(name)]
    return Finding("EGR1873", {"what": ", ".join(said)})


def _named(words: str, workloads: Sequence[str], environments: Collection[str]) -> str:
    """A workload that the allowlist knows, with its environment where that is said; empty for anything else."""
    name, environment = find_workload(words, workloads), find_environment(words, environments)
    known = {each.casefold() for full in workloads for each in (full, full.rpartition("/")[2])}
    if name is None or name.casefold() not in known:
        return ""
    return f"{environment}:{name}" if environment and ":" not in name else name
