"""`postern demo`: the whole main job on an embedded default. Without a terminal it plays the job by itself."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot import output
from bot.app import App
from bot.gather import Where
from bot.settings import Settings, database_below
from bot.terminal import chat, short, show, show_lines
from bot.world.config_repo import copy_repository, new_repository
from bot.world.people import git_person
from skills.core.model import Person
from skills.core.model.requests import Request

HOME = ".postern"
_BORN = "2026-01-05T08:00:00+00:00"
REQUESTER = Person("dana@fincorp.example", "Dana")
_TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody says in the scripted demo."""

    who: str
    words: str


SCRIPT: tuple[Line, ...] = (
    Line("dana", f"payment-gateway gets {_TIMEOUT}"),
    Line("dana", "more"),
    Line("dana", "draft"),
    Line("dana", "open because the gateway sends SMS confirmations through Twilio"),
    Line("dana", "approve"),
    Line("sam", "approve"),
    Line("dana", "works now"),
    Line("dana", "is hooks.slack.com allowed for payment-gateway?"),
    Line("dana", "claims-api gets 502 Bad Gateway from http://api.twilio.com/ping (server: envoy)"),
    Line("dana", "payment-gateway: sqlalchemy.exc.TimeoutError: QueuePool limit of size 20 overflow 20 reached"),
)


def run_demo(settings: Settings, *, scripted: bool) -> int:
    """`DEMO_CONFIG` names another repository; it is copied first and never touched."""
    home = Path(HOME).absolute()
    other = os.environ.get("DEMO_CONFIG", "").strip() or None
    if scripted or not sys.stdin.isatty():
        played = home / "scripted"
        shutil.rmtree(played, ignore_errors=True)
        return _play(_app(settings, played, other), other)
    return chat(_app(settings, home, other), example="" if other else f"payment-gateway gets {_TIMEOUT}")


def _app(settings: Settings, home: Path, other: str | None) -> App:
    """The allowlist as a bare repository below `home`, made at the first start only."""
    name = Path(other).resolve().name.removesuffix(".git") if other else "allowlist"
    repository = home / f"{name}.git"
    if not repository.exists():
        home.mkdir(parents=True, exist_ok=True)
        if other:
            copy_repository(other, repository, home=home, date=_BORN)
        else:
            from bot.sample import files  # noqa: PLC0415

            new_repository(repository, files(), message="The allowlist of fincorp", date=_BORN)
    person = (git_person() if other else None) or REQUESTER
    here = replace(settings, home=home, database=database_below(home), person=settings.person or person.id)
    return App.build(here, config=str(repository))


def _play(app: App, other: str | None) -> int:
    """Prints the transcript; exit status 0 only if the request really ended as confirmed."""
    script = _script_for(app) if other else SCRIPT
    where = Where("terminal", "terminal:scripted")
    people = {short(person): person for person in (app.person, *app.people())}
    keys: list[str] = []
    for line in script:
        print(f"{line.who}> {output.printable(line.words)}")
        for made in app.conversation.hear(line.words, people[line.who], where):
            show(made)
    keys = [request.key for request in app.requests()]
    return 0 if _fulfilled(app.requests(), script) else _unfinished(keys)


def _fulfilled(requests: Sequence[Request], script: Sequence[Line]) -> bool:
    wanted = any(line.words == "works now" for line in script)
    return not wanted or any(request.state == "confirmed" for request in requests)


def _unfinished(keys: Sequence[str]) -> int:
    show_lines(f"demo: no request ended as confirmed ({', '.join(keys) or 'none was opened'})")
    return 1


def _script_for(app: App) -> tuple[Line, ...]:
    """The same conversation with a workload of the given repository, and its own approver if it names one."""
    workloads, _ = app.names()
    me = short(app.person)
    if not workloads:
        return (Line(me, f"our app gets {_TIMEOUT}"), Line(me, "status"))
    ask = (Line(me, f"{workloads[0]} gets {_TIMEOUT}"), Line(me, "more"), Line(me, "draft"))
    rest = (Line(me, "open because the demo asks for it"), Line(me, "approve"))
    approver = next((short(person) for person in app.people() if not person.is_same(app.person.id)), None)
    return (*ask, *rest, *((Line(approver, "approve"), Line(me, "status")) if approver else (Line(me, "status"),)))
