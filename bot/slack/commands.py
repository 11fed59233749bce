"""`/egress` and what stands behind it, in the words of the command line: flags and help come from each skill's card and
ask, free sentences go where a mention's go, and a command that is misspelt is not guessed but asked about."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import re2

from bot.flags import slash_ask
from bot.slack.envelopes import plain
from skills.all_skills import ALL
from skills.contract import card
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding
from skills.core.understand import hear

NAMES = tuple(skill.NAME for skill in ALL)
FORM, CHANNEL, HELP = "request", "here", "help"
_PASTE = "diagnose"
_SENTENCES = {"check": "{}", "why": "why is {} allowed?"}
_VERBS = (*NAMES, FORM, CHANNEL, HELP, "approve", "reject", "hold", "resume", "open", "more", "redraw")
_ELSEWHERE = ("ai", "chat", "demo", "doctor", "eval", "init", "log", "policy", "requests", "serve")
"""Commands of the terminal that no chat has."""
_CLOSE = 0.75
_FLAG = re2.compile(r"--(for|to)[ =]+(\S+)\s*")
_FLAGS = re2.compile(r"\s*(?:/?egress\s+)?[a-z]+\s[^\n]*--[a-z]")
_LONGEST_HELP = 40  # commands


@dataclass(frozen=True, slots=True)
class Command:
    """`kind`: `words` go to the conversation as they are; `skill` is asked with `ask`; `form` opens the request form
    with `words` in it; `channel` sets what the channel speaks of; `says` is answered with `lines`."""

    kind: str
    words: str = ""
    skill: str = ""
    ask: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


def command(text: str) -> Command:
    """What was typed behind `/egress`."""
    said = plain(text).strip()
    first, _, rest = said.partition(" ")
    verb, rest = first.casefold(), rest.strip()
    if not said or verb in (HELP, "?"):
        return Command("says", lines=help_lines(rest.casefold()))
    if verb == FORM:
        return Command("form", rest)
    if verb == CHANNEL:
        return Command("channel", rest)
    if verb == _PASTE and rest:
        return _paste(rest)
    if verb in NAMES and (rest.startswith("--") or verb == "check" or hear(said).verb != verb):
        return _sentence(verb, rest) or _by_flags(verb, rest)
    if verb in _ELSEWHERE and hear(said).verb in ("unclear", "reply"):
        return Command("says", lines=_lines(Finding("EGR1411", {"word": verb})))
    near = get_close_matches(verb, _VERBS, 1, _CLOSE) if verb not in _VERBS else []
    if near and not hear(said).workload:
        return Command("says", lines=_lines(Finding("EGR1412", {"word": first[:40], "near": near[0]})))
    return Command("words", said)


def exact(words: str) -> tuple[str, Mapping[str, Any]] | None:
    """Skill and ask of words with flags, as the command line has them, typed to us in a sentence's place."""
    made = command(words) if _FLAGS.match(words) else None
    return (made.skill, made.ask) if made and made.kind == "skill" else None


def _paste(rest: str) -> Command:
    """Flags stand before the pasted error: what stands in it is nobody's flag and nobody's quote."""
    ask: dict[str, Any] = {}
    while flag := _FLAG.match(rest):
        name, value = flag[1], flag[2]
        ask[name] = (*ask.get("to", ()), value) if name == "to" else value
        rest = rest[flag.end() :]
    return Command("skill", skill=_PASTE, ask={**ask, "text": rest}) if ask else Command("words", rest)


def _sentence(verb: str, rest: str) -> Command | None:
    """Without flags, as people say it."""
    sentence = _SENTENCES.get(verb, "") if rest and not rest.startswith("--") else ""
    return Command("words", sentence.format(rest)) if sentence else None


def _by_flags(verb: str, rest: str) -> Command:
    try:
        words = shlex.split(rest)
    except ValueError:
        found = Finding("EGR1413", {"verb": verb, "what": "a quote is not closed"})
        return Command("says", lines=(*_lines(found), *_examples(verb)))
    try:
        ask = slash_ask(verb, words)
    except AskUnclear as unclear:
        return Command("says", lines=(*_lines(unclear.finding), *_examples(verb)))
    return Command("skill", skill=verb, ask=ask)


def help_lines(verb: str = "") -> tuple[str, ...]:
    """One command with its examples, or all of them in a line each."""
    if verb in NAMES:
        return (f"{verb}: {card(verb).description}", *_examples(verb))
    own = [f"{name}: {say(Finding(code)).says}" for name, code in ((FORM, "EGR1414"), (CHANNEL, "EGR1415"))]
    listed = [f"{name}: {card(name).description}" for name in NAMES]
    return (*_lines(Finding("EGR1416")), *own, *listed)[:_LONGEST_HELP]


def _examples(verb: str) -> tuple[str, ...]:
    """Those that can be typed as they are, without what only a terminal has."""
    return tuple(
        f"/egress {example}".replace(" --json", "").replace(" --diff", "")
        for example in card(verb).examples
        if example.startswith(verb)
    )


def _lines(found: Finding) -> tuple[str, ...]:
    said = say(found)
    return tuple(line for line in (said.says, said.do) if line)
