"""The planted mutants fit the code as it is, so that `make mutants` can plant them all."""

from __future__ import annotations

import pytest

from tests.mutants import MUTANTS, Mutant
from tests.shared import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_place_of_a_mutant_is_there_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new
