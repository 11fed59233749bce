"""Texts that Slack turned into a file: read from Slack's own host and nowhere else, and only as much as is looked at.

https://docs.slack.dev/reference/objects/file-object; a download takes the bot's token, so it must never go elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout
from slack_sdk.web.async_client import AsyncWebClient

_HOSTS = ("files.slack.com", "slack-files.com")
_MOST = 256 * 1024  # bytes of one file
_MOST_FILES = 3
_PATIENCE = ClientTimeout(total=10)
_TEXTS = ("text/", "application/json", "application/x-yaml", "application/xml")


async def text_of(client: AsyncWebClient, message: Mapping[str, Any]) -> str:
    """The texts of a message's files, as far as they can be read; the preview where they can't."""
    found = [each for each in message.get("files") or () if _is_text(each)][:_MOST_FILES]
    return "\n".join([await _text(client, each) for each in found])


def only_pictures(message: Mapping[str, Any]) -> bool:
    return any(str(each.get("mimetype") or "").startswith("image/") for each in message.get("files") or ())


async def _text(client: AsyncWebClient, file: Mapping[str, Any]) -> str:
    preview = str(file.get("preview") or "")
    url = str(file.get("url_private_download") or file.get("url_private") or "")
    if not is_slacks(url, client.base_url):
        return preview
    try:
        async with (
            ClientSession(timeout=_PATIENCE) as session,
            session.get(url, headers={"Authorization": f"Bearer {client.token}"}, allow_redirects=False) as answer,
        ):
            if answer.status != 200 or "text/html" in answer.headers.get("Content-Type", ""):
                return preview  # Slack shows its sign-in page where the token may not read files
            return (await answer.content.read(_MOST)).decode("utf-8", "replace")
    except (ClientError, TimeoutError, OSError):
        return preview


def is_slacks(url: str, base_url: str) -> bool:
    """Over TLS from Slack's own hosts; where the API is spoken to at another address (a test, the page), from that."""
    where, api = urlsplit(url), urlsplit(base_url)
    if where.username or where.password:
        return False
    if where.scheme == "https" and where.hostname in _HOSTS and where.port in (None, 443):
        return True
    return api.hostname in ("127.0.0.1", "localhost") and (where.scheme, where.netloc) == (api.scheme, api.netloc)


def _is_text(file: Mapping[str, Any]) -> bool:
    kind = str(file.get("mimetype") or "")
    return file.get("mode") == "snippet" or kind.startswith(_TEXTS)
