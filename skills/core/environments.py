"""Environments as folders are called after them: Kubernetes manifests themselves name none."""

from __future__ import annotations

from functools import lru_cache

_ENVIRONMENTS = {
    **dict.fromkeys(("production", "prod", "prd"), "production"),
    **dict.fromkeys(("staging", "stage", "stg"), "staging"),
    **dict.fromkeys(("development", "dev"), "development"),
    **{name: name for name in ("test", "qa", "uat", "preprod", "sandbox")},
}


def canonical(environment: str) -> str:
    return _ENVIRONMENTS.get(environment.casefold(), environment.casefold())


def environments_in(path: str) -> frozenset[str]:
    """Environments that folders of a path are called after."""
    return _of_folder(path.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _of_folder(folder: str) -> frozenset[str]:
    return frozenset(_ENVIRONMENTS[part] for part in folder.casefold().split("/") if part in _ENVIRONMENTS)


def known(word: str) -> bool:
    """Whether a word is a name of an environment."""
    return word.casefold() in _ENVIRONMENTS
