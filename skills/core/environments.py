"""Environments as folders are called after them: Kubernetes manifests themselves name none."""

from __future__ import annotations

_ENVIRONMENTS = {
    **dict.fromkeys(("production", "prod", "prd"), "production"),
    **dict.fromkeys(("staging", "stage", "stg"), "staging"),
    **dict.fromkeys(("development", "dev"), "development"),
    **{name: name for name in ("test", "qa", "uat", "preprod", "sandbox")},
}


def canonical(environment: str) -> str:
    return _ENVIRONMENTS.get(environment.casefold(), environment.casefold())


def environments_in(path: str) -> set[str]:
    """Environments that folders of a path are called after."""
    return {_ENVIRONMENTS[part] for part in path.casefold().split("/")[:-1] if part in _ENVIRONMENTS}
