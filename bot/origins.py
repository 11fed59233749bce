"""Where a line comes from: Git's history at one commit, joined with our own records of merged requests."""

from __future__ import annotations

from collections.abc import Sequence

from bot.world.config_repo import ConfigRepo
from skills.core.model import STANDING_STATES, Origin, Place, Request


class Origins:
    """The history of the lines of one commit. A line that is not in that commit has none."""

    def __init__(self, repo: ConfigRepo, commit: str | None, requests: Sequence[Request]) -> None:
        self._repo = repo
        self._commit = commit
        self._requests = requests
        self._known: dict[tuple[str, int], Origin | None] = {}

    def __call__(self, place: Place) -> Origin | None:
        key = (place.path, place.line)
        if key not in self._known:
            self._known[key] = self._look(*key)
        return self._known[key]

    def _look(self, path: str, line: int) -> Origin | None:
        touched = self._repo.blame(path, line, self._commit) if self._commit and line else None
        if touched is None:
            return None
        return Origin(touched.sha, touched.author, touched.date, touched.summary, self._request(path, touched.sha))

    def _request(self, path: str, commit: str) -> str | None:
        """The request whose merge brought the commit: by the merge that we recorded, never by what the commit says."""
        merged = [
            each for each in self._requests if each.state in STANDING_STATES and each.commit and path in each.paths
        ]
        for request in merged:
            brought = [request.commit, *self._repo.parents(request.commit or "")[1:]]
            if commit in brought:
                return request.key
        return None
