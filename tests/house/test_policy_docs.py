"""The example of docs/POLICY.md is a policy, with every section that the page explains, and its examples are read."""

from __future__ import annotations

import re

from skills.core.policy import faults_in, read_policy
from skills.expected import KEYS, read_examples
from tests.shared import ROOT

PAGE = (ROOT / "docs" / "POLICY.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)


def test_the_example_is_a_policy_without_a_fault() -> None:
    whole = next(block for block in BLOCKS if block.startswith("version: 1"))
    assert faults_in(whole) == ()
    policy = read_policy(whole)
    assert policy.level == "answer"
    assert (len(policy.teams), len(policy.approval), len(policy.freeze), len(policy.deny), len(policy.questions)) == (
        2,
        3,
        2,
        3,
        3,
    )


def test_the_examples_are_read_and_every_expectation_is_explained() -> None:
    examples = next(block for block in BLOCKS if block.startswith("asks:"))
    assert len(read_examples("policy-tests.yaml", examples)) == 2
    assert [key for key in KEYS if f"`{key}`" not in PAGE] == []


def test_every_known_question_is_explained() -> None:
    from skills.core.policy.questions import KNOWN

    assert [name for name in KNOWN if f"`{name}`" not in PAGE] == []
