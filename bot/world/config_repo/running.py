"""Runs git on one repository, so that nothing which that repository says is ever executed.

The one file that imports GitPython. It serves as a runner of git's plumbing: reading 10 000 objects that way costs what
git itself costs, through GitPython's object model nine times as much.

A repository can name programs that git runs: hooks, file system monitors, filters, text converters, transports of a
partial clone. Settings on the command line beat those of the repository, the variables below stop what settings can't,
and no command that is used here applies filters.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from bot.world.config_repo.failures import mendable
from bot.world.config_repo.objects import Objects
from skills.core.errors import Unreachable

if TYPE_CHECKING:
    from git import Git

LOCAL_SECONDS = 120.0
ASK_SECONDS = 30.0
FETCH_SECONDS = 600.0

_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.quotePath=false",
    "core.bigFileThreshold=5m",
    "core.filesRefLockTimeout=5000",
    "core.logAllRefUpdates=false",
    "core.fsync=committed,reference",
    "commit.gpgSign=false",
    "i18n.commitEncoding=UTF-8",
    "gc.autoDetach=false",
    "maintenance.auto=false",
)

_VARIABLES = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    # No protocol at all: reading a partial clone must not call what its configuration names.
    "GIT_ALLOW_PROTOCOL": "",
}

# They redirect git to another repository or make it talk; git sets some of them itself, for example inside a hook.
_FOREIGN = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_COMMON_DIR",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_QUARANTINE_PATH",
        "GIT_NAMESPACE",
        "GIT_PREFIX",
        "GIT_GRAFT_FILE",
        "GIT_SHALLOW_FILE",
        "GIT_REPLACE_REF_BASE",
        "GIT_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "GIT_DEFAULT_HASH",
        "GIT_EXTERNAL_DIFF",
        "GIT_TEMPLATE_DIR",
    }
)


# Traces may print what is sent; our own settings hold tokens that no other program needs.
_NOT_FOR_GIT = ("GIT_TRACE", "GIT_CURL_VERBOSE", "POSTERN_")


class Output(NamedTuple):
    status: int
    out: bytes
    err: str


class GitDir:
    """One repository by the path of its git directory. `where` is how people know it, for messages."""

    def __init__(self, path: Path, where: str) -> None:
        self.path = path
        self.where = where
        self._git: Git | None = None
        self._objects: Objects | None = None

    @property
    def objects(self) -> Objects:
        """Look-ups of single objects, without a new process for each."""
        if self._objects is None:
            self._objects = Objects(self._reader, self.where)
        return self._objects

    def _reader(self) -> Any:
        with self._found():
            command = self._command(("cat-file", "--batch"))
            return self._runner().execute(command, PIPE, as_process=True, env=_VARIABLES)

    def run(
        self,
        *args: str,
        feed: bytes | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float = LOCAL_SECONDS,
    ) -> bytes:
        """The standard output of `git ARGS`, with `feed` as its standard input.

        Raises:
            Unreachable: git failed, in its own words.
        """
        output = self.attempt(*args, feed=feed, env=env, seconds=seconds)
        if output.status != 0:
            raise mendable(self.where, output.err)
        return output.out

    def line(self, *args: str, feed: bytes | None = None, env: Mapping[str, str] | None = None) -> str:
        """The same for commands that answer with one line."""
        return self.run(*args, feed=feed, env=env).decode("utf-8", "replace").strip()

    def attempt(
        self,
        *args: str,
        feed: bytes | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float = LOCAL_SECONDS,
    ) -> Output:
        """The same for commands whose failure is an answer."""
        with _fed(feed) as stdin, self._found():
            status, out, err = self._runner().execute(
                self._command(args),
                stdin,
                with_extended_output=True,
                stdout_as_string=False,
                with_exceptions=False,
                strip_newline_in_stdout=False,
                env={**_VARIABLES, **(env or {})},
                kill_after_timeout=seconds,
            )
        return Output(status, out, err)

    @contextmanager
    def stream(self, *args: str, feed: bytes | None = None) -> Iterator[IO[bytes]]:
        """The standard output of `git ARGS` while it runs; leaving before its end stops git.

        Raises:
            Unreachable: git failed after its output was read to the end.
        """
        with _fed(feed) as stdin:
            with self._found():
                process = self._runner().execute(self._command(args), stdin, as_process=True, env=_VARIABLES)
            popen = process.proc
            if popen is None or popen.stdout is None or popen.stderr is None:
                raise Unreachable("EGR550", where=self.where)
            at_end = False
            try:
                yield popen.stdout
                at_end = not popen.stdout.read(1)
            finally:
                if not at_end:
                    popen.kill()
                words = popen.stderr.read().decode("utf-8", "replace") if at_end else ""
                popen.stdout.close()
                popen.stderr.close()
                status = popen.wait()
        if at_end and status != 0:
            raise mendable(self.where, words)

    def _command(self, args: Sequence[str]) -> list[str]:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        # GitPython passes all of os.environ on and can only add to it, so env(1) takes out what must not be there.
        foreign = [name for name in os.environ if name in _FOREIGN or name.startswith(_NOT_FOR_GIT)]
        cleared = ["env", *(part for name in foreign for part in ("-u", name))] if foreign else []
        return [*cleared, "git", f"--git-dir={self.path}", *settings, *args]

    @contextmanager
    def _found(self) -> Iterator[None]:
        """GitPython can't be imported where git is not installed, and fails in its own way when git goes later."""
        try:
            # `git` itself too: after an import that failed, its parts are still there to be imported. 50 ms
            from git import Git  # noqa: F401, PLC0415
            from git.exc import GitCommandNotFound  # noqa: PLC0415
        except ImportError:
            raise Unreachable("EGR550", where=self.where) from None
        try:
            yield
        except GitCommandNotFound:
            raise Unreachable("EGR550", where=self.where) from None

    def _runner(self) -> Git:
        if self._git is None:
            from git import Git  # noqa: PLC0415

            # Never inside the work tree: its .gitattributes must not be seen. Every path that is passed on is absolute.
            self._git = Git("/")
        return self._git


