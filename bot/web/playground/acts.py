"""What people do in the workspace, turned into what Slack sends to the bot.

Every method takes the id of who does it; the page has no other say in that than which person sits before it. Payloads:
https://docs.slack.dev/reference/interaction-payloads, https://docs.slack.dev/interactivity/implementing-slash-commands.
"""

from __future__ import annotations

from typing import Any

from bot.web.playground import api, views
from bot.web.playground.calls import Calls
from bot.web.playground.workspace import Channel, Json, SlackError, Workspace, elements_of

_LONGEST_MESSAGE = 12_000  # characters; a longer paste becomes a snippet, as Slack's own clients offer
_SLACKBOT = {"user": "USLACKBOT", "name": "Slackbot"}


class Acts:
    def __init__(self, here: Workspace, calls: Calls, url: str = "") -> None:
        self.here = here
        self.calls = calls
        self.url = url  # where response URLs and files lead

    # --- messages

    async def say(self, user: str, channel: str, text: str, thread: str | None = None) -> Json:
        """A message, or a slash command where it begins with one."""
        place = self._place(user, channel)
        if text.startswith("/"):
            return await self._slash(user, place, text, thread)
        words = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        words = words.replace(f"@{self.here.bot.real_name}", f"<@{self.here.bot.id}>")
        message: Json = {"user": user, "text": words, "client_msg_id": self.here.new("m")}
        if len(words) > _LONGEST_MESSAGE:
            message = self._snippet(user, text)
        if thread:
            message["thread_ts"] = thread
        made = self.here.post(place, message)
        self._told(place, made)
        return {"ts": made["ts"]}

    def _snippet(self, user: str, text: str) -> Json:
        mention = f"<@{self.here.bot.id}>" if f"@{self.here.bot.real_name}" in text else ""
        file = views.new_file(self.here, "paste.txt", title="Pasted text", user=user, content=text)
        link = f"{self.url}/files/{file['id']}"
        file |= {"url_private": link, "url_private_download": link}
        return {"user": user, "text": mention, "subtype": "file_share", "files": [file], "upload": True}

    def _told(self, place: Channel, message: Json) -> None:
        """Slack sends a mention twice: as what it is, and as a message of its channel."""
        if self.here.bot.id not in place.members:
            return
        event = {**message, "channel": place.id, "channel_type": place.kind, "event_ts": message["ts"]}
        if f"<@{self.here.bot.id}>" in message["text"] and place.kind != "im":
            self.calls.event({**event, "type": "app_mention"})
        self.calls.event(event)

    async def edit(self, user: str, channel: str, ts: str, text: str) -> Json:
        place = self._place(user, channel)
        there = self._own(place, user, ts)
        before = dict(there)
        there |= {"text": text, "edited": {"user": user, "ts": self.here.new_ts()}}
        self.here.touch()
        self._changed(place, "message_changed", message=dict(there), previous_message=before)
        return {}

    async def delete(self, user: str, channel: str, ts: str) -> Json:
        place = self._place(user, channel)
        there = self._own(place, user, ts)
        place.messages.remove(there)
        self.here.touch()
        self._changed(place, "message_deleted", deleted_ts=ts, previous_message=there)
        return {}

    def _own(self, place: Channel, user: str, ts: str) -> Json:
        there = place.find(ts)
        if there.get("user") != user:
            raise SlackError("not_your_message")
        return there

    def _changed(self, place: Channel, subtype: str, **more: Any) -> None:
        at = self.here.new_ts()
        event = {"type": "message", "subtype": subtype, "hidden": True, "channel": place.id, "ts": at, "event_ts": at}
        self.calls.event({**event, "channel_type": place.kind, **more})

    async def stop(self, user: str, channel: str, thread: str) -> Json:
        """The button beside an agent at work. Slack itself changes nothing then: the bot hears of it."""
        place = self._place(user, channel)
        event = {"type": "agent_session_stopped", "user": user, "channel": place.id, "thread_ts": thread}
        self.calls.event({**event, "event_ts": self.here.new_ts()})
        return {}

    # --- commands and shortcuts

    async def _slash(self, user: str, place: Channel, text: str, thread: str | None) -> Json:
        command, _, rest = text.partition(" ")
        if thread:
            self._slackbot(place, user, f"{command} is not supported in threads. Sorry!", thread)
            return {}
        response = self.here.new_response(place.id, user)
        fields = {
            "token": "not-used",
            "team_id": self.here.team,
            "team_domain": self.here.name.casefold(),
            "channel_id": place.id,
            "channel_name": "directmessage" if place.kind == "im" else place.name,
            "user_id": user,
            "user_name": self.here.users[user].name,
            "command": command,
            "text": rest.strip(),
            "api_app_id": self.here.app_id,
            "is_enterprise_install": "false",
            "response_url": f"{self.url}/respond/{response}",
            "trigger_id": self.here.new_trigger(user),
        }
        try:
            answer = await self.calls.command(fields)
        except SlackError as failed:
            self._slackbot(place, user, f"{command} failed with the error “{failed.error}”.")
            return {}
        if answer and (answer.get("text") or answer.get("blocks")):
            api.answered(self.here, self.here.responses[response], answer)
        return {}

    def _slackbot(self, place: Channel, user: str, words: str, thread: str | None = None) -> None:
        said = {**_SLACKBOT, "text": words, "only_for": user}
        self.here.post(place, said | ({"thread_ts": thread} if thread else {}))

    async def shortcut(self, user: str, channel: str, ts: str, callback: str) -> Json:
        """A message shortcut, on anybody's message."""
        place = self._place(user, channel)
        there = place.find(ts)
        response = self.here.new_response(place.id, user, ts, there.get("thread_ts"))
        more: Json = {
            "callback_id": callback,
            "message_ts": ts,
            "message": there,
            "channel": {"id": place.id, "name": place.name},
            "response_url": f"{self.url}/respond/{response}",
        }
        await self.calls.interaction(self._payload("message_action", user) | more)
        return {}

    # --- elements of messages, modals and App Home

    async def press(self, user: str, where: Json, block: str, action: str, picked: Json, values: Json) -> Json:
        """`where` names a message (`channel`, `ts`) or a `view`; `picked` is what was chosen, in Slack's own fields."""
        container, blocks = self._container(user, where, values)
        element = next((each for at, each in elements_of(blocks) if (at, each["action_id"]) == (block, action)), None)
        if element is None:
            raise SlackError("element_gone")
        kept: Json = {
            name: element[name] for name in ("type", "action_id", "text", "value", "style") if name in element
        }
        done = {**kept, **picked, "block_id": block, "action_ts": self.here.new_ts()}
        await self.calls.interaction(self._payload("block_actions", user) | container | {"actions": [done]})
        return {}

    async def suggest(self, user: str, where: Json, block: str, action: str, typed: str) -> Json:
        """The options of an external select for what was typed, as the bot names them."""
        container, _ = self._container(user, where, {})
        payload = self._payload("block_suggestion", user) | container
        answer = await self.calls.interaction(payload | {"block_id": block, "action_id": action, "value": typed})
        return {name: (answer or {}).get(name) for name in ("options", "option_groups") if (answer or {}).get(name)}

    def _container(self, user: str, where: Json, values: Json) -> tuple[Json, list[Json]]:
        if where.get("view"):
            view = self._view(user, str(where["view"]))
            shown = {**view, "state": {"values": values}}
            return {"container": {"type": "view", "view_id": view["id"]}, "view": shown}, view["blocks"]
        place = self._place(user, str(where.get("channel")))
        there = place.find(str(where.get("ts")))
        private = there.get("only_for") == user
        thread: Json = {"thread_ts": there["thread_ts"]} if there.get("thread_ts") else {}
        response = self.here.new_response(place.id, user, there["ts"], there.get("thread_ts"))
        container = {"type": "message", "message_ts": there["ts"], "channel_id": place.id, "is_ephemeral": private}
        made: Json = {
            "container": container | thread,
            "channel": {"id": place.id, "name": "directmessage" if place.kind == "im" else place.name},
            "state": {"values": values},
            "response_url": f"{self.url}/respond/{response}",
            **({} if private else {"message": there}),
        }
        return made, there.get("blocks", [])

    async def submit(self, user: str, view: str, values: Json) -> Json:
        """Sends a modal. Gives the errors by block when the bot refuses; else the modal has changed or closed."""
        stack, at = self.here.find_view(view)
        there = self._view(user, view)
        payload = self._payload("view_submission", user)
        shown = {**there, "state": {"values": values}}
        answer = await self.calls.interaction(payload | {"view": shown, "response_urls": []}) or {}
        action = answer.get("response_action")
        if action == "errors":
            return {"errors": answer.get("errors") or {}}
        if action == "update":
            views.replace(self.here, stack, at, answer.get("view"))
        elif action == "push":
            views.push(self.here, stack, answer.get("view"))
        elif action == "clear":
            stack.clear()
        elif there in stack:
            stack.remove(there)
        self.here.touch()
        return {}

    async def close(self, user: str, view: str) -> Json:
        stack, at = self.here.find_view(view)
        there = self._view(user, view)
        del stack[at]
        self.here.touch()
        if there.get("notify_on_close"):
            await self.calls.interaction(self._payload("view_closed", user) | {"view": there, "is_cleared": False})
        return {}

    async def home(self, user: str) -> Json:
        """Opens App Home: the bot hears of it and may publish a view."""
        view = self.here.homes.get(user)
        event = {"type": "app_home_opened", "user": user, "channel": self.here.direct(user).id, "tab": "home"}
        self.calls.event(event | {"event_ts": self.here.new_ts()} | ({"view": view} if view else {}))
        return {}

    # --- helpers

    def _payload(self, kind: str, user: str) -> Json:
        who = self.here.users[user]
        return {
            "type": kind,
            "team": {"id": self.here.team, "domain": self.here.name.casefold()},
            "enterprise": None,
            "is_enterprise_install": False,
            "user": {"id": user, "username": who.name, "name": who.name, "team_id": self.here.team},
            "api_app_id": self.here.app_id,
            "token": "not-used",
            "action_ts": self.here.new_ts(),
            "trigger_id": self.here.new_trigger(user),
        }

    def _place(self, user: str, channel: str) -> Channel:
        place = self.here.channel(channel)
        if user not in place.members:
            raise SlackError("not_in_channel")
        return place

    def _view(self, user: str, view: str) -> Json:
        home = self.here.homes.get(user)
        mine: list[Json] = [*self.here.modals.get(user, ()), *([home] if home else [])]
        for each in mine:
            if each["id"] == view:
                return each
        raise SlackError("not_found")
