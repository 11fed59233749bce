"""What stands on what a thread spoke of before: a paste above a mention, a reading that was wrong, a merge."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import re2

from bot.desk import Door
from bot.turns import Turn, addresses_in, ask_for, chosen, flow_of, is_about
from bot.world.memory import Memory
from skills.core.all_symptoms import judge
from skills.core.commands import Heard, flat
from skills.core.corrections import correction
from skills.core.flows import readable
from skills.core.model import ISOLATION, OPEN_STATES, STANDING_STATES, Finding, Request
from skills.core.named import find_workload
from skills.core.report import read_report
from skills.core.understand import hear
from skills.core.until import last_day
from skills.replies import Reply, choosing, problem

_NAME = "BUCKET"  # in the choices that platform Cloud Foundry makes
_BUCKET = re2.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_SAYS_NOTHING = ("unclear", "empty", "reply")
_PHASES = ("the build phase", "the space called staging")
_CORRECTIONS = ("reply", "unclear", "check", "diagnose", "port")


def says_nothing(words: str, workloads: Sequence[str], environments: Sequence[str]) -> bool:
    """Whether a message says nothing by itself, so that what stands above it is meant."""
    return hear(words, workloads, environments).verb in _SAYS_NOTHING


def from_above(turn: Turn, workloads: Sequence[str], environments: Sequence[str]) -> Heard | None:
    """What stands above a mention is a paste and never a command, whoever wrote it. None when the mention is clear."""
    heard, above = hear(turn.words, workloads, environments), turn.above or ""
    if not above or heard.verb not in _SAYS_NOTHING:
        return None
    subject = heard.workload or find_workload(above, workloads)
    turn.words = above
    judgement = judge(read_report(above))
    to = tuple(readable(judgement.destinations))
    return Heard("diagnose", subject, heard.environment, to, judgement=judgement)


def answer_to_question(turn: Turn, workloads: Sequence[str], environments: Sequence[str]) -> Heard:
    """A number or a choice answers the open question; a new need or command sets it aside."""
    above = from_above(turn, workloads, environments)
    if above is not None:
        return above
    heard = all_of_them(turn, hear(turn.words, workloads, environments))
    asking = turn.state.get("asking")
    said = turn.words.strip()
    if corrects(turn, heard):
        return Heard("kept", reason=said)
    if asking and heard.verb == "port" and said.isdigit():
        heard = replace(heard, verb="unclear")  # the number of a choice
    if asking and asking["id"].startswith("addresses") and addresses_in(said):
        return Heard("answer", reason=said, key=asking["id"])
    if asking and turn.who.is_same(asking.get("free") or "") and heard.verb in _CORRECTIONS:
        return Heard("answer", reason=_filled(asking, flat(said)), key=asking["id"])
    if not asking or heard.verb not in ("reply", "unclear"):
        return heard
    if asking["id"] == "reason" and not turn.who.is_same(asking["who"]):
        return heard  # only whoever wants to open it gives the reason; others in the thread just talk
    if asking["id"] == "reason":
        return Heard("open", reason=flat(said))
    choice = chosen(said, asking["choices"])
    if choice and asking["id"] == "destination":
        turn.words = turn.state.get("text") or turn.words
        return Heard("diagnose", destinations=(choice,))
    if choice and asking["id"] != "workload":
        return Heard("answer", reason=choice, key=asking["id"])
    if choice and asking.get("skill") == "all":
        return Heard("why", workload=choice, key="all")
    return Heard("reply", workload=choice) if choice else heard


def which_name(turn: Turn, heard: Heard) -> Reply | None:
    """A choice in which a name is still to be filled in: whoever chose it says the name."""
    if _NAME not in heard.reason:
        return None
    turn.state["asking"] = {"id": heard.key, "choices": [], "free": turn.who.id, "form": heard.reason}
    return problem(Finding("EGR1400", {"form": heard.reason}))


def _filled(asking: Mapping[str, Any], said: str) -> str:
    """The choice with the name that was said; what can't be a bucket's name is asked for once more."""
    form = asking.get("form")
    return form.replace(_NAME, said) if form and _BUCKET.fullmatch(said) else form or said


def corrects(turn: Turn, heard: Heard) -> bool:
    """Whether a message answers "What was it?"."""
    asking = turn.state.get("asking") or {"id": ""}
    return asking["id"] == "wrong" and heard.verb in _CORRECTIONS


def ask_what_it_was(turn: Turn) -> Reply:
    if not turn.state.get("text") or not turn.state.get("read"):
        return problem(Finding("EGR676"))
    turn.state["asking"] = {"id": "wrong", "choices": []}
    return problem(Finding("EGR677"))


def keep(turn: Turn, said: str, memory: Memory, clock: Callable[[], datetime]) -> Reply:
    """A case for `postern eval --kept`: the masked text, what was read, and what it was."""
    turn.state.pop("asking", None)
    case = correction(turn.state["text"], turn.state["read"], said)
    with memory.transaction() as tx:
        tx.add_log(turn.who.id, turn.where.thread, "not_right", {"case": case}, clock())
    return problem(Finding("EGR678"))


def all_of_them(turn: Turn, heard: Heard) -> Heard:
    """ "Both" answers the question which environment is meant; the choice that holds all of them stands last.

    Where a workload has a list in each environment, "both" is all the environments that were shown.
    """
    asking = turn.state.get("asking") or {"id": "", "choices": ()}
    if heard.verb != "draft" or heard.environment != "":
        return heard
    if asking["id"] == "environment":
        return Heard("answer", reason=asking["choices"][-1], key="environment")
    shown = [choice.rpartition(":")[::2] for choice in turn.state.get("choices") or ()]
    names = {name for _, name in shown}
    current = str(turn.state.get("for") or "").rpartition(":")[2]
    if len(names) != 1 or not all(environment for environment, _ in shown) or not names.pop().endswith(current):
        return heard
    return replace(heard, workload=shown[0][1], environment=",".join(environment for environment, _ in shown))


def only_one_waiting(turn: Turn, desk: Door) -> str | None:
    """This thread's request, unless another one waits as well: then the key has to be said."""
    handled = desk.handle("status", ask_for("status", {}), turn.who, turn.where, on_target=True)
    waiting = [row["key"] for row in handled.answer.data["requests"]] if handled.answer else []
    known: str | None = turn.state.get("key")
    if len(waiting) > 1:
        return None
    return known or (waiting[0] if waiting else None)


