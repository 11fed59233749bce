"""One turn of a thread as a value, and the small translations between words, asks and rows."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.gather import Where
from bot.world.memory import Transaction
from skills.all_skills import by_name
from skills.contract import Answer
from skills.core.commands import Heard, Verb, flat
from skills.core.flow_text import destination
from skills.core.model import Finding, Person, Request
from skills.core.policy import is_free
from skills.core.secrets import mask
from skills.replies import Reply

_SHOWN_KEPT = 50
_OF_A_REQUEST = (
    *("status", "approve", "reject", "hold", "resume", "changes", "veto", "break-glass", "review", "ask", "answer"),
    *("withdraw", "renew", "part", "works now", "still fails"),
)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button: the step it stands for, and the request key and digest that were shown beside it."""

    step: str
    key: str | None = None
    digest: str | None = None
    reason: str = ""
    warned: bool = False
    """Whether it stood beside the button who else reads what comes of it."""
    chosen: Mapping[str, Any] | None = None
    """What a form says exactly beside the reason: `to`, `environment`, `until`, `confirm`."""

    @property
    def words(self) -> str:
        """What could be typed instead."""
        words = f"{self.step} {self.key}" if self.step in _OF_A_REQUEST and self.key else self.step
        joint = "" if self.step in ("ask", "answer") else " because"
        return f"{words}{joint} {' '.join(self.reason.split())}" if self.reason else words

    @property
    def heard(self) -> Heard | None:
        """A form means what it says, with nothing to be read into its words. None for what could be typed."""
        if self.chosen is None:
            return None
        verb: Verb = self.step if self.step in ("withdraw", "renew") else "decide"  # type: ignore[assignment]
        return Heard(
            verb,
            environment=",".join(self.chosen.get("environment") or ()) or None,
            destinations=tuple(self.chosen.get("to") or ()),
            reason=flat(self.reason),
            key=self.key,
            until=self.chosen.get("until"),
            decision=self.step,
            confirmed=bool(self.chosen.get("confirm")),
        )


Also = Callable[[Transaction, Sequence[Reply], Mapping[str, Any]], None]


@dataclass(slots=True)
class Turn:
    """One message on its way: the thread's state is changed in place and stored at the end.

    `also` is written with it in the same transaction: what the answers come to, and the state behind them.
    """

    words: str
    who: Person
    where: Where
    state: dict[str, Any] = field(default_factory=dict)
    digest: str | None = None
    above: str | None = None
    also: Also | None = None
    asked: tuple[str, Mapping[str, Any]] | None = None
    warned: bool = False
    heard: Heard | None = None
    mark: str | None = None
    """Which open question this answers, where a button does: as `mark_of` gives it."""
    version: int = 0
    names: tuple[list[str], list[str]] = ([], [])
    verb: str = ""
    answers: list[tuple[str, Answer]] = field(default_factory=list)

    @property
    def masked(self) -> str:
        """The words without what must never be kept."""
        return mask(self.words).text


class Replies(list[Reply]):
    """What the rules say to a turn. `later`, where there is one, gives what a language model adds to it.

    It takes its time and may give nothing: show the replies first, then call it where nobody waits for it. A function
    that is given to it hears of each reply as it grows, by its number; the last wording of a number counts. A second
    function says whether the person has had enough.
    """

    later: Callable[..., list[Reply]] | None = None


_NEED = ("for", "to", "until", "remove", "ip", "answer", "on")
_OF_ONE_NEED = (
    *("text", "hint", "digest", "reason", "until", "remove", "ip", "answer", "on", "nothing", "drafted_by"),
    *("default_deny", "widens", "reason_given", "diff"),
)


def new_subject(state: dict[str, Any], heard: Heard) -> None:
    """Another need: what was drafted, shown or answered for the last one is not carried over."""
    for name in _OF_ONE_NEED:
        state.pop(name, None)
    note_workload(state, heard)
    if heard.until:
        state["until"] = heard.until


def need_of(state: Mapping[str, Any]) -> dict[str, Any]:
    if state.get("default_deny"):
        return {name: state[name] for name in ("default_deny", "until") if state.get(name)}
    return {name: state[name] for name in _NEED if state.get(name)}


def ask_for(skill: str, fields: Mapping[str, Any]) -> Any:
    return by_name(skill).Ask.model_validate({name: value for name, value in fields.items() if value is not None})


def flow_of(request: Request) -> dict[str, Any]:
    """A request's row as a check: `name (environment)` as the row shows it becomes `environment:name`."""
    name = request.workload.partition(" (")[0]
    return {
        "for": f"{request.environment}:{name}" if request.environment else name,
        "to": list(request.destinations),
    }


def hosts_on(state: Mapping[str, Any], port: str | None) -> tuple[str, ...]:
    """The hosts that the thread speaks of, on another port."""
    return tuple(f"{destination(words)[0].name}:{port}" for words in state.get("to", ()))


def chosen(said: str, choices: Sequence[str]) -> str | None:
    if said.isdigit() and 1 <= int(said) <= len(choices):
        return choices[int(said) - 1]
    fits = [choice for choice in choices if said.casefold() == choice.casefold()]
    fits = fits or [choice for choice in choices if said.casefold() in choice.casefold()]
    return fits[0] if len(fits) == 1 else None


def mark_of(state: Mapping[str, Any]) -> str:
    """The open question with what it is asked about, in short; an answer to another one is none. Empty: no choices."""
    asking = state.get("asking") or {}
    if not asking.get("choices"):
        return ""
    about = [asking["id"], list(asking["choices"]), *(state.get(name) for name in ("for", "to", "text"))]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


