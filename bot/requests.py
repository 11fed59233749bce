"""`postern requests list|show|retry|sync`: the queue as whoever runs Postern needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot import output
from bot.desk import Problem, attempt
from bot.served import App, Served
from bot.world import wire
from bot.world.memory import RequestRow
from skills.core import life
from skills.core import wire as contract
from skills.core.errors import AskUnclear, Outdated
from skills.core.messages import say
from skills.core.model import Finding, finding

ACTIONS = ("list", "show", "retry", "sync")


def run_requests(served: Served, action: str, key: str | None, *, as_json: bool) -> int:
    """`list` shows the open ones, `show KEY` one with everything, `retry [KEY]` does again what failed, `sync [KEY]`
    asks the forge what is so. The exit status is that of the worst problem. Raises AskUnclear EGR432 for a key that
    nobody knows, EGR649 for a key that is missing.
    """
    row = served.shared.memory.request(key) if key else None
    if key and row is None:
        raise AskUnclear("EGR432", key=key[:40])
    if action == "show" and row is None:
        raise AskUnclear("EGR649", field="KEY")
    problems: dict[str, Problem] = {}
    apps = [app for app in served.apps if row is None or app.repository == row.repository] or [served.first]
    for app in apps if action in ("retry", "sync") else ():
        problems |= _retry(app, key) if action == "retry" else _sync(app, key)
    told = [_one(app, each) for app in apps for each in _rows(app, key)]
    return _shown(told, problems, as_json=as_json)


def _sync(app: App, key: str | None) -> Mapping[str, Problem]:
    return {**app.follower.sync(app.repository, only=key).problems, **({} if key else _unknown(app))}


def _retry(app: App, key: str | None) -> Mapping[str, Problem]:
    app.runner.ready()
    problems: dict[str, Problem] = {}
    for row in _rows(app, key):
        problems |= app.runner.retry(row.request.key)
    return problems


def _unknown(app: App) -> Mapping[str, Problem]:
    """After an older database was put in place: what was opened since then."""
    found, problem = attempt(app.follower.unknown)
    if problem:
        return {"forge": problem}
    return {
        each.key: Problem(finding("EGR456", key=each.key, title=each.title, url=each.url), Outdated.exit_status)
        for each in found or ()
    }


def _rows(app: App, key: str | None) -> Sequence[RequestRow]:
    row = app.memory.request(key) if key else None
    return [row] if row else app.memory.requests(app.repository, open_only=True)


def _one(app: App, row: RequestRow) -> dict[str, Any]:
    request, forge = row.request, row.forge or {}
    intents = app.memory.intents_of(request.key)
    pipeline = forge.get("pipeline")
    return {
        "key": request.key,
        **({"repository": app.called} if app.called else {}),
        "state": request.state,
        "for": request.workload,
        "to": list(request.destinations),
        "url": request.url,
        "asked_by": request.asked_by,
        "since": request.since,
        "waits_for": list(life.waits_for(request)),
        "until": request.until,
        "ends": request.ends,
        "renews": request.renews,
        "commit": request.commit,
        "pushed": request.pushed,
        "pipeline": pipeline[1] if pipeline else None,
        "approved_in_gitlab": list(forge.get("approvals") or ()),
        "decisions": [{"verb": each.verb, "by": each.by, "at": each.at} for each in request.decisions],
        "left_to_do": [each.kind for each in intents if each.state in ("todo", "doing")],
        "failed": [each.kind for each in intents if each.state == "failed"],
        "news": [contract.finding(wire.load(Finding, post.payload)) for post in app.memory.news(request.key)],
    }


def _shown(told: list[dict[str, Any]], problems: Mapping[str, Problem], *, as_json: bool) -> int:
    if as_json:
        errors = {key: output.error_object(problem.finding)["error"] for key, problem in problems.items()}
        output.one_object({"requests": told, "errors": errors})
    else:
        for each in told:
            _print(each)
        if not told:
            print(say(Finding("EGR439")).says)
        for problem in problems.values():
            output.failure(problem.finding, problem.exit_status, as_json=False, reference=problem.reference)
    return max((problem.exit_status for problem in problems.values()), default=0)


def _print(each: Mapping[str, Any]) -> None:
    where = f" ({each['repository']})" if each.get("repository") else ""
    waits = f", waits for {', '.join(each['waits_for'])}" if each["waits_for"] else ""
    print(output.printable(f"{each['key']}{where} {each['state']}{waits}: {each['for']} to {', '.join(each['to'])}"))
    facts = {
        "until": each["until"],
        "ends": each["ends"],
        "renews": each["renews"],
        "at": each["url"],
        "pushed by somebody": each["pushed"],
        "pipeline": each["pipeline"],
    }
    facts |= {"left to do": ", ".join(each["left_to_do"]), "failed": ", ".join(each["failed"])}
    for name, value in facts.items():
        if value:
            print(output.printable(f"  {name}: {value}"))
    for news in each["news"]:
        print(output.printable(f"  - {news['says']}"))
