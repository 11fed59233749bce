"""What the command line prints: sentences on standard output, one clear line on standard error, or one JSON object."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from skills.contract import Answer
from skills.core.change import unified_diff
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding
from skills.replies import reply

_PATIENCE = 0.5  # seconds before anything is shown
_PAUSE = 0.1
MARKS = {"info": "ok     ", "warning": "look   ", "error": "FAULT  "}
"""What stands before a finding that was checked, by its level."""
_CONTROL = dict.fromkeys((*range(0, 9), 11, 12, *range(14, 32), 127, *range(128, 160)))


def plain_streams() -> None:
    """Foreign text may hold anything; printing it must not fail on a narrow terminal encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def printable(text: str) -> str:
    """Without control characters: a host name or manifest line must not steer somebody's terminal."""
    return text.translate(_CONTROL)


def one_object(data: Mapping[str, Any]) -> None:
    print(json.dumps(data, ensure_ascii=False, indent=2))


def one_line(data: Mapping[str, Any]) -> None:
    print(json.dumps(data, ensure_ascii=False), flush=True)


def sentence(finding: Finding) -> None:
    """What it says and what to do, on one line."""
    said = say(finding)
    print(printable(f"{said.says} {said.do}".rstrip()))


def human(skill: str, answer: Answer, *, more: bool) -> None:
    made = reply(skill, answer)
    print(printable(made.text))
    if answer.data.get("state") == "merged":
        print(printable(say(Finding("EGR477", {"key": str(answer.data["key"])})).says))
    if made.diff:
        print()
        print(printable(made.diff), end="")
    if more:
        for section in made.folded:
            print()
            print(printable(section.body))


def diff(answer: Answer) -> None:
    """Only the diff on standard output, for `git apply`; what a person must read as well goes to standard error."""
    if answer.exit_status or not answer.detail.get("edits"):
        print(printable(reply("draft", answer).text), file=sys.stderr)
    for edit in answer.detail.get("edits", ()):
        print(unified_diff(edit), end="")


def written(answer: Answer) -> None:
    for edit in answer.detail["edits"]:
        print(printable(say(Finding("EGR478", {"path": edit.path})).says))


class ReadingLine:
    """How far a long reading is, on one line of standard error; nothing where that is no terminal, or it goes fast."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._shown = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = self._clock()
        if self._began is None:
            self._began = now
        if done >= total:
            if self._shown:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._began, self._shown = None, 0.0
        elif now - self._began > _PATIENCE and now - self._shown > _PAUSE and sys.stderr.isatty():
            self._shown = now
            says = say(Finding("EGR668", {"done": done, "total": total})).says
            print(f"\r{says}\x1b[K", end="", file=sys.stderr, flush=True)


def failure(finding: Finding, status: int, *, as_json: bool, reference: str | None = None) -> int:
    """One line on standard error; with --json the error object stands on standard output."""
    if as_json:
        one_object(error_object(finding, reference))
    else:
        said = say(finding)
        print(printable(f"postern: {said.says} {said.do}".rstrip()), file=sys.stderr)
    return status


def error_object(finding: Finding, reference: str | None = None) -> dict[str, Any]:
    said = say(finding)
    facts = dict(finding.facts)
    error = {"code": finding.code, "says": said.says, "do": said.do, "facts": facts, "reference": reference}
    return {"error": error}


def data_of(skill: str, answer: Answer) -> dict[str, Any]:
    """The contract's object; `decide` adds its sentence."""
    data = dict(answer.data)
    if skill == "decide":
        data["says"] = " ".join(say(finding).says for finding in answer.findings)
    return data


def read_text(source: str | None, most: int) -> str:
    """A file's text, or standard input for `-`; bytes that are not UTF-8 are shown as replacement characters."""
    if source in (None, "-"):
        return sys.stdin.buffer.read(most).decode("utf-8", "replace")
    try:
        with Path(str(source)).open("rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise AskUnclear("EGR646", path=str(source)[:200], reason=str(reason)) from None
