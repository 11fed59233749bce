"""What must happen, as rows: one intent for each drawing, decision and end of a request, and what takes one back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bot.world import wire
from bot.world.memory import IntentRow, Memory, Transaction
from skills.core.errors import Outdated
from skills.core.messages import say
from skills.core.model import (
    OPEN_STATES,
    STANDING_STATES,
    CloseMergeRequest,
    Effect,
    Finding,
    LeaveNote,
    NameBeside,
    OpenDiagram,
    OpenIssue,
    OpenMergeRequest,
    Relabel,
    Request,
    Settle,
)

BESIDE: Mapping[str, str] = {
    OpenDiagram.__name__: "the diagram",
    OpenIssue.__name__: "the ticket",
    LeaveNote.__name__: "a note at it",
    NameBeside.__name__: "a note at it",
    Settle.__name__: "the end of what was opened beside it",
}
"""What is done beside a merge request, by the kind of its intent; it never keeps the request itself back."""
_OPENS: Mapping[type, str] = {OpenMergeRequest: "open", OpenDiagram: "diagram", OpenIssue: "ticket"}


def intend(tx: Transaction, effect: Effect, now: datetime) -> None:
    """One intent for each drawing of a request and for each decision; what failed for good is intended anew.

    A drawing that was never carried out is retired when another one takes its place.
    """
    same_kind = [item for item in tx.intents_of(effect.request_key) if item.kind == type(effect).__name__]
    if isinstance(effect, OpenMergeRequest | OpenDiagram | OpenIssue):
        last = same_kind[-1] if same_kind else None
        if last and last.state != "failed" and last.payload["digest"] == effect.digest:
            return
        for older in (item for item in same_kind if item.state == "todo"):
            _retire(tx, older, now)
        name = f"{_OPENS[type(effect)]}:{effect.request_key}:{len(same_kind) + 1}"
    elif isinstance(effect, CloseMergeRequest):
        name = f"close:{effect.request_key}:{effect.digest}"
    elif isinstance(effect, LeaveNote | NameBeside):
        name = f"note:{effect.request_key}:{effect.key}"
    elif isinstance(effect, Settle):
        name = f"settle:{effect.request_key}:{effect.what}:{len(same_kind) + 1}"
    elif isinstance(effect, Relabel):
        name = f"label:{effect.request_key}:{len(same_kind) + 1}"
    else:
        name = f"{effect.verb}:{effect.request_key}:{effect.by}:{len(same_kind) + 1}"
    tx.add_intent(name, type(effect).__name__, wire.dump(effect), effect.request_key, now)


def _retire(tx: Transaction, intent: IntentRow, now: datetime) -> None:
    """What was never carried out and is not meant any more, unless somebody carries it out at this moment."""
    claimed = tx.claim(intent.key, now)
    if claimed:
        tx.fail(claimed, {"code": "EGR412", "facts": {"key": intent.request}}, now)


def left_behind(tx: Transaction, effects: Collection[Effect], now: datetime) -> list[Settle]:
    """Diagrams in repositories where a new drawing keeps none any more: their merge requests would wait for ever."""
    kept = {each.repository for each in effects if isinstance(each, OpenDiagram)}
    found = []
    for drawing in (each for each in effects if isinstance(each, OpenMergeRequest)):
        last: dict[str, bool] = {}  # whether the last thing that was meant for a repository is a diagram in it
        for intent in tx.intents_of(drawing.request_key):
            if intent.kind == OpenDiagram.__name__:
                last[intent.payload["repository"]] = True
                if intent.state == "todo" and intent.payload["repository"] not in kept:
                    _retire(tx, intent, now)
            elif intent.payload.get("left"):
                last[intent.payload["where"]] = False
        gone = [where for where, stands in last.items() if stands and where not in kept]
        found += [Settle(drawing.request_key, drawing.digest, "diagram", where, left=True) for where in gone]
    return found


def take_back(tx: Transaction, key: str, to: str, now: datetime) -> None:
    """What waits to be merged is not merged any more. Raises Outdated EGR077 while it is merged at this moment."""
    waiting = [intent for intent in tx.intents_of(key) if intent.payload.get("merge")]
    _give_up(tx, waiting, key, "merged", to, now)


def nothing_opens(tx: Transaction, key: str, now: datetime) -> None:
    """What is over is not opened afterwards. Raises Outdated EGR077 while it is being opened at this moment."""
    kinds = {kind.__name__ for kind in _OPENS}
    _give_up(tx, [intent for intent in tx.intents_of(key) if intent.kind in kinds], key, "opened", "over", now)


def _give_up(tx: Transaction, intents: Sequence[IntentRow], key: str, what: str, state: str, now: datetime) -> None:
    """Those that are not over are claimed, so that nobody else carries them out, and fail: the request is `state`."""
    for intent in intents:
        if intent.state not in ("todo", "doing"):
            continue
        claimed = tx.claim(intent.key, now)
        if claimed is None:
            raise Outdated("EGR077", key=key, what=what)
        tx.fail(claimed, {"code": "EGR055", "facts": {"key": key, "state": state}}, now)


def settle(memory: Memory, keys: Collection[str], now: datetime) -> list[str]:
    """What was opened beside these requests follows those that are over; gives the ones for which there is work."""
    found = []
    for key in keys:
        with memory.transaction() as tx:
            row = tx.request(key)
            if row is not None and row.request.links and row.request.state not in (*OPEN_STATES, "failed"):
                new = [intent for intent in tx.intents_of(key) if _settled(tx, row.request, intent, now)]
                found += [key] if new else []
    return found


def _settled(tx: Transaction, request: Request, opened: IntentRow, now: datetime) -> bool:
    """Once for each end: what was reopened may end once more."""
    named = {OpenDiagram.__name__: ("diagram", "repository"), OpenIssue.__name__: ("ticket", "project")}
    if opened.kind not in named or opened.state != "done":
        return False
    what, field = named[opened.kind]
    effect = Settle(request.key, request.digest, what, opened.payload[field])  # type: ignore[arg-type]
    end = "merged" if request.state in (*STANDING_STATES, "removed") else request.state
    name = f"settle:{request.key}:{what}:{end}"
    return tx.add_intent(name, Settle.__name__, wire.dump(effect), request.key, now)


def unfinished(memory: Memory, key: str) -> tuple[Finding, ...]:
    """What is not done yet, or could not be opened beside the merge request; the runner goes on with it."""
    found: dict[str, Finding | None] = {}
    for intent in memory.intents_of(key):
        if intent.kind not in BESIDE and intent.state in ("todo", "doing"):
            found["itself"] = Finding("EGR071", {"key": key})
        if intent.kind in BESIDE:
            error = intent.error if intent.state in ("todo", "failed") else None
            what = BESIDE[intent.kind]
            says = say(Finding(str(error["code"]), error["facts"])).says if error else ""
            found[what] = Finding("EGR035", {"key": key, "what": what, "says": says}) if error else None
    return tuple(finding for finding in found.values() if finding)
