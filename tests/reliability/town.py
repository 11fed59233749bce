"""The town in which simulated teams live: GitLab with its repository, Slack, a database, and replicas of Postern."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import requests

from bot.web.webhooks import PATH
from bot.world.config_repo.address import parse
from bot.world.memory import Memory
from skills.core.errors import Unreachable
from skills.core.model import Request
from tests.fakes import git_repos
from tests.fakes.gitlab_hooks import headers, payload
from tests.fakes.gitlab_people import INES, SAM
from tests.fakes.gitlab_server import GitLab, certificate, serving
from tests.fakes.slack_api import SlackApi, slack_api
from tests.reliability.history import History
from tests.reliability.replica import Office, Replica
from tests.reliability.schedule import TEAMS, Need

T = TypeVar("T")
APPROVERS = frozenset({"sam@fincorp.example", "ines@fincorp.example"})
USERS = {"sam": SAM, "ines": INES}
FILES = {
    **{
        f"organization/t{team}.yaml": (
            "apiVersion: lowops.manifests.v1\nkind: Project\n"
            f"metadata: {{name: t{team}, environment: production, organizational-unit: u, organization: o}}\n"
            "spec:\n  allowedEgress:\n    - a.example\n"
        )
        for team in range(TEAMS)
    },
    "egress-policy.yaml": (
        "version: 1\ngroups: {sec: [sam@fincorp.example, ines@fincorp.example]}\n"
        'approval: [{paths: ["**"], groups: [sec]}]\n'
    ),
    "README.md": "The allowlist.\n",
}


def address(who: str) -> str:
    return f"{who}@fincorp.example"


class Heard(SlackApi):
    """A Slack that writes every message down in the history at the moment when it stands in the thread."""

    history: History

    def _do(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        done = super()._do(method, given)
        if method == "chat.postMessage":
            key = self.posted[-1].get("metadata", {}).get("event_payload", {}).get("key", "")
            self.history.add("post", key=key, text=str(given["text"])[:120])
        return done


@dataclass
class Town:
    folder: Path
    gitlab: GitLab
    ca: str
    slack: Heard
    database: str
    memory: Memory
    history: History
    restart_database: Callable[[], None]
    break_connections: Callable[[], None]
    replicas: list[Replica] = field(default_factory=list)
    late: list[Callable[[], object]] = field(default_factory=list)
    """Deliveries that come after others."""

    @property
    def repository(self) -> str:
        """As the rows name it."""
        return parse(self.gitlab.clone).where

    # --- replicas

    def office(self, name: str) -> Office:
        return Office(self.gitlab.url, self.ca, self.folder / "homes" / name, self.database, self.slack.url)

    def start(self, place: int) -> None:
        """A new process in this place; it finds the folder of the one before it."""
        replica = Replica(f"replica {place}", self.office(str(place)))
        if place == len(self.replicas):
            self.replicas.append(replica)
        else:
            self.replicas[place] = replica

    def start_the_dead(self) -> None:
        for place, replica in enumerate(self.replicas):
            if replica.died.is_set():
                self.start(place)

    # --- what stands where

    def request_of(self, number: int, need: Need) -> Request | None:
        """The row of what was asked in this need, found as the people know it: by workload and destination."""
        rows = [row.request for row in self.patiently(lambda: self.memory.requests(self.repository))]
        rows = [each for each in rows if any(to.split(":")[0] == need.host for to in each.destinations)]
        assert len(rows) <= 1, f"request {number} has {len(rows)} rows"
        return rows[0] if rows else None

    def patiently(self, work: Callable[[], T]) -> T:
        """Whoever looks on waits for a database that is being restarted."""
        until = time.monotonic() + 60
        while True:
            try:
                return work()
            except Unreachable:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def thread(self, number: int) -> str:
        return f"slack:T1:C{number % 5}:{number + 1}.0"

    # --- GitLab tells

    def deliver(self, event: str, replica: Replica, **changes: Any) -> Callable[[], object]:
        """A delivery that can be made once and again; a replica that is dead does not take it."""
        body, given = json.dumps(payload(event, **changes)).encode(), headers(event)

        def go() -> object:
            try:
                answer = requests.post(f"http://127.0.0.1:{replica.port}{PATH}", data=body, headers=given, timeout=5)
            except requests.RequestException:
                return None
            return answer.status_code

        return go


@contextmanager
def town(folder: Path, replicas: int, ground: Any = None) -> Iterator[Town]:
    """On SQLite, or on `ground`: the running PostgreSQL, which the caller keeps."""
    repository = git_repos.bare(folder / "server" / "allowlist.git", FILES)
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=repository, check=True)
    keys = certificate(folder)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "GIT_SSL_CAINFO"):
        os.environ.pop(name, None)
    history = History()
    url = ground.fresh() if ground else f"sqlite:///{folder / 'postern.db'}"
    with ExitStack() as stack:
        gitlab = stack.enter_context(serving(repository, keys))
        slack = stack.enter_context(_slack(history))
        memory = Memory(url)
        stack.callback(memory.close)
        restart = ground.restart if ground else lambda: None
        cut = (lambda: ground.break_connections(url)) if ground else lambda: None
        made = Town(folder, gitlab, str(keys[0]), slack, url, memory, history, restart, cut)
        try:
            for place in range(replicas):
                made.start(place)
            yield made
        finally:
            for replica in made.replicas:
                replica.kill()
            if ground:
                memory.close()
                ground.give_back(url)


@contextmanager
def _slack(history: History) -> Iterator[Heard]:
    """The fake Slack on a loop of its own, beside a driver that is no coroutine."""
    loop, up, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[Heard] = []

    async def serve() -> None:
        async with slack_api(Heard()) as api:
            assert isinstance(api, Heard)
            api.history = history
            found.append(api)
            up.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(5)
        loop.close()
