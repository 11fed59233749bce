"""The Web API methods about people, conversations and messages. https://docs.slack.dev/reference/methods

Each takes the workspace and the arguments of the call, and gives the answer without `ok`; it raises SlackError for what
Slack refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.web.playground.workspace import Channel, Json, SlackError, User, Workspace

Method = Callable[[Workspace, Json], Json]

_MOST_TEXT = 40_000
_MOST_BLOCKS = 50


def auth_test(here: Workspace, _given: Json) -> Json:
    return {
        "url": "http://127.0.0.1/",
        "team": here.name,
        "team_id": here.team,
        "user": here.bot.name,
        "user_id": here.bot.id,
        "bot_id": here.bot_id,
        "is_enterprise_install": False,
    }


def user_of(here: Workspace, user: User) -> Json:
    first, _, last = user.real_name.partition(" ")
    profile = {"real_name": user.real_name, "display_name": user.name, "first_name": first, "last_name": last}
    return {
        "id": user.id,
        "team_id": here.team,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": False,
        "is_bot": user.is_bot,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_stranger": False,
        "tz": "Europe/Paris",
        "profile": {**profile, "title": user.title, "team": here.team, **({"email": user.email} if user.email else {})},
    }


def users_info(here: Workspace, given: Json) -> Json:
    return {"user": user_of(here, _user(here, given))}


def users_list(here: Workspace, _given: Json) -> Json:
    return {"members": [user_of(here, user) for user in here.users.values()]}


def users_lookup(here: Workspace, given: Json) -> Json:
    wanted = str(given.get("email", "")).casefold()
    found = next((user for user in here.users.values() if wanted and user.email.casefold() == wanted), None)
    if found is None:
        raise SlackError("users_not_found")
    return {"user": user_of(here, found)}


def channel_of(here: Workspace, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_private": channel.kind != "channel",
        "is_archived": False,
        "is_ext_shared": False,
        "is_member": here.bot.id in channel.members,
        "num_members": len(channel.members),
        "topic": {"value": channel.topic},
        **({"user": next(each for each in channel.members if each != here.bot.id)} if channel.kind == "im" else {}),
    }


def conversations_info(here: Workspace, given: Json) -> Json:
    return {"channel": channel_of(here, _channel(here, given))}


def conversations_list(here: Workspace, given: Json) -> Json:
    wanted = str(given.get("types") or "public_channel").split(",")
    kinds = {"channel": "public_channel", "group": "private_channel", "im": "im"}
    return {"channels": [channel_of(here, each) for each in here.channels.values() if kinds[each.kind] in wanted]}


def conversations_members(here: Workspace, given: Json) -> Json:
    return {"members": list(_channel(here, given).members)}


def conversations_open(here: Workspace, given: Json) -> Json:
    users = str(given.get("users", "")).split(",")
    if len(users) != 1 or users[0] not in here.users:
        raise SlackError("user_not_found")
    return {"channel": channel_of(here, here.direct(users[0]))}


def conversations_join(here: Workspace, given: Json) -> Json:
    channel = _channel(here, given)
    if here.bot.id not in channel.members:
        channel.members.append(here.bot.id)
        here.touch()
    return {"channel": channel_of(here, channel)}


def conversations_history(here: Workspace, given: Json) -> Json:
    """Newest first, threads' answers left out."""
    channel = _channel(here, given, inside=True)
    tops = [each for each in _said(channel.messages) if each.get("thread_ts", each["ts"]) == each["ts"]]
    return _page(given, list(reversed(_between(tops, given))))


def conversations_replies(here: Workspace, given: Json) -> Json:
    channel = _channel(here, given, inside=True)
    found = _said(channel.thread(str(given.get("ts", ""))))
    if not found:
        raise SlackError("thread_not_found")
    return _page(given, _between(found, given))


def chat_post(here: Workspace, given: Json) -> Json:
    channel = _channel(here, given, inside=True)
    made = here.post(channel, {**spoken(here, given), **_thread(given)})
    return {"channel": channel.id, "ts": made["ts"], "message": made}


def chat_post_ephemeral(here: Workspace, given: Json) -> Json:
    """Kept beside the others, for one person only; no event, no history and no update ever shows it."""
    channel, user = _channel(here, given, inside=True), _user(here, given)
    if user.id not in channel.members:
        raise SlackError("user_not_in_channel")
    made = here.post(channel, {**spoken(here, given), **_thread(given), "only_for": user.id})
    return {"message_ts": made["ts"]}


def chat_update(here: Workspace, given: Json) -> Json:
    channel = _channel(here, given)
    there = channel.find(str(given.get("ts", "")))
    if there.get("user") != here.bot.id or there.get("only_for"):
        raise SlackError("cant_update_message")
    new = spoken(here, given)
    if "blocks" in new:
        there["blocks"] = here.with_ids(new["blocks"])
    elif "text" in given:
        there.pop("blocks", None)
    there |= {"text": new["text"], "edited": {"user": here.bot.id, "ts": here.new_ts()}}
    if "metadata" in new:
        there["metadata"] = new["metadata"]
    here.touch()
    return {"channel": channel.id, "ts": there["ts"], "text": there["text"], "message": there}


