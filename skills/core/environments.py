"""Environments as folders are called after them: Kubernetes manifests themselves name none."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

_ENVIRONMENTS = {
    **dict.fromkeys(("production", "prod", "prd"), "production"),
    **dict.fromkeys(("staging", "stage", "stg"), "staging"),
    **dict.fromkeys(("development", "dev"), "development"),
    **{name: name for name in ("test", "qa", "uat", "preprod", "sandbox")},
}
_HOLDERS = frozenset({"clusters", "environments", "envs", "overlays"})
_SHARED = frozenset({"base", "common", "shared", "all", "default", "templates"})


def canonical(environment: str) -> str:
    return _ENVIRONMENTS.get(environment.casefold(), environment.casefold())


def environments_in(path: str) -> frozenset[str]:
    """Environments that folders of a path are called after."""
    return _of_folder(path.rpartition("/")[0])


@lru_cache(maxsize=4096)
def _of_folder(folder: str) -> frozenset[str]:
    parts = folder.casefold().split("/")
    named = {_ENVIRONMENTS[part] for part in parts if part in _ENVIRONMENTS}
    # One cluster's or overlay's folder beside another's, whatever they are called: what stands in one is not in force
    # in the other.
    apart = [name for holder, name in pairwise(parts) if holder in _HOLDERS and name not in _SHARED]
    return frozenset(named or apart)


def known(word: str) -> bool:
    """Whether a word is a name of an environment."""
    return word.casefold() in _ENVIRONMENTS
