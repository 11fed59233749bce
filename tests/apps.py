"""The real application on a real repository in a temporary folder, with a clock that stands still."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from bot.app import App
from bot.sample import files
from bot.served import Served
from bot.settings import Settings
from bot.world.config_repo import ConfigRepo, new_repository
from skills.core.model import Person
from tests.fakes.git_repos import git
from tests.worlds import NOW

Clock = Callable[[], datetime]
POLICY = "egress-policy.yaml"


def app_on(
    files: Mapping[str, bytes], folder: Path, *, person: str = "dana@fincorp.example", clock: Clock = lambda: NOW
) -> App:
    """An App whose allowlist is a bare repository with these files. Called again it finds what stands there."""
    repository = folder / "allowlist.git"
    if not repository.exists():
        allowlist(repository, files)
    return app_at(repository, folder, person=person, clock=clock)


def allowlist(path: Path, files: Mapping[str, bytes]) -> None:
    """A bare repository of these files with one commit: made once a process, then copied, which takes no git."""
    made = _made(tuple(sorted(files.items())))
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(made, path)


@cache
def _made(files: tuple[tuple[str, bytes], ...]) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="postern-allowlist-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    new_repository(folder / "made.git", dict(files), message="The allowlist", date="2026-01-05T08:00:00+00:00")
    return folder / "made.git"


def app_at(config: Path, folder: Path, *, person: str = "dana@fincorp.example", clock: Clock = lambda: NOW) -> App:
    home = folder / "home"
    settings = Settings.from_env({"POSTERN_HOME": str(home), "POSTERN_PERSON": person, "HOME": str(folder)})
    return App(settings, ConfigRepo.open(str(config), home=home), clock=clock)


def set_to(app: App, put: Callable[[Any, str, Any], None] = setattr, **settings: Any) -> None:
    """The app with these settings besides, and a conversation that is built of them. `put` may undo it later."""
    given = replace(app.settings, **settings)
    for each in (app, app.shared):
        put(each, "settings", given)
    app.__dict__.pop("conversation", None)


def served_on(
    repositories: Mapping[str, Mapping[str, bytes]],
    folder: Path,
    *,
    person: str = "dana@fincorp.example",
    clock: Clock = lambda: NOW,
) -> Served:
    """One Postern over several bare repositories, each called as its key."""
    for name, content in repositories.items():
        allowlist(folder / f"{name}.git", content)
    paths = ", ".join(str(folder / f"{name}.git") for name in repositories)
    env = {"POSTERN_HOME": str(folder / "home"), "POSTERN_PERSON": person, "HOME": str(folder), "POSTERN_CONFIG": paths}
    return Served.build(Settings.from_env(env), clock=clock)


def project(name: str, *hosts: str) -> bytes:
    """A project of Infrastream with these hosts on its list."""
    listed = "".join(f"    - {host}\n" for host in hosts) or "    []\n"
    return (
        "apiVersion: lowops.manifests.v1\nkind: Project\n"
        f"metadata: {{name: {name}, environment: production, organizational-unit: u, organization: o}}\n"
        f"spec:\n  allowedEgress:\n{listed}"
    ).encode()


def approved_by(*people: str) -> bytes:
    """A policy in which these approve everything."""
    group = ", ".join(people)
    return f'version: 1\ngroups: {{sec: [{group}]}}\napproval: [{{paths: ["**"], groups: [sec]}}]\n'.encode()


SHOP_SAM, BILLING_SAM = Person("sam@shop.example"), Person("sam@billing.example")
SHOP = {
    "organization/checkout.yaml": project("checkout", "cdn.example"),
    "organization/audit.yaml": project("audit"),
    "egress-policy.yaml": approved_by(SHOP_SAM.id),
}
BILLING = {
    "organization/invoices.yaml": project("invoices", "bank.example"),
    "organization/audit.yaml": project("audit", "cdn.example"),
    "egress-policy.yaml": approved_by(BILLING_SAM.id),
}
"""Two allowlists that are served together: each has an approver of its own, and a workload that the other one has too."""


def app_on_sample(folder: Path, *, policy: str | None = "sample", clock: Clock = lambda: NOW) -> App:
    """On the shipped sample; `policy` None takes the policy file away, other text replaces it."""
    content = dict(files())
    if policy is None:
        del content[POLICY]
    elif policy != "sample":
        content[POLICY] = policy.encode()
    return app_on(content, folder, clock=clock)


def head_of(app: App) -> str:
    assert app.repo.path is not None
    return git(app.repo.path, "rev-parse", "refs/heads/main")
