"""A request's card: every fact that whoever decides needs, as plain values that any surface can draw.

It holds no link that acts and nothing secret. What a person or a manifest wrote is foreign text for whoever draws it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import re2

from skills.core import life
from skills.core.environments import canonical
from skills.core.joint import Beside, half
from skills.core.messages import say
from skills.core.model import ISOLATION, OPEN_STATES, STANDING_STATES, Decided, Finding, Request
from skills.core.secrets import mask
from skills.core.short_words import word

DECIDABLE = ("waiting", "held", "returned")
STEPS = ("approve", "reject", "changes", "hold", "ask")
_RARER = ("part", "veto", "break-glass", "withdraw")
_STOPS = ("veto", "withdraw")
PAST_APPROVAL = ("veto", "break-glass")
"""Steps that the policy may give somebody past its approvals."""
_LIMITS = {"uds": ("EGR1404", "EGR1405", "EGR1406", "EGR1407")}
_MOST_OPENS, _MOST_EARLIER, _EVIDENCE, _REASON = 6, 5, 600, 1200
_PARTS = re2.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One fact. `people` are ids as rows have them, `at` is a time (ISO 8601, UTC); either may stand beside `text`."""

    label: str
    text: str = ""
    people: tuple[str, ...] = ()
    at: str = ""
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """`key` and `digest` are all that a button carries. `steps` are empty once there is nothing to decide; `rarer` are
    those that stand apart, for whoever may. `confirm` is the question before an approval, where one is asked; `typed`
    says how each step is typed, `reason` is what was given with the last decision."""

    key: str
    digest: str
    state: str
    band: str
    headline: str
    status: Line
    lines: tuple[Line, ...]
    diff: str = ""
    url: str = ""
    steps: tuple[str, ...] = ()
    rarer: tuple[str, ...] = ()
    confirm: str = ""
    typed: str = ""
    reason: str = ""
    earlier: tuple[Line, ...] = field(default=())


def card(
    request: Request,
    others: Sequence[Request] = (),
    pipeline: tuple[str, str] | None = None,
    beside: Sequence[Beside] = (),
    repository: str = "",
    given: Collection[str] = PAST_APPROVAL,
) -> Card:
    """`others` are the requests of the repository, for what was decided on the same hosts before; `pipeline` is the
    state and the address of its pipeline, where the forge shows one; `beside` are the other parts of the same ask,
    `repository` is what it is called where several are served; `given` is what the policy gives anybody past an
    approval."""
    decides = request.state in DECIDABLE
    risky = request.weighed is None or request.weighed.band == "high"
    asks = decides and (risky or is_production(request))
    return Card(
        key=request.key,
        digest=request.digest,
        state=request.state,
        band=request.weighed.band if request.weighed else "",
        headline=headline(request),
        status=_status(request),
        reason=mask(request.decisions[-1].reason).text[:_REASON] if request.decisions else "",
        lines=(*_lines(request, pipeline), *_stands(repository), *_parts(request, beside)),
        diff=request.drawn.diff if request.drawn else "",
        url=request.url or "",
        steps=_steps(request) if decides else (),
        rarer=tuple(step for step in _rarer(request) if step not in PAST_APPROVAL or step in given),
        confirm=_confirm(request) if asks else "",
        typed=_typed(request),
        earlier=earlier(request.destinations, others, but=request.key),
    )


def _steps(request: Request) -> tuple[str, ...]:
    """What is on hold can't be put there once more, and is taken off it."""
    return tuple("resume" if (step, request.state) == ("hold", "held") else step for step in STEPS)


def _rarer(request: Request) -> tuple[str, ...]:
    """A namespace's isolation has no part; what is approved and waits to be merged can still be stopped."""
    if request.state in DECIDABLE:
        return _RARER[request.destinations == ISOLATION :]
    return _STOPS if request.state == "decided" else ()


def _typed(request: Request) -> str:
    code = "EGR1403" if request.state in DECIDABLE else "EGR1410" if request.state == "decided" else ""
    return say(Finding(code, {"key": request.key})).says if code else ""


def headline(request: Request) -> str:
    code = "EGR373" if request.destinations == ISOLATION else "EGR331" if request.remove else "EGR330"
    facts = {"workload": request.workload, "namespace": request.workload, "destinations": _to(request)}
    return say(Finding(code, facts)).says


def is_production(request: Request) -> bool:
    """By its environments, else by a word of the workload's own name, as `vault-prod`."""
    named = (request.environment or "").split(",") if request.environment else _PARTS.split(request.workload)
    return any(canonical(part.strip()) == "production" or part.strip().casefold() == "live" for part in named)


def earlier(destinations: Iterable[str], others: Sequence[Request], but: str = "") -> tuple[Line, ...]:
    """What people decided on the same hosts before, the newest first: which way, who, when and why."""
    hosts = {_host(to) for to in destinations if to not in ISOLATION}
    found = [
        (past, each)
        for each in others
        if each.key != but and hosts & {_host(to) for to in each.destinations}
        for past in each.decisions
    ]
    found.sort(key=lambda pair: pair[0].at, reverse=True)
    return tuple(_before(past, each) for past, each in found[:_MOST_EARLIER])


