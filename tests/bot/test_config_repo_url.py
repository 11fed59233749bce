"""Addresses, mirrors of URLs, and that nothing which a repository names is ever run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.world.config_repo import POSTERN, ConfigRepo, mirror
from bot.world.config_repo.address import parse
from bot.world.config_repo.failures import mendable, says
from skills.core.messages import say
from tests.fakes import git_repos
from tests.fakes.asked import DATE, FILES, opened, read, refused, wanted
from tests.shared import ROOT


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class TestAddress:
    def test_what_is_not_there(self, tmp_path: Path, home: Path) -> None:
        assert refused(opened, tmp_path / "nothing", home).code == "EGR541"
        (tmp_path / "file").write_text("x")
        assert refused(opened, tmp_path / "file", home).code == "EGR542"
        assert refused(opened, tmp_path / "file" / "below", home).code == "EGR541"

    @pytest.mark.parametrize(
        "asked",
        [
            *[
                "",
                "a\nb",
                "\0",
                "ftp://h/x",
                "ext::sh -c true",
                "https://",
                "https:///x",
                "https://h:99999/x",
                "ssh://-x/y",
            ],
            *["https://h/x?token=1", "file://other/x", "file://relative", "https://[::1/x", "x" * 5000],
        ],
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


class TestWhatGitSays:
    @pytest.mark.parametrize(
        ("words", "code"),
        [
            ("fatal: detected dubious ownership in repository at '/srv/x'", "EGR552"),
            ("fatal: Authentication failed for 'https://git.example/g/r/'", "EGR553"),
            (
                "git@git.example: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                "EGR553",
            ),
            ("fatal: could not read Username for 'https://git.example': terminal prompts disabled", "EGR553"),
            ("fatal: unable to access 'https://x/': Could not resolve host: x", "EGR549"),
            ("fatal: repository 'https://git.example/g/r/' not found", "EGR549"),
            ("fatal: unable to access 'https://x/': server certificate verification failed. CAfile: none", "EGR549"),
            ("ssh: connect to host git.example port 22: Connection timed out", "EGR554"),
            ("error: unable to create temporary file: No space left on device", "EGR569"),
            ("fatal: cannot lock ref 'refs/heads/x': Unable to create '/x.lock': File exists.", "EGR569"),
            ('error: open("/x"): Permission denied', "EGR543"),
            ("error: object file ./objects/ab/cd is empty\nfatal: loose object abcd is corrupt", "EGR551"),
            ("", "EGR551"),
        ],
    )
    def test_it_becomes_a_failure_that_a_person_can_mend(self, words: str, code: str) -> None:
        failure = mendable("https://git.example/g/r", words)
        assert failure.code == code
        assert say(failure.finding).says

    def test_secrets_in_its_words_are_masked(self) -> None:
        words = "fatal: unable to access 'https://oauth2:glpat-abcdefghij0123456789@x/': \x1b[31mno\nmore"
        told = says(words)
        assert "glpat-abc" not in told
        assert told.isprintable()
        assert len(says("fatal: " + "x" * 100_000)) < 300

    def test_without_git_a_plain_folder_is_read_all_the_same(
        self, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = git_repos.write(tmp_path / "plain", FILES)
        folder = git_repos.work_tree(tmp_path / "f", FILES)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert len(read(plain, home).files) == 2
        assert refused(read, folder, home).code == "EGR550"
        code = (
            "import sys, pathlib\nfrom bot.world.config_repo import ConfigRepo\n"
            "from skills.core.errors import Mendable\n"
            "try: ConfigRepo.open(sys.argv[1], home=pathlib.Path(sys.argv[2])).snapshot(lambda path: True)\n"
            "except Mendable as failure: print(failure.code)"
        )
        fresh = subprocess.run([sys.executable, "-c", code, folder, home], capture_output=True, text=True, cwd=ROOT)
        assert (fresh.stdout.strip(), fresh.stderr) == ("EGR550", "")


class TestSsh:
    """Git runs a program for `ssh`; this one carries the command out here instead of over there."""

    def program(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
        path = tmp_path / "ssh.sh"
        path.write_text("\n".join(("#!/bin/sh", *lines, 'for last; do :; done; exec sh -c "$last"', "")))
        path.chmod(0o755)
        monkeypatch.setenv("GIT_SSH_COMMAND", str(path))

    @pytest.mark.parametrize("spelling", ["ssh://git@git.example{}", "git@git.example:{}"])
    def test_it_is_read(self, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
        repo = git_repos.bare(tmp_path / "b.git", FILES)
        self.program(tmp_path, monkeypatch)
        snapshot = read(spelling.format(repo), home)
        assert (snapshot.where, len(snapshot.files)) == (f"ssh://git@git.example{repo}".removesuffix(".git"), 2)

    def test_a_server_that_never_answers(self, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program(tmp_path, monkeypatch, "sleep 20")
        monkeypatch.setattr(mirror, "ASK_SECONDS", 0.3)
        started = time.monotonic()
        failure = refused(read, "ssh://git@git.example/g/r", home)
        assert (failure.code, failure.exit_status, time.monotonic() - started < 5) == ("EGR554", 7, True)
