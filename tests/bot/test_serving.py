"""The whole of `serve` that follows: deliveries over HTTP, GitLab asked for the truth, news in the thread.

Real server on loopback, the fake GitLab, a Slack Web API that remembers. Nothing here measures time: what is waited
for comes, or the test ends with the name of what did not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from aiohttp import web

from bot.serve import Following
from bot.slack.gate import Gate
from bot.slack.outbox import Outbox
from bot.web.webhooks import PATH
from tests.fakes import git_repos
from tests.fakes.gitlab_hooks import headers, payload
from tests.fakes.gitlab_people import BOT, INES
from tests.fakes.gitlab_server import Fault
from tests.fakes.slack_api import SlackApi, slack_api
from tests.shops import Shop

pytestmark = [pytest.mark.needs("openssl"), pytest.mark.asyncio]
_LONGEST = 20.0  # seconds, on a machine that does much else


@dataclass
class Service:
    shop: Shop
    api: SlackApi
    following: Following
    url: str

    async def deliver(self, kind: str, name: str | None = None, *, key: str | None = None, **changes: Any) -> int:
        if name is None and kind == "pipeline":
            changes.setdefault("object_attributes__ref", self.shop.row.branch)
        body = json.dumps(payload(name or kind, **changes)).encode()
        given = headers(kind, key=key)
        async with aiohttp.ClientSession() as session, session.post(self.url, data=body, headers=given) as answer:
            return answer.status

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(_LONGEST):
            while not what():
                await asyncio.sleep(0.01)

    def told(self, words: str) -> bool:
        return any(words in text for text in self.api.texts())

    def worked_off(self) -> bool:
        return not self.shop.app.memory.deliveries_todo(self.shop.app.repository) and not self.following.busy


@pytest_asyncio.fixture
async def service(shop: Shop) -> AsyncIterator[Service]:
    async with slack_api() as api:
        gate = Gate()
        following = Following([shop.app], gate, Outbox(api.client, shop.app.memory, gate, shop.app.clock), 3600)
        served = web.Application()
        following.listen(served)
        runner = web.AppRunner(served)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        following.start()
        made = Service(shop, api, following, f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}")
        await made.until(lambda: following.polls == 1)
        yield made
        await following.stop()
        await runner.cleanup()


async def test_what_people_do_in_gitlab_is_in_row_and_thread(service: Service) -> None:
    shop, gitlab = service.shop, service.shop.gitlab
    gitlab.comment_by(1, "Why this host?")
    assert await service.deliver("note") == 202
    await service.until(lambda: service.told("Why this host?"))
    gitlab.approve_by(1, INES)
    assert await service.deliver("merge_request", object_attributes__action="approved") == 202
    await service.until(lambda: service.told("ines approved"))
    gitlab.pipeline(1, "failed", ("lint", "test", "ERROR: exit 1\n"))
    assert await service.deliver("pipeline") == 202
    await service.until(lambda: service.told("failed in the job lint"))
    assert "ERROR: exit 1" in json.dumps(service.api.posted[-1]["blocks"])
    gitlab.push(1)
    assert await service.deliver("merge_request", object_attributes__action="update") == 202
    await service.until(lambda: service.told("Somebody pushed"))
    assert shop.row.pushed
    gitlab.close_by(1)
    assert await service.deliver("merge_request", object_attributes__action="close") == 202
    await service.until(lambda: service.told("sam closed"))
    gitlab.reopen_by(1)
    assert await service.deliver("merge_request", object_attributes__action="reopen") == 202
    await service.until(lambda: service.told("was reopened"))
    gitlab.merge_by(1)
    assert await service.deliver("merge_request") == 202
    await service.until(lambda: service.told("sam merged"))
    assert shop.row.state == "merged"
    assert {(each["channel"], each["thread_ts"]) for each in service.api.posted} == {("C1", "1.0")}


async def test_a_pipeline_of_a_branch_names_no_merge_request(service: Service) -> None:
    service.shop.gitlab.pipeline(1, "success")
    branch = service.shop.row.branch
    assert await service.deliver("pipeline", "pipeline_of_a_branch", object_attributes__ref=branch) == 202
    await service.until(lambda: service.told("passed"))


async def test_duplicates_and_old_events_in_any_order_say_nothing_twice(service: Service) -> None:
    gitlab = service.shop.gitlab
    gitlab.close_by(1)
    gitlab.reopen_by(1)
    gitlab.merge_by(1)
    for action in ("merge", "reopen", "close", "open", "merge"):
        assert await service.deliver("merge_request", object_attributes__action=action) == 202
    assert await service.deliver("merge_request", key="again") == 202
    assert await service.deliver("merge_request", key="again") == 200
    await service.until(service.worked_off)
    await service.until(lambda: bool(service.api.posted))
    assert len(service.shop.news) == 1
    assert len(service.api.posted) == 1


async def test_our_own_events_ask_gitlab_for_nothing(service: Service) -> None:
    before = len(service.shop.gitlab.calls)
    assert await service.deliver("merge_request", user=BOT) == 202
    assert await service.deliver("note", user=BOT) == 202
    await service.until(service.worked_off)
    asked = set(service.shop.gitlab.calls[before:])
    assert asked <= {"GET /user"}
    assert service.shop.news == []


async def test_a_payload_is_only_a_hint(service: Service) -> None:
    """It says merged; GitLab says that nothing happened, and that is what counts."""
    before = len(service.shop.gitlab.calls)
    assert await service.deliver("merge_request", object_attributes__state="merged") == 202
    await service.until(service.worked_off)
    assert len(service.shop.gitlab.calls) > before
    assert (service.shop.row.state, service.shop.news) == ("waiting", [])


async def test_what_is_about_none_of_ours_is_over_at_once(service: Service) -> None:
    before = len(service.shop.gitlab.calls)
    assert await service.deliver("merge_request", object_attributes__iid=77) == 202
    assert await service.deliver("pipeline", object_attributes__ref="feature", merge_request=None) == 202
    await service.until(service.worked_off)
    assert len(service.shop.gitlab.calls) == before


async def test_a_push_to_the_target_refreshes_the_mirror(service: Service) -> None:
    shop = service.shop
    commit = git_repos.commit(shop.gitlab.repository, {"organization/q.yaml": "kind: Project\n"})
    git_calls = len(shop.gitlab.git_calls)
    assert await service.deliver("push") == 202
    await service.until(service.worked_off)
    assert len(shop.gitlab.git_calls) > git_calls
    assert shop.app.target
    now = len(shop.gitlab.git_calls)
    assert shop.app.snapshots.read(shop.app.target).allowlist.commit == commit
    assert not any(
        "upload-pack" in call and call.startswith("POST") and "fetch" in call for call in shop.gitlab.git_calls[now:]
    )


async def test_a_delivery_whose_worker_was_killed_is_worked_off_by_the_next(service: Service) -> None:
    """The row stood before GitLab was answered; the process died before it looked."""
    shop = service.shop
    await service.following.stop()
    shop.gitlab.close_by(1)
    assert shop.app.deliveries.keep("k", "merge_request", {"number": 1, "user": 8})
    again = Following([shop.app], Gate(), Outbox(service.api.client, shop.app.memory, Gate(), shop.app.clock), 3600)
    again.start()
    await service.until(lambda: service.told("sam closed"))
    await service.until(lambda: not shop.app.memory.deliveries_todo(shop.app.repository))
    await again.stop()


async def test_a_gitlab_that_is_down_is_asked_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.serve._LOOK_AGAIN", 0.05)
    service.shop.gitlab.close_by(1)
    fault = Fault("GET", "merge_requests/1$", 503, times=4)
    service.shop.gitlab.faults.append(fault)
    assert await service.deliver("merge_request") == 202
    await service.until(lambda: service.told("sam closed"))
    assert fault.times == 0


async def test_a_lost_delivery_is_healed_by_the_poll(service: Service) -> None:
    service.shop.gitlab.close_by(1)
    await service.following.poll_now()
    await service.until(lambda: service.told("sam closed"))


async def test_a_full_disk_promises_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from skills.core.errors import Unreachable

    def full(*_args: object) -> bool:
        raise Unreachable("EGR462", where="postern.db", why="full")

    monkeypatch.setattr(service.shop.app.deliveries, "keep", full)
    assert await service.deliver("merge_request") == 503
