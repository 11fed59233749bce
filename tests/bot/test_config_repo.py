"""Reading allowlist repositories: folders and bare repositories, as they are and as an enemy makes them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bot.world.config_repo import Limits
from bot.world.config_repo.paths import leaves
from skills.core.messages import say
from tests.fakes import git_repos
from tests.fakes.asked import FILES, codes, read, refused


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class TestFolder:
    def test_outside_git_there_is_no_commit(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.write(tmp_path / "f", FILES)
        snapshot = read(folder, home)
        assert (snapshot.commit, snapshot.dirty, snapshot.branch, snapshot.kind) == (None, None, None, "folder")
        assert dict(snapshot.files) == {"a.yaml": b"a: 1\n", "deep/er/b.yaml": b"b: 2\n"}
        assert snapshot.where == str(folder)

    def test_blob_ids_are_those_of_git(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.write(tmp_path / "f", FILES)
        assert read(folder, home).blobs["a.yaml"] == git_repos.git(folder, "hash-object", "a.yaml")

    def test_a_clean_work_tree(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES, branch="trunk")
        snapshot = read(folder, home)
        assert snapshot.commit == git_repos.git(folder, "rev-parse", "HEAD")
        assert (snapshot.dirty, snapshot.branch, snapshot.findings) == (False, "trunk", ())

    @pytest.mark.parametrize("change", [{"a.yaml": "a: 3\n"}, {"new.yaml": "n: 1\n"}, {"a.yaml": None}])
    def test_what_differs_from_the_commit_makes_it_dirty(
        self, tmp_path: Path, home: Path, change: git_repos.Files
    ) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        git_repos.write(folder, change)
        snapshot = read(folder, home)
        assert snapshot.dirty is True
        assert snapshot.files.get("a.yaml") != b"a: 1\n" or "new.yaml" in snapshot.files

    def test_a_file_that_nobody_wants_does_not(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        git_repos.write(folder, {"README.md": "other words\n"})
        assert read(folder, home).dirty is False

    def test_ignored_files_are_on_disk_too(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", {**FILES, ".gitignore": "secret.yaml\n"})
        git_repos.write(folder, {"secret.yaml": "s: 1\n", ".venv/lib/x.yaml": "x: 1\n"})
        snapshot = read(folder, home)
        assert {"secret.yaml", ".venv/lib/x.yaml"} <= snapshot.files.keys()
        assert snapshot.dirty is True

    def test_a_folder_inside_a_repository_is_not_that_repository(self, tmp_path: Path, home: Path) -> None:
        outer = git_repos.work_tree(tmp_path / "outer", {"sub/a.yaml": "a: 1\n"})
        snapshot = read(outer / "sub", home)
        assert (snapshot.commit, snapshot.dirty, list(snapshot.files)) == (None, None, ["a.yaml"])
        assert refused(read, outer / "sub", home, "HEAD").code == "EGR547"

    def test_at_reads_the_commit_and_not_the_disk(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        git_repos.write(folder, {"a.yaml": "a: 3\n"})
        snapshot = read(folder, home, "main")
        assert snapshot.files["a.yaml"] == b"a: 1\n"
        assert (snapshot.dirty, snapshot.branch) == (False, "main")

    def test_a_linked_work_tree_has_its_own_head(self, tmp_path: Path, home: Path) -> None:
        main = git_repos.work_tree(tmp_path / "main", FILES)
        git_repos.git(main, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
        git_repos.commit_in(tmp_path / "side", {"a.yaml": "a: 9\n"})
        snapshot = read(tmp_path / "side", home)
        assert (snapshot.branch, snapshot.dirty) == ("side", False)
        assert snapshot.commit != git_repos.git(main, "rev-parse", "HEAD")

    def test_the_git_directory_of_a_folder_is_that_folder(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        assert read(folder / ".git", home).where == str(folder)

    def test_a_repository_without_commits_is_read_from_disk(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f")
        git_repos.write(folder, FILES)
        snapshot = read(folder, home)
        assert (snapshot.commit, snapshot.dirty, len(snapshot.files)) == (None, True, 2)

    def test_a_git_directory_that_is_none_is_said(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.write(tmp_path / "f", {**FILES, ".git/config": "[core\n"})
        snapshot = read(folder, home)
        assert (snapshot.commit, snapshot.dirty, codes(snapshot)) == (None, None, ["EGR562"])
        assert len(snapshot.files) == 2

    def test_submodules_are_passed_over_as_in_a_commit(self, tmp_path: Path, home: Path) -> None:
        inner = git_repos.work_tree(tmp_path / "inner", FILES)
        outer = git_repos.work_tree(tmp_path / "outer", {"a.yaml": "a: 1\n"})
        git_repos.git(outer, "submodule", "--quiet", "add", str(inner), "module")
        git_repos.commit_in(outer, {})
        for rev in (None, "HEAD"):
            snapshot = read(outer, home, rev)
            assert (list(snapshot.files), codes(snapshot), snapshot.dirty) == (["a.yaml"], ["EGR561"], False)

    def test_our_own_home_inside_the_folder_is_not_read(self, tmp_path: Path) -> None:
        folder = git_repos.write(tmp_path / "f", {"a.yaml": "a: 1\n", ".postern/forge/x.yaml": "x: 1\n"})
        assert list(read(folder, folder / ".postern").files) == ["a.yaml"]

    def test_variables_that_point_elsewhere_are_not_followed(
        self, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = git_repos.work_tree(tmp_path / "other", {"o.yaml": "o: 1\n"})
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
        monkeypatch.setenv("GIT_WORK_TREE", str(other))
        monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git" / "objects"))
        monkeypatch.setenv("GIT_TRACE", "2")
        assert read(folder, home).dirty is False
        assert list(read(folder, home, "HEAD").files) == ["a.yaml", "deep/er/b.yaml"]


class TestHostileFiles:
    def test_a_link_that_leaves_is_reported_and_not_followed(self, tmp_path: Path, home: Path) -> None:
        git_repos.write(tmp_path / "outside", {"secret.yaml": "s: 1\n"})
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        (folder / "out.yaml").symlink_to("../outside/secret.yaml")
        (folder / "out").symlink_to(tmp_path / "outside")
        git_repos.commit_in(folder, {})
        for rev in (None, "HEAD"):
            snapshot = read(folder, home, rev)
            assert list(snapshot.files) == ["a.yaml", "deep/er/b.yaml"]
            assert codes(snapshot) == ["EGR555", "EGR555"]
            assert {finding.facts["path"] for finding in snapshot.findings} == {"out", "out.yaml"}

    def test_a_link_inside_is_read_once_and_loops_end(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        (folder / "again.yaml").symlink_to("a.yaml")
        (folder / "deep" / "loop").symlink_to("..")
        (folder / "self.yaml").symlink_to("self.yaml")
        git_repos.commit_in(folder, {})
        for rev in (None, "HEAD"):
            snapshot = read(folder, home, rev)
            assert (list(snapshot.files), snapshot.findings) == (["a.yaml", "deep/er/b.yaml"], ())
        assert read(folder, home).dirty is False

    @pytest.mark.parametrize(
        ("link", "target", "out"),
        [
            ("a", "b", False),
            ("a/b", "../c", False),
            ("a/b", "../../c", True),
            ("a", "/etc/passwd", True),
            ("a", "..", True),
            ("a/b", "..", False),
            ("a", "..b", False),
        ],
    )
    def test_where_a_link_leads(self, link: str, target: str, out: bool) -> None:
        assert leaves(link, target) is out

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("new\nline.yaml", "EGR558"),
            ("bell\x07.yaml", "EGR558"),
            ("right\u202eto-left.yaml", "EGR558"),
            (os.fsdecode(b"latin-\xe9.yaml"), "EGR557"),
        ],
    )
    def test_names_that_can_not_be_shown(self, tmp_path: Path, home: Path, name: str, code: str) -> None:
        folder = git_repos.write(tmp_path / "f", {name: "x: 1\n", "grün.yaml": "g: 1\n"})
        repo = git_repos.bare(tmp_path / "b.git", {name: "x: 1\n", "grün.yaml": "g: 1\n"})
        for snapshot in (read(folder, home), read(repo, home)):
            assert (list(snapshot.files), codes(snapshot)) == (["grün.yaml"], [code])
            assert say(snapshot.findings[0]).says.isprintable()

    def test_a_name_that_nobody_wants_is_no_matter(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.write(tmp_path / "f", {"new\nline.txt": "x\n", "a.yaml": "a: 1\n"})
        assert read(folder, home).findings == ()

    def test_pipes_and_sockets_are_not_waited_for(self, tmp_path: Path, home: Path, monkeypatch: object) -> None:
        folder = git_repos.write(tmp_path / "f", FILES)
        os.mkfifo(folder / "pipe.yaml")
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            os.chdir(folder)
            try:
                listener.bind("socket.yaml")
            finally:
                os.chdir(here)
            assert list(read(folder, home).files) == ["a.yaml", "deep/er/b.yaml"]

    def test_a_large_file_is_left_out_and_the_next_is_read(self, tmp_path: Path, home: Path) -> None:
        files: git_repos.Files = {"a.yaml": "a: 1\n", "big.yaml": b"#" * 5_300_000, "c.yaml": "c: 1\n"}
        folder = git_repos.work_tree(tmp_path / "f", files)
        for rev in (None, "HEAD"):
            snapshot = read(folder, home, rev)
            assert (list(snapshot.files), codes(snapshot)) == (["a.yaml", "c.yaml"], ["EGR556"])
            assert snapshot.findings[0].facts == {"path": "big.yaml", "limit": 5}
        assert read(folder, home).dirty is False

    def test_a_file_at_the_limit_is_read(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", {"a.yaml": b"#" * 100, "b.yaml": b"#" * 101})
        snapshot = read(repo, home, limits=Limits(file_size=100))
        assert list(snapshot.files) == ["a.yaml"]

    @pytest.mark.parametrize("limits", [Limits(files=3), Limits(total_size=18), Limits(entries=3)])
    def test_what_is_too_much_is_cut_and_said(self, tmp_path: Path, home: Path, limits: Limits) -> None:
        files = {f"{number}.yaml": f"n: {number}\n" for number in range(10)}
        folder = git_repos.write(tmp_path / "f", files)
        repo = git_repos.bare(tmp_path / "b.git", files)
        for snapshot in (read(repo, home, limits=limits), read(folder, home, limits=limits)):
            assert codes(snapshot)[-1] == "EGR560"
            assert len(snapshot.files) <= (10 if limits.entries == 3 else 3)

    def test_findings_of_a_kind_are_counted_beyond_a_few(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.write(tmp_path / "f", {f"{number}\n.yaml": "" for number in range(30)})
        snapshot = read(folder, home)
        assert codes(snapshot) == ["EGR558"] * 20 + ["EGR563"]
        assert snapshot.findings[-1].facts == {"count": 10}

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
    def test_what_may_not_be_read_is_said(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.write(tmp_path / "f", {**FILES, "shut/c.yaml": "c: 1\n", "mine.yaml": "m: 1\n"})
        (folder / "shut").chmod(0o700)
        (folder / "mine.yaml").chmod(0o600)
        for above in (folder, *folder.parents[:-2]):
            above.chmod(0o755)

        def as_nobody() -> None:
            os.setuid(65534)
            snapshot = read(folder, home)
            assert sorted(codes(snapshot)) == ["EGR559", "EGR559"]
            assert list(snapshot.files) == ["a.yaml", "deep/er/b.yaml"]
            assert refused(read, folder / "shut", home).code == "EGR543"

        assert git_repos.dies_in(as_nobody) == 0


class TestBare:
    def test_its_default_branch(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES, branch="trunk")
        snapshot = read(repo, home)
        assert (snapshot.kind, snapshot.branch, snapshot.dirty) == ("bare", "trunk", False)
        assert snapshot.commit == git_repos.git(repo, "rev-parse", "trunk")
        assert dict(snapshot.files) == {"a.yaml": b"a: 1\n", "deep/er/b.yaml": b"b: 2\n"}
        assert snapshot.blobs["a.yaml"] == git_repos.git(repo, "rev-parse", "trunk:a.yaml")

    @pytest.mark.parametrize(("branches", "taken"), [(["dev", "main"], "main"), (["x", "master"], "master")])
    def test_head_that_points_to_nothing(self, tmp_path: Path, home: Path, branches: list[str], taken: str) -> None:
        repo = git_repos.bare(tmp_path / "b.git", branch="gone")
        for branch in branches:
            git_repos.commit(repo, FILES, branch=branch)
        assert read(repo, home).branch == taken

    def test_the_only_branch_is_the_default(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", branch="gone")
        git_repos.commit(repo, FILES, branch="only")
        assert read(repo, home).branch == "only"

    def test_none_of_several_is_a_clear_sentence(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", branch="gone")
        for branch in ("one", "two"):
            git_repos.commit(repo, FILES, branch=branch)
        failure = refused(read, repo, home)
        assert (failure.code, failure.exit_status, failure.facts["branches"]) == ("EGR545", 2, "one, two")
        assert read(repo, home, "two").branch == "two"

    def test_an_empty_repository(self, tmp_path: Path, home: Path) -> None:
        failure = refused(read, git_repos.bare(tmp_path / "b.git"), home)
        assert (failure.code, failure.exit_status) == ("EGR544", 2)

    def test_a_shallow_clone_works(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        first = git_repos.git(repo, "rev-parse", "main")
        git_repos.commit(repo, {"a.yaml": "a: 2\n"})
        git_repos.git(tmp_path, "clone", "--quiet", "--bare", "--depth=1", f"file://{repo}", "s.git")
        assert read(tmp_path / "s.git", home).files["a.yaml"] == b"a: 2\n"
        assert refused(read, tmp_path / "s.git", home, first).code == "EGR546"

    @pytest.mark.parametrize(
        "rev", ["nowhere", "--all", "", "main\nx", "\0", "HEAD:a.yaml", "HEAD^{tree}", "x" * 5000, "main~9"]
    )
    def test_revisions_that_name_no_commit(self, tmp_path: Path, home: Path, rev: str) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        assert refused(read, repo, home, rev).code == "EGR546"

    def test_revisions_that_do(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        first = git_repos.git(repo, "rev-parse", "main")
        git_repos.commit(repo, {"a.yaml": "a: 2\n"})
        git_repos.git(repo, "tag", "-a", "-m", "x", "v1", first)
        for rev in (first, first[:10], "main~1", "v1"):
            snapshot = read(repo, home, rev)
            assert (snapshot.commit, snapshot.branch) == (first, None)

    def test_a_repository_with_sha256_names(self, tmp_path: Path, home: Path) -> None:
        folder = tmp_path / "f"
        folder.mkdir()
        git_repos.git(folder, "init", "--quiet", "--template=", "--object-format=sha256", "-b", "main", ".")
        git_repos.commit_in(folder, FILES)
        snapshot = read(folder, home)
        assert (len(snapshot.commit or ""), snapshot.dirty) == (64, False)
        assert read(folder, home, "HEAD").blobs == snapshot.blobs

    def test_damage_is_one_clear_sentence(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git")
        blob = git_repos.git(repo, "hash-object", "-w", "--stdin", feed=b"a: 1\n")
        tree = git_repos.git(repo, "mktree", feed=f"100644 blob {blob}\ta.yaml\n".encode())
        git_repos.git(repo, "update-ref", "refs/heads/main", git_repos.git(repo, "commit-tree", tree, "-m", "x"))
        damaged = repo / "objects" / blob[:2] / blob[2:]
        damaged.chmod(0o644)
        damaged.write_bytes(b"not an object")
        assert refused(read, repo, home).code == "EGR551"
        damaged.unlink()
        failure = refused(read, repo, home)
        assert (failure.code, failure.facts["says"]) == ("EGR551", f"object {blob[:12]} is missing")
