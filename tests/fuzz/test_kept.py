"""What fuzzing once found is read today, in time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.__main__ import KEPT, broken, mutated
from tests.fuzz.readers import TARGETS

CASES = sorted(path for path in KEPT.rglob("*.txt"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_replayed(path: Path) -> None:
    assert broken(path.parent.name, path.read_bytes().decode("utf-8", "surrogatepass")) is None


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_few_rounds(name: str) -> None:
    chance = random.Random(7)
    texts = ["apiVersion: v1\nkind: Service\nmetadata: {name: web}\n", "a: &a [1]\nb: *a\n", "{{ if }}\nx: {{ y }}\n"]
    for _ in range(60):
        text = mutated(chance.choice(texts), texts, chance)
        assert broken(name, text) is None, ascii(text)
