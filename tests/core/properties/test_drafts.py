"""Every dialect, on repositories made at random: a draft does what was asked, and says all that it does.

`HYPOTHESIS_EXAMPLES=500` looks harder than a run of all tests has time for.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.properties import others, repositories
from tests.core.properties.brute import Flow, changes, decisions, drafted, proof_problems, read, text_problems
from tests.core.properties.repositories import Repository

DIALECTS = {
    "network_policy": repositories.network_policy(),
    "cilium": repositories.cilium(),
    "cilium_beside_plain": repositories.cilium_beside_plain(),
    "istio": others.istio(),
    "uds": others.uds(),
    "infrastream": others.infrastream(),
    "cloud_foundry": others.cloud_foundry(),
}
MORE = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
looking = settings(
    max_examples=MORE or 10,
    derandomize=not MORE,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_draft_opens_what_was_asked_and_names_the_rest(dialect: str) -> None:
    @looking
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        repository, asked = _asked(data, dialect)
        one = drafted(read(repository), asked)
        problems = [*proof_problems(repository, one), *text_problems(one)]
        assert not problems, f"{asked}: {problems} {one.findings}\n{repository.words}"
        if one.made.change.edits and not {"EGR312", "EGR390"} & set(one.findings):
            assert decisions(one.new, repository)[asked] == "allowed"
            again = drafted(one.new, asked)
            assert not again.made.change.edits, f"{asked}: drafted twice\n{repository.words}"

    holds()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_removal_undoes_a_draft_and_nothing_else(dialect: str) -> None:
    @looking
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        repository, asked = _asked(data, dialect)
        old = read(repository)
        first = drafted(old, asked)
        if not first.made.change.edits or first.made.change.proof.after != "allowed":
            return
        gained, _ = changes(repository, first)
        undone = drafted(first.new, asked, remove=True)
        problems = [*proof_problems(repository, undone), *text_problems(undone)]
        assert not problems, f"{asked}: {problems} {undone.findings}\n{repository.words}"
        if not undone.made.change.edits:
            assert undone.findings, f"{asked} stays, and nobody says why\n{repository.words}"
            return
        opened, closed = changes(repository, undone)
        # What another rule allows as well stays allowed, and is said to.
        assert asked in closed or "EGR317" in undone.findings, (
            f"{asked} is still allowed {undone.findings}\n{repository.words}"
        )
        assert not opened or undone.made.change.proof.wider_than_asked, (
            f"removing {asked} opens {opened}\n{repository.words}"
        )
        strays = set(closed) - set(gained)
        assert not strays, f"removing {asked} closes {strays} too\n{repository.words}"

    holds()


# Paths of Infrastream and Cloud Foundry carry meaning.
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name not in ("infrastream", "cloud_foundry")])
def test_the_order_of_files_decides_nothing(dialect: str) -> None:
    @looking
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        repository = data.draw(DIALECTS[dialect])
        paths = sorted(repository.files)
        names = data.draw(st.permutations([f"{letter}/renamed.yaml" for letter in "zyx"[: len(paths)]]))
        moved = Repository(
            dialect,
            {new: repository.files[path] for new, path in zip(names, paths, strict=True)},
            repository.workloads,
            repository.destinations,
        )
        assert decisions(read(moved), moved) == decisions(read(repository), repository)

    holds()


def _asked(data: st.DataObject, dialect: str) -> tuple[Repository, Flow]:
    """A repository and a flow of it, one that is denied wherever there is one: else there is nothing to draft."""
    repository = data.draw(DIALECTS[dialect])
    known = decisions(read(repository), repository)
    for wanted in ("denied", "undecided", "allowed"):
        flows = [flow for flow, decision in known.items() if decision == wanted]
        if flows:
            return repository, data.draw(st.sampled_from(flows))
    raise AssertionError("a repository without a question")
