"""What we make of a kustomization is what Kustomize makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings

from tests.core.enforce.kustomizations import canonical, ours, theirs, trees
from tests.examples import examples


@pytest.mark.needs("kubectl")
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=trees())
def test_as_kustomize_builds_it(texts: dict[str, str], tmp_path: Path) -> None:
    wanted, made = theirs(texts, tmp_path / "k"), ours(texts)
    stopped = any(trouble.stops for trouble in made.troubles)
    event("refused" if wanted is None else "built")
    if wanted is None:
        assert stopped, "Kustomize refuses, and we did not notice"
        return
    if stopped:
        raise AssertionError(made.troubles)
    assert canonical([item.data for item in made.objects]) == canonical(wanted)
