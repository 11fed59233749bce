"""Shell scripts as far as they are plain: which `cf` calls they make, with variables that are assigned literally.

Nothing is run. A word whose value only the run knows is kept as it is written, and the call says so; the same holds
for a call that stands behind a condition or in a function.
"""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import re2

SIGNS = ("security-group", "network-policy", "target", "login")
_LONGEST = 2000
_MOST_ROWS = 20_000
_MOST_EXPANSIONS = 200
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ASSIGNED = re2.compile(rf"^\s*(?:(?:export|local|readonly|declare(?: -\w+)*)\s+)?({_NAME})=(.*)$")
_LOOP = re2.compile(rf"^\s*for\s+({_NAME})\s+in\s+([^;]*)(?:;\s*do)?\s*(.*)$")
_HERE = re2.compile(r"<<-?\s*[\"']?([A-Za-z_]\w*)[\"']?")
_VARIABLE = re2.compile(rf"\$(?:\{{({_NAME})\}}|({_NAME}))")
_OPENS = re2.compile(r"^\s*(?:if|case|while|until|select)\b|^\s*(?:function\s+[\w:-]+|[\w:-]+\s*\(\))")
_CLOSES = re2.compile(r"^\s*(?:fi|esac)\b|^\}")
_LEAVES = re2.compile(r"^\s*(?:exit|return|exec)\b(?:\s+[\w/.$?\"'-]+)*\s*;?\s*$")
_SETS = re2.compile(rf"^{_NAME}=")
_CLOSED = ("fi", "esac", "}", "done")
_UNKNOWN = ("$", "`", "{{", "((")
_ENDS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "#", ")", "then", "do"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call of `cf`: the words behind it, the row (from 0) on which it starts, and why it is not sure, if so."""

    words: tuple[str, ...]
    row: int
    unsure: str = ""


@dataclass(slots=True)
class _State:
    values: dict[str, str]
    loops: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    ended: str = ""  # the row that ends the script: nothing below it is run


def calls(text: str, given: Mapping[str, str] | None = None) -> Iterator[Call]:
    """The calls of `cf` in their order. `given` are variables that are set before the script runs."""
    state = _State(dict(given or {}))
    for number, row in _rows(text):
        _follow(state, row)
        if "cf" in row and any(sign in row for sign in SIGNS):
            yield from _calls(state, row, number)


def _rows(text: str) -> Iterator[tuple[int, str]]:
    """Rows without here-documents and comments, continued ones joined, each with the number of its first."""
    waiting, first, until = "", 0, ""
    for number, raw in enumerate(text.split("\n")[:_MOST_ROWS]):
        row = raw.rstrip("\r")[:_LONGEST]
        if until:
            until = "" if row.strip() == until else until
            continue
        if row.lstrip().startswith("#"):
            continue
        first = first if waiting else number
        if row.endswith("\\"):
            waiting += row[:-1] + " "
            continue
        row, waiting = waiting + row, ""
        here = _HERE.search(row) if "<<" in row and "<<<" not in row else None
        until = here[1] if here else ""
        yield first, row[: 4 * _LONGEST]


def _follow(state: _State, row: str) -> None:
    """What the row changes for those below it: a variable, a loop, a condition."""
    loop = _LOOP.match(row)
    if _LEAVES.match(row) and not state.conditions and not state.loops:
        state.ended = state.ended or " ".join(row.split())
    if loop:
        state.loops.append((loop[1], tuple(_plain(state, word) for word in _words(loop[2]))))
    elif state.loops and row.strip().startswith("done"):
        state.loops.pop()
    elif _OPENS.match(row):
        if not row.rstrip().endswith(_CLOSED):
            state.conditions.append(" ".join(row.split())[:60])
    elif state.conditions and _CLOSES.match(row):
        state.conditions.pop()
    elif (assigned := _ASSIGNED.match(row)) and not state.loops:
        words = _words(assigned[2])
        if state.conditions or len(words) > 1:
            state.values.pop(assigned[1], None)
        else:
            state.values[assigned[1]] = _plain(state, words[0]) if words else ""


def _words(row: str) -> list[str]:
    try:
        lexer = shlex.shlex(row, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        return list(lexer)
    except ValueError:
        return []  # a quote that is never closed: the shell would not run it either


def _plain(state: _State, word: str, loop: Mapping[str, str] | None = None) -> str:
    """The word with every variable whose value is known."""
    values = {**state.values, **(loop or {})}

    def known(match: re2._Match[str]) -> str:
        return str(values.get(match[1] or match[2], match[0]))

    return str(_VARIABLE.sub(known, word))


def _calls(state: _State, row: str, number: int) -> Iterator[Call]:
    words = _words(row)
    for at, word in enumerate(words):
        if word.rpartition("/")[2] in _CLIENTS and _is_called(words, at):
            end = next((back for back in range(at + 1, len(words)) if words[back] in _ENDS), len(words))
            guarded = bool(set(words[:at]) & {"&&", "||"}) and not _CLIENTS & set(words[:at])
            begin = at + 2 if words[at + 1 : at + 2] == ["-v"] else at + 1
            for chosen in _expansions(state, words[begin:end]):
                unknown = next((each for each in chosen if any(sign in each for sign in _UNKNOWN)), "")
                inside = state.conditions[-1] if state.conditions else _whole_condition(row)
                unsure = unknown or inside or ("&&" if guarded else "") or state.ended
                yield Call(tuple(chosen), number, unsure[:80])


def _whole_condition(row: str) -> str:
    """A row that is a condition, a loop of unknown length or a function from its first word to its last."""
    return " ".join(row.split())[:60] if _OPENS.match(row) and row.rstrip().endswith(_CLOSED) else ""


def _is_called(words: Sequence[str], at: int) -> bool:
    """Whether a word begins a command, behind assignments and words that only run what follows."""
    while at > 0 and (words[at - 1] in _RUNNERS or _SETS.match(words[at - 1])):
        at -= 1
    return at == 0 or words[at - 1] in _STARTS


_CLIENTS = frozenset({"cf", "cf6", "cf7", "cf8"})
_RUNNERS = frozenset({"sudo", "time", "env", "exec", "command", "nohup"})
_STARTS = _ENDS | {"!", "(", "{", "else"}


def _expansions(state: _State, words: Sequence[str]) -> Iterator[list[str]]:
    """The words for every value of the loops around the call."""
    written = " ".join(words)
    loops = [(name, values) for name, values in state.loops if f"${name}" in written or f"${{{name}}}" in written]
    sets = itertools.product(*(values for _, values in loops))
    for chosen in itertools.islice(sets, _MOST_EXPANSIONS):
        loop = dict(zip((name for name, _ in loops), chosen, strict=True))
        yield [_plain(state, word, loop) for word in words]