def addresses_in(said: str) -> list[str]:
    """The addresses of a message that holds nothing else; none if any other word stands in it."""
    words = said.replace(",", " ").replace(";", " ").split()
    try:
        return [
            str(ipaddress.ip_network(word, strict=False)) if "/" in word else str(ipaddress.ip_address(word))
            for word in words
        ]
    except ValueError:
        return []


def kept(replies: Sequence[Reply]) -> dict[str, Any]:
    return {"replies": [{"lines": list(made.lines), "diff": made.diff, "steps": list(made.steps)} for made in replies]}


def of_the_thread(state: Mapping[str, Any]) -> dict[str, Any]:
    """The last report once more, with the destinations that the thread speaks of where its text names none."""
    return {"text": state["text"], "for": state.get("for"), "to": state.get("to")}


def opening(state: Mapping[str, Any]) -> dict[str, Any]:
    """What binds a merge request to the draft that was shown, and what is told there of how it came to be."""
    known = {name: state.get(name) for name in ("digest", "drafted_by", "widens", "beside")}
    return {**known, "comment": str(state.get("reason", "")), "error": state.get("text")}


def who_will_read(state: Mapping[str, Any]) -> Finding:
    """Where a thread is private: that more people read its reason, or its paste too, once there is a merge request."""
    return Finding("EGR1419" if state.get("text") else "EGR1418")


def other_one(state: Mapping[str, Any], workloads: Sequence[str]) -> tuple[str | None, list[str]]:
    """The one workload that can be meant by "the other one": of the choices that were shown, or of the same name.

    Else None, with the choices that are left.
    """
    current = str(state.get("for") or "").rpartition(":")[2]
    same = [name for name in workloads if name.rpartition("/")[2] == current.rpartition("/")[2]]
    left = [name for name in (state.get("choices") or same) if name != state.get("for") and name != current]
    return (left[0] if len(left) == 1 else None), left


def note_workload(state: dict[str, Any], heard: Heard) -> None:
    """What the message names replaces what the thread knew; an environment alone keeps the workload."""
    known = state.get("for") or ""
    name = heard.workload or known.rpartition(":")[2]
    environment = heard.environment
    if environment is None:
        environment = state.get("environment_here") or "" if heard.workload else known.rpartition(":")[0]
    if name and ":" not in name and environment:
        name = f"{environment}:{name}"
    if name:
        state["for"] = name


def instead(state: Mapping[str, Any], heard: Heard) -> list[str]:
    """The destinations with the chosen one in the place of that which the question's id names; the others stay."""
    asked = (heard.key or "").partition(":")[2]
    if not asked:
        return [heard.reason]
    return [heard.reason if words.strip() == asked else words for words in state.get("to", ())]


def why(state: Mapping[str, Any], heard: Heard) -> dict[str, Any] | None:
    """The ask behind "why is HOST allowed?", a bare "why?" where the last answer was a yes, "what can APP reach?"."""
    known = dict(state)
    note_workload(known, heard)
    if heard.key == "all":
        return {"for": known.get("for")}
    to = list(heard.destinations) or (state.get("to") if state.get("allowed") else None)
    if not to:
        return None
    return {"to": to, "for": known["for"]} if known.get("for") else {"to": to}


def remember(turn: Turn, skill: str, answer: Answer) -> None:
    """As little of an answer as the next turn needs."""
    state = turn.state
    state["allowed"] = bool(answer.detail.get("verdicts")) and all(v.allowed for v in answer.detail["verdicts"])
    state["platform"] = platform_of(answer) or state.get("platform")
    if answer.questions and answer.questions[0].id in ("workload", "environment"):
        state["asking"] = {"id": answer.questions[0].id, "choices": list(answer.questions[0].choices), "skill": skill}
        if skill == "why" and "reasons" not in answer.detail:
            state["asking"]["skill"] = "all"
        state["choices"] = list(answer.questions[0].choices)
    if skill == "diagnose":
        if answer.questions and answer.questions[0].id == "destination" and answer.questions[0].choices:
            state["asking"] = {"id": "destination", "choices": list(answer.questions[0].choices)}
        state["to"] = list(answer.detail["to"])
        state["read"] = {name: answer.data[name] for name in ("symptom", "client", "destinations", "egress_block")}
        state["hint"] = answer.detail["hint"]
    if skill == "draft":
        state["digest"] = answer.data["digest"] if answer.detail.get("edits") else None
        state["nothing"] = "draft" in answer.detail and not answer.detail["edits"]
        if answer.questions and answer.questions[0].id not in ("workload", "environment"):
            asked = answer.questions[0]
            state["asking"] = {
                "id": asked.id,
                "choices": list(asked.choices),
                "free": turn.who.id if is_free(asked) else "",
            }
    request = answer.detail.get("request")
    if isinstance(request, Request):
        state["key"] = request.key
        state["request_digest"] = request.digest
    shown = [request] if isinstance(request, Request) else answer.detail.get("requests") or ()
    if shown:
        known = {**state.get("shown", {}), **{each.key: each.digest for each in shown}}
        state["shown"] = dict(list(known.items())[-_SHOWN_KEPT:])


def platform_of(answer: Answer) -> str | None:
    """The dialect that the last answer was about."""
    verdicts = answer.detail.get("verdicts") or ()
    return next((verdict.workload.platform for verdict in verdicts if verdict.workload), None)


def is_about(turn: Turn, request: Request) -> bool:
    """Whether the thread still speaks of what the request is for."""
    return {str(destination(words)[0]) for words in turn.state.get("to") or ()} <= set(request.destinations)
