"""Which allowlist repositories are set, what each is called, and which settings are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.settings import Secret, Settings
from skills.core.errors import AskUnclear

PER_REPOSITORY = (
    "target", "gitlab_url", "gitlab_token", "gitlab_project", "gitlab_webhook_secret", "slack_approvers_channel",
)  # fmt: skip
"""What may differ where several repositories are served: `NAME=VALUE NAME=VALUE`. A value without a name is everybody's
whom no name means; where one repository is served the value is taken as it is."""


def chosen(settings: Settings, config: Sequence[str], repository: str | None) -> dict[str, tuple[str, Settings]]:
    """By name: what to open, and its settings."""
    known = {} if _is_one_folder(settings.config) else named(_written(settings.config))
    if config:
        wanted = [known[each] if each in known and len(known) > 1 else each for each in config]
    else:
        wanted = [*known.values()] or [settings.config or "."]
    names = named([*dict.fromkeys([*wanted, *known.values()])])
    own = {name: _own(settings, name, list(names)) if len(names) > 1 else settings for name in names}
    found = {name: (written, own[name]) for name, written in names.items() if written in wanted}
    if repository is None:
        return found
    fits = {name: each for name, each in found.items() if name.casefold() == repository.casefold()}
    if not fits:
        raise AskUnclear("EGR1864", repository=repository[:60], choices=", ".join(found))
    return fits


def named(configs: Sequence[str]) -> dict[str, str]:
    """What each is called: the last part of its path, and as many before it as it takes to tell it from the others."""
    parts = {each: [part for part in _path(each).split("/") if part] or [each] for each in dict.fromkeys(configs)}
    names: dict[str, str] = {}
    for each, own in parts.items():
        lengths = range(1, len(own) + 1)
        short = [length for length in lengths if sum(other[-length:] == own[-length:] for other in parts.values()) == 1]
        names["/".join(own[-min(short, default=len(own)) :])] = each
    return names


def _path(config: str) -> str:
    bare = config if "://" in config or "@" in config else str(Path(config).expanduser().absolute())
    return bare.replace("\\", "/").replace(":", "/").rstrip("/").removesuffix("/.git").removesuffix(".git")


def _is_one_folder(config: str | None) -> bool:
    """A folder may be called as it likes."""
    return bool(config) and "," in str(config) and Path(str(config)).expanduser().exists()


def _written(config: str | None) -> list[str]:
    """In lines of their own, or parted by commas."""
    return [each for line in (config or "").replace(",", "\n").splitlines() if (each := line.strip())]


def _own(settings: Settings, name: str, names: Sequence[str]) -> Settings:
    """What is written for this one, else what is written for all."""
    given: dict[str, Any] = {each: _chosen(getattr(settings, each), name, names) for each in PER_REPOSITORY}
    return replace(settings, **given)


def _chosen(value: Secret | str | None, name: str, names: Sequence[str]) -> Secret | str | None:
    written = value.reveal() if isinstance(value, Secret) else value or ""
    words = written.replace(",", " ").split()
    pairs = dict(word.partition("=")[::2] for word in words if word.partition("=")[0] in names)
    rest = [word for word in words if word.partition("=")[0] not in names]
    found = pairs.get(name) or (" ".join(rest) if pairs else written) or None
    return Secret(found) if found and isinstance(value, Secret) else found
