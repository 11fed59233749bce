"""Environments by path: `overlays/staging/...`, `values-production.yaml`, `prod/configmap.yaml`."""

from __future__ import annotations

from dataclasses import dataclass

import re2

# Spellings of one environment. Only whole words of a path count.
_WORDS = {
    "staging": "staging",
    "stage": "staging",
    "stg": "staging",
    "production": "production",
    "prod": "production",
    "prd": "production",
    "dev": "dev",
    "development": "dev",
    "preprod": "preprod",
    "uat": "uat",
    "qa": "qa",
}
_LAYOUT = frozenset({"base", "bases", "overlays", "overlay", "environments", "envs", "env"})
_WORD = re2.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Overlay:
    """`environment` None: the file is for all of them. `family` is the path with the environment cut out, so that
    overlays of one thing share it. `spelt` is the environment as the path writes it."""

    environment: str | None = None
    family: str = ""
    spelt: str = ""


def overlay_of(path: str) -> Overlay:
    *folders, name = path.split("/")
    for at, folder in enumerate(folders):
        if folder.lower() in _WORDS:
            return Overlay(_WORDS[folder.lower()], "/".join(folders[:at]) + "/*", folder)
    for match in _WORD.finditer(name):
        word = match.group(0)
        if word.lower() in _WORDS:
            family = "/".join([*folders, name[: match.start()] + "*" + name[match.end() :]])
            return Overlay(_WORDS[word.lower()], family, word)
    return Overlay()


def environment_named(word: str | None) -> str | None:
    """An environment as somebody says it, by its usual name."""
    return _WORDS.get(word.lower()) if word else None


def group_of(path: str) -> str:
    """The folder without words of layout and environments: files of one group are laid over one another."""
    folders = path.split("/")[:-1]
    return "/".join(folder for folder in folders if folder.lower() not in _LAYOUT and folder.lower() not in _WORDS)