def chat_delete(here: Workspace, given: Json) -> Json:
    channel = _channel(here, given)
    there = channel.find(str(given.get("ts", "")))
    if there.get("user") != here.bot.id:
        raise SlackError("cant_delete_message")
    channel.messages.remove(there)
    here.touch()
    return {"channel": channel.id, "ts": there["ts"]}


def chat_permalink(here: Workspace, given: Json) -> Json:
    channel = _channel(here, given)
    there = channel.find(str(given.get("message_ts", "")))
    return {"channel": channel.id, "permalink": f"http://127.0.0.1/archives/{channel.id}/p{there['ts']}"}


def reactions_add(here: Workspace, given: Json) -> Json:
    there, name = _channel(here, given).find(str(given.get("timestamp", ""))), str(given.get("name", ""))
    reactions = there.setdefault("reactions", [])
    mine = next((each for each in reactions if each["name"] == name), None)
    if mine and here.bot.id in mine["users"]:
        raise SlackError("already_reacted")
    if mine is None:
        reactions.append({"name": name, "users": [here.bot.id], "count": 1})
    else:
        mine |= {"users": [*mine["users"], here.bot.id], "count": mine["count"] + 1}
    here.touch()
    return {}


def reactions_remove(here: Workspace, given: Json) -> Json:
    there, name = _channel(here, given).find(str(given.get("timestamp", ""))), str(given.get("name", ""))
    kept = [each for each in there.get("reactions", ()) if each["name"] != name]
    if len(kept) == len(there.get("reactions", ())):
        raise SlackError("no_reaction")
    there["reactions"] = kept
    here.touch()
    return {}


def spoken(here: Workspace, given: Json) -> Json:
    """What the bot says, as a message. Raises SlackError where it is empty or too long."""
    text, blocks = str(given.get("text") or ""), given.get("blocks")
    if not text and not blocks and not given.get("attachments"):
        raise SlackError("no_text")
    if len(text) > _MOST_TEXT:
        raise SlackError("msg_too_long")
    if blocks is not None and (not isinstance(blocks, list) or not all(isinstance(each, dict) for each in blocks)):
        raise SlackError("invalid_blocks_format")
    if len(blocks or ()) > _MOST_BLOCKS:
        raise SlackError("invalid_blocks")
    more = {name: given[name] for name in ("blocks", "attachments", "metadata") if given.get(name)}
    return {"user": here.bot.id, "bot_id": here.bot_id, "app_id": here.app_id, "text": text, **more}


def _thread(given: Json) -> Json:
    return {name: given[name] for name in ("thread_ts", "reply_broadcast") if given.get(name)}


def _channel(here: Workspace, given: Json, *, inside: bool = False) -> Channel:
    found = here.channel(str(given.get("channel", "")))
    if inside and here.bot.id not in found.members:
        raise SlackError("not_in_channel")
    return found


def _user(here: Workspace, given: Json) -> User:
    found = here.users.get(str(given.get("user", "")))
    if found is None:
        raise SlackError("user_not_found")
    return found


def _said(messages: list[Json]) -> list[Json]:
    return [each for each in messages if not each.get("only_for")]


def _between(messages: list[Json], given: Json) -> list[Json]:
    inclusive = str(given.get("inclusive", "")).casefold() in ("1", "true")
    oldest, latest = float(given.get("oldest") or 0), float(given.get("latest") or "inf")
    edges = (oldest, latest) if inclusive else ()
    return [each for each in messages if oldest < float(each["ts"]) < latest or float(each["ts"]) in edges]


def _page(given: Json, messages: list[Json]) -> Json:
    start, most = int(given.get("cursor") or 0), int(given.get("limit") or 100)
    more = start + most < len(messages)
    cursor: dict[str, Any] = {"response_metadata": {"next_cursor": str(start + most) if more else ""}}
    return {"messages": messages[start : start + most], "has_more": more, **cursor}


METHODS: dict[str, Method] = {
    "auth.test": auth_test,
    "chat.delete": chat_delete,
    "chat.getPermalink": chat_permalink,
    "chat.postEphemeral": chat_post_ephemeral,
    "chat.postMessage": chat_post,
    "chat.update": chat_update,
    "conversations.history": conversations_history,
    "conversations.info": conversations_info,
    "conversations.join": conversations_join,
    "conversations.list": conversations_list,
    "conversations.members": conversations_members,
    "conversations.open": conversations_open,
    "conversations.replies": conversations_replies,
    "reactions.add": reactions_add,
    "reactions.remove": reactions_remove,
    "users.info": users_info,
    "users.list": users_list,
    "users.lookupByEmail": users_lookup,
}
