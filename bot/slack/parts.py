"""What every surface of Slack stands on: the client, the inbox, the conversation, and who somebody is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.channels import speak_of
from bot.conversation import Conversation
from bot.desk import attempt
from bot.gather import Where
from bot.slack import envelopes
from bot.slack.blocks import message
from bot.slack.envelopes import Body, address
from bot.slack.gate import Gate
from bot.slack.inbox import Inbox, Post
from bot.slack.refusals import FAILURES
from bot.turns import Pressed, ask_for, mark_of
from skills.core.model import Finding, Person, Request
from skills.replies import Reply, problem

__all__ = ["FAILURES", "Parts", "People", "own_thread"]

_MOMENT = 1.0  # seconds: a form opens within three of the click
_ANYTHING = {"reason": "?", "text": "?", "until": ""}
"""What a form asks for, where only the right to fill it in is looked at."""
_TAKES: dict[str, tuple[str, ...]] = {
    "draft": (),
    "withdraw": ("key", "reason"),
    "renew": ("key", "until", "reason"),
    "answer": ("key", "text"),
}
"""What a skill takes of it; any other step is a decision."""
People = Callable[[str, str], Person]
"""Gives the person behind a Slack team and user id."""


@dataclass(frozen=True, slots=True)
class Parts:
    client: AsyncWebClient
    inbox: Inbox
    conversation: Conversation
    people: People
    gate: Gate
    _private: dict[str, bool] = field(default_factory=dict)

    def who(self, body: Body) -> Person:
        """Whoever pressed, submitted or typed, by the signed envelope alone."""
        return self.people(*envelopes.user_of(body))

    async def where(self, thread: str) -> Where:
        return Where("slack", thread, private=await self.is_private(thread))

    async def is_private(self, thread: str) -> bool:
        """Whether only some people of the workspace can read along; what can't be found out counts as private."""
        channel = thread.split(":")[2]
        if channel[:1] != "C":
            return True
        if channel not in self._private:
            try:
                answer = await self.client.conversations_info(channel=channel)
            except FAILURES:
                return True
            self._private[channel] = bool((answer.get("channel") or {}).get("is_private"))
        return self._private[channel]

    def requests(self) -> tuple[Request, ...]:
        return tuple(request for request, _ in self.stands())

    def stands(self) -> list[tuple[Request, str]]:
        """Each request with what its repository is called, where several are served."""
        rows, called = self.inbox.memory.requests(self.inbox.repository), self.conversation.called
        return [(row.request, called.get(row.repository, "")) for row in rows]

    def request(self, key: str) -> Request | None:
        """Only of what is served here."""
        row = self.inbox.memory.request(key)
        return row.request if row and row.repository in self.inbox.repository.splitlines() else None

    def refusal(self, pressed: Pressed, who: Person, thread: str, *, noted: bool = False) -> Finding | None:
        """Why this person may not do what a button's form is for, as far as that is known before they fill it in."""
        skill = pressed.step if pressed.step in _TAKES else "decide"
        shown = {"key": pressed.key or "", "verb": pressed.step, "digest": pressed.digest} | _ANYTHING
        fields = {name: shown[name] for name in _TAKES.get(skill, ("key", "verb", "digest", "reason"))}
        desk, where = self.conversation.desk, Where("slack", thread)
        found, _ = attempt(lambda: desk.refusal(skill, ask_for(skill, fields), who, where, noted=noted))
        return found

    async def refused_at_once(self, pressed: Pressed, body: Body, thread: str) -> Finding | None:
        """As `refusal`, before a form opens: whoever may not is told at the click, not when they have written their
        reason. Who does submit a form is looked at once more, so one that takes too long to say may open."""
        try:
            async with asyncio.timeout(_MOMENT):
                return await self.gate.run(self.refusal, pressed, self.who(body), thread)
        except TimeoutError:
            return None

    def speaks_of(self, where: Where, words: str, who: Person) -> Finding:
        """What a channel speaks of from now on, or now."""
        names, _ = attempt(self.conversation.names)
        talk, memory = self.conversation, self.inbox.memory
        known = (talk.of_team, talk.repositories)
        return speak_of(where, words, who, names or ([], []), memory, self.inbox.clock(), *known)

    async def names(self) -> tuple[list[str], list[str]]:
        """Workloads and environments; none while the repository does not answer."""
        found, _ = await self.gate.run(attempt, self.conversation.names)
        return found or ([], [])

    def post(
        self, thread: str, made: Reply, state: Mapping[str, Any] | None = None, user: str = "", url: str = ""
    ) -> Post:
        """One answer; with `user` only that person sees it. One person's own conversation needs no hiding."""
        shown = state or {}
        digest = shown.get("request_digest") or shown.get("digest") or ""
        mark = mark_of(shown) if list(made.choices) == (shown.get("asking") or {}).get("choices") else ""
        alone = thread.split(":")[2] == "direct"
        return Post(
            thread,
            message(made, key=shown.get("key") or "", digest=digest, team=thread.split(":")[1], mark=mark),
            "" if alone else user,
            url,
        )

    async def state(self, thread: str) -> Mapping[str, Any]:
        """What a thread remembers."""
        return await self.gate.run(self.conversation.state, Where("slack", thread))

    async def posts(self, thread: str, replies: Sequence[Reply], user: str = "", url: str = "") -> list[Post]:
        state = await self.state(thread)
        return [self.post(thread, made, state, user, url) for made in replies]

    def says(self, thread: str, found: Finding, user: str = "", url: str = "") -> list[Post]:
        return [self.post(thread, problem(found), None, user, url)]


def own_thread(thread: str, body: Body) -> bool:
    """Whether a conversation that came back from outside may be gone on with by whoever sent it: of their workspace,
    and no other person's own."""
    surface, *parts = thread.split(":")
    team, user = envelopes.team_of(body), envelopes.user_of(body)[1]
    if surface != "slack" or len(parts) != 3 or parts[0] != team:
        return False
    return address(thread)[1] is not None or parts[2] == user
