"""What Slack sends, as arrivals: of which kind, by which key each repetition is known, and in which lane it is done.

A key never names the envelope or the socket: Slack sends one event over several, and again after a while. Shapes:
https://docs.slack.dev/apis/events-api, https://docs.slack.dev/reference/interaction-payloads,
https://docs.slack.dev/interactivity/implementing-slash-commands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from bot.world.memory import Arrival
from skills.core.report.normal import linkless

Body = Mapping[str, Any]

# Messages that somebody wrote. https://docs.slack.dev/reference/events/message (subtypes)
_WRITTEN = (None, "file_share", "thread_broadcast", "me_message")
_SPEAKING = ("message", "app_mention")
_NOT_KEPT = ("token",)  # Slack's old shared secret, which nobody needs


def arrival(body: Body) -> Arrival | None:
    """None for what nobody has to do anything about: other bots, our own words, joins, deletions, link previews."""
    found = _arrival(body)
    if found is None:
        return None
    kind, key, lane = found
    kept = {name: value for name, value in body.items() if name not in _NOT_KEPT}
    return Arrival(f"{body.get('api_app_id', '')}:{key}", kind, lane, json.dumps(kept, separators=(",", ":")))


def kind_of(body: Body) -> str:
    """`event:app_mention`, `command:/egress`, `action:ID`, `view:CALLBACK`, `closed:CALLBACK`, `shortcut:CALLBACK`,
    `options:ID`; empty for anything else."""
    if "command" in body:
        return f"command:{body['command']}"
    kind = body.get("type")
    if kind == "event_callback":
        return f"event:{body['event'].get('type')}"
    if kind == "block_actions":
        return f"action:{body['actions'][0]['action_id']}"
    if kind == "block_suggestion":
        return f"options:{body['action_id']}"
    if kind in ("view_submission", "view_closed"):
        return f"{'view' if kind == 'view_submission' else 'closed'}:{body['view']['callback_id']}"
    return f"shortcut:{body['callback_id']}" if kind in ("shortcut", "message_action") else ""


def plain(text: str) -> str:
    """What people typed: Slack sends links in angle brackets, and its own three signs as entities. Mentions stay.

    Source: https://docs.slack.dev/messaging/formatting-message-text (retrieved messages).
    """
    return linkless(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def team_of(body: Body) -> str:
    """The workspace that the envelope names."""
    team = body.get("team") or {}
    return str(body.get("team_id") or team.get("id") or (body.get("user") or {}).get("team_id") or "")


def user_of(body: Body) -> tuple[str, str]:
    """Workspace and id of whoever pressed, submitted or typed: of the workspace that the person belongs to."""
    user = body.get("user")
    if isinstance(user, Mapping):
        return str(user.get("team_id") or team_of(body)), str(user["id"])
    return team_of(body), str(body.get("user_id") or "")


def author_of(body: Body) -> tuple[str, str]:
    """Workspace and id of whoever wrote a message. In a shared channel that may be somebody of another workspace."""
    event = body["event"]
    home = event.get("user_team") or event.get("source_team") if body.get("is_ext_shared_channel") else None
    return str(home or team_of(body)), str(event.get("user") or "")


def thread_of(team: str, channel: str, message: Body) -> str:
    """The conversation that a message stands in, or begins."""
    return f"slack:{team}:{channel}:{message.get('thread_ts') or message.get('ts')}"


def direct_to(team: str, user: str) -> str:
    """Where somebody is written to alone."""
    return f"slack:{team}:direct:{user}"


def address(thread: str) -> tuple[str, str | None]:
    """Channel and thread of a conversation as requests have it: `slack:TEAM:CHANNEL:TS`.

    After a slash command a user stands where the thread would: nobody else saw it, so that person is written to.
    """
    _, _, channel, last = thread.split(":", 3)
    return (channel, last) if last.replace(".", "", 1).isdecimal() else (last, None)


def is_a_reply(message: Body) -> bool:
    """Whether it stands in a thread that is open, not at the channel's root."""
    return bool(message.get("thread_ts")) and message.get("thread_ts") != message.get("ts")


def conversation_of(body: Body) -> str:
    """The conversation that a button stands in. What only one person sees stands in that person's own, and so does what
    stands in no channel at all."""
    team, user = user_of(body)
    message, channel = body.get("message"), str((body.get("channel") or {}).get("id") or "")
    container = body.get("container") or {}
    if message and not container.get("is_ephemeral"):
        return thread_of(team_of(body), channel, message)
    return f"slack:{team_of(body)}:{channel}:{user}" if channel else direct_to(team, user)


def mentions(text: str, bot: str) -> bool:
    return bool(bot) and (f"<@{bot}>" in text or f"<@{bot}|" in text)


def bot_of(body: Body) -> str:
    """Our own user, as the envelope names it."""
    return next((str(each.get("user_id")) for each in body.get("authorizations") or () if each.get("is_bot")), "")


def _arrival(body: Body) -> tuple[str, str, str] | None:
    kind, (team, user) = kind_of(body), user_of(body)
    if kind.startswith("event:"):
        return _event(kind, body)
    if kind.startswith("command:"):
        lane = f"slack:{team_of(body)}:{body.get('channel_id')}:{user}"
        return kind, f"command:{body.get('trigger_id') or _digest(body)}", lane
    if kind.startswith("action:"):
        action = body["actions"][0]
        stamp = action.get("action_ts") or body.get("trigger_id") or _digest(body)
        key = f"click:{stamp}:{user}:{action.get('block_id')}:{action['action_id']}"
        return kind, key, conversation_of(body)
    if kind.startswith(("view:", "closed:")):
        view = body["view"]
        return kind, f"{kind.partition(':')[0]}:{view.get('id')}:{view.get('hash')}", f"{team}:{user}"
    if kind.startswith("shortcut:"):
        return kind, f"{kind}:{body.get('trigger_id') or body.get('action_ts')}:{user}", f"{team}:{user}"
    return None


def _event(kind: str, body: Body) -> tuple[str, str, str] | None:
    event, team, name = body["event"], team_of(body), f"event:{body.get('event_id') or _digest(body)}"
    if event.get("type") not in _SPEAKING:
        return kind, name, f"{team}:{event.get('user') or name}"
    channel, subtype = event.get("channel", ""), event.get("subtype")
    if subtype == "message_changed":
        return (f"{kind}:changed", name, thread_of(team, channel, event["message"])) if _reworded(event) else None
    if subtype not in _WRITTEN or event.get("bot_id") or not event.get("user"):
        return None
    direct = event.get("channel_type") == "im"
    if event["type"] == "message" and not direct and mentions(event.get("text") or "", bot_of(body)):
        return None  # the same words come as `app_mention` too
    # Not one key for both: where the envelope does not name us, the words could be thrown away with their ask.
    return kind, f"{event['type']}:{team}:{channel}:{event.get('ts')}", thread_of(team, channel, event)


def _reworded(event: Body) -> bool:
    """Somebody changed what they wrote. Link previews, and messages of bots that change, come in the same way."""
    now, before = event.get("message") or {}, event.get("previous_message") or {}
    return not now.get("bot_id") and bool(now.get("user")) and now.get("text") != before.get("text")


def _digest(body: Body) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
