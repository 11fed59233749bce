"""Where a line of the allowlist comes from, as Git's history tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Brought:
    """A merge request of somebody else that brought a commit: its page, who approved it there, who merged it."""

    url: str
    approved_by: tuple[str, ...]
    merged_by: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The commit that last touched a line. `date` is ISO 8601 with the author's own offset.

    `request` is the key of the request whose merge brought that commit, where our own records know it.
    """

    commit: str
    author: str
    date: str
    summary: str
    request: str | None = None
