"""`serve` over two projects of one GitLab: deliveries, polls, news and cards reach the request that they are about."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from aiohttp import web

from bot.forges import Forges
from bot.gather import Where
from bot.requests import run_requests
from bot.serve import Following, approvers_of, parts_of
from bot.served import Served
from bot.settings import Settings
from bot.slack.card_writer import CardWriter
from bot.slack.gate import Gate
from bot.slack.outbox import Outbox
from bot.turns import ask_for
from bot.web.webhooks import PATH
from bot.world.gitlab import Calls, Project
from skills.core.model import Person, Request
from tests.apps import approved_by, project
from tests.fakes import git_repos
from tests.fakes.gitlab_guard import guarded
from tests.fakes.gitlab_hooks import headers, payload
from tests.fakes.gitlab_server import PROJECT, TOKEN, GitLab, serving
from tests.fakes.slack_api import SlackApi, slack_api
from tests.worlds import NOW

pytestmark = [pytest.mark.needs("openssl"), pytest.mark.asyncio]
DANA, SAM, INES = Person("dana@fincorp.example"), Person("sam@fincorp.example"), Person("ines@fincorp.example")
BILLING = "platform/billing"
_LONGEST = 30.0  # seconds, on a machine that does much else


def bare(folder: Path, workload: str, approver: Person) -> Path:
    files = {f"organization/{workload}.yaml": project(workload), "egress-policy.yaml": approved_by(approver.id)}
    made = git_repos.bare(folder, {path: text.decode() for path, text in files.items()})
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=made, check=True)
    return made


class Town:
    """Two projects on one GitLab, and Postern over both; Dana asked for one host in each."""

    def __init__(self, served: Served, first: GitLab, second: GitLab, api: SlackApi, following: Following) -> None:
        self.served, self.gitlabs, self.api, self.following = served, (first, second), api, following
        self.url = ""
        self.keys = [self.ask(workload) for workload in ("checkout", "invoices")]

    def ask(self, workload: str) -> str:
        ask = ask_for("propose", {"for": workload, "to": ("sms.example",), "reason": "SMS"})
        handled = self.served.desk.handle("propose", ask, DANA, Where("slack", f"slack:T1:C1:{len(workload)}.0"))
        assert handled.answer, handled.problem
        return str(handled.answer.data["key"])

    def row(self, number: int) -> Request:
        row = self.served.shared.memory.request(self.keys[number])
        assert row
        return row.request

    async def deliver(self, path: str, secret: str, kind: str = "merge_request", **changes: Any) -> int:
        body = json.dumps(payload(kind, project__path_with_namespace=path, **changes)).encode()
        given = headers(kind, secret=secret)
        async with aiohttp.ClientSession() as session, session.post(self.url, data=body, headers=given) as answer:
            return answer.status

    async def until(self, what: Any) -> None:
        async with asyncio.timeout(_LONGEST):
            while not what():
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def town(
    tmp_path: Path, chain: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, either_database: None
) -> AsyncIterator[Town]:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        monkeypatch.delenv(name, raising=False)
    with serving(bare(tmp_path / "server" / "allowlist.git", "checkout", SAM), chain) as first:
        second = first.beside(bare(tmp_path / "server" / "billing.git", "invoices", INES), BILLING)

        def calls(_forges: Forges, _repo: object, path: str) -> Calls:
            return Calls(Project(first.url, path, TOKEN, str(chain[0])), guarded(), pause=lambda _: None)

        monkeypatch.setattr(Forges, "calls", calls)
        env = {
            "POSTERN_HOME": str(tmp_path / "home"),
            "HOME": str(tmp_path),
            "POSTERN_CONFIG": f"{first.clone}\n{second.clone}",
            "POSTERN_GITLAB_TOKEN": TOKEN,
            "POSTERN_GITLAB_CA": str(chain[0]),
            "POSTERN_GITLAB_WEBHOOK_SECRET": "allowlist=of-the-first billing=of-the-second",
            "POSTERN_SLACK_APPROVERS_CHANNEL": "billing=CBILLING CSHOP",
        }
        served = Served.build(Settings.from_env(env), clock=lambda: NOW)
        async with slack_api() as api:
            gate = Gate()
            memory = served.shared.memory
            outbox = Outbox(api.client, memory, gate, served.shared.clock, repository=served.repository)
            cards = CardWriter(
                memory, gate, served.shared.clock, served.repository, approvers_of(served, served.settings)
            )
            following = Following(served.apps, gate, outbox, 3600, cards.draw)
            made = await asyncio.to_thread(Town, served, first, second, api, following)
            site = web.Application()
            following.listen(site)
            runner = web.AppRunner(site)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            made.url = f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
            following.start()
            await made.until(lambda: following.polls == 1)
            yield made
            await following.stop()
            await runner.cleanup()


async def test_each_project_moves_its_own_request_and_no_other(town: Town) -> None:
    """Both merge requests are !1 of their project, so only the project tells them apart."""
    assert [town.row(number).number for number in (0, 1)] == [1, 1]
    town.gitlabs[1].merge_by(1)
    assert await town.deliver(BILLING, "of-the-first") == 401
    assert await town.deliver(PROJECT, "of-the-second") == 401
    assert await town.deliver("team/stranger", "of-the-second") == 403
    assert await town.deliver(BILLING, "of-the-second") == 202
    await town.until(lambda: town.row(1).state == "merged")
    assert town.row(0).state == "waiting"
    town.gitlabs[0].comment_by(1, "Why this host?")
    assert await town.deliver(PROJECT, "of-the-first", "note") == 202
    await town.until(lambda: any("Why this host?" in text for text in town.api.texts()))
    told = {(each["channel"], each.get("thread_ts")) for each in town.api.posted if "Why this" in str(each)}
    assert told == {("C1", "8.0")}


async def test_the_poll_finds_what_both_projects_lost(town: Town) -> None:
    town.gitlabs[0].close_by(1)
    town.gitlabs[1].merge_by(1)
    await town.following.poll_now()
    assert [town.row(number).state for number in (0, 1)] == ["closed", "merged"]


async def test_each_repository_has_its_own_approvers_channel(town: Town) -> None:
    await town.until(lambda: {"CSHOP", "CBILLING"} <= {each["channel"] for each in town.api.posted})
    of_billing = [each for each in town.api.posted if each["channel"] == "CBILLING"]
    assert len(of_billing) == 1
    assert town.keys[1] in json.dumps(of_billing)


async def test_readiness_and_the_queue_name_each_repository(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    async def nothing() -> list[Any]:
        return []

    parts = {part.name: part for part in parts_of(town.served.apps, nothing)}
    assert [name for name in parts if name[:4] == "repo"] == ["repository allowlist", "repository billing"]
    assert not await parts["repository billing"].findings()
    assert not parts["repository billing"].vital, "who asks about another one is answered all the same"
    assert await asyncio.to_thread(run_requests, town.served, "sync", None, as_json=True) == 0
    rows = json.loads(capsys.readouterr().out)["requests"]
    assert [(row["key"], row["repository"]) for row in rows] == [
        (town.keys[0], "allowlist"),
        (town.keys[1], "billing"),
    ]
