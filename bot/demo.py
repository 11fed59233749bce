"""`postern demo`: the whole main job on an embedded default, as a page; without a terminal it plays itself."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot import output
from bot.app import App
from bot.gather import Where
from bot.scenes import SCENES, TIMEOUT, Line, Scene
from bot.served import Served
from bot.settings import Settings, database_below
from bot.terminal import chat, short, show, show_lines
from bot.world.config_repo import copy_repository, new_repository
from bot.world.people import git_person
from skills.core.errors import AskUnclear
from skills.core.model import Person, Request

HOME = ".postern"
_BORN = "2026-01-05T08:00:00+00:00"
REQUESTER = Person("dana@fincorp.example", "Dana")


def run_demo(settings: Settings, how: str | None, *, port: int = 0) -> int:
    """`how` is "scripted", "terminal", "page", or None for the page where there is a terminal and scripted elsewhere.

    `DEMO_CONFIG` names another repository; it is copied first and never touched.
    """
    home = Path(HOME).absolute()
    other = os.environ.get("DEMO_CONFIG", "").strip() or None
    how = how or ("page" if sys.stdin.isatty() else "scripted")
    if how != "terminal":
        kept = home / how
        shutil.rmtree(kept, ignore_errors=True)
        app = _app(settings, kept, other)
        return _play(app, other) if how == "scripted" else _page(app, other, port)
    return chat(Served([_app(settings, home, other)]), example="" if other else f"payment-gateway gets {TIMEOUT}")


def _page(app: App, other: str | None, port: int) -> int:
    try:
        from bot.demo_page import serve_page  # noqa: PLC0415 - needs more than the core
    except ModuleNotFoundError as missing:
        raise AskUnclear("EGR1800", package=missing.name) from None
    scenes = _scenes_for(app) if other else SCENES
    examples = [(scene.title, scene.lines[0].words) for scene in scenes]
    named = {person.id: person for person in (REQUESTER, *app.people())}
    return serve_page(Served([app]), [app.person, *_approvers(app, list(named.values()))], examples, port=port)


def _approvers(app: App, people: list[Person]) -> list[Person]:
    """Somebody else who may decide: of the sample, the one who may approve everywhere."""
    others = [person for person in people if not person.is_same(app.person.id) and person is not REQUESTER]
    return sorted(others, key=lambda person: short(person) != "sam")[:1]


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
    """Prints the transcript; exit status 0 only if every request that should be confirmed really is."""
    scenes = _scenes_for(app) if other else SCENES
    people = {short(person): person for person in (app.person, *app.people())}
    for number, scene in enumerate(scenes, 1):
        print(f"== {number}. {scene.title}\n")
        for line in scene.lines:
            print(f"{line.who}> {output.printable(line.words)}")
            for made in app.conversation.hear(
                line.words, people[line.who], Where("terminal", f"terminal:scene-{number}")
            ):
                show(made)
    return 0 if _fulfilled(app.requests(), scenes) else _unfinished([request.key for request in app.requests()])


def _fulfilled(requests: Sequence[Request], scenes: Sequence[Scene]) -> bool:
    wanted = sum(scene.confirmed for scene in scenes)
    return sum(request.state == "confirmed" for request in requests) == wanted


def _unfinished(keys: Sequence[str]) -> int:
    show_lines(f"demo: no request ended as confirmed ({', '.join(keys) or 'none was opened'})")
    return 1


def _scenes_for(app: App) -> tuple[Scene, ...]:
    """The same conversation with a workload of the given repository, and its own approver if it names one."""
    workloads, _ = app.names()
    me = short(app.person)
    title = f"The allowlist of {app.repository_name}"
    if not workloads:
        return (Scene(title, (Line(me, f"our app gets {TIMEOUT}"), Line(me, "status"))),)
    ask = (Line(me, f"{workloads[0]} gets {TIMEOUT}"), Line(me, "more"), Line(me, "draft"))
    rest = (Line(me, "open because the demo asks for it"), Line(me, "approve"))
    approver = next((short(person) for person in app.people() if not person.is_same(app.person.id)), None)
    decided = (Line(approver, "approve"), Line(me, "status")) if approver else (Line(me, "status"),)
    return (Scene(title, (*ask, *rest, *decided)),)
