"""Real Git repositories, made fast: helpers for tests, with git's own defaults and nobody's configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

Files = Mapping[str, str | bytes | None]
"""Text by path; None takes a file away."""

_WHO = {
    "GIT_AUTHOR_NAME": "Alice",
    "GIT_AUTHOR_EMAIL": "alice@fincorp.example",
    "GIT_COMMITTER_NAME": "Alice",
    "GIT_COMMITTER_EMAIL": "alice@fincorp.example",
    "GIT_AUTHOR_DATE": "1700000000 +0100",
    "GIT_COMMITTER_DATE": "1700000000 +0100",
}
_NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(at: Path, *args: str, feed: bytes = b"") -> str:
    """What `git ARGS` says in the folder `at`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "POSTERN_"))}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *args],
        cwd=at,
        input=feed,
        capture_output=True,
        check=False,
        env={**env, **_NOBODY, **_WHO},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def bare(path: Path, files: Files | None = None, *, branch: str = "main") -> Path:
    """A bare repository with one commit on `branch`; without files, an empty one."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", ".")
    if files is not None:
        commit(path, files, branch=branch)
    return path


def commit(path: Path, files: Files, *, branch: str = "main", message: str = "A change") -> str:
    """A commit with these files on a branch of a bare repository; gives its name."""
    there = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}"], cwd=path, capture_output=True
    )
    words = message.encode()
    who = "Alice <alice@fincorp.example> 1700000000 +0100"
    parts = [f"commit refs/heads/{branch}\ncommitter {who}\ndata {len(words)}\n".encode(), words, b"\n"]
    if there.returncode == 0:
        parts.append(b"from " + there.stdout.strip() + b"\n")
    for name, text in files.items():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").encode("utf-8", "surrogateescape")
        if text is None:
            parts.append(b'D "%s"\n' % quoted)
            continue
        data = text if isinstance(text, bytes) else text.encode()
        parts += (b'M 100644 inline "%s"\ndata %d\n' % (quoted, len(data)), data, b"\n")
    git(path, "fast-import", "--quiet", "--force", feed=b"".join(parts))
    return git(path, "rev-parse", f"refs/heads/{branch}")


def work_tree(path: Path, files: Files | None = None, *, branch: str = "main") -> Path:
    """A folder with a repository of its own; with files, they are committed."""
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "--quiet", "--template=", f"--initial-branch={branch}", ".")
    if files is not None:
        commit_in(path, files)
    return path


def commit_in(path: Path, files: Files, *, message: str = "A change") -> str:
    """Write files into a work tree and commit everything that stands there."""
    write(path, files)
    git(path, "add", "--all", ".")
    git(path, "commit", "--quiet", "--message", message)
    return git(path, "rev-parse", "HEAD")


def write(path: Path, files: Files) -> Path:
    """Write files below a folder, without Git."""
    for name, text in files.items():
        file = path / name
        if text is None:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def text_at(path: Path, revision: str, name: str) -> bytes:
    """The bytes of one file of a commit."""
    done = subprocess.run(["git", "cat-file", "blob", f"{revision}:{name}"], cwd=path, capture_output=True, check=True)
    return done.stdout


def dies_in(work: Callable[[], object]) -> int:
    """Run `work` in a process of its own; gives its exit status (0 when it ended by itself)."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
