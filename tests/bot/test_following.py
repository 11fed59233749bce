"""A snapshot that follows a commit is the one that a reading of the whole commit gives, or there is none."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bot.world import bulk
from bot.world.config_repo import ConfigRepo, Snapshot
from bot.world.snapshots import Snapshots, at_commit
from skills.core.reading import read_file
from tests.fakes import git_repos
from tests.fakes.asked import FILES, opened, wanted

MORE = {f"many/f{number}.yaml": f"a: {number}\n" for number in range(20)}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return git_repos.bare(tmp_path / "r.git", {**FILES, **MORE})


@pytest.fixture
def repo(bare: Path, tmp_path: Path) -> ConfigRepo:
    return opened(bare, tmp_path / "home")


def whole(repo: ConfigRepo) -> Snapshot:
    return repo.snapshot(wanted)


def content(snapshot: Snapshot) -> Snapshot:
    """Without how it was come by."""
    return replace(snapshot, since=None, changed=(), files=dict(snapshot.files), blobs=dict(snapshot.blobs))


@pytest.mark.parametrize(
    "files",
    [
        {"a.yaml": "a: 2\n"},
        {"a.yaml": None, "deep/er/b.yaml": None},
        {"new/deep/c.yaml": "c: 3\n", "a.yaml": "a: 1\nb: 2\n"},
        {"deep/er/b.yaml": None, "deep/er": "was a folder\n", "moved.yaml": "b: 2\n"},
        {"README.md": "nobody reads this\n"},
        {"straße/ü.yaml": "u: 1\n", "with\ttab.yaml": "t: 1\n"},
    ],
)
def test_what_a_commit_changed_is_what_differs(repo: ConfigRepo, bare: Path, files: git_repos.Files) -> None:
    before = whole(repo)
    git_repos.commit(bare, files)
    after = repo.snapshot(wanted, since=before)
    assert content(after) == content(whole(repo))
    if after.since is not None:
        assert after.since == before.commit
        assert set(after.changed) == {path for path in files if wanted(path)}


def test_without_a_new_commit_it_is_the_same_one(repo: ConfigRepo) -> None:
    before = whole(repo)
    assert repo.snapshot(wanted, since=before) is before


def test_another_branch_becomes_head(repo: ConfigRepo, bare: Path) -> None:
    before = whole(repo)
    git_repos.git(bare, "branch", "next", "main")
    git_repos.git(bare, "symbolic-ref", "HEAD", "refs/heads/next")
    assert (repo.snapshot(wanted, since=before).branch, before.branch) == ("next", "main")
    git_repos.commit(bare, {"a.yaml": "a: 5\n"}, branch="next")
    assert content(repo.snapshot(wanted, since=before)) == content(whole(repo))


def test_history_that_was_rewritten(repo: ConfigRepo, bare: Path) -> None:
    git_repos.commit(bare, {"a.yaml": "a: 2\n"})
    before = whole(repo)
    git_repos.git(bare, "update-ref", "refs/heads/main", "main~1")
    git_repos.commit(bare, {"other.yaml": "o: 1\n"})
    git_repos.git(bare, "reflog", "expire", "--expire=now", "--all")
    assert content(repo.snapshot(wanted, since=before)) == content(whole(repo))
    git_repos.git(bare, "gc", "--quiet", "--prune=now")
    assert content(repo.snapshot(wanted, since=before)) == content(whole(repo))


def test_packs_made_meanwhile(repo: ConfigRepo, bare: Path) -> None:
    before = whole(repo)
    repo.snapshot(wanted, since=before)
    git_repos.commit(bare, {"a.yaml": "a: 2\n"})
    git_repos.git(bare, "gc", "--quiet", "--prune=now")
    assert repo.snapshot(wanted, since=before).files["a.yaml"] == b"a: 2\n"


def test_a_link_is_read_with_all_the_rest(repo: ConfigRepo, bare: Path) -> None:
    before = whole(repo)
    target = git_repos.git(bare, "hash-object", "-w", "--stdin", feed=b"/etc/passwd")
    script = f"commit refs/heads/main\ncommitter A <a@b.example> 1700000000 +0100\ndata 1\nx\nfrom refs/heads/main^0\nM 120000 {target} link.yaml\n"
    git_repos.git(bare, "fast-import", "--quiet", feed=script.encode())
    after = repo.snapshot(wanted, since=before)
    assert (after.since, [finding.code for finding in after.findings]) == (None, ["EGR555"])


def test_a_file_that_is_too_large_is_named(repo: ConfigRepo, bare: Path) -> None:
    before = whole(repo)
    git_repos.commit(bare, {"a.yaml": "#" * (5 * 1024 * 1024 + 1)})
    after = repo.snapshot(wanted, since=before)
    assert [finding.code for finding in after.findings] == ["EGR556"]
    git_repos.commit(bare, {"a.yaml": "a: 1\n"})
    assert repo.snapshot(wanted, since=after).findings == ()


def test_a_git_that_was_killed_is_started_again(repo: ConfigRepo, bare: Path) -> None:
    before = whole(repo)
    repo.snapshot(wanted, since=before)
    objects = repo.git().objects
    os.kill(objects._held.proc.pid, signal.SIGKILL)
    objects._held.proc.wait()
    git_repos.commit(bare, {"a.yaml": "a: 2\n"})
    assert repo.snapshot(wanted, since=before).files["a.yaml"] == b"a: 2\n"


def test_allowlists_follow_commit_by_commit(repo: ConfigRepo, bare: Path) -> None:
    snapshots, source = Snapshots(), at_commit(repo)
    first = snapshots.read(source).allowlist
    assert snapshots.read(source).allowlist is first
    for number in range(4):
        git_repos.commit(
            bare, {f"p{number}.yaml": "kind: Project\napiVersion: lowops.manifests.v1\nmetadata: {name: p}\n"}
        )
        git_repos.commit(bare, {"a.yaml": None if number % 2 else f"a: {number}\n"})
        now, anew = snapshots.read(source).allowlist, Snapshots().read(source).allowlist
        assert (dict(now.readings), dict(now.texts), now.commit) == (dict(anew.readings), dict(anew.texts), anew.commit)


def test_a_folder_follows_too(tmp_path: Path) -> None:
    folder = git_repos.work_tree(tmp_path / "f", FILES)
    snapshots, source = Snapshots(), at_commit(opened(folder, tmp_path / "home"))
    snapshots.read(source)
    git_repos.write(folder, {"a.yaml": "a: 9\n", "deep/er/b.yaml": None, "new.yaml": "n: 1\n"})
    now = snapshots.read(source).allowlist
    assert (now.texts["a.yaml"], sorted(now.readings), now.dirty) == ("a: 9\n", ["a.yaml", "new.yaml"], True)


# --- many files at once

POLICY = (
    "kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {{name: n{}}}\nspec: {{policyTypes: [Egress]}}\n"
)
FEW_BAD = {"x/bad.yaml": b"a: [1\n", "x/bom.yaml": b"\xef\xbb\xbfa: 1\n", "x/not-utf8.yaml": b"a: \xff\n"}
BULK = {**{f"n{number}.yaml": POLICY.format(number).encode() for number in range(1_200)}, **FEW_BAD}


def one_by_one() -> dict[str, object]:
    return {path: read_file(path, raw) for path, raw in BULK.items()}


def test_two_processes_read_what_one_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_may_fork", lambda: True)
    told: list[tuple[int, int]] = []
    found = bulk.read_all(BULK, lambda done, total: told.append((done, total)))
    assert found == one_by_one()
    assert list(found) == list(BULK)
    assert told and all(0 < done <= total == len(BULK) for done, total in told)


def test_a_helper_that_dies_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_may_fork", lambda: True)
    monkeypatch.setattr(bulk, "_hand_over", lambda *_: os._exit(9))
    assert bulk.read_all(BULK) == one_by_one()


def test_with_other_threads_about_nothing_is_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2)
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    assert bulk.read_all(BULK) == one_by_one()
