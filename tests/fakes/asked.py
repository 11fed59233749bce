"""What tests of the allowlist repository ask of it, in few words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.world.config_repo import ConfigRepo, Limits, Snapshot
from skills.core.errors import Mendable
from skills.core.messages import say

FILES = {"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 2\n", "README.md": "read me\n"}
DATE = "2026-01-02T03:04:05+00:00"


def wanted(path: str) -> bool:
    return path.endswith((".yaml", ".yml", "CODEOWNERS"))


def opened(at: Path | str, home: Path) -> ConfigRepo:
    return ConfigRepo.open(str(at), home=home)


def read(at: Path | str, home: Path, rev: str | None = None, limits: Limits | None = None) -> Snapshot:
    return opened(at, home).snapshot(wanted, at=rev, limits=limits or Limits())


def codes(snapshot: Snapshot) -> list[str]:
    return [finding.code for finding in snapshot.findings]


def refused(call: Callable[..., object], *args: object, **named: object) -> Mendable:
    """The failure that a call ends with; its sentence is complete."""
    with pytest.raises(Mendable) as caught:
        call(*args, **named)
    sentence = say(caught.value.finding)
    assert sentence.says
    assert "{where}" not in sentence.says
    return caught.value
