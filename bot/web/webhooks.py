"""`/webhooks/gitlab`: GitLab says that something happened; it is checked, kept as a row, answered, and looked at later.

A payload is only a hint where to look: what is so is read from GitLab's API. Nothing of a payload is kept but numbers
and branch names. Headers and payloads: https://docs.gitlab.com/user/project/integrations/webhooks/ (delivery headers,
signing token), https://docs.gitlab.com/user/project/integrations/webhook_events/.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.settings import Secret
from skills.core.messages import say
from skills.core.model import Finding, finding

log = logging.getLogger("postern.webhooks")

PATH = "/webhooks/gitlab"
MOST = 1_048_576  # bytes of a body
_SIGNED = "whsec_"
_FRESH = 300  # seconds that a signature is good for
_PATIENCE = 0.8  # seconds until a row must stand: GitLab is answered within one
_READING = 10.0  # seconds for a body to arrive
_KINDS = {
    "Merge Request Hook": "merge_request",
    "Note Hook": "note",
    "Pipeline Hook": "pipeline",
    "Push Hook": "push",
}

_REFUSED = (401, 403)
_QUIET = 60.0  # seconds: whoever knocks all day shall not fill the database
_MOST_PLACES = 20

Note = Callable[[str, int, int], Awaitable[None]]
"""Keeps that a path answered with this status so many times since it was kept last."""
Keep = Callable[[str, str, Mapping[str, Any]], Awaitable[bool]]
"""Keeps a delivery by its key, with its kind and hint. False for one that came before; raises when it can't be kept."""


class Refusal(Exception):
    """Why a delivery is not taken, as a status and a finding."""

    def __init__(self, status: int, found: Finding) -> None:
        super().__init__(status, found)
        self.status = status
        self.finding = found


@dataclass(frozen=True, slots=True)
class Source:
    """Whom deliveries are taken from, and where they are kept. `secret` is the secret token, or the signing token (it
    begins with whsec_)."""

    secret: Secret | None
    project: str
    clock: Callable[[], datetime]
    keep: Keep


def add_webhooks(served: web.Application, sources: Sequence[Source]) -> None:
    """Answers 202 kept, 200 nothing to do, 401 not GitLab, 403 another project, 400, 408, 413, 415, 503 try again."""

    async def hear(request: web.Request) -> web.Response:
        try:
            source, key, kind, hint = await _read(request, sources)
        except Refusal as refusal:
            return _answer(refusal.status, refusal.finding)
        if not hint:
            return _answer(200, finding("EGR025", event=kind))
        try:
            async with asyncio.timeout(_PATIENCE):
                new = await source.keep(key, kind, hint)
        except (TimeoutError, Refusal):
            return _answer(503, Finding("EGR028"))
        return _answer(202, Finding("EGR027")) if new else _answer(200, Finding("EGR026"))

    served.router.add_post(PATH, hear)


def _answer(status: int, found: Finding) -> web.Response:
    says = say(found).says
    if status >= 400:
        log.warning("%s", says)
    response = web.json_response({"accepted": status == 202, "says": says}, status=status)
    if status in (408, 413):
        response.force_close()  # the rest of the body is not waited for
    return response


async def _read(request: web.Request, sources: Sequence[Source]) -> tuple[Source, str, str, Mapping[str, Any]]:
    """Whose delivery it is, its key, kind and hint. The payload's project says which repository is meant, and it must
    bear the secret of that one: a secret of another one opens nothing. Raises Refusal."""
    headers, able = request.headers, [each for each in sources if each.secret]
    if not able:
        raise Refusal(503, Finding("EGR020"))
    given_token = headers.get("X-Gitlab-Token", "")
    known = [each for each in able if not _signs(each) and _same(given_token, _secret(each))]
    if not known and not any(map(_signs, able)):
        raise Refusal(401, Finding("EGR021"))
    if request.content_type != "application/json":
        raise Refusal(415, finding("EGR023", why="its content type is not application/json"))
    body = await _body(request)
    known += [each for each in able if _signs(each) and _is_signed(headers, body, _secret(each), each.clock())]
    if not known:
        raise Refusal(401, Finding("EGR021"))
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, finding("EGR023", why="it is not JSON")) from None
    if not isinstance(given, dict):
        raise Refusal(400, finding("EGR023", why="it is no JSON object"))
    event, project = headers.get("X-Gitlab-Event", ""), _map(given, "project")
    ours = [each for each in able if _is_ours(project, each.project)]
    if not ours:
        named = "".join(c for c in str(project.get("path_with_namespace", "no project")) if c.isprintable())
        served = ", ".join(each.project for each in able)
        raise Refusal(403, finding("EGR024", project=named[:100], ours=served))
    meant = next((each for each in ours if each in known), None)
    if meant is None:
        raise Refusal(401, Finding("EGR021"))
    kind = _KINDS.get(event, "")
    return meant, _key(headers, body), kind or event[:60] or "without a name", _hint(kind, given, project)


