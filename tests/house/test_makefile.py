"""What `make` promises before there is anything installed, tried in a folder whose name has spaces."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared import ROOT

SHELL_TOOLS = ("sh", "rm", "echo", "awk", "grep", "date", "touch")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout as far as the Makefile can tell: itself, the locks and pyproject.toml."""
    made = tmp_path / "a folder with spaces"
    (made / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", made)
    (made / "pyproject.toml").touch()
    for lock in ("core", "slack", "dev", "server", "oracle"):
        (made / "requirements" / f"{lock}.txt").touch()
    (made / "tests" / "counterparts").mkdir(parents=True)
    (made / "tests" / "counterparts" / "package-lock.json").touch()
    return made


def make(folder: Path, *words: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program
    env = {"PATH": str(path or "/usr/bin:/bin"), "LC_ALL": "C"}
    return subprocess.run([program, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)


def only(tmp_path: Path, *programs: tuple[str, str]) -> Path:
    """A PATH with a shell's tools and the given scripts, nothing else."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for tool in SHELL_TOOLS:
        (bin_ / tool).symlink_to(shutil.which(tool) or tool)
    for name, script in programs:
        (bin_ / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin_ / name).chmod(0o755)
    return bin_


def installed(folder: Path) -> None:
    """As `make dev` leaves it: an interpreter that only says what it was asked to run, and both stamps."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "python $*${DEMO_CONFIG:+ on $DEMO_CONFIG}"\n')
    python.chmod(0o755)
    for stamp in (".core", ".slack", ".dev"):
        (folder / ".venv" / stamp).touch()


def test_without_python_it_says_one_sentence(folder: Path, tmp_path: Path) -> None:
    done = make(folder, "setup", path=only(tmp_path))
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert len(said) == 1
    assert said[0].startswith("Postern needs Python 3.11 or newer")
    assert not (folder / ".venv").exists()


def test_a_python_without_venv_is_named_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    no_venv = f'case "$2" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"'
    done = make(folder, "setup", path=only(tmp_path, ("python3", no_venv)))
    assert done.returncode != 0
    assert "Your python3 can't make virtual environments: install its venv package" in done.stderr


def test_an_old_python_is_passed_over(folder: Path, tmp_path: Path) -> None:
    old = 'case "$2" in *version_info*) exit 1;; esac; exit 0'
    done = make(folder, "setup", path=only(tmp_path, ("python3", old)))
    assert done.returncode != 0
    assert "Postern needs Python 3.11 or newer" in done.stderr


def test_the_second_time_nothing_is_installed(folder: Path) -> None:
    installed(folder)
    done = make(folder, "demo")
    assert (done.returncode, done.stdout) == (0, "python -m bot demo\n")


def test_the_demo_hears_of_another_repository(folder: Path) -> None:
    installed(folder)
    assert make(folder, "demo", "DEMO_CONFIG=../my allowlist").stdout == "python -m bot demo on ../my allowlist\n"


def test_the_demo_in_the_terminal_needs_the_core_only(folder: Path) -> None:
    installed(folder)
    (folder / ".venv" / ".slack").unlink()
    assert make(folder, "demo-terminal").stdout == "python -m bot demo --terminal\n"
    assert "requirements/slack.txt" in make(folder, "demo").stdout


def test_a_new_lock_is_installed(folder: Path) -> None:
    installed(folder)
    (folder / ".venv" / ".core").unlink()
    assert "packages from requirements/core.txt" in make(folder, "setup").stdout


def test_test_runs_all_tests_and_takes_arguments(folder: Path) -> None:
    installed(folder)
    assert make(folder, "test").stdout.strip() == "python -m pytest"
    assert make(folder, "test", "ARGS=tests/core -x").stdout.strip() == "python -m pytest tests/core -x"


def test_demo_clean_removes_the_demo_and_nothing_else(folder: Path) -> None:
    installed(folder)
    (folder / ".postern" / "state").mkdir(parents=True)
    (folder / "mine").touch()
    before = {path.name for path in folder.iterdir()}
    assert make(folder, "demo-clean").returncode == 0
    assert before - {path.name for path in folder.iterdir()} == {".postern"}


def test_help_names_every_target_that_is_for_people(folder: Path) -> None:
    said = make(folder).stdout
    for target in (
        "setup",
        "demo",
        "demo-terminal",
        "demo-clean",
        "page",
        "dev",
        "test",
        "check",
        "lock",
        "licences",
        "docker-lint",
    ):
        assert f"make {target} " in said
