"""Reading and writing allowlist repositories, on real repositories only."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
from pathlib import Path

import pytest

from bot.world.config_repo import POSTERN, ConfigRepo, Limits, Snapshot, copy_repository, new_repository
from bot.world.config_repo.address import parse
from bot.world.config_repo.paths import check_writable, leaves
from skills.core.errors import AskUnclear, Mendable, Outdated, Unreachable
from skills.core.messages import say
from skills.core.model import Edit
from tests.fakes import git_repos

FILES = {"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 2\n", "README.md": "read me\n"}
DATE = "2026-01-02T03:04:05+00:00"


def wanted(path: str) -> bool:
    return path.endswith((".yaml", ".yml", "CODEOWNERS"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def opened(at: Path | str, home: Path) -> ConfigRepo:
    return ConfigRepo.open(str(at), home=home)


def read(at: Path | str, home: Path, rev: str | None = None, limits: Limits | None = None) -> Snapshot:
    return opened(at, home).snapshot(wanted, at=rev, limits=limits or Limits())


def codes(snapshot: Snapshot) -> list[str]:
    return [finding.code for finding in snapshot.findings]


def refused(call: object, *args: object, **named: object) -> Mendable:
    """The failure that a call ends with; its sentence is complete."""
    assert callable(call)
    with pytest.raises(Mendable) as caught:
        call(*args, **named)
    sentence = say(caught.value.finding)
    assert sentence.says
    assert "{where}" not in sentence.says
    return caught.value


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
        files = {"a.yaml": "a: 1\n", "big.yaml": b"#" * 5_300_000, "c.yaml": "c: 1\n"}
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


class TestAddress:
    def test_what_is_not_there(self, tmp_path: Path, home: Path) -> None:
        assert refused(opened, tmp_path / "nothing", home).code == "EGR541"
        (tmp_path / "file").write_text("x")
        assert refused(opened, tmp_path / "file", home).code == "EGR542"
        assert refused(opened, tmp_path / "file" / "below", home).code == "EGR541"

    @pytest.mark.parametrize(
        "asked",
        ["", "a\nb", "\0", "ftp://h/x", "ext::sh -c true", "https://", "https:///x", "https://h:99999/x", "ssh://-x/y"]
        + ["https://h/x?token=1", "file://other/x", "file://relative", "https://[::1/x", "x" * 5000],
    )
    def test_what_is_no_address(self, home: Path, asked: str) -> None:
        assert refused(opened, asked, home).code in {"EGR541", "EGR548"}

    @pytest.mark.parametrize(
        ("asked", "where"),
        [
            ("https://Git.Example:443/group/repo.git", "https://git.example/group/repo"),
            ("https://git.example/group/repo/", "https://git.example/group/repo"),
            ("https://git.example:8443/group/repo", "https://git.example:8443/group/repo"),
            ("git@git.example:group/repo.git", "ssh://git@git.example/group/repo"),
            ("ssh://git@git.example:22/group/repo.git", "ssh://git@git.example/group/repo"),
            ("https://oauth2:s3cret-value@git.example/group/repo", "https://git.example/group/repo"),
            ("ssh://git:s3cret-value@git.example/group/repo", "ssh://git@git.example/group/repo"),
        ],
    )
    def test_one_name_for_all_spellings(self, asked: str, where: str) -> None:
        address = parse(asked)
        assert address.where == where
        assert "s3cret" not in f"{address!r} {address.url}"

    def test_a_password_in_a_url_is_kept_out_of_what_fails(self, home: Path) -> None:
        failure = refused(opened, "https://u:s3cret-value@h/x?y", home)
        assert "s3cret" not in repr(failure)

    def test_a_path_with_a_link_is_the_place_itself(self, tmp_path: Path, home: Path) -> None:
        folder = git_repos.write(tmp_path / "f", FILES)
        (tmp_path / "link").symlink_to(folder)
        assert opened(tmp_path / "link", home).where == str(folder)


class TestUrl:
    def test_it_is_read_from_a_mirror_that_follows(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES, branch="trunk")
        config = opened(f"file://{repo}", home)
        first = config.snapshot(wanted)
        assert (first.kind, first.branch, first.where) == ("url", "trunk", f"file://{repo}")
        moved = git_repos.commit(repo, {"a.yaml": "a: 2\n"}, branch="trunk")
        second = config.snapshot(wanted)
        assert (second.commit, second.files["a.yaml"]) == (moved, b"a: 2\n")
        assert len(list((home / "mirrors").iterdir())) == 1

    def test_branches_that_go_and_history_that_is_rewritten(self, tmp_path: Path, home: Path) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        git_repos.commit(repo, FILES, branch="side/x")
        config = opened(f"file://{repo}", home)
        assert config.snapshot(wanted, at="side/x").branch == "side/x"
        git_repos.git(repo, "branch", "-D", "side/x")
        git_repos.commit(repo, {"y.yaml": "y: 1\n"}, branch="side")
        git_repos.git(repo, "update-ref", "refs/heads/main", git_repos.git(repo, "rev-parse", "side"))
        assert list(config.snapshot(wanted).files) == ["y.yaml"]
        assert refused(config.snapshot, wanted, at="side/x").code == "EGR546"

    @pytest.mark.parametrize("harm", ["pack", "head", "config", "everything"])
    def test_a_damaged_mirror_is_built_anew(self, tmp_path: Path, home: Path, harm: str) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        config = opened(f"file://{repo}", home)
        config.snapshot(wanted)
        (mirror,) = (home / "mirrors").glob("*/1.git")
        for path in sorted(mirror.rglob("*")):
            inside = path.relative_to(mirror).parts[0]
            if path.is_file() and (harm == "everything" or inside == {"pack": "objects"}.get(harm, harm.upper())):
                path.chmod(0o644)
                path.write_bytes(b"rubbish")
        if harm == "config":
            (mirror / "config").write_text("[core\n")
        assert opened(f"file://{repo}", home).snapshot(wanted).files["a.yaml"] == b"a: 1\n"
        assert [path.name for path in (home / "mirrors").glob("*/*.git")] == ["2.git"]

    def test_what_does_not_answer(self, tmp_path: Path, home: Path) -> None:
        assert refused(read, f"file://{tmp_path / 'nothing'}", home).code == "EGR541"
        git_repos.write(tmp_path / "plain", FILES)
        failure = refused(read, f"file://{tmp_path / 'plain'}", home)
        assert (failure.code, failure.exit_status) == ("EGR549", 7)
        failure = refused(read, "https://oauth2:s3cret-value@127.0.0.1:1/group/repo", home)
        assert (failure.code, failure.exit_status) == ("EGR549", 7)
        assert "s3cret" not in repr(failure) + say(failure.finding).says

    def test_an_empty_remote(self, tmp_path: Path, home: Path) -> None:
        assert refused(read, f"file://{git_repos.bare(tmp_path / 'b.git')}", home).code == "EGR544"

    def test_nothing_of_a_token_is_left_on_disk(self, tmp_path: Path, home: Path) -> None:
        config = ConfigRepo.open("https://127.0.0.1:1/g/r", home=home, authorization="Basic czNjcmV0LXZhbHVl")
        assert "czNjcmV0" not in repr(refused(config.snapshot, wanted))
        kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
        assert b"czNjcmV0" not in kept

    @pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
    def test_a_repository_of_somebody_else(self, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        for path in (repo, *repo.rglob("*")):
            os.chown(path, 12345, 12345)
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
        monkeypatch.delenv("SUDO_UID", raising=False)
        assert read(repo, home).files["a.yaml"] == b"a: 1\n"
        assert refused(read, f"file://{repo}", home).code == "EGR552"


class TestNothingRuns:
    """A repository can name programs for git to run. None of them may start, whatever is done with it."""

    @pytest.fixture
    def trap(self, tmp_path: Path) -> tuple[Path, Path]:
        """A work tree that names a program wherever one can be named, and the file that the program leaves."""
        folder = git_repos.work_tree(tmp_path / "f", {**FILES, ".gitattributes": "* filter=evil diff=evil text\n"})
        mark, program = tmp_path / "ran", tmp_path / "evil.sh"
        program.write_text(f"#!/bin/sh\necho \"$0 $@\" >> '{mark}'\nexit 1\n")
        program.chmod(0o755)
        hooks = folder / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        for hook in ("reference-transaction", "post-index-change", "update", "pre-receive", "pre-commit"):
            (hooks / hook).symlink_to(program)
        for key in (
            "core.fsmonitor",
            "core.sshCommand",
            "core.gitProxy",
            "core.pager",
            "core.editor",
            "core.askPass",
            "core.alternateRefsCommand",
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "diff.evil.textconv",
            "diff.evil.command",
            "diff.external",
            "uploadpack.packObjectsHook",
            "gpg.program",
            "credential.helper",
            "alias.ls-tree",
            "alias.cat-file",
        ):
            git_repos.git(folder, "config", key, str(program) if "alias" not in key else f"!{program}")
        for key, value in {
            "core.hooksPath": str(hooks),
            "commit.gpgSign": "true",
            "extensions.partialClone": "origin",
            "remote.origin.url": f"ext::{program} %S",
            "remote.origin.uploadpack": str(program),
            "remote.origin.promisor": "true",
            "protocol.ext.allow": "always",
            "core.repositoryFormatVersion": "1",
        }.items():
            git_repos.git(folder, "config", key, value)
        return folder, mark

    def test_by_reading(self, trap: tuple[Path, Path], home: Path) -> None:
        folder, mark = trap
        git_repos.write(folder, {"a.yaml": "a: 3\n"})
        assert read(folder, home).dirty is True
        assert len(read(folder, home, "HEAD").files) == 2
        assert opened(folder, home).blame("a.yaml", 1, "HEAD") is not None
        assert len(read(f"file://{folder}", home).files) == 2
        assert not mark.exists()

    def test_by_reading_what_a_partial_clone_does_not_hold(self, trap: tuple[Path, Path], home: Path) -> None:
        folder, mark = trap
        blob = git_repos.git(folder, "rev-parse", "HEAD:a.yaml")
        (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
        assert refused(read, folder, home, "HEAD").code == "EGR551"
        assert not mark.exists()

    def test_by_committing(self, trap: tuple[Path, Path], home: Path) -> None:
        folder, mark = trap
        repo = opened(folder, home)
        repo.commit_files("HEAD", "egress/x", {"a.yaml": "a: 4\n"}, "m", POSTERN, DATE)
        assert git_repos.text_at(folder / ".git", "egress/x", "a.yaml") == b"a: 4\n"
        assert not mark.exists()

    def test_the_trap_is_armed(self, trap: tuple[Path, Path]) -> None:
        folder, mark = trap
        git_repos.write(folder, {"a.yaml": "a: 3\n"})
        subprocess.run(["git", "status"], cwd=folder, capture_output=True)
        assert mark.exists()


class TestCommits:
    @pytest.fixture
    def repo(self, tmp_path: Path) -> Path:
        return git_repos.bare(tmp_path / "b.git", {**FILES, "dos.yaml": b"a: 1\r\nb: 2", "bom.yaml": b"\xef\xbb\xbfa: 1\n"})

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
        ["../x", "/x", "a/../b", "", ".", "a//b", ".git/hooks/x", "a/.GIT/x", "GIT~1/x", "a\nb", "a\0b", "a\\..\\b"]
        + ["x" * 2000, "a/" * 100 + "b", os.fsdecode(b"\xe9"), ".git./x"],
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
        assert refused(new_repository, tmp_path / "new.git", {"a": b"", "a/b": b""}, message="m", date=DATE).code == "EGR565"
        assert not (tmp_path / "new.git").exists()
        new_repository(tmp_path / "new.git", {"x": b""}, message="m", date=DATE)


def _fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path): f"{path.lstat().st_mode} {hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ''}"
        for path in sorted(folder.rglob("*"))
    }
