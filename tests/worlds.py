"""Builds a World from files, for tests of skills: no Git, no database, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from skills.contract import World
from skills.core.allowlist import Allowlist
from skills.core.charts import Render
from skills.core.expansion import Scope
from skills.core.model import Person, Request
from skills.core.policy import PATH, read_policy
from skills.core.reading import is_manifest, read_file

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
COMMIT = "c0ffee" + "0" * 34
DANA = Person("dana@fincorp.example", "Dana")
SAM = Person("sam@fincorp.example", "Sam")


def allowlist(
    files: Mapping[str, str | bytes], *, commit: str | None = COMMIT, render: Render | None = None
) -> Allowlist:
    texts = {path: text.decode() if isinstance(text, bytes) else text for path, text in files.items()}
    readings = {path: read_file(path, text) for path, text in files.items() if is_manifest(path)}
    return Allowlist(readings, texts, commit=commit, dirty=False, scope=Scope(render))


def world(
    files: Mapping[str, str | bytes],
    *,
    person: Person = DANA,
    requests: Sequence[Request] = (),
    commit: str | None = COMMIT,
) -> World:
    made = allowlist(files, commit=commit)
    policy = read_policy(made.texts.get(PATH))
    return World(made, policy, person, NOW, "test", "main", "test:1", tuple(requests), file=made.texts.get)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
