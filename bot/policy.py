"""`postern policy lint|test|explain|schema`: what a policy says, before anybody depends on it. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot import output
from bot.app import App
from bot.flags import validated
from skills.contract import World
from skills.core import wire
from skills.core.errors import AskUnclear
from skills.core.messages import level, say
from skills.core.model import Finding, Person
from skills.core.policy import schema
from skills.core.rendering import render
from skills.expected import tried
from skills.linted import linted
from skills.outcome import as_json, outcome

ACTIONS = ("lint", "test", "explain", "schema")
FAULTS = 3
_MOST_TEXT = 4 * 1024 * 1024  # bytes


def run_policy(app: App, action: str, arguments: Mapping[str, Any]) -> int:
    """Exit status 0, or 3 where a fault was found or an example came out otherwise."""
    if action == "schema":
        output.one_object(schema())
        return 0
    file, is_json = arguments.get("file"), bool(arguments["json"])
    if action == "lint":
        return _shown(linted(_world(app), _text(file) if file else None), is_json=is_json)
    if action == "test":
        if not file:
            raise AskUnclear("EGR649", field="FILE")
        return _shown(tried(_world(app), str(file), _text(file)), is_json=is_json)
    return _explain(app, arguments, is_json=is_json)


def _text(file: str) -> str:
    return output.read_text(file, _MOST_TEXT)


def _world(app: App) -> World:
    return app.gather.world(app.person, app.where, on_target=False)


def _explain(app: App, arguments: Mapping[str, Any], *, is_json: bool) -> int:
    given = {"for": arguments["for_"], "to": tuple(arguments["to"] or ()), "answer": tuple(arguments["answer"] or ())}
    given |= {name: arguments[name] for name in ("until", "reason") if arguments.get(name)}
    world = _world(app)
    who = arguments.get("who") or world.person.id
    found = outcome(validated("draft", given), replace(world, person=Person(who)))
    data = {**as_json(found, world), "who": who}
    if is_json:
        output.one_object(data)
    else:
        facts = {"found": found, "data": data, "policy": world.policy, "say": say}
        print(output.printable(render("replies/policy.txt.j2", **facts).rstrip()))
    return 0


def _shown(findings: Sequence[Finding], *, is_json: bool) -> int:
    faults = [finding for finding in findings if level(finding) == "error"]
    if is_json:
        output.one_object({"ok": not faults, "findings": wire.findings(findings)})
    else:
        for finding in findings:
            said = say(finding)
            print(output.printable(f"{output.MARKS[said.level]}{said.says}"))
            for more in (said.because, said.do) if said.level != "info" else ():
                if more:
                    print(output.printable(f"       {more}"))
    return FAULTS if faults else 0
