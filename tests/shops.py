"""Postern on the fake GitLab with one request that waits, and what people can then do to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.app import App
from bot.gather import Where
from bot.settings import Settings
from bot.turns import ask_for
from bot.world import wire
from bot.world.config_repo import ConfigRepo
from bot.world.gitlab import Calls, GitLabForge, Project, authorization
from skills.core.messages import say
from skills.core.model import Finding, Person, Request
from tests.fakes import git_repos
from tests.fakes.gitlab_guard import guarded
from tests.fakes.gitlab_server import PROJECT, TOKEN, GitLab, serving
from tests.worlds import NOW

DANA, SAMS = Person("dana@fincorp.example"), Person("sam@fincorp.example")
THREAD = Where("slack", "slack:T1:C1:1.0")
NEED: dict[str, Any] = {"for": "pay", "to": ("b.example",), "reason": "SMS"}
FILES = {
    "organization/p.yaml": (
        "apiVersion: lowops.manifests.v1\nkind: Project\n"
        "metadata: {name: pay, environment: production, organizational-unit: u, organization: o}\n"
        "spec:\n  allowedEgress:\n    - a.example\n"
    ),
    "egress-policy.yaml": (
        'version: 1\ngroups: {sec: [sam@fincorp.example]}\napproval: [{paths: ["**"], groups: [sec]}]\n'
    ),
}


@dataclass
class Shop:
    """Postern and GitLab, with one request of Dana's that waits as !1."""

    app: App
    gitlab: GitLab
    key: str = ""
    now: datetime = NOW

    def later(self) -> None:
        """An hour passes, so that what failed is due once more, and Postern looks at everything."""
        self.now += timedelta(hours=1)
        self.app.reconcile()

    def ask(self, name: str, who: Person = DANA, **fields: object) -> str:
        """Gives the state afterwards, or the code of what was in the way."""
        handled = self.app.desk.handle(name, ask_for(name, fields), who, THREAD)
        if handled.problem:
            return handled.problem.finding.code
        assert handled.answer
        self.key = handled.answer.data.get("key") or self.key
        return str(handled.answer.data.get("state"))

    def decide(self, verb: str, who: Person = SAMS) -> str:
        return self.ask("decide", who, key=self.key, verb=verb, reason="seen", digest=self.row.digest)

    def follow(self) -> list[str]:
        """Follows the request; the codes of what is new."""
        return [finding.code for finding in self.app.follower.follow(self.key)]

    @property
    def row(self) -> Request:
        found = self.app.memory.request(self.key)
        assert found
        return found.request

    @property
    def news(self) -> list[str]:
        """All that the thread must hear, in sentences."""
        return [say(wire.load(Finding, post.payload)).says for post in self.app.memory.news(self.key)]


def shop_on(gitlab: GitLab, chain: Path, home: Path) -> Shop:
    given = {
        "POSTERN_HOME": str(home),
        "POSTERN_GITLAB_TOKEN": TOKEN,
        "POSTERN_GITLAB_CA": str(chain),
        "POSTERN_GITLAB_WEBHOOK_SECRET": "made-up-webhook-secret",
        "HOME": str(home),
    }
    repo = ConfigRepo.open(gitlab.clone, home=home, authorization=authorization(TOKEN), ca=str(chain))
    app = App(Settings.from_env(given), repo, clock=lambda: made.now)
    calls = Calls(Project(gitlab.url, PROJECT, TOKEN, ca=str(chain)), guarded(), pause=lambda _: None)
    app.__dict__["forge"] = GitLabForge(repo, calls, pause=lambda _: None)
    made = Shop(app, gitlab)
    return made


@contextmanager
def shop_open(folder: Path, chain: tuple[Path, Path]) -> Iterator[Shop]:
    """GitLab runs, and Dana has asked for b.example."""
    repository = git_repos.bare(folder / "server" / "allowlist.git", FILES)
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=repository, check=True)
    with serving(repository, chain) as gitlab:
        made = shop_on(gitlab, chain[0], folder / "home")
        assert made.ask("propose", **NEED) == "waiting"
        assert made.follow() == []  # what Postern did itself is no news
        yield made
