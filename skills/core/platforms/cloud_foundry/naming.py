"""Spaces and apps by the names that people write."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.hosts import near
from skills.core.model import Workload, WorkloadRef
from skills.core.platforms.cloud_foundry.documents import NAME
from skills.core.platforms.cloud_foundry.index import Index, Space

_SHORTEST_ENVIRONMENT = 3  # letters that may stand for an environment: `dev`, `prod`


def resolve(index: Index, ref: WorkloadRef) -> Sequence[Workload]:
    """The spaces that `ref` names, or an app in each space that it may be in."""
    if ref.kind not in (None, "cf") or ref.labels is not None or len(ref.parts) > 3:
        return ()
    parts = ref.parts
    if len(parts) == 3:
        found = [(space, parts[2]) for space in index.called(*parts[:2]) if _may_be(index, parts[2])]
    else:
        found = [(space, "") for space in index.called(*parts)]
        if not found and parts[-1].casefold() in index.app_names:
            spaces = index.spaces.values() if len(parts) == 1 else index.called(parts[0])
            found = [(space, parts[-1]) for space in spaces]
    return [
        _workload(index, space, app)
        for space, app in found
        if ref.environment is None or _in_environment(index, space, ref.environment)
    ]


def _workload(index: Index, space: Space, app: str) -> Workload:
    name = f"{space.scope}/{app}" if app else space.scope
    return Workload("cf", NAME, name, space.scope, index.labels[space.root], place=space.place)


def _may_be(index: Index, app: str) -> bool:
    """Most apps have no manifest in the allowlist's repository; only a slip of a known name is refused."""
    return app.casefold() in index.app_names or not near(app, index.app_names)


def _in_environment(index: Index, space: Space, environment: str) -> bool:
    """A foundation's label, or a word of the space's or the organisation's name (`acme-prod`, `production`)."""
    wanted = environment.casefold()
    if (index.labels[space.root] or "").casefold() == wanted:
        return True
    words = f"{space.org}-{space.space}".casefold().replace("_", "-").replace(".", "-").split("-")
    return any(
        word == wanted or (min(len(word), len(wanted)) >= _SHORTEST_ENVIRONMENT and _begins(word, wanted))
        for word in words
    )


def _begins(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def names(index: Index) -> Sequence[str]:
    found = {space.scope for space in index.spaces.values()} | {app.name for app in index.apps}
    return sorted(found)
