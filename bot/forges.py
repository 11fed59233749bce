"""Where the merge requests of an allowlist repository are opened: GitLab or the local forge; and of those beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.settings import Settings
from bot.world.config_repo import ConfigRepo
from skills.core.errors import AskUnclear
from skills.core.model import Finding

if TYPE_CHECKING:
    from bot.world.forge import Forge
    from bot.world.gitlab import Calls


def opened_repository(settings: Settings, named: str) -> ConfigRepo:
    """The repository that is named; the token goes with Git's requests to GitLab's own host and to no other."""
    token = authorization(settings, named)
    return ConfigRepo.open(named, home=settings.home, authorization=token, ca=settings.gitlab_ca if token else None)


def authorization(settings: Settings, named: str) -> str | None:
    """What Git shows GitLab; None for a repository that is not on it."""
    if settings.gitlab_token is None or not named.startswith("https://"):
        return None
    wanted = settings.gitlab_url or named
    if urlsplit(named).hostname != urlsplit(wanted).hostname:
        return None
    from bot.world.gitlab import authorization  # noqa: PLC0415 - only what speaks to GitLab needs its library

    return authorization(settings.gitlab_token.reveal())


class Forges:
    """`pages` is where the local forge's merge requests are read, if not as files."""

    def __init__(self, settings: Settings, repo: ConfigRepo, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._repo = repo
        self._clock = clock
        self.pages = ""

    @cached_property
    def own(self) -> Forge:
        """GitLab where a token is set and the repository is a URL of it, else the local forge."""
        return self._gitlab(self._repo, self.project) if self.on_gitlab else self._local(self._repo)

    @property
    def on_gitlab(self) -> bool:
        return self._settings.gitlab_token is not None and self._repo.kind == "url" and self._repo.path is None

    @property
    def has_git(self) -> bool:
        """Whether there is a Git repository to open a merge request in."""
        path = self._repo.path
        return self.on_gitlab or self._repo.kind == "bare" or (path is not None and (path / ".git").exists())

    @property
    def project(self) -> str:
        """The project on GitLab whose events are ours: its full path, or its number where the setting gives that."""
        from bot.world.gitlab import project_path  # noqa: PLC0415

        return self._settings.gitlab_project or project_path(self._repo.where)

    def elsewhere(self, repository: str) -> Forge:
        """Another repository of the same GitLab, by URL; on the local forge a bare one, by a path from this one."""
        if self.on_gitlab and authorization(self._settings, repository) is not None:
            from bot.world.gitlab import project_path  # noqa: PLC0415

            return self._gitlab(opened_repository(self._settings, repository), project_path(repository))
        if self._repo.path is not None and "://" not in repository:
            repo = ConfigRepo.open(str((self._repo.path / repository).resolve()), home=self._settings.home)
            if repo.kind == "bare":
                return self._local(repo)
        raise AskUnclear("EGR044", repository=repository)

    def findings(self) -> tuple[Finding, ...]:
        """What is to be said of Postern's own access to GitLab; nothing where none is used."""
        if not self.on_gitlab:
            return ()
        from bot.world.gitlab import token_findings  # noqa: PLC0415

        return tuple(token_findings(self.calls(self._repo, self.project), self._clock()))

    def calls(self, repo: ConfigRepo, project: str) -> Calls:
        from bot.world.gitlab import Calls, Project  # noqa: PLC0415

        settings, where = self._settings, urlsplit(repo.where)
        url = settings.gitlab_url or f"https://{where.netloc.rpartition('@')[2]}"
        token = settings.gitlab_token.reveal() if settings.gitlab_token else ""
        return Calls(Project(url.rstrip("/"), project, token, settings.gitlab_ca))

    def _local(self, repo: ConfigRepo) -> Forge:
        from bot.world.forge_local import LocalForge  # noqa: PLC0415 - only what writes needs it

        now, home = (lambda: self._clock().isoformat(timespec="seconds")), self._settings.home
        return LocalForge(repo, home=home, now=now, pages=lambda: self.pages)

    def _gitlab(self, repo: ConfigRepo, project: str) -> Forge:
        from bot.world.forge import options  # noqa: PLC0415
        from bot.world.gitlab import GitLabForge  # noqa: PLC0415

        return GitLabForge(repo, self.calls(repo, project), options(self._settings.gitlab_options))
