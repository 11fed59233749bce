"""`/healthz` and `/readyz` over HTTP: the process lives; what is down is named, soon, once, and without a secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from aiohttp import web

from bot import logs
from bot.serve import parts_of
from bot.settings import Secret
from bot.slack.refusals import token_findings
from bot.web import health
from bot.web.health import Part, add_health
from bot.world.memory import Memory
from skills.core.model import Finding, finding
from tests.fakes.gitlab_server import TOKEN, Fault
from tests.fakes.slack_api import Break, SlackApi, slack_api
from tests.shops import Shop

pytestmark = pytest.mark.asyncio
DOWN = finding("EGR098", why="it is down")


class Served:
    """A page of its own for some parts."""

    def __init__(self, *parts: Part) -> None:
        self.parts = parts
        self.url = ""

    async def __aenter__(self) -> Served:
        served = web.Application()
        add_health(served, self.parts, lambda text: text.replace(TOKEN, "***"))
        self._runner = web.AppRunner(served)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def get(self, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.json()


class Looked:
    def __init__(self, *found: Finding) -> None:
        self.found: Sequence[Finding] = found
        self.times = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> Sequence[Finding]:
        self.times += 1
        await self.go.wait()
        return self.found


async def test_alive_asks_nobody() -> None:
    looked = Looked(DOWN)
    async with Served(Part("slack", looked, 5.0)) as served:
        assert await served.get("/healthz") == (200, {"ok": True})
    assert looked.times == 0


async def test_what_is_down_is_named_with_its_sentence() -> None:
    fine, down = Looked(), Looked(finding("EGR098", why=f"it says {TOKEN}"))
    async with Served(Part("database", fine, 5.0), Part("slack", down, 5.0)) as served:
        status, told = await served.get()
    assert (status, told["ok"], told["faults"]) == (503, False, ["Postern can't use Slack: it says ***."])
    assert {name: part["ok"] for name, part in told["parts"].items()} == {"database": True, "slack": False}


async def test_what_people_can_be_answered_without_is_named_and_leaves_it_ready() -> None:
    async with Served(Part("database", Looked(), 5.0), Part("forge", Looked(DOWN), 5.0, vital=False)) as served:
        status, told = await served.get()
    assert (status, told["ok"], told["waiting"]) == (200, True, ["Postern can't use Slack: it is down."])


async def test_many_calls_are_one_look_until_it_is_old() -> None:
    kept, fresh = Looked(DOWN), Looked(DOWN)
    async with Served(Part("kept", kept, 60.0), Part("fresh", fresh, 0.0)) as served:
        for _ in range(3):
            await served.get()
        fresh.found = ()
        assert (await served.get())[1]["parts"]["fresh"]["ok"]
    assert (kept.times, fresh.times) == (1, 4)


async def test_what_hangs_is_said_in_time_and_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_WITHIN", 0.05)
    hangs, fine = Looked(), Looked()
    hangs.go.clear()
    part = Part("forge", hangs, 0.0)
    async with Served(part, Part("database", fine, 0.0)) as served:
        for _ in range(2):
            status, told = await served.get()
            assert (status, told["faults"]) == (503, ["The forge did not say within 0.05 seconds how it is."])
        assert part.busy
        hangs.go.set()
        await asyncio.sleep(0.05)
        assert (await served.get())[0] == 200
    assert (hangs.times, fine.times) == (2, 3)


# --- the parts of a service


@pytest_asyncio.fixture
async def api() -> AsyncIterator[SlackApi]:
    async with slack_api() as made:
        yield made


async def look(shop: Shop, api: SlackApi) -> dict[str, list[str]]:
    """What is wrong, by part, masked as the service does it."""
    mask = logs.masker(shop.app.settings)
    async with Served(*parts_of([shop.app], lambda: token_findings(api.client))) as served:
        _, told = await served.get()
    assert TOKEN not in str(told)
    return {name: [*map(mask, part["faults"])] for name, part in told["parts"].items() if not part["ok"]}


@pytest.fixture
def working(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(shop.app, "is_served", lambda: True)
    return shop


@pytest.mark.needs("openssl")
class TestOfAService:
    async def test_nothing_is_wrong(self, working: Shop, api: SlackApi) -> None:
        assert await look(working, api) == {}

    async def test_nobody_carries_out_what_is_recorded(self, shop: Shop, api: SlackApi) -> None:
        (said,) = (await look(shop, api))["work"]
        assert "Nobody carries out what is recorded" in said

    async def test_a_token_that_slack_does_not_take(self, working: Shop, api: SlackApi) -> None:
        api.breaks.append(Break("auth.test", error="token_revoked"))
        assert await look(working, api) == {
            "slack": ["Slack takes Postern's token no more (token_revoked), so nobody can be answered."]
        }

    async def test_a_slack_that_does_not_answer(self, working: Shop, api: SlackApi) -> None:
        api.breaks.append(Break("auth.test", status=0))
        (said,) = (await look(working, api))["slack"]
        assert "it does not answer" in said

    async def test_a_gitlab_that_is_down_leaves_the_mirror(
        self, working: Shop, api: SlackApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "_WITHIN", 60.0)  # it is tried a few times before it is given up
        working.gitlab.faults += [Fault("GET", "", 503, times=1000)]
        found = await look(working, api)
        assert set(found) == {"forge"}
        assert "GitLab" in found["forge"][0]

    async def test_a_database_that_does_not_answer(self, working: Shop, api: SlackApi) -> None:
        app, hidden = working.app, "hunter2-hidden"
        url = f"postgresql://postern:{hidden}@127.0.0.1:1/postern"
        app.settings = app.shared.settings = replace(app.settings, database=Secret(url))
        app.shared.__dict__["memory"] = Memory(url)
        found = await look(working, api)
        assert set(found) == {"database"}
        assert "127.0.0.1:1" in found["database"][0]
        assert hidden not in found["database"][0]

    async def test_a_folder_that_can_not_be_written(self, working: Shop, api: SlackApi) -> None:
        app = working.app
        (app.settings.home / "file").touch()
        app.settings = app.shared.settings = replace(app.settings, home=app.settings.home / "file")
        assert "can't be written" in (await look(working, api))["database"][0]
