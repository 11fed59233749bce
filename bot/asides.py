"""What is said to words that ask for nothing: thanks, talk among people, half a wish, a change of mind."""

from __future__ import annotations

from dataclasses import replace

import re2

from bot.desk import Door, attempt
from bot.turns import Turn, new_subject, note_workload
from skills.core.among import knowing
from skills.core.commands import KEY, Heard, courtesy
from skills.core.known_hosts import bare, called
from skills.core.model import Finding

_DECIDES = re2.compile(
    r"(?i)\b(?:approv(?:e|ed|es|al)|reject(?:ed|s)?|lgtm|looks good|ship it|merge (?:it|this|that))\b"
)
_OF_A_REQUEST = re2.compile(rf"(?i)\b{KEY}\b")
_EVERYTHING = re2.compile(
    r"(?i)\b(?:reach|access|allow|open|permit|to)\s+(?:the\s+)?(?:whole\s+|entire\s+)?"
    r"(?:everything|anything|internet|all hosts|any host|anywhere|the world)\b"
)
_WANTED = re2.compile(
    r"(?i)\b(?:reach|reaching|talk(?:ing)? to|call(?:ing)?|contact|access(?:ing)?|use|connect(?:ing)? to|allow|open"
    r"|needs?|for)\s+(?:the\s+)?([a-z][a-z0-9-]{2,30})(?:\s+(?:api|service|again|now|please))*\s*[?.!]*$"
)


def means_a_host(turn: Turn, heard: Heard, desk: Door) -> bool:
    """Whether a word that is no host stands for some that the allowlist knows: "can checkout reach stripe?".

    It is looked up and not asked: what people say to one another leaves no line in the audit log.
    """

    def is_one() -> bool:
        worlds = desk.worlds(turn.who, turn.where)
        known = knowing({world.repository: world.allowlist for world in worlds}, str(heard.workload))
        return any(
            called(turn.words, world.allowlist, (to for each in world.requests for to in each.destinations))
            for world in worlds
            if world.repository in known or not known
        )

    return bool(heard.workload and not heard.destinations and attempt(is_one)[0])


def unless_a_host(turn: Turn, heard: Heard, desk: Door) -> Heard:
    """ "stripe times out" names no workload where nothing is called so and a host is."""
    known = {each.casefold() for name in turn.names[0] for each in (name, name.rpartition("/")[2])}
    unknown = heard.workload and heard.workload.casefold() not in known
    return replace(heard, workload=None) if unknown and means_a_host(turn, heard, desk) else heard


def not_understood(turn: Turn, heard: Heard) -> Finding:
    """Whoever means to decide hears how; the sentence itself decides nothing."""
    words = turn.words.strip()
    if heard.verb == "empty":
        return Finding("EGR658")
    if courtesy(words) == "thanks":
        return Finding("EGR1486")
    if _DECIDES.search(words):
        return Finding("EGR681")
    if _EVERYTHING.search(words):
        return Finding("EGR687")
    if heard.workload and (wanted := _WANTED.search(words)):
        note_workload(turn.state, heard)
        return Finding("EGR675", {"word": wanted[1]})
    return Finding("EGR656" if courtesy(words) == "hello" else "EGR657")


def is_talk(turn: Turn) -> bool:
    """What people say to one another where we only read along: of no request, and by nobody who was just answered, or
    to somebody by name, or a word of thanks. Whoever means to decide hears how, all the same."""
    if not turn.where.aside or _DECIDES.search(turn.words) or _OF_A_REQUEST.search(turn.words):
        return False
    own = turn.state.get("spoke") == turn.who.id
    return not own or "<@" in turn.words or bool(courtesy(turn.words))


def made_plain(turn: Turn, heard: Heard) -> Heard:
    """What a short sentence comes to in this thread: "drop api.example.com" asks anew for the other destinations that
    are spoken of, "who approves?" for the state of its request."""
    if heard.verb == "waits" and turn.state.get("key"):
        return Heard("status", key=turn.state["key"])
    if heard.verb != "without":
        return heard
    spoken, dropped = list(turn.state.get("to") or ()), {bare(to) for to in heard.destinations}
    left = tuple(to for to in spoken if bare(to) not in dropped)
    return replace(heard, verb="check", destinations=left if left and len(left) < len(spoken) else heard.destinations)


def changed_mind(turn: Turn) -> Finding:
    """Nothing is taken back by a sigh: what is open stays open until its asker withdraws it by its key."""
    key = turn.state.get("key")
    if key:
        return Finding("EGR688", {"key": key})
    new_subject(turn.state, Heard("reply"))
    turn.state.pop("asking", None)
    turn.state.pop("to", None)
    return Finding("EGR689")
