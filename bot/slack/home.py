"""App Home: what somebody asked for, what waits for them, and what ends soon. https://docs.slack.dev/surfaces/app-home"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from bot.slack import kit
from bot.slack.blocks import action_id
from skills.cards import headline, waits_for
from skills.core.model import OPEN_STATES, STANDING_STATES, Person, Request
from skills.core.short_words import word
from skills.propose.drawing import thread_link

SHOW, NEW, LOOK = "postern_home_show", "postern_home_new", "postern_home_look"
FILTERS = ("mine", "queue", "expiring", "all")
_OWN = ("mine", "expiring")
_SOON = timedelta(days=30)
_MOST = 20
_MOST_NAMED = 3
Canon = Callable[[str], str]


def home_view(
    person: Person,
    requests: Sequence[Request],
    today: date,
    shown: str = "",
    canon: Canon = str.casefold,
    stands: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """`shown` is one of FILTERS; without it everything of one's own. `canon` gives the one name of somebody who has
    several, as the policy says. `stands` names the repository of a request, where several are served."""
    chosen = (shown,) if shown in FILTERS else FILTERS[:3]
    blocks = [kit.header(word("home", "title")), *kit.actions([_filter(shown), _new()])]
    for name in chosen:
        listed = [each for each in requests if belongs(name, each, person, today, canon)]
        listed.sort(key=lambda each: (each.until or "9", each.since) if name == "expiring" else (each.since, each.key))
        blocks += _part(name, listed, stands)
    return {"type": "home", "blocks": kit.fit(blocks, kit.VIEW_BLOCKS, total=kit.VIEW_BLOCKS * 300)}


def belongs(name: str, request: Request, person: Person, today: date, canon: Canon = str.casefold) -> bool:
    """`mine`: asked for or watched, and not over; `queue`: waits for this person's decision; `expiring`: one's own
    whose last day is within thirty days."""
    is_open, stands = request.state in OPEN_STATES, request.state in STANDING_STATES
    me = canon(person.id)
    own = me in {canon(each) for each in (request.asked_by, *request.watchers)}
    if name == "mine":
        return own and (is_open or stands)
    if name == "queue":
        return not own and me in {canon(each) for each in waits_for(request)}
    if name == "expiring":
        return own and stands and bool(request.until) and date.fromisoformat(str(request.until)) <= today + _SOON
    return is_open


def _part(name: str, listed: Sequence[Request], stands: Mapping[str, str]) -> list[kit.Block]:
    head = kit.section(f"*{word('home', name)}* ({len(listed)})")
    if not listed:
        return [kit.divider(), head, kit.context(word("home", "none"))]
    rest = len(listed) - _MOST
    more = [kit.context(word("home", "more").format(count=rest))] if rest > 0 else []
    return [
        kit.divider(),
        head,
        *(_row(each, stands.get(each.key, ""), own=name in _OWN) for each in listed[:_MOST]),
        *more,
    ]


def _row(request: Request, repository: str, *, own: bool) -> kit.Block:
    """`own`: with what only whoever asked may do, and Postern asks for the reason."""
    sign = word("signs", request.state, " ").strip()
    state = kit.escape(word("states", request.state))
    ends = f" · {word('card', 'until')} {kit.escape(request.until)}" if request.until else ""
    who = f"{word('card', 'asked_by')} {kit.person(request.asked_by)}, {kit.moment(request.since)}"
    named = waits_for(request)[:_MOST_NAMED]
    if own and named:
        who = f"{word('card', 'waits_for')} {', '.join(map(kit.person, named))}, {kit.moment(request.since)}"
    key = f"{request.key} ({repository})" if repository else request.key
    title = f"{kit.escape(key)}: {kit.escape(headline(request))}"
    name = f"<{request.url}|{title}>" if request.url and kit.is_plain(request.url) else title
    made = kit.section(f"{kit.clip(name, 600)}\n{sign} {state}{ends} · {who}")
    if own:
        return {**made, "accessory": _act(request)}
    there = thread_link(request.thread)
    text = word("home", "look")
    return {**made, "accessory": kit.link(LOOK, text, f"{text} {request.key}", there)} if there else made


def _act(request: Request) -> kit.Block:
    step = "withdraw" if request.state in OPEN_STATES else "renew"
    text = word("buttons", step)
    return kit.button(action_id(step), text, f"{text} {request.key}", f"{request.key}:{request.digest}")


def _filter(shown: str) -> kit.Block:
    options = [kit.option(word("home", name), name) for name in FILTERS]
    chosen = [each for each in options if each["value"] == shown]
    made: kit.Block = {
        "type": "static_select",
        "action_id": SHOW,
        "placeholder": kit.plain(word("home", "show"), 150),
        "options": options,
    }
    return {**made, "initial_option": chosen[0]} if chosen else made


def _new() -> kit.Block:
    text = word("home", "request")
    return kit.button(NEW, text, text, style="primary")