def decision(turn: Turn, heard: Heard, key: str) -> dict[str, Any]:
    """The ask of a typed decision or a button, bound to what was shown: beside the button, or last in this thread."""
    chosen = (heard.environment or "").split(",") if heard.environment else []
    shown = turn.state.get("shown", {}).get(key.upper())
    return {
        "key": key,
        "verb": heard.decision,
        "reason": heard.reason,
        "digest": turn.digest or shown,
        "to": heard.destinations,
        "environment": chosen,
        "until": heard.until,
        **({"confirm": True} if heard.confirmed else {}),
    }


def typed(turn: Turn, heard: Heard, desk: Door) -> tuple[str, dict[str, Any]]:
    """The skill of what is said of a request, and its ask; no ask where nobody can tell which request is meant."""
    if heard.verb == "redraw":
        key = heard.key or only_one_waiting(turn, desk)
        return "propose", {"redraw": key} if key else {}
    key = heard.key or turn.state.get("key") or ""
    if heard.verb == "respond":
        return "answer", {"key": key, "text": heard.reason}
    if heard.verb == "diagram":
        return "diagram", {"verb": "done", "key": key}
    if not key:
        return heard.verb, {}
    return heard.verb, {"key": key, "reason": heard.reason, "until": heard.until}


def spoken_of(turn: Turn, heard: Heard, memory: Memory) -> tuple[list[str], dict[str, Any]]:
    """What "also port 8443" adds to: the destinations of this person's open request in the thread, or those that the
    thread speaks of. With a request go its key and the reason that its files note: drawn without it they would change
    where nothing is added."""
    none: dict[str, Any] = {"widens": None}
    if not heard.also:
        return [], none
    request = memory.asked_for(turn.state["key"]) if turn.state.get("key") else None
    if request and request.state in OPEN_STATES and not turn.who.is_same(request.asked_by):
        return [], none
    if request and request.state in OPEN_STATES and not request.remove:
        before = [to for to in request.destinations if to not in (*ISOLATION, *heard.destinations)]
        until = heard.until or request.until
        return before, {"widens": request.key, "reason": _noted(request), **({"until": until} if until else {})}
    return [to for to in turn.state.get("to", ()) if to not in heard.destinations], none


def on_a_day(heard: Heard, today: date) -> Heard:
    """With the day that its words mean today. Raises AskUnclear EGR642."""
    return replace(heard, until=last_day(heard.until, today)) if heard.until else heard


def take_until(turn: Turn, until: str, request: Request | None) -> Finding | None:
    """Sets the last day of what the thread speaks of: of one's own open request, drawn anew under its key, else of the
    draft. Gives what to say instead where neither is there to be changed."""
    over = request is not None and request.state not in (*OPEN_STATES, *STANDING_STATES)
    if request is None or over or not is_about(turn, request):
        turn.state["until"] = until
        return None
    facts = {"key": request.key, "until": until, "asked_by": request.asked_by}
    if request.state in STANDING_STATES:
        return Finding("EGR1447", facts)
    if not turn.who.is_same(request.asked_by) or request.remove or request.destinations == ISOLATION:
        return Finding("EGR1448", facts)
    drawn = {"to": list(request.destinations), "until": until, "widens": request.key, "reason": _noted(request)}
    turn.state |= {"for": flow_of(request)["for"], "reason_given": request.reason, **drawn}
    return None


def _noted(request: Request) -> str:
    """The reason as it stands in the files that a request changes."""
    asked = json.loads(request.drawn.asked) if request.drawn else {"comment": ""}
    return str(asked.get("comment", request.reason))


def which_phase(turn: Turn, heard: Heard) -> Reply | None:
    """On Cloud Foundry "staging" is the phase in which an app is built, or a space of that name: asked once."""
    said = (heard.workload or heard.environment or "").casefold()
    if turn.state.get("platform") != "cloud_foundry" or said != "staging" or turn.state.get("phase_asked"):
        return None
    turn.state["phase_asked"] = True
    turn.state["asking"] = {"id": "phase", "choices": list(_PHASES)}
    return choosing(Finding("EGR679"), _PHASES)


def take_space(turn: Turn, heard: Heard) -> bool:
    """Whether the space is meant; the thread then speaks of the same app there."""
    turn.state.pop("asking", None)
    if heard.reason != _PHASES[1]:
        return False
    parts = str(turn.state.get("for") or "").split("/")
    turn.state["for"] = "/".join([*parts[:1], "staging", *parts[2:]])
    return True


def take_environment(turn: Turn, choice: str) -> bool:
    """The answer joins the name of the workload, or of the namespace; True where it was a draft that asked."""
    turn.state["default_deny" if turn.state.get("default_deny") else "for"] = choice
    return bool(turn.state.pop("asking", {}).get("skill") == "draft")
