"""Commits by plumbing, files on disk, new repositories, and who last touched a line."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.world.config_repo import POSTERN, copy_repository, new_repository
from bot.world.config_repo.paths import check_writable
from skills.core.errors import Outdated, Unreachable
from skills.core.model import Edit
from tests.fakes import git_repos
from tests.fakes.asked import DATE, FILES, opened, read, refused


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class TestCommits:
    @pytest.fixture
    def repo(self, tmp_path: Path) -> Path:
        return git_repos.bare(
            tmp_path / "b.git", {**FILES, "dos.yaml": b"a: 1\r\nb: 2", "bom.yaml": b"\xef\xbb\xbfa: 1\n"}
        )

    def test_the_same_inputs_give_the_same_commit(self, repo: Path, tmp_path: Path, home: Path) -> None:
        args = ("main", "egress/K", {"a.yaml": "a: 2\n", "new/x.yaml": "x: 1\n"}, "Words\n\nMore", POSTERN, DATE)
        first = opened(repo, home).commit_files(*args)
        assert opened(repo, home).commit_files(*args) == first
        git_repos.git(tmp_path, "clone", "--quiet", "--mirror", str(repo), "other.git")
        assert opened(tmp_path / "other.git", home).commit_files(*args) == first
        assert git_repos.git(repo, "rev-parse", "egress/K^") == git_repos.git(repo, "rev-parse", "main")
        assert git_repos.git(repo, "log", "-1", "--format=%an %cn %aI %s", first) == (
            "Postern Postern 2026-01-02T03:04:05+00:00 Words"
        )
        git_repos.git(repo, "fsck", "--strict")

    def test_another_date_gives_another(self, repo: Path, home: Path) -> None:
        first = opened(repo, home).commit_files("main", "x", {"a.yaml": "a: 2\n"}, "m", POSTERN, DATE)
        second = opened(repo, home).commit_files("main", "y", {"a.yaml": "a: 2\n"}, "m", POSTERN, "2026-01-03T00:00:00")
        assert first != second

    def test_every_other_file_stays_as_it_is(self, repo: Path, home: Path) -> None:
        commit = opened(repo, home).commit_files("main", "x", {"deep/er/b.yaml": "b: 3\n"}, "m", POSTERN, DATE)
        assert git_repos.git(repo, "diff-tree", "-r", "--name-status", "main", commit) == "M\tdeep/er/b.yaml"

    def test_bytes_are_kept_exactly(self, repo: Path, home: Path) -> None:
        texts = {"dos.yaml": "a: 1\r\nb: 2\r\nc: ü", "bom.yaml": "\ufeffa: 2\n"}
        commit = opened(repo, home).commit_files("main", "x", texts, "m", POSTERN, DATE)
        for path, text in texts.items():
            assert git_repos.text_at(repo, commit, path) == text.encode()

    def test_the_mode_is_kept(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        (folder / "a.yaml").chmod(0o755)
        git_repos.commit_in(folder, {})
        commit = opened(folder, home).commit_files("HEAD", "x", {"a.yaml": "a: 2\n", "n": "n"}, "m", POSTERN, DATE)
        modes = git_repos.git(folder, "ls-tree", commit, "a.yaml", "n")
        assert [line.split()[0] for line in modes.splitlines()] == ["100755", "100644"]

    def test_a_deleted_file_takes_its_empty_folders_along(self, repo: Path, home: Path) -> None:
        commit = opened(repo, home).commit_files("main", "x", {"deep/er/b.yaml": None}, "m", POSTERN, DATE)
        assert "deep" not in git_repos.git(repo, "ls-tree", "--name-only", commit).split()

    def test_a_branch_of_somebody_else_is_not_moved(self, repo: Path, home: Path) -> None:
        other = git_repos.commit(repo, {"z.yaml": "z: 1\n"}, branch="egress/K")
        failure = refused(opened(repo, home).commit_files, "main", "egress/K", {"a.yaml": "a: 2\n"}, "m", POSTERN, DATE)
        assert isinstance(failure, Outdated)
        assert (failure.code, git_repos.git(repo, "rev-parse", "egress/K")) == ("EGR568", other)

    def test_a_branch_that_can_not_be_made(self, repo: Path, home: Path) -> None:
        git_repos.git(repo, "branch", "egress", "main")
        failure = refused(opened(repo, home).commit_files, "main", "egress/K", {"a.yaml": "a: 2\n"}, "m", POSTERN, DATE)
        assert isinstance(failure, Unreachable)
        assert (failure.code, "egress" in str(failure.facts["says"])) == ("EGR569", True)

    @pytest.mark.parametrize(
        "path",
        [
            *[
                "../x",
                "/x",
                "a/../b",
                "",
                ".",
                "a//b",
                ".git/hooks/x",
                "a/.GIT/x",
                "GIT~1/x",
                "a\nb",
                "a\0b",
                "a\\..\\b",
            ],
            *["x" * 2000, "a/" * 100 + "b", os.fsdecode(b"\xe9"), ".git./x"],
        ],
    )
    def test_paths_that_are_refused(self, repo: Path, home: Path, path: str) -> None:
        failure = refused(opened(repo, home).commit_files, "main", "x", {path: "x\n"}, "m", POSTERN, DATE)
        assert (failure.code, failure.exit_status) == ("EGR564", 2)

    @pytest.mark.parametrize("path", ["a.yaml", ".gitlab-ci.yml", "git/x", "ü/ß.yaml", "..a/b..c", ".github/x"])
    def test_paths_that_are_not(self, path: str) -> None:
        check_writable(path)

    def test_nothing_is_written_through_a_link_or_a_file(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        (folder / "link.yaml").symlink_to("a.yaml")
        (folder / "linked").symlink_to("deep")
        git_repos.commit_in(folder, {})
        for path in ("link.yaml", "linked/er/b.yaml", "a.yaml/x", "deep"):
            failure = refused(opened(folder, home).commit_files, "HEAD", "x", {path: "x\n"}, "m", POSTERN, DATE)
            assert failure.code == "EGR565"

    def test_what_is_not_utf8_is_not_edited(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "l.git", {"a.yaml": b"a: \xe9\n"})
        failure = refused(opened(repo, home).commit_files, "main", "x", {"a.yaml": "a: e\n"}, "m", POSTERN, DATE)
        assert failure.code == "EGR566"

    def test_a_change_that_changes_nothing(self, repo: Path, home: Path) -> None:
        failure = refused(opened(repo, home).commit_files, "main", "x", {"a.yaml": "a: 1\n"}, "m", POSTERN, DATE)
        assert failure.code == "EGR457"


NAMES = st.sampled_from(["a", "a.b", "a-b", "b c", 'q"q', "ü", "z"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def _no_file_is_a_folder(files: dict[str, str]) -> bool:
    return not any(one.startswith(other + "/") for one in files for other in files)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    before=st.dictionaries(PATHS, st.text("xy\r\n", max_size=4), min_size=1).filter(_no_file_is_a_folder),
    change=st.dictionaries(PATHS, st.none() | st.text("xyz\r\n", max_size=4), min_size=1),
)
def test_a_commit_is_the_old_files_with_the_change(before: dict[str, str], change: dict[str, str | None]) -> None:
    after = {path: text for path, text in {**before, **change}.items() if text is not None}
    assume(_no_file_is_a_folder({**before, **dict.fromkeys(change, "")}))
    assume(after != before)
    with tempfile.TemporaryDirectory() as folder:
        repo = git_repos.bare(Path(folder, "b.git"), before)
        config = opened(repo, Path(folder, "home"))
        commit = config.commit_files("main", "x", change, "m", POSTERN, DATE)
        snapshot = config.snapshot(lambda _: True, at=commit)
        assert dict(snapshot.files) == {path: text.encode() for path, text in after.items()}
        git_repos.git(repo, "fsck", "--strict")


class TestBlame:
    def test_who_last_touched_a_line(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", {"a.yaml": "a:\n- x\n"})
        first = git_repos.git(repo, "rev-parse", "main")
        git_repos.commit(repo, {"a.yaml": "a:\n- y\n- x\n"}, message="Let y in\n\nLong story")
        last = git_repos.commit(repo, {"a.yaml": "a:\n  - y\n  - x\n"}, message="Indent")
        found = opened(repo, home).blame("a.yaml", 3, last)
        assert found is not None
        assert (found.sha, found.author, found.summary) == (first, "Alice <alice@fincorp.example>", "A change")
        assert found.date == "2023-11-14T23:13:20+01:00"
        other = opened(repo, home).blame("a.yaml", 2, last)
        assert other is not None
        assert other.summary == "Let y in"

    @pytest.mark.parametrize(("path", "line"), [("a.yaml", 9), ("a.yaml", 0), ("no.yaml", 1), ("--x", 1), ("a\nb", 1)])
    def test_what_is_not_there(self, tmp_path: Path, home: Path, path: str, line: int) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        assert opened(repo, home).blame(path, line, "main") is None


class TestWrite:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return git_repos.write(tmp_path / "f", {**FILES, "dos.yaml": b"a: 1\r\n"})

    def test_new_and_old_files(self, folder: Path, home: Path) -> None:
        (folder / "dos.yaml").chmod(0o750)
        edits = [Edit("dos.yaml", "a: 1\r\n", "a: 2\r\n"), Edit("new/er/x.yaml", None, "x: 1\n")]
        opened(folder, home).write(edits)
        assert (folder / "dos.yaml").read_bytes() == b"a: 2\r\n"
        assert (folder / "new/er/x.yaml").read_bytes() == b"x: 1\n"
        assert (folder / "dos.yaml").stat().st_mode & 0o777 == 0o750
        assert not [path for path in folder.rglob("*") if "postern" in path.name]

    @pytest.mark.parametrize(
        ("second", "code"),
        [
            (Edit("deep/er/b.yaml", "b: other\n", "b: 3\n"), "EGR567"),
            (Edit("deep/er/b.yaml", None, "b: 3\n"), "EGR567"),
            (Edit("gone.yaml", "was\n", "is\n"), "EGR567"),
            (Edit("../f/a.yaml", "a: 1\n", "a: 3\n"), "EGR564"),
            (Edit("link.yaml", "a: 1\n", "a: 3\n"), "EGR565"),
            (Edit("out/x.yaml", None, "x\n"), "EGR565"),
            (Edit("a.yaml/x", None, "x\n"), "EGR565"),
            (Edit("deep", None, "x\n"), "EGR565"),
            (Edit("latin.yaml", "\ufffd", "x\n"), "EGR566"),
        ],
    )
    def test_all_or_nothing(self, folder: Path, home: Path, tmp_path: Path, second: Edit, code: str) -> None:
        (folder / "link.yaml").symlink_to("a.yaml")
        (folder / "out").symlink_to(tmp_path)
        (folder / "latin.yaml").write_bytes(b"\xe9")
        before = _fingerprint(folder)
        edits = [Edit("a.yaml", "a: 1\n", "a: 2\n"), Edit("n/n.yaml", None, "n\n"), second]
        assert refused(opened(folder, home).write, edits).code == code
        assert _fingerprint(folder) == before
        assert not (tmp_path / "x.yaml").exists()

    def test_a_rename_that_fails_half_way_is_undone(
        self, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = _fingerprint(folder)
        real, calls = os.replace, [0]

        def fails_the_second_time(*args: object, **named: object) -> None:
            calls[0] += 1
            if calls[0] == 2:
                raise OSError(28, "No space left on device")
            real(*args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "replace", fails_the_second_time)
        edits = [Edit("a.yaml", "a: 1\n", "a: 2\n"), Edit("deep/er/b.yaml", "b: 2\n", "b: 3\n")]
        assert refused(opened(folder, home).write, edits).code == "EGR569"
        assert _fingerprint(folder) == before

    def test_only_a_folder_can_be_written(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        assert refused(opened(repo, home).write, [Edit("a.yaml", "a: 1\n", "a: 2\n")]).code == "EGR570"


class TestMaking:
    def test_a_repository_from_files(self, tmp_path: Path, home: Path) -> None:
        files = {"a.yaml": b"a: \xff\r\n", 'q"uo te/ü.yaml': b""}
        new_repository(tmp_path / "new.git", files, message="Of ü", date=DATE)
        snapshot = read(tmp_path / "new.git", home)
        assert (dict(snapshot.files), snapshot.branch) == (files, "main")
        git_repos.git(tmp_path / "new.git", "fsck", "--strict")

    def test_a_copy_of_each_kind(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES, branch="trunk")
        folder = git_repos.work_tree(tmp_path / "f", FILES, branch="trunk")
        plain = git_repos.write(tmp_path / "p", FILES)
        for number, source in enumerate((str(repo), str(folder), f"file://{repo}", str(plain))):
            copy = tmp_path / f"copy{number}.git"
            copy_repository(source, copy, home=home, date=DATE)
            snapshot = read(copy, home)
            assert list(snapshot.files) == ["a.yaml", "deep/er/b.yaml"]
            assert snapshot.branch == ("main" if source == str(plain) else "trunk")

    def test_what_failed_half_way_is_not_there(self, tmp_path: Path) -> None:
        assert (
            refused(new_repository, tmp_path / "new.git", {"a": b"", "a/b": b""}, message="m", date=DATE).code
            == "EGR565"
        )
        assert not (tmp_path / "new.git").exists()
        new_repository(tmp_path / "new.git", {"x": b""}, message="m", date=DATE)


def _fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path): f"{path.lstat().st_mode} {hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''}"
        for path in sorted(folder.rglob("*"))
    }
