"""Where Postern's token may not be: URLs, files, arguments of any process, logs, tracebacks. And what doctor says of it."""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.world.config_repo import ConfigRepo
from bot.world.gitlab import Calls, GitLabForge, Project, authorization, token_findings
from skills.core.errors import Mendable
from skills.core.messages import level, say
from tests.fakes.gitlab_guard import guarded
from tests.fakes.gitlab_server import PROJECT, TOKEN, Fault
from tests.faults.stage import Stage

pytestmark = pytest.mark.needs("openssl")
HEADER = authorization(TOKEN).removeprefix("Basic ")
SECRETS = (TOKEN.encode(), HEADER.encode())
# What git runs on the mirror alone; a git that talks hands its environment on to its own helpers.
LOCAL = {b"ls-tree", b"cat-file", b"mktree", b"hash-object", b"commit-tree", b"rev-parse", b"diff-tree", b"update-ref"}
NOW = datetime(2026, 11, 1, tzinfo=UTC)


TALKING = {b"push", b"fetch", b"ls-remote", b"remote-https"}


class Watch(threading.Thread):
    """Looks at every process that this one started, as long as it runs: what is in its arguments, and who it is."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.arguments: set[bytes] = set()
        self.with_secret: set[bytes] = set()
        self.with_settings: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        own = str(os.getpid()).encode()
        while not self.ended.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    parents = self._ancestors(process)
                    if own not in parents:
                        continue
                    arguments = (process / "cmdline").read_bytes()
                    environment = (process / "environ").read_bytes()
                except OSError:
                    continue
                self.arguments.add(arguments)
                if arguments.startswith(b"env\0-u\0"):  # about to drop them, and then to become Git
                    continue
                # Those that talk to a server: a process that has just been forked still shows its parent's, and other
                # tests of this process may have children of their own.
                if b"POSTERN_" in environment and TALKING & set(arguments.split(b"\0")):
                    self.with_settings.add(arguments)
                if any(secret in environment for secret in SECRETS):
                    self.with_secret.add(arguments)

    def _ancestors(self, process: Path) -> list[bytes]:
        found = []
        number = process.name.encode()
        for _ in range(6):
            stat = Path("/proc", number.decode(), "stat").read_bytes()
            number = stat.rpartition(b")")[2].split()[1]
            found.append(number)
            if number in (b"0", b"1"):
                break
        return found


@pytest.fixture
def watch() -> Iterator[Watch]:
    thread = Watch()
    thread.start()
    yield thread
    thread.ended.set()
    thread.join(5)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at /proc")
def test_no_argument_of_any_process_and_no_environment_but_that_of_the_git_that_talks(
    stage: Stage, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTERN_GITLAB_TOKEN", TOKEN)  # as a server has it; no other program needs it
    slowed = Fault("GET", r"info/refs$", -1, times=9, hang=0.2)  # so that the processes can be seen
    with stage.broken(slowed):
        forge = stage.forge("watched")
        forge.open_or_update(stage.effect())
    watch.ended.set()
    watch.join(5)
    talked = [each for each in watch.arguments if b"remote-https" in each or b"push" in each]
    assert talked and watch.with_secret, "no git was seen while it talked"
    for arguments in watch.arguments:
        assert not any(secret in arguments for secret in SECRETS)
    assert not watch.with_settings
    for arguments in watch.with_secret:
        assert not LOCAL & set(arguments.split(b"\0")), arguments


def test_no_file_log_or_traceback(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    forge, effect = stage.forge("logged"), stage.effect()
    said = []
    for fault in (
        Fault("GET", "info/refs$", 401, times=9),
        Fault("GET", "info/refs$", 500, times=9, message=f"PRIVATE-TOKEN: {TOKEN}"),
        Fault("POST", "git-receive-pack$", 403, times=9),
        Fault("GET", "^/api/", 401, times=9),
        Fault("POST", "^/api/", 422, message={"title": [f"is https://oauth2:{TOKEN}@localhost/x"]}),
        Fault("GET", "^/api/", 0, times=9),
    ):
        with stage.broken(fault), pytest.raises(Mendable) as caught:
            forge.open_or_update(effect)
        said += [*traceback.format_exception(caught.value), repr(caught.value), say(caught.value.finding).says]
    forge.open_or_update(effect)
    project = Project(stage.gitlab.url, PROJECT, TOKEN)
    said += [repr(project), repr(forge.__dict__), repr(vars(forge).values()), caplog.text]
    assert "PRIVATE-TOKEN" not in caplog.text
    text = "\n".join(said).encode()
    assert not any(secret in text for secret in SECRETS)
    for file in (each for each in (stage.folder / "logged").rglob("*") if each.is_file()):
        assert not any(secret in file.read_bytes() for secret in SECRETS), file
    config = next((stage.folder / "logged").rglob("*.git/config")).read_text()
    assert "url" not in config and "http" not in config


def test_a_token_in_the_url_is_taken_out_of_it(stage: Stage) -> None:
    with_token = stage.gitlab.clone.replace("https://", f"https://oauth2:{TOKEN}@")
    repo = ConfigRepo.open(with_token, home=stage.folder / "url", ca=str(stage.ca))
    calls = Calls(Project(stage.gitlab.url, PROJECT, TOKEN, ca=str(stage.ca)), guarded())
    GitLabForge(repo, calls).open_or_update(stage.effect())
    assert TOKEN not in repo.where
    for file in (each for each in (stage.folder / "url").rglob("*") if each.is_file()):
        assert not any(secret in file.read_bytes() for secret in SECRETS), file


def test_a_redirection_does_not_get_it(stage: Stage) -> None:
    """requests takes only the header Authorization out when it is sent to another server."""
    calls = Calls(Project(stage.gitlab.url, PROJECT, TOKEN, ca=str(stage.ca)), pause=lambda _: None)
    elsewhere = stage.gitlab.url.replace("localhost", "127.0.0.1") + "/api/v4/user"
    before = len(stage.gitlab.calls)
    with (
        stage.broken(Fault("GET", "user$", 302, times=9, headers={"Location": elsewhere})),
        pytest.raises(Mendable) as no,
    ):
        calls.own_user()
    assert no.value.code == "EGR489"
    assert set(stage.gitlab.calls[before:]) == {"GET /user"} and len(stage.gitlab.calls) - before == 3


DOCTOR = [
    ({}, 30, {}, ["EGR054"]),
    ({"scopes": ["api", "read_repository", "self_rotate"]}, 40, {}, ["EGR054"]),
    ({"scopes": ["read_repository"]}, 30, {}, ["EGR047"]),
    ({"scopes": ["api", "sudo", "admin_mode"]}, 30, {}, ["EGR048"]),
    ({"expires_at": "2026-11-20"}, 30, {}, ["EGR049"]),
    ({"expires_at": "2026-12-02"}, 30, {}, ["EGR054"]),
    ({"expires_at": None}, 30, {}, ["EGR051"]),
    ({"active": False, "expires_at": "2026-10-31"}, 30, {}, ["EGR050"]),
    ({"revoked": True}, 30, {}, ["EGR050"]),
    ({}, 20, {}, ["EGR052"]),
    ({}, None, {}, ["EGR052"]),
    ({}, 50, {}, ["EGR053"]),
    ({}, 40, {"is_admin": True}, ["EGR053"]),
    ({"scopes": ["api", "k8s_proxy"], "expires_at": None}, 10, {}, ["EGR048", "EGR051", "EGR052"]),
]


@pytest.mark.parametrize(("token", "role", "user", "codes"), DOCTOR)
def test_what_doctor_says(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    token: dict[str, Any],
    role: int | None,
    user: dict[str, Any],
    codes: list[str],
) -> None:
    monkeypatch.setattr(stage.gitlab, "token", {**stage.gitlab.token, **token})
    monkeypatch.setattr(stage.gitlab, "level", role)
    calls = Calls(Project(stage.gitlab.url, PROJECT, TOKEN, ca=str(stage.ca)))
    monkeypatch.setattr(calls, "own_user", lambda: {"id": 7, "username": "postern", **user})
    found = list(token_findings(calls, NOW))
    assert [each.code for each in found] == codes
    for finding in found:
        said = say(finding)
        assert "{" not in said.says + (said.do or "") and "None" not in said.says
        assert said.do or level(finding) == "info"


def test_a_token_that_may_not_use_the_api(stage: Stage) -> None:
    calls = Calls(Project(stage.gitlab.url, PROJECT, TOKEN, ca=str(stage.ca)))
    with stage.broken(Fault("GET", "self$", 403, message="insufficient_scope")):
        assert [each.code for each in token_findings(calls, NOW)] == ["EGR047"]
