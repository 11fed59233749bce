"""One ask for workloads that stand in different repositories: a part for each, with a state of its own in the thread.

What is said of all goes to each; each is drawn, shown, opened, approved and merged by itself, and names the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from bot.reception import Reception
from bot.turns import Turn, ask_for, need_of, opening
from skills.core.commands import Heard
from skills.core.joint import Part
from skills.core.model import Finding, Request
from skills.core.named import find_workloads
from skills.replies import Reply, problem

Say = Callable[[Turn, Heard], list[Reply]]
"""Answers what was heard, as the state of the turn says."""
_BEGIN, _GO_ON = ("check", "diagnose", "draft", "remove"), ("draft", "open", "more", "answer", "port")


class Together:
    """What is asked for workloads that stand in different repositories: a part for each, with a state of its own."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self.names, self.called = reception.names, reception.called

    def take(self, turn: Turn, heard: Heard, say: Say) -> list[Reply] | None:
        """The answers of all parts; None where the message is about one repository."""
        parts = turn.state.get("parts") or []
        if heard.verb in _GO_ON and parts and not (heard.verb == "draft" and heard.destinations):
            return self._going_on(turn, heard, parts, say)
        found = self._subjects(turn, heard) if heard.verb in _BEGIN and heard.destinations else []
        if heard.verb in (*_BEGIN, "isolate", "reply") or found:
            turn.state.pop("parts", None)
        if not found:
            return None
        for name in ("digest", "asking", "key", "request_digest", "repository"):
            turn.state.pop(name, None)
        parts = [{"of": repository, "as": workload, "state": {}} for repository, workload in found]
        return self._each(turn, heard, parts, say)

    def _subjects(self, turn: Turn, heard: Heard) -> list[tuple[str, str]]:
        """Repository and workload of each part: several are named, or a workload in several repositories."""
        named = turn.state.pop("repositories", None) or []
        if len(named) > 1 and heard.workload:
            return [(repository, heard.workload) for repository in named]
        spoken = find_workloads(turn.words, turn.names[0])
        if len(spoken) < 2:
            return []
        stands = self._reception.standing(spoken)
        one_each = len(stands) == len(spoken)
        return stands if one_each and len({repository for repository, _ in stands}) > 1 else []

    def _going_on(self, turn: Turn, heard: Heard, parts: list[dict[str, Any]], say: Say) -> list[Reply]:
        asking = turn.state.get("asking") or {}
        if heard.verb == "answer" and "part" in asking:
            return self._each(turn, heard, parts, say, only=asking["part"])
        if heard.verb != "open":
            return self._each(turn, heard, parts, say)
        if turn.digest and turn.digest != turn.state.get("digest"):
            facts = {"shown": turn.digest[:12], "now": str(turn.state.get("digest"))[:12]}
            return [problem(Finding("EGR406", facts))]
        return self._opened(turn, heard, parts, say)

    def _opened(self, turn: Turn, heard: Heard, parts: list[dict[str, Any]], say: Say) -> list[Reply]:
        """Each knows the others before the first is opened, so that each merge request can name them."""
        foreseen = {number: found for number, part in enumerate(parts) if (found := self._foreseen(turn, heard, part))}
        for number, part in enumerate(parts):
            others = [other.written for each, other in foreseen.items() if each != number]
            part["state"] |= {"beside": others} if number in foreseen and others else {}
        replies = self._each(turn, heard, parts, say)
        self._reception.carry_on([other.key for other in foreseen.values()])
        return replies

    def _foreseen(self, turn: Turn, heard: Heard, part: Mapping[str, Any]) -> Part | None:
        state = part["state"]
        reason = heard.reason or state.get("reason_given") or str(state.get("reason", ""))
        if not state.get("digest") or not reason:
            return None
        ask = ask_for("propose", {**need_of(state), **opening(state), "reason": reason})
        made = self._reception.foresee("propose", ask, turn.who, replace(turn.where, repository=part["of"]))
        request = made.answer.detail.get("request") if made.answer else None
        return Part(request.key, part["of"], request.workload) if isinstance(request, Request) else None

    def _each(
        self, turn: Turn, heard: Heard, parts: list[dict[str, Any]], say: Say, only: int | None = None
    ) -> list[Reply]:
        replies: list[Reply] = []
        turn.state.pop("asking", None)
        for number, part in enumerate(parts):
            if only in (None, number):
                own = replace(turn, state=dict(part["state"]), digest=None, also=None, answers=turn.answers)
                own.state |= {"repository": part["of"], "in": part["of"]}
                own.state.pop("repository_for", None)
                replies += say(own, replace(heard, workload=part["as"]) if heard.verb in _BEGIN else heard)
                part["state"] = own.state
                turn.state["shown"] = {**turn.state.get("shown", {}), **own.state.get("shown", {})}
            asking = part["state"].get("asking")
            if asking and "asking" not in turn.state:
                turn.state["asking"] = {**asking, "part": number}
                if asking["id"] == "reason":  # asked once, for all
                    del turn.state["asking"]["part"]
                    break
        digests = [str(part["state"].get("digest") or "") for part in parts]
        digest = sha256("".join(digests).encode()).hexdigest() if any(digests) else None
        turn.state |= {"parts": parts, "digest": digest}
        return replies
