"""What Slack's errors mean for us: whether it may be tried again, and the sentence that says who has to do what.

Words: https://docs.slack.dev/reference/methods/chat.postMessage (errors), https://docs.slack.dev/reference/methods/auth.test.
"""

from __future__ import annotations

from typing import Any

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from skills.core.model import Finding, finding

FAILURES = (SlackApiError, ClientError, TimeoutError, OSError)
"""All that a call of Slack's may raise."""
FATAL = frozenset(
    {"token_revoked", "account_inactive", "invalid_auth", "not_authed", "token_expired", "app_uninstalled"}
)
"""Nothing works any more until somebody installs the app again."""
CARD = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "invalid_attachments"}
)
"""The words are fine, their form is not."""
ELSEWHERE = frozenset(
    {"not_in_channel", "channel_not_found", "user_not_in_channel", "is_archived", "cannot_reply_to_message"}
)
# Whether Slack did it is not known after these.
_UNSURE = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_RETRY = 5.0


class Unsent(Exception):
    """Why a message was not posted. `again` says that it may be tried, `surely` that Slack did not do it.

    `limited` says that we were too quick, `needed` is the scope that we lack.
    """

    def __init__(
        self,
        why: str,
        *,
        again: bool = False,
        surely: bool = True,
        wait: float = 0.0,
        limited: bool = False,
        needed: str = "",
    ) -> None:
        super().__init__(why)
        self.why = why
        self.again = again
        self.surely = surely
        self.wait = wait
        self.limited = limited
        self.needed = needed


def unsent(error: Exception) -> Unsent:
    """What came of a call that failed."""
    if not isinstance(error, SlackApiError):
        return Unsent(type(error).__name__, again=True, surely=False, wait=_RETRY)
    word, status = word_of(error), getattr(error.response, "status_code", 0)
    if status == 429 or word in ("ratelimited", "rate_limited"):
        asked = str(error.response.headers.get("Retry-After", ""))
        wait = float(asked) if asked.isdecimal() else _RETRY
        return Unsent("too many requests", again=True, wait=wait, limited=True)
    if status >= 500 or word in _UNSURE:
        return Unsent(word or f"status {status}", again=True, surely=False, wait=_RETRY)
    if word in FATAL:  # it waits in its row for a service that may speak
        return Unsent(word, again=True, wait=60.0)
    return Unsent(word or f"status {status}", needed=str(error.response.get("needed") or ""))


def word_of(error: SlackApiError) -> str:
    response: Any = error.response
    return str(response.get("error") or "") if hasattr(response, "get") else ""


def meaning(word: str, *, channel: str = "", needed: str = "") -> Finding:
    """The sentence for one of Slack's errors."""
    if word in FATAL:
        return finding("EGR1453", why=word)
    if word == "missing_scope":
        return finding("EGR1454", scope=needed or "of the app's manifest")
    if word in ELSEWHERE and channel:
        return finding("EGR1455", channel=channel, why=word)
    return finding("EGR098", why=word or "it gave no reason")


async def token_findings(client: AsyncWebClient) -> list[Finding]:
    """Whether Slack answers and takes our token. https://docs.slack.dev/reference/methods/auth.test"""
    try:
        await client.auth_test()
    except SlackApiError as failure:
        return [meaning(word_of(failure), needed=str(failure.response.get("needed") or ""))]
    except (ClientError, TimeoutError, OSError) as failure:
        return [finding("EGR098", why=f"it does not answer ({type(failure).__name__})")]
    return []


async def token_answers(token: str, api: str) -> list[Finding]:
    """As `token_findings`, for whoever has no client; `api` is where Slack's Web API is."""
    return await token_findings(AsyncWebClient(token=token, base_url=api, retry_handlers=[]))