@contextmanager
def _fed(feed: bytes | None) -> Iterator[BinaryIO | None]:
    """`feed` as a file: a pipe would need a second thread to fill it while the output is read."""
    if feed is None:
        yield None
        return
    with tempfile.TemporaryFile() as file:
        file.write(feed)
        file.seek(0)
        yield cast(BinaryIO, file)


def create_bare(path: Path, where: str) -> GitDir:
    """A new empty bare repository without hooks; harmless where one stands already."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    git = GitDir(path, where)
    git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(path))
    return git


def network(allowed: str, url: str, authorization: str | None, ca: str | None = None) -> dict[str, str]:
    """The variables for a command that talks to `url`.

    The header of `authorization` travels in a variable scoped to the host: never in a URL, a file or the arguments.
    """
    env = {"GIT_ALLOW_PROTOCOL": allowed}
    if "GIT_SSH_COMMAND" not in os.environ and "GIT_SSH" not in os.environ:
        env["GIT_SSH_COMMAND"] = "ssh -o BatchMode=yes -o ConnectTimeout=10"
    if ca:
        env["GIT_SSL_CAINFO"] = ca
    if authorization and url.startswith("https://"):
        host = "/".join(url.split("/")[:3])
        count = os.environ.get("GIT_CONFIG_COUNT", "")
        after = int(count) if count.isdecimal() else 0
        env |= {
            "GIT_CONFIG_COUNT": str(after + 1),
            f"GIT_CONFIG_KEY_{after}": f"http.{host}/.extraHeader",
            f"GIT_CONFIG_VALUE_{after}": f"Authorization: {authorization}",
        }
    return env
