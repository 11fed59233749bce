"""The request form: what is needed is filled in field by field, the change is shown with its questions, and only then a
merge request is opened.

The form opens and its faults are told within the request; what takes longer is done from the row, and the form then
shows what came of it. https://docs.slack.dev/surfaces/modals
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.slack import envelopes, views
from bot.slack.commands import command
from bot.slack.envelopes import Body
from bot.slack.fields import faults
from bot.slack.home import NEW
from bot.slack.inbox import Now, Post, Taken
from bot.slack.kit import option
from bot.slack.parts import FAILURES, Parts, own_thread
from bot.turns import Pressed, need_of, who_will_read
from skills.cards import earlier
from skills.core.messages import say
from skills.core.model import Finding
from skills.core.understand import hear
from skills.replies import Reply, asked

_SUGGESTED = 50
_OF_EVERY_CLUSTER = ("default", "kube-node-lease", "kube-public", "kube-system")
_IN_TURN = ("workload", "environment", "repository", "phase", "destination")


class Forms:
    """Registers its handlers with the inbox."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        inbox = parts.inbox
        inbox.at_once("command:/egress", self.typed)
        inbox.at_once(f"action:{NEW}", self.wanted)
        inbox.at_once(f"options:{views.WORKLOAD}", self.workloads)
        inbox.at_once(f"options:{views.HOSTS}", self.hosts)
        inbox.at_once(f"view:{views.REQUEST}", self.submitted)
        for callback in (views.ANSWERS, views.OPEN):
            inbox.at_once(f"view:{callback}", self.going_on)
        inbox.on(f"view:{views.REQUEST}", self.drafted)
        inbox.on(f"view:{views.ANSWERS}", self.answered)
        inbox.on(f"view:{views.OPEN}", self.opened)

    # --- opening it

    async def typed(self, body: Body) -> Now:
        made = command(str(body.get("text") or ""))
        if made.kind != "form":
            return Now(go_on=True)
        team, user = envelopes.user_of(body)
        await self._open(body, f"slack:{team}:{body['channel_id']}:{user}", made.words)
        return Now()

    async def wanted(self, body: Body) -> Now:
        """From the home page, where no channel is."""
        await self._open(body, envelopes.direct_to(*envelopes.user_of(body)), "")
        return Now()

    async def _open(self, body: Body, thread: str, words: str) -> None:
        speaks = await self._parts.gate.run(self._parts.inbox.memory.channel, thread.rpartition(":")[0])
        heard = hear(words, *await self._parts.names()) if words else None
        named = (heard.workload if heard else None) or str(speaks.get("for") or "")
        view = views.request_form({"thread": thread}, named, heard.destinations if heard else ())
        refused = await self._parts.refused_at_once(Pressed("draft"), body, thread)
        if refused:  # nobody fills in five fields to hear that it goes no further
            view = views.says("request", [say(refused).says, say(refused).do], {"thread": thread})
        await self._parts.client.views_open(trigger_id=str(body.get("trigger_id") or ""), view=view)

    # --- typeahead

    async def workloads(self, body: Body) -> Now:
        names, _ = await self._parts.names()
        return _options(str(body.get("value") or ""), names)

    async def hosts(self, body: Body) -> Now:
        """Hosts that were asked for lately, the newest first."""
        rows = await self._parts.gate.run(self._parts.requests)
        known = [to for row in sorted(rows, key=lambda row: row.since, reverse=True) for to in row.destinations]
        return _options(str(body.get("value") or ""), list(dict.fromkeys(known)))

    # --- what was filled in

    async def submitted(self, body: Body) -> Now:
        values = views.given(body["view"])
        names, _ = await self._parts.names()
        wrong = faults(values, names, self._parts.inbox.clock().date())
        if wrong:
            return Now(body={"response_action": "errors", "errors": wrong})
        return self._working(body)

    async def going_on(self, body: Body) -> Now:
        return self._working(body)

    def _working(self, body: Body) -> Now:
        said = [say(Finding("EGR1420")).says]
        view = views.says("change", said, views.meta_of(body["view"]))
        return Now(body={"response_action": "update", "view": view}, go_on=True)

    async def drafted(self, taken: Taken) -> Sequence[Post]:
        values = views.given(taken.body["view"])
        fields = {
            "for": str(values["workload"]),
            "to": tuple(values["hosts"]),
            "reason": " ".join(str(values["reason"]).split()),
            "until": str(values.get("until") or "") or None,
            "error": str(values.get("error") or ""),
        }
        return await self._draft(taken, fields)

    async def answered(self, taken: Taken) -> Sequence[Post]:
        """One answer goes the way of a typed one; several are taken together."""
        given = {name[2:]: str(value) for name, value in views.given(taken.body["view"]).items() if name[:2] == "q:"}
        if len(given) == 1 and next(iter(given)) in _IN_TURN:
            return await self._draft(taken, next(iter(given.values())))
        state = await self._parts.state(self._thread(taken))
        answers = [*state.get("answer", ()), *(f"{name}={value}" for name, value in given.items())]
        kept = {"reason": state.get("reason", ""), "error": state.get("text", "")}
        fields = {**need_of(state), **kept, "answer": tuple(answers)}
        return await self._draft(taken, {**fields, "to": tuple(fields.get("to", ()))})

    async def _draft(self, taken: Taken, wanted: Mapping[str, Any] | str) -> Sequence[Post]:
        thread = self._thread(taken)
        if not own_thread(thread, taken.body):
            return await self._shown(taken, thread, [], Finding("EGR1421"))
        where, who = await self._parts.where(thread), self._parts.who(taken.body)
        talk = self._parts.conversation
        if isinstance(wanted, str):
            replies = await self._parts.gate.run(talk.hear, wanted, who, where)
        else:
            replies = await self._parts.gate.run(talk.ask, "draft", wanted, who, where)
        view = await self._parts.gate.run(self._change, thread, replies, private=where.private)
        return await self._update(taken, thread, view, replies)

    def _change(self, thread: str, replies: Sequence[Reply], *, private: bool) -> views.View:
        """What was drafted; a change that can't be opened, and a refusal, can only be read."""
        state = self._parts.inbox.memory.thread(thread).state
        made = next((each for each in replies if each.diff or each.questions or each.private), replies[-1])
        told = replies[: replies.index(made) + 1]
        lines = [line for each in told for line in each.lines if line not in asked(made.questions)]
        if not made.questions and (made.private or not state.get("digest")):
            return views.says("change", lines)
        if private:
            lines.append(say(who_will_read(state)).says)
        past = earlier(state.get("to", ()), self._parts.requests())
        meta = {"thread": thread, "digest": str(state.get("digest") or "")}
        return views.change_view(meta, lines, made.diff, made.questions, past)

    async def opened(self, taken: Taken) -> Sequence[Post]:
        thread, digest = self._thread(taken), views.meta_of(taken.body["view"]).get("digest")
        if not own_thread(thread, taken.body) or not digest:
            return await self._shown(taken, thread, [], Finding("EGR1421"))
        where, who = await self._parts.where(thread), self._parts.who(taken.body)
        pressed = Pressed("open", None, digest, warned=True)
        replies = await self._parts.gate.run(self._parts.conversation.press, pressed, who, where)
        await self._shown(taken, thread, replies)
        return await self._parts.posts(thread, replies, envelopes.user_of(taken.body)[1])

    async def _shown(
        self, taken: Taken, thread: str, replies: Sequence[Reply], found: Finding | None = None
    ) -> Sequence[Post]:
        lines = [say(found).says] if found else [line for made in replies for line in made.lines]
        links = [url for made in replies for url in made.links]
        view = views.says("opened", lines, {"thread": thread}, links)
        return await self._update(taken, thread, view, replies)

    async def _update(self, taken: Taken, thread: str, view: views.View, replies: Sequence[Reply]) -> Sequence[Post]:
        """Whoever closed the form meanwhile reads it as a message."""
        try:
            await self._parts.client.views_update(view_id=taken.body["view"]["id"], view=view)
        except FAILURES:
            if own_thread(thread, taken.body):
                return await self._parts.posts(thread, replies, envelopes.user_of(taken.body)[1])
        return ()

    def _thread(self, taken: Taken) -> str:
        return views.meta_of(taken.body["view"]).get("thread", "slack:::")


def _options(typed: str, known: Sequence[str]) -> Now:
    """What fits, those that begin so first, then what every cluster has by itself; what was typed stands last, so that
    a new name can be given too."""
    typed = typed.strip()
    fits = [name for name in known if typed.casefold() in name.casefold() and 0 < len(name) <= views.VALUE_MOST]
    fits.sort(key=lambda name: (name in _OF_EVERY_CLUSTER, not name.casefold().startswith(typed.casefold())))
    also = [typed] if typed and typed not in fits[:_SUGGESTED] and len(typed) <= views.VALUE_MOST else []
    return Now(body={"options": [option(name) for name in (*fits[:_SUGGESTED], *also)]})
