"""Deliveries as GitLab sends them: headers by its documentation, bodies from the golden payloads beside the tests.

https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers; signing token: Standard Webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).parents[1] / "bot" / "webhooks"
SECRET = "made-up-webhook-secret"
SIGNING = "whsec_" + base64.b64encode(b"made-up-signing-token-of-tests--").decode()
EVENTS = {
    "merge_request": "Merge Request Hook",
    "note": "Note Hook",
    "pipeline": "Pipeline Hook",
    "push": "Push Hook",
}


def payload(name: str, **changes: Any) -> dict[str, Any]:
    """A golden payload; `object_attributes__iid=2` changes what lies deeper."""
    made: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    for path, value in changes.items():
        *parents, last = path.split("__")
        inner = made
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return made


def headers(event: str, *, secret: str | None = SECRET, key: str | None = None) -> dict[str, str]:
    """Of one delivery; each call is another one unless it is given its key."""
    made = {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/18.4.0",
        "X-Gitlab-Event": EVENTS.get(event, event),
        "X-Gitlab-Instance": "https://gitlab.example",
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
        "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        "Idempotency-Key": key or str(uuid.uuid4()),
    }
    return {**made, "X-Gitlab-Token": secret} if secret else made


def signed(body: bytes, given: dict[str, str], moment: float, token: str = SIGNING) -> dict[str, str]:
    """The headers that GitLab adds where the webhook has a signing token."""
    name, stamp = given["Idempotency-Key"], str(int(moment))
    secret = base64.b64decode(token.removeprefix("whsec_"))
    made = hmac.new(secret, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(made).decode()
    return {**given, "webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature}