def _before(past: Decided, request: Request) -> Line:
    reason = past.reason or say(Finding("EGR1408")).says
    text = f"{request.key} ({request.workload}): {mask(reason).text[:300]}"
    return Line(word("verbs", past.verb), text, (past.by,), past.at)


def _status(request: Request) -> Line:
    """Where it stands, and who brought it there when and why."""
    state = word("states", "left_to" if request.is_left_to_others else request.state)
    last = request.decisions[-1] if request.decisions else None
    if last is None or request.state in ("waiting", "drafted", "proposed", "withdrawn", "expired", "closed"):
        return Line(state)
    approvers = tuple(dict.fromkeys(past.by for past in request.decisions if past.verb == "approve"))
    if request.is_left_to_others and request.left_to:
        return Line(f"{state} {request.left_to.group}".strip(), people=request.left_to.people, at=last.at)
    by = (last.by,) if request.state in ("held", "returned", "rejected") else approvers or (last.by,)
    return Line(state, people=by, at=last.at)


def _lines(request: Request, pipeline: tuple[str, str] | None) -> list[Line]:
    weighed = request.weighed
    found = [
        Line("for", request.workload),
        Line("away" if request.remove else "to", _to(request)),
        Line("asked_by", people=(request.asked_by, *request.watchers), at=request.since),
        Line("why", mask(request.reason).text[:_REASON], quoted=True),
        Line("until", request.until or word("card", "no_end")),
    ]
    if weighed:
        found += _weighed_lines(request)
    seen = _seen(request)
    found += [Line("evidence", seen, quoted=True)] if seen else []
    found += [Line("pipeline", f"{pipeline[0]} {pipeline[1]}".strip())] if pipeline else []
    if request.state in OPEN_STATES:
        found += _asked(request)
        found += _waits(request)
    return found


def _asked(request: Request) -> list[Line]:
    """What an approver asked last, with what the asker says to it."""
    asked = request.question
    if asked is None:
        return []
    label = "asked" if asked.answer else "question"
    found = [Line(label, mask(asked.text).text[:_REASON], (asked.by,), asked.at)]
    said = mask(asked.answer).text[:_REASON]
    return [*found, Line("answered", said, (request.asked_by,), asked.answered_at)] if asked.answer else found


def _stands(repository: str) -> list[Line]:
    return [Line("repository", repository)] if repository else []


def _parts(request: Request, beside: Sequence[Beside]) -> list[Line]:
    """Where the rest of the same ask stands; while a part is open it is said what that means."""
    lines = [f"{each.part.key} · {each.part.repository} · {each.part.workload}: {each.state}" for each in beside]
    said = half(request, beside) if request.state in STANDING_STATES else None
    told = [say(said).says] if said else [say(Finding("EGR1869")).says] if beside else []
    return [Line("part_of", "\n".join((*lines, *told)))] if lines else []


def _weighed_lines(request: Request) -> list[Line]:
    weighed = request.weighed
    assert weighed is not None
    reasons = [say(reason).says for reason in weighed.reasons] or [say(Finding("EGR1409")).says]
    more = len(weighed.opens) - _MOST_OPENS
    opens = [*weighed.opens[:_MOST_OPENS], *([say(Finding("EGR172", {"count": more})).says] if more > 0 else [])]
    found = [Line("risk", " ".join((f"{weighed.band}.", *reasons)))]
    found += [Line("opens", "\n".join(opens))] if opens else []
    if weighed.beyond:
        found += [Line("beyond", "\n".join(say(each).says for each in weighed.beyond[:_MOST_OPENS]))]
    found += [Line("owner", ", ".join(weighed.owners))] if weighed.owners else []
    limits = () if request.remove else _LIMITS.get(weighed.platform, ())
    return [*found, *([Line("limits", "\n".join(say(Finding(code)).says for code in limits))] if limits else [])]


def waits_for(request: Request) -> tuple[str, ...]:
    """Whom it waits for now, as its card names them."""
    return life.waits_for(request)


def _waits(request: Request) -> list[Line]:
    latest = {past.by: past for past in request.decisions if past.digest == request.digest}
    approved = [past for past in latest.values() if past.verb == "approve"]
    found = [Line("approved", people=(past.by,), at=past.at) for past in approved]
    people = waits_for(request)
    return [*found, Line("waits_for", people=people)] if people else found


def _seen(request: Request) -> str:
    """The error as it was pasted, with secrets masked."""
    asked = json.loads(request.drawn.asked) if request.drawn else {}
    return mask(str(asked.get("error") or "")).text.strip()[:_EVIDENCE]


def _confirm(request: Request) -> str:
    why = "EGR1401" if is_production(request) else "EGR1402"
    return say(Finding(why, {"key": request.key, "workload": request.workload, "destinations": _to(request)})).says


def _to(request: Request) -> str:
    return ", ".join(request.destinations)


def _host(to: str) -> str:
    """The name alone: what was decided on another port of a host is worth knowing too."""
    name = to.rpartition("://")[2]
    return name.rpartition(":")[0].casefold() if ":" in name else name.casefold()
