"""What a proposal costs on the wire when nothing is broken: counted, not timed."""

from __future__ import annotations

from typing import Any

import pytest

from bot.world.config_repo.running import GitDir, Output
from tests.fakes import git_repos
from tests.faults import people
from tests.faults.people import Office
from tests.faults.stage import Stage

pytestmark = pytest.mark.needs("openssl")
MOST_GIT, MOST_REST = 4, 6


def test_a_proposal_from_words_to_merge_request(stage: Stage) -> None:
    git_repos.commit(stage.gitlab.repository, people.FILES)
    app = Office(stage.gitlab.clone, str(stage.ca), stage.folder / "cost", stage.folder / "cost.db").app()
    people.check(app, "b.example")
    git, rest = len(stage.gitlab.git_calls), len(stage.gitlab.calls)
    assert people.propose(app, "b.example").problem is None
    assert len(stage.gitlab.git_calls) - git <= MOST_GIT, stage.gitlab.git_calls[git:]
    assert len(stage.gitlab.calls) - rest <= MOST_REST, stage.gitlab.calls[rest:]


def test_the_forge_alone_and_again(stage: Stage) -> None:
    forge, effect = stage.forge("warm"), stage.effect()
    forge.source(lambda _: True, None)()
    for most_git, most_rest in ((2, 3), (0, 1)):
        git, rest = len(stage.gitlab.git_calls), len(stage.gitlab.calls)
        forge.open_or_update(effect)
        assert len(stage.gitlab.git_calls) - git <= most_git, stage.gitlab.git_calls[git:]
        assert len(stage.gitlab.calls) - rest <= most_rest, stage.gitlab.calls[rest:]


@pytest.mark.parametrize("depth", [2, 8])
def test_processes_grow_with_the_depth_and_not_with_the_size(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Each folder on the way to the file costs a process; ten times as many files elsewhere cost none."""
    from bot.world.config_repo.running import GitDir

    counted: list[str] = []
    real = GitDir.attempt

    def counting(self: GitDir, *args: str, **named: Any) -> Output:
        counted.append(args[0])
        return real(self, *args, **named)

    monkeypatch.setattr(GitDir, "attempt", counting)
    costs = []
    for files in (10, 100):
        git_repos.commit(stage.gitlab.repository, {f"many/{number}.yaml": "x: 1\n" for number in range(files)})
        forge = stage.forge(f"deep-{depth}")
        forge.source(lambda _: True, None)()
        effect = stage.effect(folder="/".join(f"d{level}" for level in range(depth - 1)))
        counted.clear()
        forge.open_or_update(effect)
        costs.append(len(counted))
    assert costs[0] == costs[1] <= 5 + depth, counted
