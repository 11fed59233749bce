"""Forms of what is done to a request with more than one word: a part of it, past the rules, taken back, longer.

They only say exactly what could be typed; who may do it is worked out when the form comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from bot.slack import kit, views
from bot.slack.fields import Values, late_day, listed
from skills.core.messages import say
from skills.core.model import Finding, Request
from skills.core.short_words import word

_SAYS = {
    "part": "EGR1441",
    "break-glass": "EGR1442",
    "veto": "EGR1443",
    "review": "EGR1444",
    "withdraw": "EGR1445",
    "renew": "EGR1446",
}
DEEDS = tuple(_SAYS)
"""Steps with a form of their own."""
_TYPED = {"part": "EGR1441", "withdraw": "EGR1445", "renew": "EGR1446", "ask": "EGR1484", "answer": "EGR1485"}
"""Steps whose words alone mean nothing, and how they are typed whole."""
_UNSAID = ("part", "withdraw")  # their reason may be left out
_CHOSEN = {"part": ("to", "environment", "until"), "break-glass": ("confirm",), "renew": ("until",)}
_MOST = 10  # what stands with a box each; more is typed


def deed_form(step: str, meta: Mapping[str, str], request: Request | None) -> views.View:
    """`request` is what stands now: its environments and hosts can be chosen from."""
    said = say(Finding(_SAYS[step], {"key": meta.get("key", "")}))
    fields = [kit.section(kit.escape(said.says)), kit.context(kit.escape(said.do))]
    if step == "part" and request is not None:
        fields += _parts(request)
    if step in ("part", "renew"):
        fields.append(views.field("until", f"until_{step}", views.DAY, optional=step == "part"))
    fields.append(views.written(f"why_{step}", optional=step in _UNSAID))
    if step == "break-glass":
        fields.append(views.field("confirm", "confirm", _boxes([kit.option(word("forms", "sure"), "yes")])))
    return views.modal(views.REASON, step, fields, {**meta, "step": step}, f"submit_{step}")


def late(step: str, key: str) -> Finding | None:
    """What to type where the form could not be opened in time; None where the words alone ask for what is missing."""
    if step not in _TYPED:
        return None
    said = say(Finding(_TYPED[step], {"key": key}))
    return Finding("EGR1438", {"typed": said.do or said.says})


def said_in(step: str, values: Values) -> dict[str, Any]:
    """What a form of this step chose, as `decide` and `renew` take it; what no such form asks for is not heard."""
    narrower = str(values.get("narrower") or "").split()
    chosen = {
        "to": tuple(narrower or listed(values.get("hosts"))),
        "environment": tuple(listed(values.get("environments"))),
        "until": str(values.get("until") or "") or None,
        "confirm": "yes" in listed(values.get("confirm")),
    }
    return {name: chosen[name] for name in _CHOSEN.get(step, ()) if chosen[name]}


def faults(step: str, values: Values, today: date) -> dict[str, str]:
    """What is missing, by its field; Slack itself lets blanks through."""
    if step not in _UNSAID and not str(values.get("reason") or "").strip():
        return {"reason": say(Finding("EGR1423")).says}
    if step == "part" and not said_in(step, values):
        return {"narrower": say(Finding("EGR1440")).says}
    return late_day(values, today)


def _parts(request: Request) -> list[kit.Block]:
    boxes = [("environments", "environments", request.environments), ("hosts", "hosts_part", request.destinations)]
    made = [
        views.field(name, label, _boxes([kit.option(each) for each in many]), optional=True)
        for name, label, many in boxes
        if 1 < len(many) <= _MOST and all(len(each) <= views.VALUE_MOST for each in many)
    ]
    narrower = {"type": "plain_text_input", "action_id": "given", "max_length": 500}
    return [*made, views.field("narrower", "narrower", narrower, optional=True)]


def _boxes(options: Sequence[kit.Block]) -> kit.Block:
    return {"type": "checkboxes", "action_id": "given", "options": list(options)}
