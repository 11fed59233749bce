"""Golden policies: each folder below tests/cases/policy is one, with asks and what is expected of them.

egress-policy.yaml   the policy, as it would stand on the target branch of the shipped sample
asks.yaml            examples in the form that `postern policy test` reads
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.sample import files
from skills.core.messages import level, say
from skills.core.policy import PATH
from skills.expected import tried
from tests.worlds import world

CASES = Path(__file__).parent / "cases" / "policy"


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda folder: folder.name)
def test_case(folder: Path) -> None:
    made = world({**files(), PATH: (folder / PATH).read_bytes()})
    found = tried(made, "asks.yaml", (folder / "asks.yaml").read_text())
    assert found, "a case without asks checks nothing"
    assert not [say(each).says for each in found if level(each) == "error"]
