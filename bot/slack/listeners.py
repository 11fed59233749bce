"""What people say in Slack: mention, thread reply, direct message, `/egress` and buttons, all on one conversation.

Identity comes from the signed envelope only. Everything here runs from a row of the inbox, after the acknowledgement.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any

import re2

from bot.desk import attempt
from bot.gather import Where
from bot.slack import blocks, envelopes
from bot.slack.above import above, all_of, attached, has_pictures
from bot.slack.agent import Agent
from bot.slack.commands import command, exact
from bot.slack.deeds import DEEDS, late
from bot.slack.envelopes import mentions, thread_of
from bot.slack.gate import Gate
from bot.slack.inbox import Answered, Post, Taken
from bot.slack.parts import Parts
from bot.turns import Also, Pressed
from bot.world.memory import Transaction
from skills.core.model import Finding
from skills.replies import Reply, problem

_MENTION = re2.compile(r"^\s*<@[A-Z0-9]+(?:\|[^>]*)?>\s*")
STEPS = (
    "draft",
    "not right",
    "status",
    "works now",
    "still fails",
    "approve",
    "hold",
    "resume",
    *DEEDS,
    *blocks.WITH_A_REASON,
    *blocks.TO_READ,
)
_FORMS = {*DEEDS, *blocks.WITH_A_REASON} - {"open"}
_MEANWHILE = 0.8  # seconds after which somebody sees that something is being done
_MODELS = 2  # turns that a language model adds to at once


class Listeners:
    """Registers its handlers with the inbox."""

    def __init__(self, parts: Parts, told: Callable[[], object]) -> None:
        """`told` is called whenever a message waits in the outbox."""
        self._parts = parts
        self._client = parts.client
        self._inbox = inbox = parts.inbox
        self._conversation = parts.conversation
        self._people = parts.people
        self._gate = parts.gate
        self._aside = Gate(1)  # so that a step is shown while every thread of the gate works
        self._added = Gate(_MODELS)  # whoever waits for a model keeps nobody from an answer by rule
        self._told = told
        self._agent = Agent(parts)
        self._own = ""
        inbox.on("event:app_mention", self.mentioned)
        inbox.on("event:message", self.message)
        inbox.on("event:message:changed", self.reworded)
        inbox.on("command:/egress", self.command)
        for step in STEPS:
            inbox.on(f"action:{blocks.action_id(step)}", self.pressed)
        inbox.on(f"action:{blocks.MORE_STEPS}", self.pressed)
        for action in blocks.CHOICES:
            inbox.on(f"action:{action}", self.chosen)

    async def mentioned(self, taken: Taken) -> Answered:
        return await self._said(taken, look_up=True)

    async def message(self, taken: Taken) -> Answered:
        """Direct messages, and replies in threads that we are part of."""
        event = taken.body["event"]
        direct = event.get("channel_type") == "im"
        text = event.get("text") or ""
        if not direct and (_MENTION.match(text) or ("<@" in text and mentions(text, await self._me(taken)))):
            return ()  # said to somebody else, or it comes as a mention too
        if direct or (event.get("thread_ts") and await self._gate.run(self._conversation.started, self._where(taken))):
            return await self._said(taken, aside=not direct)
        return ()

    async def _me(self, taken: Taken) -> str:
        """Our own user: as the envelope names it, else as Slack does."""
        named = envelopes.bot_of(taken.body)
        if not named and not self._own:
            self._own = str((await self._client.auth_test())["user_id"])
        return named or self._own

    async def reworded(self, taken: Taken) -> Sequence[Post]:
        """An edit is no new ask: what was answered stays answered, and whoever edits it is told so once."""
        event, where = taken.body["event"], self._where(taken)
        if not await self._gate.run(self._conversation.started, where):
            return ()
        edited, mine = event["message"], await self._me(taken)
        before = str((event.get("previous_message") or {}).get("text") or "")
        asked = mentions(edited.get("text") or "", mine) or event.get("channel_type") == "im"
        asked = asked or not await self._gate.run(self._conversation.wants_what_is_above, envelopes.plain(before))
        return [self._post(where.thread, problem(Finding("EGR1457")))] if asked else ()

    async def command(self, taken: Taken) -> Answered:
        body, (team, user) = taken.body, envelopes.user_of(taken.body)
        where = await self._parts.where(taken.row.lane)
        url = str(body.get("response_url") or "")

        def private(made: Reply, state: Mapping[str, Any]) -> Post:
            return self._post(where.thread, made, state, user=user, url=url)

        made, who = command(str(body.get("text") or "")), self._people(team, user)
        if made.kind == "says":
            return [private(Reply(made.lines), {})]
        if made.kind == "form":  # it could not be opened in time
            return [private(problem(Finding("EGR1426")), {})]
        if made.kind == "channel":
            found = await self._gate.run(self._parts.speaks_of, where, made.words, who)
            return [private(problem(found), {})]
        if made.kind == "skill":
            return await self._turn(taken, private, self._conversation.ask, made.skill, made.ask, who, where)
        return await self._turn(taken, private, self._conversation.hear, made.words, who, where)

    async def pressed(self, taken: Taken) -> Answered:
        where, who = await self._parts.where(taken.row.lane), self._parts.who(taken.body)
        step, key, digest = blocks.pressed(taken.body)
        asked, post = Pressed(step, key or None, digest or None), self._where_pressed(taken, where)
        if step in _FORMS:
            refused = await self._gate.run(self._parts.refusal, asked, who, where.thread, noted=True)
            if missing := refused or late(step, key):
                return [post(replace(problem(missing), private=True), {})]
        async with self._shown_meanwhile(taken, where):
            return await self._turn(taken, post, self._conversation.press, asked, who, where)

    async def chosen(self, taken: Taken) -> Answered:
        """A choice is the answer of whoever pressed it, as if they had typed its number; then it can't be pressed
        any more, and stands there with their name: a click leaves no other trace in the thread."""
        body, where = taken.body, await self._parts.where(taken.row.lane)
        mark, number = blocks.chosen(body["actions"][0])
        who, post = self._parts.who(body), self._where_pressed(taken, where)
        async with self._shown_meanwhile(taken, where):
            return await self._turn(taken, post, self._conversation.choose, mark, number, who, where)

    def _where_pressed(self, taken: Taken, where: Where) -> Callable[[Reply, Mapping[str, Any]], Post]:
        """A refusal concerns only whoever pressed; in their own conversation nobody else reads anything, and Slack's
        response address reaches them also where we are no member."""
        body, user = taken.body, envelopes.user_of(taken.body)[1]
        within, own = envelopes.is_a_reply(body.get("message") or {}), where.thread.rpartition(":")[2] == user
        url = str(body.get("response_url") or "") if own else ""

        def post(made: Reply, state: Mapping[str, Any]) -> Post:
            alone = user if made.private or own else ""
            return self._post(where.thread, made, state, user=alone, url=url)._replace(within=within)

        return post

    def _over(self, taken: Taken, tx: Transaction, replies: Sequence[Reply]) -> None:
        """The question that was pressed is over, answered or not."""
        body, by = taken.body, ":".join(("slack", *envelopes.user_of(taken.body)))
        late = [made.lines for made in replies] == [problem(Finding("EGR1434")).lines]

        def change(payload: Mapping[str, Any]) -> dict[str, Any]:
            made = blocks.answered(payload["message"], body["actions"][0], "" if late else by, envelopes.team_of(body))
            return {**payload, "message": made}

        tx.reword(taken.row.lane, str((body.get("message") or {}).get("ts") or ""), change, taken.clock())

    # --- one turn

    async def _said(self, taken: Taken, *, look_up: bool = False, aside: bool = False) -> Answered:
        event, where = taken.body["event"], await self._parts.where(self._where(taken).thread)
        team, user = envelopes.author_of(taken.body)
        if team != envelopes.team_of(taken.body):
            return [self._post(where.thread, problem(Finding("EGR1456")))] if look_up else ()
        words, who = envelopes.plain(_MENTION.sub("", event.get("text") or "")), self._people(team, user)
        async with self._shown_meanwhile(taken, where), self._worked_at(taken, where.thread):
            text = await attached(self._client, event) or None
            picture = text is None and not words.strip() and has_pictures(event)
            if text is None and look_up and not picture:
                text, picture = await self._above(taken, words, where)
            if picture:
                return [self._post(where.thread, problem(Finding("EGR1424")))]
            if text is None and (made := exact(words)):
                return await self._turn(taken, self._public(where), self._conversation.ask, *made, who, where)
            place = replace(where, aside=aside)
            return await self._turn(taken, self._public(where), self._conversation.hear, words, who, place, text)

    def _worked_at(self, taken: Taken, thread: str) -> AbstractAsyncContextManager[None]:
        """In direct messages Slack shows that we are at it."""
        direct = (taken.body.get("event") or {}).get("channel_type") == "im"
        return self._agent.at_work(thread) if direct else nullcontext()

    async def _above(self, taken: Taken, words: str, where: Where) -> tuple[str | None, bool]:
        """An alert above the first mention in a thread, when the mention itself says nothing; and whether nothing but a
        picture stands there."""
        if await self._gate.run(self._conversation.started, where):
            return None, False
        if not await self._gate.run(self._conversation.wants_what_is_above, words):
            return None, False
        body = taken.body
        own = next((item.get("bot_id", "") for item in body.get("authorizations", ()) if item.get("is_bot")), "")
        message = await above(self._client, body["event"], own) or {}
        text = await all_of(self._client, message)
        return text or None, not text and has_pictures(message)

    async def _turn(
        self, taken: Taken, post: Callable[[Reply, Mapping[str, Any]], Post], work: Callable[..., Any], *args: Any
    ) -> Answered:
        """What is answered is written in the transaction that saves the turn, so a crash leaves both or neither."""
        lane, key, written = taken.row.lane, None, None

        def also(tx: Transaction, replies: Sequence[Reply], state: Mapping[str, Any]) -> None:
            nonlocal written
            said = () if self._agent.was_stopped(lane) and state.get("key") == key else replies
            taken.settle_or_leave(tx, [post(made, state) for made in said])
            if taken.row.kind.startswith(f"action:{blocks.CHOICE}"):
                self._over(taken, tx, replies)
            written = replies

        if self._agent.can_be_stopped(lane):
            # What was stopped is not answered any more; what it did already is said all the same.
            key = (await self._parts.state(lane)).get("key")
        settled: Also = also
        replies = await self._gate.run(work, *args, also=settled)
        if replies.later:
            self._added.later(self._add(taken, post, replies.later))
        # Other words than those that were written: the transaction failed, and they say why.
        return None if replies is written else [post(made, {}) for made in replies]

    async def _add(
        self, taken: Taken, post: Callable[[Reply, Mapping[str, Any]], Post], later: Callable[..., list[Reply]]
    ) -> None:
        """What a language model adds, below the answer and as it comes. Lost with us, it is not missed.

        Whoever stops it gets no word more of it, and the model is asked no more.
        """
        loop, lane = asyncio.get_running_loop(), taken.row.lane

        def show(number: int, made: Reply, *, final: bool = False) -> None:
            sent = post(made, self._conversation.state(Where("slack", lane)) if final else {})
            if (sent.user and not final) or self._agent.was_stopped(lane):
                return  # what only one person sees can't be changed once it is sent
            with self._inbox.memory.transaction() as tx:
                row, now = taken.row, taken.clock()
                key = f"{taken.live}:added:{number}"
                tx.show(key, sent.channel, sent.payload, now, final=final, repository=row.repository)
            loop.call_soon_threadsafe(self._told)

        def work() -> None:
            for number, made in enumerate(later(show, lambda: self._agent.was_stopped(lane))):
                show(number, made, final=True)  # only now the thread knows what a model asks

        async with self._worked_at(taken, lane):
            await self._added.run(attempt, work)

    def _public(self, where: Where) -> Callable[[Reply, Mapping[str, Any]], Post]:
        return lambda made, state: self._post(where.thread, made, state)

    def _post(
        self, channel: str, made: Reply, state: Mapping[str, Any] | None = None, user: str = "", url: str = ""
    ) -> Post:
        return self._parts.post(channel, made, state, user, url)

    @asynccontextmanager
    async def _shown_meanwhile(self, taken: Taken, where: Where) -> AsyncIterator[None]:
        """Who waits longer than a moment sees that something is done; the answer then takes that message's place."""

        async def later() -> None:
            await asyncio.sleep(_MEANWHILE)
            step = self._post(where.thread, problem(Finding("EGR1458")))
            await self._aside.run(attempt, lambda: self._show(taken, step))
            self._told()

        task = asyncio.create_task(later())
        try:
            yield
        finally:
            task.cancel()

    def _show(self, taken: Taken, post: Post) -> None:
        with self._inbox.memory.transaction() as tx:
            tx.show(taken.live, post.channel, post.payload, taken.clock(), repository=taken.row.repository)

    def _where(self, taken: Taken) -> Where:
        event = taken.body["event"]
        said = event.get("message") or event
        return Where("slack", thread_of(envelopes.team_of(taken.body), event["channel"], said))
