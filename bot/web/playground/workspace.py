"""What the workspace keeps: people, channels, messages, views, files. Values only, no HTTP.

Shapes are Slack's own: https://docs.slack.dev/reference/objects. Messages and views are kept as the JSON objects that
the bot sent, with the ids that Slack gives to blocks and elements without one.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

_TRIGGER_SECONDS = 3.0  # https://docs.slack.dev/interactivity/handling-user-interaction (trigger_id)
_RESPONSES, _RESPONSE_SECONDS = 5, 1800.0  # the same page, response_url


class SlackError(Exception):
    """What the Web API answers with `ok: false`. `more` are further fields of the answer."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass(frozen=True, slots=True)
class User:
    """Somebody of the workspace. `email` is what users.info tells of them; a bot has none."""

    id: str
    name: str
    real_name: str
    email: str = ""
    title: str = ""
    is_bot: bool = False


@dataclass(slots=True)
class Channel:
    """`kind` is Slack's channel_type. A direct message has the person and the bot as members."""

    id: str
    name: str
    kind: Literal["channel", "group", "im"]
    members: list[str]
    topic: str = ""
    messages: list[Json] = field(default_factory=list)

    def find(self, ts: str) -> Json:
        found = next((each for each in self.messages if each["ts"] == ts), None)
        if found is None:
            raise SlackError("message_not_found")
        return found

    def thread(self, ts: str) -> list[Json]:
        """The first message and what was answered to it."""
        return [each for each in self.messages if ts in (each["ts"], each.get("thread_ts"))]


@dataclass(slots=True)
class Trigger:
    """Lets the bot open a modal for one person, once and for three seconds."""

    user: str
    until: float
    used: bool = False


@dataclass(slots=True)
class Responding:
    """What stands behind one response_url: where it answers, to whom, and how often it still may."""

    channel: str
    user: str
    until: float
    message: str | None = None
    thread: str | None = None
    left: int = _RESPONSES


class Workspace:
    """All state of one workspace. `changed` is called with each change; `clock` gives seconds since 1970."""

    def __init__(self, bot: User, people: list[User], *, team: str = "T0POSTERN", name: str = "Fincorp") -> None:
        self.team = team
        self.name = name
        self.bot = bot
        self.app_id, self.bot_id = "A0POSTERN", "B0POSTERN"
        self.users = {user.id: user for user in (bot, *people)}
        self.channels: dict[str, Channel] = {}
        self.modals: dict[str, list[Json]] = {}
        self.homes: dict[str, Json] = {}
        self.files: dict[str, Json] = {}
        self.statuses: dict[tuple[str, str], Json] = {}
        self.triggers: dict[str, Trigger] = {}
        self.responses: dict[str, Responding] = {}
        self.version = 0
        self.changed: Callable[[], None] = lambda: None
        self.clock: Callable[[], float] = time.time
        self._count = itertools.count(1)
        self._last_ts = 0.0

    # --- ids

    def new(self, prefix: str) -> str:
        return f"{prefix}{next(self._count):08X}"

    def new_ts(self) -> str:
        """A message's time, which is its name in its channel: never the same twice."""
        self._last_ts = max(self.clock(), self._last_ts + 0.000001)
        return f"{self._last_ts:.6f}"

    def new_trigger(self, user: str) -> str:
        made = f"{next(self._count)}.{self.team}.{self.new('trigger')}"
        self.triggers[made] = Trigger(user, self.clock() + _TRIGGER_SECONDS)
        return made

    def take_trigger(self, trigger: str) -> str:
        """Whom it opens a modal for. Raises SlackError for one that is unknown, used or too old."""
        found = self.triggers.get(trigger)
        if found is None:
            raise SlackError("invalid_trigger_id")
        if found.used:
            raise SlackError("exchanged_trigger_id")
        if self.clock() > found.until:
            raise SlackError("expired_trigger_id")
        found.used = True
        return found.user

    def new_response(self, channel: str, user: str, message: str | None = None, thread: str | None = None) -> str:
        made = secrets.token_urlsafe(16)  # whoever knows it may answer: no other page of the browser must guess it
        self.responses[made] = Responding(channel, user, self.clock() + _RESPONSE_SECONDS, message, thread)
        return made

    # --- places

    def add_channel(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        return channel

    def channel(self, name: str) -> Channel:
        """A channel by its id or `#name`; a person's id stands for the direct messages with them."""
        if name in self.users:
            return self.direct(name)
        found = self.channels.get(name) or next(
            (each for each in self.channels.values() if f"#{each.name}" == name), None
        )
        if found is None:
            raise SlackError("channel_not_found")
        return found

    def direct(self, user: str) -> Channel:
        there = (each for each in self.channels.values() if each.kind == "im" and user in each.members)
        return next(there, None) or self.add_channel(
            Channel(f"D{user[1:]}", self.users[user].name, "im", [user, self.bot.id])
        )

    # --- messages

    def post(self, channel: Channel, message: Json) -> Json:
        """Adds a message, with the ids that it lacks. A thread's first message counts its answers."""
        made = {"type": "message", "ts": self.new_ts(), "team": self.team, **message}
        if "blocks" in made:
            made["blocks"] = self.with_ids(made["blocks"])
        if made.get("thread_ts") and made["thread_ts"] != made["ts"]:
            parent = next((each for each in channel.messages if each["ts"] == made["thread_ts"]), None)
            if parent is not None and not made.get("only_for"):
                parent["thread_ts"] = parent["ts"]
                parent["reply_count"] = parent.get("reply_count", 0) + 1
                parent["latest_reply"] = made["ts"]
        channel.messages.append(made)
        self.statuses.pop((channel.id, str(made.get("thread_ts", ""))), None)
        self.touch()
        return made

    def with_ids(self, blocks: list[Json]) -> list[Json]:
        """Blocks and elements as Slack hands them on: each has an id, and none that the bot gave is changed."""
        return [self._with_ids(block) for block in blocks]

    def _with_ids(self, block: Json) -> Json:
        made = {"block_id": self.new("b"), **block}
        if isinstance(made.get("elements"), list) and made["type"] in ("actions", "context_actions"):
            made["elements"] = [{"action_id": self.new("a"), **each} for each in made["elements"]]
        for name in ("accessory", "element"):
            if isinstance(made.get(name), dict) and made[name].get("type") != "image":
                made[name] = {"action_id": self.new("a"), **made[name]}
        return made

    def touch(self) -> None:
        self.version += 1
        self.changed()

    def find_view(self, view_id: str | None, external_id: str | None = None) -> tuple[list[Json], int]:
        """The stack that a view stands in, and where. Raises SlackError for a view that is not open."""
        for stack, at, view in self._open_views():
            if view["id"] == view_id or (external_id and view.get("external_id") == external_id):
                return stack, at
        raise SlackError("not_found")

    def _open_views(self) -> Iterator[tuple[list[Json], int, Json]]:
        for stack in self.modals.values():
            for at, view in enumerate(stack):
                yield stack, at, view


def elements_of(blocks: list[Json]) -> Iterator[tuple[str, Json]]:
    """Every interactive element with the id of its block."""
    for block in blocks:
        inner = block.get("elements") if block.get("type") in ("actions", "context_actions") else None
        for element in (*(inner or ()), block.get("accessory"), block.get("element")):
            if isinstance(element, dict) and "action_id" in element:
                yield block["block_id"], element
