"""A GitLab with its repository, and forges that work on it: what the fault tests stand on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.world.config_repo import ConfigRepo
from bot.world.gitlab import Calls, GitLabForge, Project, authorization
from skills.core.errors import Mendable
from skills.core.messages import say
from skills.core.model import Edit
from skills.core.model.effects import OpenMergeRequest
from tests.fakes import git_repos
from tests.fakes.gitlab_guard import guarded
from tests.fakes.gitlab_server import PROJECT, TOKEN, Fault, GitLab, certificate, serving

FILES = {"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 2\n"}
PATIENCE = 0.3  # seconds that a forge waits for an answer where the test says so


@dataclass
class Stage:
    """One server and many requests on it, each with a key and a file of its own, so that they don't meet."""

    gitlab: GitLab
    ca: Path
    folder: Path
    office: Any = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def forge(self, home: str = "home", timeout: float = 20.0) -> GitLabForge:
        """A forge as after a restart (the same `home`) or on another replica (another one)."""
        repo = ConfigRepo.open(self.gitlab.clone, home=self.folder / home, authorization=authorization(TOKEN))
        project = Project(self.gitlab.url, PROJECT, TOKEN, ca=str(self.ca))
        return GitLabForge(repo, Calls(project, guarded(), lambda _: None, timeout), pause=lambda _: None)

    def effect(
        self, text: str = "1", key: str = "", at: str = "2026-03-01T09:00:00Z", folder: str = "new"
    ) -> OpenMergeRequest:
        """A request that nobody has made yet; with `key`, another drawing of that one."""
        key = key or f"EG-{next(self._numbers):04}"
        return OpenMergeRequest(
            request_key=key,
            base=self.gitlab.tip("main") or "",
            branch=f"egress/{key}",
            target="main",
            edits=(Edit(f"{folder}/{key}.yaml", None, f"a: {text}\n"),),
            digest=f"digest-{text}",
            title=f"Let {key} reach api.twilio.com:443",
            body="Because of **SMS**.",
            labels=("egress::needs-approval",),
            reviewers=("sam",),
            author="dana@fincorp.example",
            created_at=at,
        )

    def merge_requests(self, effect: OpenMergeRequest) -> list[int]:
        """Every merge request that was ever opened from the branch, in any state."""
        found = self.gitlab.merge_requests.items()
        return [number for number, each in found if each["source_branch"] == effect.branch]

    def commits(self, effect: OpenMergeRequest) -> int:
        """Commits on the branch that are not on the base."""
        return int(self.gitlab.git("rev-list", "--count", f"{effect.base}..{effect.branch}") or 0)

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[Fault]:
        self.gitlab.faults[:] = [fault]
        try:
            yield fault
        finally:
            self.gitlab.faults.clear()


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    keys = certificate(folder)
    repository = git_repos.bare(folder / "server" / "allowlist.git", FILES)
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=repository, check=True)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            patch.delenv(name, raising=False)
        patch.setenv("GIT_SSL_CAINFO", str(keys[0]))
        with serving(repository, keys) as gitlab:
            yield Stage(gitlab, keys[0], folder)


def told(failure: Mendable) -> str:
    """The code of a failure whose sentence is one, complete and without the token."""
    said = say(failure.finding)
    assert said.says and "{" not in said.says + (said.do or ""), said
    assert "\n" not in said.says
    assert TOKEN not in said.says + repr(failure)
    return failure.code
