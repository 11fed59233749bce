"""The planted mutants fit the code as it is, and those drawn by lot are judged by tests that are there and green."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants import MUTANTS, Mutant
from tests.mutations import Mutation, Outcome, all_mutations, green, judged, mutations
from tests.mutations import tests_for as judges_of
from tests.shared import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_place_of_a_mutant_is_there_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text(encoding="utf-8").count(mutant.old) == 1
    assert mutant.old != mutant.new


THING = "def more(count):\n    return count + 1\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A module of one line, a test that looks at what it says and one that does not."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cloudcoil\n")
    (tmp_path / "thing.py").write_text(THING)
    (tmp_path / "test_looks.py").write_text("import thing\n\n\ndef test_more():\n    assert thing.more(1) == 2\n")
    (tmp_path / "test_looks_away.py").write_text("import thing\n\n\ndef test_thing():\n    assert thing.more\n")
    return tmp_path


def none_added() -> Mutation:
    (found,) = (each for each in mutations("thing.py", THING) if (each.old, each.new) == ("count + 1", "(count)"))
    return found


@pytest.mark.parametrize(
    ("test", "seconds", "outcome"),
    [
        ("test_looks.py", 600, Outcome.KILLED),
        ("test_looks_away.py", 600, Outcome.SURVIVED),
        ("test_looks_away.py", 0.001, Outcome.TIMED_OUT),
    ],
)
def test_only_a_red_test_kills(checkout: Path, test: str, seconds: float, outcome: Outcome) -> None:
    assert judged(none_added(), checkout, [test], seconds) is outcome
    assert (checkout / "thing.py").read_text() == THING


def test_tests_that_are_red_without_a_mutation_stop_the_run(checkout: Path) -> None:
    assert green(checkout, ["test_looks.py"]) > 0
    (checkout / "thing.py").write_text("def more(count):\n    return count\n")
    with pytest.raises(SystemExit, match=r"red without any mutation.*FAILED test_looks\.py::test_more"):
        green(checkout, ["test_looks.py"])


def test_each_file_that_is_drawn_from_has_tests_of_its_area_and_of_the_indexes() -> None:
    for path in {each.path for each in all_mutations([])}:
        tests = judges_of(path)
        assert len(tests) > 3, path
        assert "tests/core/test_indexes.py" in tests, path
        assert all((ROOT / test).exists() for test in tests), path
