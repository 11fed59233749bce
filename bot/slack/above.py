"""What stands above a mention: another bot's alert, or somebody's paste, with its text, blocks and attachments.

Shapes: https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/messaging/formatting-message-text
(secondary attachments).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.envelopes import plain
from bot.slack.files import only_pictures, text_of

_MOST = 20_000  # characters
_DEEPEST = 12
_ABOVE = 3  # messages of a channel that are looked at
_TEXTS = ("pretext", "title", "title_link", "text", "value", "fallback", "alt_text")
_PARTS = ("blocks", "attachments", "fields", "elements", "text", "title", "message_blocks", "message")


def words_of(message: Mapping[str, Any]) -> str:
    """Every text of a message once, in its order. Buttons and their values are no text."""
    lines = dict.fromkeys(line for text in _texts(message, 0) for line in text.splitlines() if line.strip())
    return "\n".join(lines)[:_MOST]


def _texts(part: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST or not isinstance(part, Mapping) or part.get("type") == "button":
        return
    if part.get("type", "").startswith("rich_text_") and part.get("type") != "rich_text_list":
        yield _rich(part)
        return
    yield from (plain(part[name]) for name in _TEXTS if isinstance(part.get(name), str))
    for name in _PARTS:
        inner = part.get(name)
        for piece in inner if isinstance(inner, list) else [inner]:
            yield from _texts(piece, depth + 1)


def _rich(part: Mapping[str, Any]) -> str:
    """One paragraph or preformatted block: its elements make one text, links by their address."""
    elements = [piece for piece in part.get("elements") or () if isinstance(piece, Mapping)]
    return "".join(str(piece.get("text") or piece.get("url") or "") for piece in elements)


async def attached(client: AsyncWebClient, message: Mapping[str, Any]) -> str:
    """The text of the snippets and text files of a message."""
    return await text_of(client, message)


async def all_of(client: AsyncWebClient, message: Mapping[str, Any]) -> str:
    """What a message says, and the snippets and text files below it."""
    return "\n".join(filter(None, (words_of(message), await attached(client, message))))


def has_pictures(message: Mapping[str, Any]) -> bool:
    """For a message without words of its own."""
    return only_pictures(message)


async def above(client: AsyncWebClient, event: Mapping[str, Any], own: str) -> Mapping[str, Any] | None:
    """The message above a mention: the first of its thread, else the last of the channel that is not `own`.

    None where there is none, or where we may not read.
    """
    channel, thread = event["channel"], event.get("thread_ts")
    try:
        if thread:
            answer = await client.conversations_replies(channel=channel, ts=thread, limit=1)
        else:
            answer = await client.conversations_history(channel=channel, latest=event["ts"], limit=_ABOVE)
    except SlackApiError:
        return None
    messages = [message for message in answer.get("messages") or () if message.get("bot_id") != own]
    return next((message for message in messages if message.get("ts") != event["ts"]), None)
