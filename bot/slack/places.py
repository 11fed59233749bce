"""Surfaces that are no conversation: the home page, and the shortcut on anybody's message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.slack import envelopes
from bot.slack.above import all_of, has_pictures
from bot.slack.envelopes import Body, thread_of
from bot.slack.home import FILTERS, SHOW, home_view
from bot.slack.inbox import Post, Taken
from bot.slack.parts import FAILURES, Parts
from skills.core.model import Finding

DIAGNOSE = "postern_diagnose"


class Places:
    """Registers its handlers with the inbox."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        parts.inbox.on("event:app_home_opened", self.home)
        parts.inbox.on(f"action:{SHOW}", self.filtered)
        parts.inbox.on(f"shortcut:{DIAGNOSE}", self.diagnose)

    async def home(self, taken: Taken) -> Sequence[Post]:
        event = taken.body["event"]
        if event.get("tab", "home") == "home":
            await self._publish(envelopes.team_of(taken.body), str(event["user"]), "")
        return ()

    async def filtered(self, taken: Taken) -> Sequence[Post]:
        chosen = str((taken.body["actions"][0].get("selected_option") or {}).get("value") or "")
        team, user = envelopes.user_of(taken.body)
        await self._publish(team, user, chosen if chosen in FILTERS else "")
        return ()

    async def _publish(self, team: str, user: str, shown: str) -> None:
        found = await self._parts.gate.run(self._parts.stands)
        today, person = self._parts.inbox.clock().date(), self._parts.people(team, user)
        canon = await self._parts.gate.run(self._parts.conversation.canon, person)
        requests, stands = [each for each, _ in found], {each.key: called for each, called in found}
        view = home_view(person, requests, today, shown, canon, stands)
        await self._parts.client.views_publish(user_id=user, view=view)

    async def diagnose(self, taken: Taken) -> Sequence[Post]:
        """In the message's thread where we are, for everybody has the same question; else only to whoever asked."""
        body, user = taken.body, envelopes.user_of(taken.body)[1]
        message: dict[str, Any] = body["message"]
        thread = thread_of(envelopes.team_of(body), body["channel"]["id"], message)
        url = str(body.get("response_url") or "")
        alone = "" if await self._is_member(body) else user
        text = await all_of(self._parts.client, message)
        if not text.strip():
            code = "EGR1424" if has_pictures(message) else "EGR1425"
            return self._parts.says(thread, Finding(code), user, url)
        where = await self._parts.where(thread)
        who, talk = self._parts.who(body), self._parts.conversation
        replies = await self._parts.gate.run(talk.hear, "", who, where, text)
        return await self._parts.posts(thread, replies, alone, url if alone else "")

    async def _is_member(self, body: Body) -> bool:
        channel = str(body["channel"]["id"])
        try:
            answer = await self._parts.client.conversations_info(channel=channel)
        except FAILURES:
            return False
        found = answer.get("channel") or {}
        return bool(found.get("is_member") or found.get("is_im"))
