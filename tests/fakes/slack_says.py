"""What Slack sends, signed by Slack's own signer: events, commands, clicks, submissions, shortcuts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

SECRET = "not-a-real-signing-secret"
BOT = "UBOT"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
Headers = dict[str, str | Sequence[str]]


def event(text: str, *, ts: str = "1.0", kind: str = "app_mention", event_id: str = "", **more: Any) -> dict[str, Any]:
    """An envelope. `more` are fields of the event, or of the envelope where they are its own."""
    outer: dict[str, Any] = {name: more.pop(name) for name in ("team_id", "is_ext_shared_channel") if name in more}
    inner = {"type": kind, "user": "UDANA", "text": text, "ts": ts, "channel": "C1", **more}
    found = {
        "type": "event_callback",
        "token": "an old shared secret",
        "team_id": "T1",
        "api_app_id": "A1",
        "event_id": event_id or f"Ev{kind}{ts}{inner.get('subtype', '')}",
        "event": inner,
        "authorizations": [{"team_id": "T1", "user_id": BOT, "is_bot": True}],
    }
    return {**found, **outer}


def command(text: str, *, trigger: str = "1.trigger", **more: Any) -> dict[str, Any]:
    given = {"command": "/egress", "text": text, "team_id": "T1", "channel_id": "C1", "user_id": "UDANA"}
    return {**given, "token": "an old shared secret", "api_app_id": "A1", "trigger_id": trigger, **more}


def click(
    action: str, *, value: str = "", stamp: str = "5.0", thread: str = "1.0", user: str = "UDANA"
) -> dict[str, Any]:
    pressed = {"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": stamp}
    return {
        "type": "block_actions",
        "team": {"id": "T1"},
        "user": {"id": user, "team_id": "T1"},
        "api_app_id": "A1",
        "channel": {"id": "C1"},
        "message": {"ts": "9.9", "thread_ts": thread},
        "actions": [pressed],
    }


def submission(
    callback: str, *, view: str = "V1", mark: str = "h1", values: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    shown = {
        "id": view,
        "type": "modal",
        "hash": mark,
        "callback_id": callback,
        "state": {"values": dict(values or {})},
    }
    return {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "UDANA", "team_id": "T1"}, "view": shown}


def shortcut(callback: str, *, trigger: str = "2.trigger") -> dict[str, Any]:
    return {
        "type": "message_action",
        "callback_id": callback,
        "trigger_id": trigger,
        "team": {"id": "T1"},
        "user": {"id": "UDANA", "team_id": "T1"},
        "channel": {"id": "C1"},
        "message": {"ts": "1.0", "text": "an alert", "bot_id": "B9"},
    }


def written(body: Mapping[str, Any]) -> tuple[str, str]:
    """As it stands on the wire, with its content type."""
    if "command" in body:
        return urlencode(body), FORM
    if body["type"] in ("event_callback", "url_verification"):
        return json.dumps(body), JSON
    return urlencode({"payload": json.dumps(body)}), FORM


def signed(text: str, kind: str, *, secret: str = SECRET, age: int = 0, **more: str) -> dict[str, str]:
    stamp = str(int(time.time()) - age)
    signature = SignatureVerifier(secret).generate_signature(timestamp=stamp, body=text)
    return {
        "content-type": kind,
        "x-slack-signature": signature or "",
        "x-slack-request-timestamp": stamp,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


async def send(
    bolt: AsyncApp, body: Mapping[str, Any], *, secret: str = SECRET, age: int = 0, **more: str
) -> BoltResponse:
    """Through the real app, as an HTTP request comes to it."""
    text, kind = written(body)
    headers: Headers = {name: [value] for name, value in signed(text, kind, secret=secret, age=age, **more).items()}
    return await bolt.async_dispatch(AsyncBoltRequest(body=text, headers=headers))
