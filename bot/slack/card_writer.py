"""The one writer of cards: brings every copy of a request's card in line with its row, and each copy stands once.

What was drawn last is kept as a mark, so that nothing is drawn that did not change, and whichever replica is quicker
draws it. A copy is a message of the outbox that is changed in its place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache

from bot.slack.card_blocks import card_message
from bot.slack.gate import Gate
from bot.world.memory import CardRow, Memory, RequestRow
from skills.cards import PAST_APPROVAL, card
from skills.core.joint import Beside, beside
from skills.core.model import OPEN_STATES, Request

_LAYOUT = "5"  # raised when cards look different, so that those that stand are drawn anew
_MOST_DIRECT = 10
_HIDDEN = ("drafted", "proposed")


class CardWriter:
    """`approvers` is the channel in which approvers look, if there is one; else they are written to by themselves where
    the request has no thread of its own."""

    def __init__(
        self,
        memory: Memory,
        gate: Gate,
        clock: Callable[[], datetime],
        repository: str,
        approvers: str | Mapping[str, str | None] | None = None,
    ) -> None:
        """`approvers` is one channel for all, or says which for each repository."""
        self.in_chat: Callable[[str], Callable[[str], str]] = lambda _repository: str
        """Gives the names by which Slack knows those whom the policy of a repository, read for it, calls otherwise."""
        self.past_approval: Callable[[str], Callable[[Request], Collection[str]]] = lambda _repository: _every_one
        """Says which deeds past an approval, as a veto, the policy of a repository, read for it, gives anybody."""
        self.called: Mapping[str, str] = {}
        """What a repository is called, where several are served."""
        self._memory = memory
        self._gate = gate
        self._clock = clock
        self._repository = repository
        self._approvers = (
            approvers if isinstance(approvers, Mapping) else dict.fromkeys(repository.splitlines(), approvers)
        )

    async def draw(self) -> bool:
        """One pass over what may have changed; whether something waits in the outbox now."""
        return await self._gate.run(self._draw)

    def _draw(self) -> bool:
        due, past_approval = self._due(), cache(self.past_approval)
        known = self._memory.requests(self._repository) if due else ()
        for row, copy, mark in due:
            others = [each.request for each in known if each.repository == row.repository]
            called = self.called.get(row.repository, "")
            given = past_approval(row.repository)(row.request)
            made = card_message(card(row.request, others, _pipeline(row), self._beside(row), called, given))
            now, over = self._clock(), row.request.state not in OPEN_STATES
            with self._memory.transaction() as tx:
                if tx.draw_card(copy, mark, now, over=over):
                    shown = {"message": made, "shown": [row.request.key, mark.partition(".")[2]]}
                    tx.show(f"card:{copy.key}", copy.channel, shown, now, repository=row.repository)
        return bool(due)

    def _due(self) -> list[tuple[RequestRow, CardRow, str]]:
        """Copies that don't show what their row says; those that are missing are added first."""
        live = self._memory.cards(repository=self._repository)
        rows = {row.request.key: row for row in self._memory.requests(self._repository, open_only=True)}
        known, in_chat = {(copy.request, copy.channel) for copy in live}, cache(self.in_chat)
        wanted = [(key, place) for key, row in rows.items() for place in self.places(row, in_chat)]
        new = [each for each in wanted if each not in known]
        if new:
            with self._memory.transaction() as tx:
                for key, place in new:
                    tx.add_card(key, place, self._clock())
            live = self._memory.cards(repository=self._repository)
        ended = {copy.request for copy in live} - set(rows)
        rows |= {key: row for key in ended if (row := self._memory.request(key))}
        marks = {key: "".join(each.state for each in self._beside(row)) for key, row in rows.items()}
        shown = [(rows[copy.request], copy) for copy in live if copy.request in rows]
        due = [(row, copy, _mark(row, copy, marks[row.request.key])) for row, copy in shown]
        return [(row, copy, mark) for row, copy, mark in due if copy.mark != mark]

    def _beside(self, row: RequestRow) -> tuple[Beside, ...]:
        """The other parts of the same ask, as they stand now."""
        return beside(row.request, self._memory.asked_for)

    def places(self, row: RequestRow, in_chat: Callable[[str], Callable[[str], str]]) -> Sequence[str]:
        """Where copies stand, as the outbox addresses them. None before the merge request does. A pass over all asks
        `in_chat` once for each repository."""
        request = row.request
        if request.state in _HIDDEN or request.number is None:
            return ()
        surface, *parts = request.thread.split(":")
        team = parts[0] if surface == "slack" and parts else ""
        thread = [request.thread] if team and parts[-1].replace(".", "", 1).isdecimal() else []
        if approvers := self._approvers.get(row.repository):
            return [*thread, f"slack:{team}:{approvers}:{approvers}"]
        if thread:
            return thread
        names = dict.fromkeys(in_chat(row.repository)(name).upper() for name in request.waits_for)
        people = [name.split(":") for name in names if name.startswith("SLACK:")]
        return [f"slack:{name[1]}:direct:{name[-1]}" for name in people][:_MOST_DIRECT]


def _every_one(_request: Request) -> Collection[str]:
    return PAST_APPROVAL


def _mark(row: RequestRow, copy: CardRow, parts: str) -> str:
    """What a card is drawn from, in short: its row with decisions and news, and what was seen at the forge. Behind it
    the digest that the copy showed first: who types a decision below a card that changed since has to look again."""
    request = row.request
    first = copy.mark.partition(".")[2] or request.digest
    shown = [
        _LAYOUT,
        request.state,
        request.version,
        request.digest,
        request.pushed,
        request.until,
        row.seen,
        [[each.verb, each.by, each.at] for each in request.decisions],
        request.latest.code if request.latest else None,
        (request.question.at + request.question.answered_at) if request.question else None,
    ]
    shown += [parts] if parts else []
    return f"{hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:24]}.{first}"


def _pipeline(row: RequestRow) -> tuple[str, str] | None:
    seen = (row.forge or {}).get("pipeline")
    return (str(seen[1]), str((row.forge or {}).get("pipeline_url") or "")) if seen else None