def _secret(source: Source) -> str:
    return source.secret.reveal() if source.secret else ""


def _signs(source: Source) -> bool:
    return _secret(source).startswith(_SIGNED)


async def _body(request: web.Request) -> bytes:
    too_big = Refusal(413, finding("EGR022", most=MOST // 1024))
    if (request.content_length or 0) > MOST:
        raise too_big
    kept = bytearray()
    try:
        async with asyncio.timeout(_READING):
            async for piece in request.content.iter_any():
                kept += piece
                if len(kept) > MOST:
                    raise too_big
    except TimeoutError:
        raise Refusal(408, finding("EGR023", why="it did not arrive in time")) from None
    return bytes(kept)


def _same(given: str, wanted: str) -> bool:
    """In constant time, whatever is given. Headers may hold bytes that are no text."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def _is_signed(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`; several signatures while a token is changed."""
    stamp, name = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not stamp.isdecimal() or len(stamp) > 12 or abs(now.timestamp() - int(stamp)) > _FRESH:
        return False
    try:
        key = base64.b64decode(secret.removeprefix(_SIGNED), validate=True)
    except binascii.Error:
        return False
    if not key:
        return False
    made = hmac.new(key, f"{name}.{stamp}.".encode("utf-8", "surrogateescape") + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(made).decode()
    return any(_same(given, wanted) for given in headers.get("webhook-signature", "").split(" "))


def _is_ours(project: Mapping[str, Any], ours: str) -> bool:
    if ours.isdecimal():
        return str(project.get("id")) == ours
    return str(project.get("path_with_namespace", "")).casefold() == ours.casefold()


def _key(headers: Mapping[str, str], body: bytes) -> str:
    """What GitLab calls the delivery, the same when it tries again; older versions: the event and its body."""
    name = headers.get("Idempotency-Key") or headers.get("webhook-id")
    if name:
        return f"id:{name[:200]}"
    return f"event:{headers.get('X-Gitlab-Event-UUID', '')[:100]}:{hashlib.sha256(body).hexdigest()}"


def _hint(kind: str, given: Mapping[str, Any], project: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where to look: `number` of a merge request, `branch`, `default` branch, `user` who did it. Empty: nowhere."""
    what, about = _map(given, "object_attributes"), _map(given, "merge_request")
    found: dict[str, Any] = {}
    if kind == "merge_request":
        found = {"number": what.get("iid"), "user": _map(given, "user").get("id")}
    elif kind == "note" and what.get("noteable_type") == "MergeRequest":
        found = {"number": about.get("iid"), "user": _map(given, "user").get("id")}
    elif kind == "pipeline" and not what.get("tag"):
        found = {"number": about.get("iid"), "branch": what.get("ref")}
    elif kind == "push" and str(given.get("ref", "")).startswith("refs/heads/"):
        found = {"branch": given["ref"].removeprefix("refs/heads/"), "default": project.get("default_branch")}
    kept = {name: value for name, value in found.items() if _is_plain(name, value)}
    return kept if "number" in kept or "branch" in kept else {}


def _is_plain(name: str, value: Any) -> bool:
    """Numbers as a database's columns hold them, names as Git's branches are."""
    if name in ("number", "user"):
        return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
    return isinstance(value, str) and 0 < len(value) <= 255


def _map(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = given.get(name)
    return value if isinstance(value, dict) else {}


def note_refusals(served: web.Application, note: Note, ticks: Callable[[], float] = monotonic) -> None:
    """What came to the door with a wrong signature is noted once a minute and place, with how often.

    Nothing of a request is kept: neither its body nor its headers are anybody's words.
    """
    since: dict[tuple[str, int], tuple[float, int]] = {}

    async def count(path: str, status: int) -> None:
        known = (path, status)
        if known not in since and len(since) >= _MOST_PLACES:
            return
        before, times = since.get(known, (-_QUIET, 0))
        if ticks() - before < _QUIET:
            since[known] = (before, times + 1)
            return
        since[known] = (ticks(), 0)
        await note(path, status, times + 1)

    @web.middleware
    async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if answer.status in _REFUSED:
            await count(request.path, answer.status)
        return answer

    served.middlewares.append(refusals)
