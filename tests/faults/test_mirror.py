"""The mirror of a repository over time: shared, damaged, locked, killed, old, and no larger than it must be."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.desk import Handled
from bot.world.config_repo import ConfigRepo, mirror_care
from bot.world.config_repo.mirror_care import span
from bot.world.gitlab import authorization
from skills.core.errors import Mendable, Unreachable
from skills.core.messages import say
from tests.fakes import git_repos
from tests.fakes.gitlab_server import TOKEN, Fault
from tests.faults import people
from tests.faults.people import Office
from tests.faults.stage import Stage, told

pytestmark = pytest.mark.needs("openssl")


def repo_of(stage: Stage, home: str) -> ConfigRepo:
    return ConfigRepo.open(stage.gitlab.clone, home=stage.folder / home, authorization=authorization(TOKEN))


def everything(_path: str) -> bool:
    return True


def mirror_of(stage: Stage, home: str) -> Path:
    (current,) = (stage.folder / home / "mirrors").glob("*/current")
    return current.resolve()


# --- shared


def test_many_asks_at_once_are_few_requests_and_all_see_the_newest(stage: Stage) -> None:
    repo = repo_of(stage, "shared")
    repo.snapshot(everything)
    newest = git_repos.commit(stage.gitlab.repository, {"a.yaml": "a: shared\n"})
    before = len(stage.gitlab.git_calls)
    gate = threading.Barrier(24)

    def ask() -> str | None:
        gate.wait()
        # Some share the object, as threads of one server do; some have their own, as other processes do.
        asker = repo if threading.get_ident() % 2 else repo_of(stage, "shared")
        return asker.snapshot(everything).commit

    with ThreadPoolExecutor(24) as pool:
        commits = {task.result() for task in [pool.submit(ask) for _ in range(24)]}
    assert commits == {newest}
    assert len(stage.gitlab.git_calls) - before <= 24, "every ask asked for itself"
    assert len(list(mirror_of(stage, "shared").parent.glob("*.git"))) == 1


def test_who_comes_after_an_answer_asks_again(stage: Stage) -> None:
    repo = repo_of(stage, "again")
    repo.snapshot(everything)
    newest = git_repos.commit(stage.gitlab.repository, {"a.yaml": "a: again\n"})
    assert repo.snapshot(everything).commit == newest


# --- damaged, locked, killed


def rubbish_in_packs(mirror: Path) -> None:
    for pack in mirror.glob("objects/pack/*.pack"):
        pack.chmod(0o644)
        pack.write_bytes(b"rubbish")
    for loose in mirror.glob("objects/[0-9a-f][0-9a-f]/*"):
        loose.chmod(0o644)
        loose.write_bytes(b"rubbish")


def lock_of_a_branch(mirror: Path) -> None:
    (mirror / "refs" / "heads").mkdir(parents=True, exist_ok=True)
    (mirror / "refs" / "heads" / "main.lock").touch()


def lock_of_packed_refs(mirror: Path) -> None:
    (mirror / "packed-refs.lock").touch()
    lock_of_a_branch(mirror)


def half_a_pack(mirror: Path) -> None:
    (mirror / "objects" / "pack").mkdir(parents=True, exist_ok=True)
    left = mirror / "objects" / "pack" / "tmp_pack_killed"
    left.write_bytes(b"x" * 4096)
    os.utime(left, (time.time() - 7200,) * 2)


def broken_settings(mirror: Path) -> None:
    (mirror / "config").write_text("[core\n")


HARMS = [rubbish_in_packs, lock_of_a_branch, lock_of_packed_refs, half_a_pack, broken_settings]


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_harm_is_mended_for_readers_and_for_the_forge(stage: Stage, harm: Callable[[Path], None]) -> None:
    home = harm.__name__
    stage.forge(home).source(everything, None)()
    harm(mirror_of(stage, home))
    newest = git_repos.commit(stage.gitlab.repository, {"a.yaml": f"a: {home}\n"})
    assert stage.forge(home).source(everything, None)().commit == newest
    harm(mirror_of(stage, home))
    effect = stage.effect()
    assert stage.forge(home).open_or_update(effect).merge_request.state == "opened"
    assert repo_of(stage, home).snapshot(everything).commit == newest
    folder = mirror_of(stage, home).parent
    assert len(list(folder.glob("*.git"))) == 1
    assert not list(folder.glob("*.git/objects/pack/tmp_*"))


def test_a_fetch_that_is_killed_leaves_the_old_answer_or_the_new_one(stage: Stage) -> None:
    repo_of(stage, "killed").snapshot(everything)
    big = {f"big/{number}.yaml": os.urandom(2000).hex() for number in range(40)}
    newest = git_repos.commit(stage.gitlab.repository, {**big, "a.yaml": "a: big\n"})
    for skip in range(6):

        def kill() -> None:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if b"fetch" in words and any(str(stage.folder / "killed").encode() in word for word in words):
                    os.kill(int(process.name), signal.SIGKILL)

        with stage.broken(Fault(".*", r"\.git/", -1, after=True, skip=skip, then=kill)):
            try:
                seen = repo_of(stage, "killed").snapshot(everything)
            except Mendable as failure:
                told(failure)
                continue
        if seen.lag is None:
            assert seen.commit == newest
            assert seen.files["a.yaml"] == b"a: big\n" and len(seen.files) >= len(big)
    fsck = subprocess.run(["git", "fsck", "--connectivity-only"], cwd=mirror_of(stage, "killed"), capture_output=True)
    assert fsck.returncode == 0, fsck.stderr


def test_an_answer_that_is_cut_in_the_middle_is_no_answer(stage: Stage) -> None:
    """Then the mirror is as it was, and says so; half a list of branches deletes none."""
    repo_of(stage, "cut").snapshot(everything)
    old, newest = stage.gitlab.tip("main"), git_repos.commit(stage.gitlab.repository, {"a.yaml": "a: cut\n"})
    half = lambda out: (out[: len(out) // 2], "application/x-git-upload-pack-result")  # noqa: E731
    for skip in range(4):
        with stage.broken(Fault("POST", "git-upload-pack$", 200, mangle=half, skip=skip, times=2)):
            seen = repo_of(stage, "cut").snapshot(everything)
        assert seen.commit == newest or (seen.commit == old and seen.lag is not None)
    seen = repo_of(stage, "cut").snapshot(everything)
    assert (seen.commit, seen.lag) == (newest, None)


def test_a_main_that_was_rewritten(stage: Stage) -> None:
    repo = repo_of(stage, "rewritten")
    repo.snapshot(everything)
    git_repos.commit(stage.gitlab.repository, {"side.yaml": "s: 1\n"}, branch="side")
    before = stage.gitlab.tip("main") or ""
    stage.gitlab.git("update-ref", "refs/heads/main", stage.gitlab.tip("side") or "")
    try:
        assert list(repo.snapshot(everything, since=repo.snapshot(everything)).files) == ["side.yaml"]
    finally:
        stage.gitlab.git("update-ref", "refs/heads/main", before)
        stage.gitlab.git("update-ref", "-d", "refs/heads/side")


def test_a_shallow_remote(tmp_path: Path) -> None:
    whole = git_repos.bare(tmp_path / "whole.git", {"a.yaml": "a: 1\n"})
    git_repos.commit(whole, {"a.yaml": "a: 2\n"})
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--depth=1", f"file://{whole}", str(tmp_path / "cut.git")], check=True
    )
    repo = ConfigRepo.open(f"file://{tmp_path / 'cut.git'}", home=tmp_path / "home")
    assert repo.snapshot(everything).files["a.yaml"] == b"a: 2\n"
    git_repos.commit(tmp_path / "cut.git", {"a.yaml": "a: 3\n"})
    assert repo.snapshot(everything).files["a.yaml"] == b"a: 3\n"


# --- old


SILENT = Fault("GET", "info/refs$", 0, times=99)


def lag_of(handled: Handled) -> list[str]:
    assert handled.answer, handled.problem
    return [finding.code for finding in handled.answer.findings if finding.code == "EGR045"]


def test_while_gitlab_is_silent_reading_goes_on_with_its_age_and_nothing_is_proposed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_repos.commit(stage.gitlab.repository, people.FILES)
    where = Office(stage.gitlab.clone, str(stage.ca), stage.folder / "old", stage.folder / "old.db")
    app = where.app()
    assert lag_of(people.check(app, "a.example")) == []
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 12 * 60 + 5)
    with stage.broken(SILENT):
        handled = people.check(app, "a.example")
        assert lag_of(handled) == ["EGR045"] and handled.answer
        assert handled.answer.data["decision"] == "allowed"
        said = say(handled.answer.findings[-1]).says
        assert said == f"This is as of 12 minutes ago: {app.repository} does not answer."
        restarted = where.app()
        assert lag_of(people.check(restarted, "b.example")) == ["EGR045"]
        refused = people.propose(restarted, "b.example").problem
        assert refused and refused.finding.code == "EGR046" and not restarted.requests()
    assert lag_of(people.check(app, "a.example")) == []
    assert people.propose(app, "b.example").problem is None


def test_a_mirror_of_the_day_before_yesterday_is_no_answer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    repo_of(stage, "ancient").snapshot(everything)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 49 * 3600)
    with stage.broken(SILENT), pytest.raises(Unreachable) as no:
        repo_of(stage, "ancient").snapshot(everything)
    assert told(no.value) == "EGR549"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_remote_that_does_not_let_us_in_has_answered(stage: Stage, status: int) -> None:
    """Whoever took Postern's access away does not want the mirror to be read on."""
    repo_of(stage, "refused").snapshot(everything)
    with stage.broken(Fault("GET", "info/refs$", status, times=99)), pytest.raises(Unreachable) as no:
        repo_of(stage, "refused").snapshot(everything)
    assert told(no.value) in ("EGR549", "EGR553")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "less than a minute"), (61, "1 minute"), (725, "12 minutes"), (3600, "1 hour"), (90_000, "1 day")],
)
def test_ages_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


