"""Commands of pipelines that bind groups: `cf bind-security-group` inside the strings of a YAML document."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skills.core.hosts import shown
from skills.core.model import Place
from skills.core.yaml_text import Document, Map, Seq

_VERBS = {"bind-security-group": False, "unbind-security-group": True}
_SIGN = "bind-security-group"
_LONGEST = 2000
_MOST = 500
_ENDS = frozenset({"&&", "||", "|", ";", "&", ">", ">>", "#"})


@dataclass(frozen=True, slots=True)
class Command:
    """`space` is empty for a whole organisation, which means the spaces that exist when it runs.

    `variable` says that a name is only known at run time. `phase` is running or staging.
    """

    group: str
    org: str
    space: str
    phase: str
    unbinds: bool
    variable: bool
    place: Place


def read_commands(document: Document, data: Mapping[str, Any]) -> Sequence[Command]:
    """The commands of a document, in their order. Kubernetes objects are never searched."""
    if "apiVersion" in data:
        return ()
    found: list[Command] = []
    for text, line in _strings(data):
        if _SIGN in text:
            found += _commands(document, text, line)
        if len(found) >= _MOST:
            break
    return found[:_MOST]


def _strings(data: Any) -> Iterator[tuple[str, int]]:
    """Every text of the document in its order, with the line of its key or item."""
    waiting: list[tuple[Any, int]] = [(data, 1)]
    while waiting:
        node, line = waiting.pop()
        if isinstance(node, str):
            yield node, line
        elif isinstance(node, Map):
            waiting += [(value, node.lines.get(key, node.line)) for key, value in reversed(node.items())]
        elif isinstance(node, Seq):
            waiting += [(value, at) for value, at in reversed(list(zip(node, node.lines, strict=False)))]


def _commands(document: Document, text: str, line: int) -> Iterator[Command]:
    for row in text.replace("\\\n", " ").split("\n"):
        if _SIGN in row:
            words = _words(row[:_LONGEST])
            for at, word in enumerate(words):
                if word in _VERBS and at and words[at - 1].rpartition("/")[2] == "cf":
                    command = _command(words[at + 1 :], _VERBS[word], _place(document, row, line))
                    if command is not None:
                        yield command


def _words(row: str) -> list[str]:
    try:
        lexer = shlex.shlex(row, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        return list(lexer)
    except ValueError:
        return []  # a quote that is never closed: the shell would not run it either


def _command(words: Sequence[str], unbinds: bool, place: Place) -> Command | None:
    names: list[str] = []
    flags = {"--space": "", "--lifecycle": "running"}
    rest = iter(words)
    for word in rest:
        if word in _ENDS:
            break
        flag, equals, value = word.partition("=")
        if flag in flags:
            flags[flag] = value if equals else next(rest, "")
        elif not word.startswith("-"):
            names.append(word)
    if len(names) < 2:
        return None
    space = flags["--space"] or (names[2] if len(names) > 2 else "")
    variable = any(sign in name for name in (*names[:2], space) for sign in ("$", "{{", "((", "`"))
    phase = "staging" if flags["--lifecycle"] == "staging" else "running"
    return Command(shown(names[0]), shown(names[1]), shown(space), phase, unbinds, variable, place)


def _place(document: Document, row: str, line: int) -> Place:
    """The line on which the command stands: at its key or below."""
    start = " ".join(row.split()[:4])
    for at in range(max(line, 1), min(len(document.rows), line + 5000) + 1):
        here = document.rows[at - 1]
        if _SIGN in here and start in " ".join(here.split()):
            return Place(document.path, at, here.strip()[:200])
    return Place(document.path, line, document.rows[line - 1].strip()[:200] if line <= len(document.rows) else "")
