"""Pushes one commit to one branch of a remote, only from where the caller saw it stand."""

from __future__ import annotations

from collections.abc import Mapping

from bot.world.config_repo.failures import mendable, says
from bot.world.config_repo.running import GitDir
from skills.core.errors import NotAllowed, Outdated

# A push is a few kilobytes. Git's own halves wait for one another for ever when the server's report is cut.
PUSH_SECONDS = 60.0

# With --porcelain a refused ref is one line on standard output: `!<TAB>from:to<TAB>[reason] (summary)`.
_REFUSED = "!\t"
_MOVED = ("(stale info)", "(fetch first)", "(non-fast-forward)")
# What a server says that was changing the branch for somebody else at the same moment, or could not write it.
_PERHAPS_MOVED = ("failed to update ref", "cannot lock ref", "already exists", "incorrect old value")


def push_branch(git: GitDir, url: str, env: Mapping[str, str], branch: str, *, old: str | None, new: str) -> None:
    """Let the remote's `branch` stand at `new`. `old` is where it was seen (None: not there); at `new` already is fine.

    Raises:
        Outdated: EGR568, it stands elsewhere, or may; `says` then are the server's words.
        NotAllowed: EGR480, the server refuses it (a protected branch, a hook), in the server's words.
        Unreachable: as any call of the remote.
    """
    ref = f"refs/heads/{branch}"
    lease = f"--force-with-lease={ref}:{old or ''}"
    done = git.attempt("push", "--porcelain", "--no-verify", lease, url, f"{new}:{ref}", env=env, seconds=PUSH_SECONDS)
    if done.status == 0:
        return
    refused = [line for line in done.out.decode("utf-8", "replace").splitlines() if line.startswith(_REFUSED)]
    if any(mark in line for line in refused for mark in _MOVED):
        raise Outdated("EGR568", branch=branch, where=git.where, now="somewhere else")
    if any(mark in line for line in refused for mark in _PERHAPS_MOVED):
        words = _servers_words(done.err, refused[0])
        raise Outdated("EGR568", branch=branch, where=git.where, now="somewhere else", says=words)
    if refused:
        raise NotAllowed("EGR480", branch=branch, where=git.where, says=_servers_words(done.err, refused[0]))
    raise mendable(git.where, done.err)


def _servers_words(err: str, line: str) -> str:
    """What a hook said (`remote: ...`); without a word of its own, Git's summary of the refusal."""
    told = [each.partition(":")[2].strip() for each in err.splitlines() if each.startswith("remote:")]
    words = " ".join(each for each in told if each and not set(each) <= set("=-* "))
    return says(words or line.rpartition("\t")[2])