# --- no larger than it must be


def size_of(folder: Path) -> int:
    return sum(each.stat().st_blocks * 512 for each in folder.rglob("*") if each.is_file())


def files_of(folder: Path) -> int:
    return sum(1 for each in folder.rglob("*") if each.is_file())


@pytest.mark.parametrize("proposals", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_proposals_do_not_grow_it_without_bound(stage: Stage, monkeypatch: pytest.MonkeyPatch, proposals: int) -> None:
    monkeypatch.setattr(mirror_care, "MOST_PACKS", -1)
    monkeypatch.setattr(mirror_care, "_PAUSE", 0)
    home = f"grown-{proposals}"
    forge = stage.forge(home)
    most = 0
    for number in range(proposals):
        forge.open_or_update(stage.effect())
        if number % 5 == 0:
            git_repos.commit(stage.gitlab.repository, {"a.yaml": f"a: {home}-{number}\n"})
            forge.source(everything, None)()
        most = max(most, files_of(mirror_of(stage, home) / "objects"))
    assert most < 90, "each proposal makes four objects: they were never packed"
    assert size_of(mirror_of(stage, home).parent) < 4_000_000
    assert forge.source(everything, None)().commit == stage.gitlab.tip("main")


def test_copies_that_a_kill_left_are_removed(stage: Stage) -> None:
    repo = repo_of(stage, "left")
    repo.snapshot(everything)
    folder = mirror_of(stage, "left").parent
    git_repos.bare(folder / "7.git", {"x": "half built"})
    repo.snapshot(everything)
    assert [each.name for each in folder.glob("*.git")] == ["1.git"]
