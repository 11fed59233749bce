"""Deliveries over real HTTP: who is heard, what is kept of it, what is refused with which sentence."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bot.settings import Secret
from bot.web.webhooks import MOST, PATH, Refusal, Source, add_webhooks
from skills.core.model import Finding
from tests.fakes.gitlab_hooks import EVENTS, SECRET, SIGNING, headers, payload, signed
from tests.worlds import NOW

PROJECT = "platform/allowlist"


@dataclass
class Ear:
    """A server with the endpoint, and what it kept."""

    url: str = ""
    kept: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    broken: Callable[[], Any] | None = None

    async def keep(self, key: str, kind: str, hint: Mapping[str, Any]) -> bool:
        if self.broken:
            await self.broken()
        new = key not in self.kept
        self.kept.setdefault(key, (kind, hint))
        return new

    async def send(self, body: bytes | dict[str, Any], given: dict[str, str]) -> tuple[int, str]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with aiohttp.ClientSession() as session, session.post(self.url, data=data, headers=given) as answer:
            says = (await answer.json())["says"]
            assert "{" not in says
            assert SECRET not in says
            return answer.status, says


async def hearing(*ears: tuple[Ear, str | None, str]) -> web.AppRunner:
    """One address for all: who hears, with which secret, of which project."""
    served = web.Application()
    sources = [
        Source(Secret(secret) if secret else None, project, lambda: NOW, ear.keep) for ear, secret, project in ears
    ]
    add_webhooks(served, sources)
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for ear, *_ in ears:
        ear.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    return runner


@pytest_asyncio.fixture
async def ear() -> AsyncIterator[Ear]:
    made = Ear()
    runner = await hearing((made, SECRET, PROJECT))
    yield made
    await runner.cleanup()


pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("name", "kind", "hint"),
    [
        ("merge_request", "merge_request", {"number": 1, "user": 8}),
        ("note", "note", {"number": 1, "user": 8}),
        ("pipeline", "pipeline", {"number": 1, "branch": "egress/EG-1"}),
        ("pipeline_of_a_branch", "pipeline", {"branch": "egress/EG-1"}),
        ("push", "push", {"branch": "main", "default": "main"}),
        ("push_of_a_branch", "push", {"branch": "egress/EG-1", "default": "main"}),
    ],
)
async def test_each_event_is_kept_as_a_hint_and_nothing_else(
    ear: Ear, name: str, kind: str, hint: dict[str, Any]
) -> None:
    assert (await ear.send(payload(name), headers(kind, key="k")))[0] == 202
    assert ear.kept == {"id:k": (kind, hint)}


@pytest.mark.parametrize(
    ("event", "name"),
    [("note", "note_on_an_issue"), ("Wiki Page Hook", "note"), ("", "note"), ("Confidential Note Hook", "note")],
)
async def test_other_events_are_answered_and_not_kept(ear: Ear, event: str, name: str) -> None:
    assert (await ear.send(payload(name), headers(event)))[0] == 200
    assert not ear.kept


@pytest.mark.parametrize("secret", [None, "", SECRET[:-1], SECRET + "x", SECRET.upper(), "\xff", SIGNING])
async def test_without_the_very_secret_nobody_is_heard(ear: Ear, secret: str | None) -> None:
    status, says = await ear.send(payload("note"), headers("note", secret=secret))
    assert status == 401
    assert "refused" in says
    assert not ear.kept


async def test_without_a_setting_webhooks_are_off() -> None:
    ear = Ear()
    runner = await hearing((ear, None, PROJECT))
    assert (await ear.send(payload("note"), headers("note", secret=None)))[0] == 503
    assert (await ear.send(payload("note"), headers("note", secret="None")))[0] == 503
    assert not ear.kept
    await runner.cleanup()


async def test_a_delivery_that_comes_again_is_kept_once(ear: Ear) -> None:
    given = headers("note", key="k")
    assert (await ear.send(payload("note"), given))[0] == 202
    assert (await ear.send(payload("note"), given))[0] == 200
    assert (await ear.send(payload("note", merge_request__iid=2), given))[0] == 200
    assert ear.kept == {"id:k": ("note", {"number": 1, "user": 8})}


async def test_older_versions_send_no_key_of_the_delivery(ear: Ear) -> None:
    given = {name: value for name, value in headers("note").items() if name != "Idempotency-Key"}
    assert (await ear.send(payload("note"), given))[0] == 202
    assert (await ear.send(payload("note"), given))[0] == 200
    assert (await ear.send(payload("note", object_attributes__id=9), given))[0] == 202


@pytest.mark.parametrize(
    ("project", "status"),
    [("platform/allowlist", 202), ("Platform/Allowlist", 202), ("platform/other", 403), ("", 403), (None, 403)],
)
async def test_only_the_configured_project_is_heard(ear: Ear, project: str | None, status: int) -> None:
    body = payload("note", project__path_with_namespace=project)
    assert (await ear.send(body, headers("note")))[0] == status
    assert len(ear.kept) == (1 if status == 202 else 0)


async def test_a_project_may_be_set_by_its_number() -> None:
    ear = Ear()
    runner = await hearing((ear, SECRET, "3"))
    assert (await ear.send(payload("note"), headers("note")))[0] == 202
    assert (await ear.send(payload("note", project__id=4), headers("note")))[0] == 403
    await runner.cleanup()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff\xfe", 400),
        (b"[" * 200_000, 400),
        (b'{"project": []}', 403),
        (b"{}", 403),
    ],
)
async def test_what_is_no_payload(ear: Ear, body: bytes, status: int) -> None:
    assert (await ear.send(body, headers("note")))[0] == status
    assert not ear.kept


@pytest.mark.parametrize("number", [0, -1, 2**60, "1", 1.5, True, None, [1], {"a": 1}])
async def test_a_number_that_is_none_is_no_hint(ear: Ear, number: object) -> None:
    assert (await ear.send(payload("note", merge_request__iid=number), headers("note")))[0] == 200
    assert not ear.kept


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type(ear: Ear, kind: str) -> None:
    given = {**headers("note"), "Content-Type": kind}
    assert (await ear.send(payload("note"), given))[0] == 415
    assert not ear.kept


async def test_a_body_that_is_too_big_is_not_read(ear: Ear) -> None:
    assert (await ear.send(b"x" * (MOST + 1), headers("note")))[0] == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65_536

    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(ear.url, data=endless(), headers=headers("note")) as answer:
                assert answer.status == 413
        except aiohttp.ClientError:
            pass  # it was cut off while it still talked, which is as good
    assert not ear.kept


async def test_a_row_that_can_not_be_kept_is_not_promised(ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    async def refuses() -> None:
        raise Refusal(503, Finding("EGR028"))

    ear.broken = refuses
    with caplog.at_level(logging.WARNING):
        status, says = await ear.send(payload("note"), headers("note"))
    assert (status, says in caplog.text) == (503, True)


async def test_a_database_that_hangs_keeps_gitlab_waiting_for_less_than_a_second(ear: Ear) -> None:
    ear.broken = asyncio.Event().wait
    assert (await ear.send(payload("note"), headers("note")))[0] == 503


class TestSigned:
    """A webhook with a signing token: body, id and moment are signed; the plain token is not looked at."""

    @pytest_asyncio.fixture
    async def ear(self) -> AsyncIterator[Ear]:
        made = Ear()
        runner = await hearing((made, SIGNING, PROJECT))
        yield made
        await runner.cleanup()

    @pytest.mark.parametrize("seconds", [0, 200, -200])
    async def test_right(self, ear: Ear, seconds: int) -> None:
        body = json.dumps(payload("note")).encode()
        given = signed(body, headers("note", secret=None), NOW.timestamp() + seconds)
        assert (await ear.send(body, given))[0] == 202
        assert (await ear.send(body, given))[0] == 200

    async def test_while_the_token_is_changed_there_are_two_signatures(self, ear: Ear) -> None:
        body = json.dumps(payload("note")).encode()
        given = signed(body, headers("note", secret=None), NOW.timestamp())
        given["webhook-signature"] = "v1,b3RoZXI= " + given["webhook-signature"]
        assert (await ear.send(body, given))[0] == 202

    @pytest.mark.parametrize("seconds", [400, -400])
    async def test_too_old_or_from_the_future(self, ear: Ear, seconds: int) -> None:
        body = json.dumps(payload("note")).encode()
        given = signed(body, headers("note", secret=None), NOW.timestamp() + seconds)
        assert (await ear.send(body, given))[0] == 401

    @pytest.mark.parametrize(
        "forged",
        [
            {"webhook-id": "another"},
            {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
            {"webhook-timestamp": "now"},
            {"webhook-signature": ""},
            {"webhook-signature": "v1,"},
            {"webhook-signature": "v1a,AAAA"},
            {"X-Gitlab-Token": SIGNING, "webhook-signature": "v1,AAAA"},
        ],
    )
    async def test_forged(self, ear: Ear, forged: dict[str, str]) -> None:
        body = json.dumps(payload("note")).encode()
        given = signed(body, headers("note", secret=None), NOW.timestamp())
        assert (await ear.send(body, {**given, **forged}))[0] == 401
        assert not ear.kept

    async def test_another_body_under_the_same_signature(self, ear: Ear) -> None:
        body = json.dumps(payload("note")).encode()
        given = signed(body, headers("note", secret=None), NOW.timestamp())
        assert (await ear.send(body.replace(b'"iid": 1', b'"iid": 2'), given))[0] == 401


@pytest.mark.parametrize("name", sorted(EVENTS))
async def test_golden_payloads_have_the_fields_that_are_read(name: str) -> None:
    made = payload(name)
    assert made["object_kind"] == name
    assert made["project"]["path_with_namespace"] == PROJECT


# --- several repositories


@pytest_asyncio.fixture
async def two() -> AsyncIterator[tuple[Ear, Ear]]:
    """Two projects at one address, each with its own secret; what is kept, by whom."""
    first, second = Ear(), Ear()
    runner = await hearing((first, SECRET, PROJECT), (second, SIGNING, "team/billing"), (second, None, "team/silent"))
    yield first, second
    await runner.cleanup()


def of_billing(secret: str | None = None) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(payload("note", project__path_with_namespace="team/billing")).encode()
    given = headers("note", secret=secret)
    return body, given if secret else signed(body, given, NOW.timestamp())


async def test_the_project_says_whose_delivery_it_is(two: tuple[Ear, Ear]) -> None:
    first, second = two
    assert (await first.send(payload("note"), headers("note")))[0] == 202
    assert (len(first.kept), len(second.kept)) == (1, 0)
    assert (await second.send(*of_billing()))[0] == 202
    assert (len(first.kept), len(second.kept)) == (1, 1)


async def test_the_secret_of_one_project_opens_no_other(two: tuple[Ear, Ear]) -> None:
    first, second = two
    assert (await second.send(*of_billing(SECRET)))[0] == 401
    body = json.dumps(payload("note")).encode()
    assert (await first.send(body, signed(body, headers("note", secret=None), NOW.timestamp())))[0] == 401
    silent = payload("note", project__path_with_namespace="team/silent")
    assert (await first.send(silent, headers("note")))[0] == 403, "no secret is set for it"
    status, says = await first.send(payload("note", project__path_with_namespace="x/y"), headers("note"))
    assert status == 403
    assert f"{PROJECT}, team/billing" in says
    assert not first.kept
    assert not second.kept
