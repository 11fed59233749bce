"""The conversation in a terminal: the same turns as in Slack, one person at a time, `as NAME` to switch."""

from __future__ import annotations

import select
import sys
from contextlib import suppress

from bot import output
from bot.gather import Where
from bot.served import Served
from skills.core.messages import say
from skills.core.model import Finding, Person
from skills.replies import Reply

_PASTE_PAUSE = 0.05  # seconds: lines of one paste arrive closer together than anybody types
_QUIT = ("quit", "exit", "bye")


def chat(app: Served, *, thread: str = "default", example: str = "") -> int:
    """Talks until end of input or `quit`. The thread is kept, so that the next start goes on where this one ended."""
    where = Where("terminal", f"terminal:{'+'.join(each.repository for each in app.apps)}:{thread}")
    app.finish_what_was_left()
    hello(app, where, example)
    person = app.person
    while (words := _message(f"{short(person)}> ")) is not None:
        if words.strip().casefold() in _QUIT:
            break
        if is_switch(words):
            person = switch(app, words.split()[1]) or person
            continue
        answer(app, words, person, where)
    return 0


def answer(app: Served, words: str, person: Person, where: Where) -> None:
    """What the rules say, then what a model adds, where one is set."""
    replies = app.conversation.hear(words, person, where)
    for made in replies:
        show(made)
    for made in replies.later() if replies.later else ():
        show(made)


def hello(app: Served, where: Where, example: str) -> None:
    going_on = app.conversation.started(where)
    facts = {"repository": app.repository_name, "person": app.person.shown}
    show_lines(*say_lines(Finding("EGR661" if going_on else "EGR660", facts)))
    if example:
        show_lines(*say_lines(Finding("EGR666", {"example": example})))
    print()


def is_switch(words: str) -> bool:
    parts = words.split()
    return len(parts) == 2 and parts[0].casefold() == "as"


def switch(app: Served, name: str) -> Person | None:
    """The person to go on as; None, and said here, when nobody is called that."""
    fits = [person for person in app.people() if name.casefold() in (person.id.casefold(), short(person))]
    if not fits and "@" in name:
        fits = [Person(name)]
    if len(fits) != 1:
        known = ", ".join(short(person) for person in app.people()) or "nobody"
        show_lines(*say_lines(Finding("EGR662", {"name": name[:60], "known": known})))
        return None
    show_lines(*say_lines(Finding("EGR663", {"person": fits[0].id})))
    return fits[0]


def short(person: Person) -> str:
    return person.id.partition("@")[0].casefold()


def show(made: Reply) -> None:
    show_lines(*made.lines)
    if made.diff:
        print()
        print(output.printable(made.diff))
    if made.hint:
        show_lines(made.hint)
    print()


def show_lines(*lines: str) -> None:
    for line in lines:
        print(output.printable(line))
    sys.stdout.flush()


def say_lines(finding: Finding) -> list[str]:
    said = say(finding)
    return [line for line in (said.says, said.because, said.do) if line]


def _message(prompt: str) -> str | None:
    """One message; lines that arrive together on a terminal are one paste. None at the end of input."""
    interactive = sys.stdin.isatty()
    if interactive:
        with suppress(ImportError):  # line editing, where the platform has it
            import readline  # noqa: F401, PLC0415
    try:
        words = input(prompt)
        while interactive and select.select([sys.stdin], [], [], _PASTE_PAUSE)[0]:
            words += "\n" + input()
    except (EOFError, KeyboardInterrupt):
        print()
        return None
    return words
