"""From the words of git to one of the four failures that a person can mend."""

from __future__ import annotations

from skills.core.errors import Mendable, Unreachable
from skills.core.secrets import mask

_LONGEST = 240
_ANSWERED = ("error: 4", "not found", "does not appear", "not valid", "certificate")

# First match wins, so the narrow ones stand first. All are lower case.
_CODES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("EGR552", ("dubious ownership", "unsafe repository")),
    ("EGR554", ("timeout: the command", "timed out", "operation too slow")),
    (
        "EGR553",
        (
            "authentication failed",
            "could not read username",
            "could not read password",
            "permission denied (",
            "access denied",
            "host key verification failed",
            "returned error: 401",
            "returned error: 403",
        ),
    ),
    (
        "EGR549",
        (
            "could not resolve host",
            "could not resolve hostname",
            "couldn't connect",
            "failed to connect",
            "connection refused",
            "connection reset",
            "no route to host",
            "network is unreachable",
            "ssl certificate problem",
            "certificate verification failed",
            "server certificate",
            "returned error: 4",
            "returned error: 5",
            "not valid: is this a git repository",
            "rpc failed",
            "cannot access url",
            "git-http-push failed",
            "early eof",
            "hung up unexpectedly",
            "unexpected disconnect",
            "bad line length",
            "expected flush",
            "invalid index-pack output",
            "repository not found",
            "' not found",
            "does not appear to be a git repository",
            "could not read from remote repository",
            "transport '",
        ),
    ),
    ("EGR543", ("permission denied",)),
    (
        "EGR569",
        (
            "no space left",
            "read-only file system",
            "insufficient permission",
            "unable to create",
            "unable to write",
            "cannot lock ref",
            "could not lock",
            "cannot create",
        ),
    ),
)


def mendable(where: str, words: str) -> Mendable:
    """The failure that git's standard error speaks of.

    Everything unknown is EGR551: the repository is there, and Git can't use it.
    """
    low = words.lower()
    code = next((code for code, marks in _CODES if any(mark in low for mark in marks)), "EGR551")
    return Unreachable(code, where=where, says=says(words))


def is_silence(failure: Mendable) -> bool:
    """Whether a remote did not answer at all: not that it refused, or has no such repository for us."""
    told = str(failure.facts.get("says", "")).lower()
    return failure.code in {"EGR549", "EGR554"} and not any(mark in told for mark in _ANSWERED)


def says(words: str) -> str:
    """Git's own last sentence, on one line, with secrets masked."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "ssh:"))]
    told = marked or lines or ["no reason given"]
    line = "".join(c if c.isprintable() else "?" for c in mask(told[0][: 4 * _LONGEST]).text)
    for mark in ("fatal: ", "error: "):
        line = line.removeprefix(mark)
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
