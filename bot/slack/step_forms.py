"""Buttons that open a form: reasons for a decision, a question to whoever asked, evidence and diffs to be read.

A form opens within the request, since its trigger is good for three seconds; where that is over, the button does what
could be typed. Who decides is whoever submitted the form, by the signed envelope.
"""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.errors import SlackApiError

from bot.slack import deeds, envelopes, views
from bot.slack.blocks import MORE_STEPS, TO_READ, WITH_A_REASON, action_id, pressed
from bot.slack.envelopes import Body, address, direct_to
from bot.slack.inbox import Now, Post, Taken
from bot.slack.parts import FAILURES, Parts, own_thread
from bot.turns import Pressed, who_will_read
from skills.core.messages import say
from skills.core.model import Finding


class StepForms:
    """Registers its handlers with the inbox."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        for action in (MORE_STEPS, *map(action_id, (*WITH_A_REASON, *deeds.DEEDS))):
            parts.inbox.at_once(f"action:{action}", self.asked)
        for step in TO_READ:
            parts.inbox.at_once(f"action:{action_id(step)}", self.read)
        parts.inbox.on(f"action:{action_id('file')}", self.file)
        parts.inbox.at_once(f"view:{views.REASON}", self.checked)
        parts.inbox.on(f"view:{views.REASON}", self.given)

    async def asked(self, body: Body) -> Now:
        step, key, digest = pressed(body)
        thread = envelopes.conversation_of(body)
        if step != "open" and await self._parts.refused_at_once(Pressed(step, key, digest or None), body, thread):
            return Now(go_on=True)  # the row says why, and it is noted
        meta = {"thread": thread, "key": key, "digest": digest}
        meta |= {"within": "yes"} if envelopes.is_a_reply(body.get("message") or {}) else {}
        if step in deeds.DEEDS:
            view = deeds.deed_form(step, meta, await self._parts.gate.run(self._parts.request, key))
        else:
            view = views.reason_form(step, meta, *await self._known(step, thread))
        await self._parts.client.views_open(trigger_id=str(body.get("trigger_id") or ""), view=view)
        return Now()

    async def _known(self, step: str, thread: str) -> tuple[str, str]:
        """What whoever opens a merge request has to know first, who else will read it; and the reason of the draft."""
        if step != "open":
            return "", ""
        where = await self._parts.where(thread)
        state = await self._parts.state(thread)
        private = [say(who_will_read(state)).says] if where.private else []
        seen = [say(Finding("EGR1487", {"hint": state["hint"]})).says] if state.get("hint") else []
        hint = "\n".join([*private, *seen])
        return hint, str(state.get("reason") or "")

    async def read(self, body: Body) -> Now:
        step, key, digest = pressed(body)
        thread = envelopes.conversation_of(body)
        if step == "diff":
            bodies = await self._parts.gate.run(self._diff, key, digest, thread)
        else:
            state = await self._parts.state(thread)
            bodies = [str(each) for each in state.get("folded") or ()]
        if not any(text.strip() for text in bodies):
            return Now(go_on=True)
        view = views.long_text(step, bodies)
        await self._parts.client.views_open(trigger_id=str(body.get("trigger_id") or ""), view=view)
        return Now()

    async def file(self, taken: Taken) -> Sequence[Post]:
        """The whole diff as a snippet in its thread. After a crash it may stand there twice; it changes nothing."""
        _, key, digest = pressed(taken.body)
        thread, user = taken.row.lane, envelopes.user_of(taken.body)[1]
        channel, ts = address(thread)
        text = "\n".join(await self._parts.gate.run(self._diff, key, digest, thread))
        if ts is None or not text.strip():
            return self._parts.says(thread, Finding("EGR1431"), user)
        name = f"{key or 'change'}.diff"
        try:
            await self._parts.client.files_upload_v2(content=text, filename=name, channel=channel, thread_ts=ts)
        except FAILURES as failure:
            word = failure.response.get("error") if isinstance(failure, SlackApiError) else type(failure).__name__
            return self._parts.says(thread, Finding("EGR1432", {"why": str(word)}), user)
        return ()

    def _diff(self, key: str, digest: str, thread: str) -> list[str]:
        """Of a request as its row has it, else of what this thread drafted last."""
        request = self._parts.request(key) if key else None
        if request is None or request.drawn is None:
            state = self._parts.inbox.memory.thread(thread).state
            return [str(state.get("diff") or "")] if state.get("digest") == digest else []
        moved = [say(Finding("EGR407", {"key": key})).says] if request.digest != digest else []
        return [*moved, request.drawn.diff]

    async def checked(self, body: Body) -> Now:
        """What is missing is told at its field."""
        step, today = views.meta_of(body["view"]).get("step", ""), self._parts.inbox.clock().date()
        wrong = deeds.faults(step, views.given(body["view"]), today)
        return Now(body={"response_action": "errors", "errors": wrong}) if wrong else Now(go_on=True)

    async def given(self, taken: Taken) -> Sequence[Post]:
        meta, user = views.meta_of(taken.body["view"]), envelopes.user_of(taken.body)[1]
        thread, step = meta.get("thread", ""), meta.get("step", "")
        if not own_thread(thread, taken.body) or step not in (*WITH_A_REASON, *deeds.DEEDS):
            return self._parts.says(direct_to(envelopes.team_of(taken.body), user), Finding("EGR1421"))
        values = views.given(taken.body["view"])
        chosen = deeds.said_in(step, values) if step in deeds.DEEDS else None
        reason = str(values.get("reason") or "")
        decided = Pressed(step, meta.get("key") or None, meta.get("digest") or None, reason, True, chosen)
        where = await self._parts.where(thread)
        talk = self._parts.conversation
        replies = await self._parts.gate.run(talk.press, decided, self._parts.who(taken.body), where)
        alone = user if any(made.private for made in replies) else ""
        posts = await self._parts.posts(thread, replies, alone)
        return [each._replace(within="within" in meta) for each in posts]
