"""No sequence of events reaches *merged* without the approvals that the policy on the target branch demands.

A machine plays people, Postern's own passes and Git against the application on a real repository. The judge is no part
of Postern: it reads the policy's YAML at the commit before the merge with PyYAML and counts rows of decisions itself.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from bot.gather import Where
from bot.sample import files
from bot.turns import ask_for
from skills.core.model import STANDING_STATES, Person, Request
from tests.apps import POLICY, app_on, head_of
from tests.fakes.git_repos import commit, git

HERE = Where("terminal", "terminal:machine")
PEOPLE = ("dana", "sam", "ines", "noor", "eve", "sam@fincorp.example", "slack:T1:USAM")
NEEDS: dict[str, dict[str, Any]] = {
    "two of security": {"groups": {"sec": ["sam", "ines", "noor", "dana"]}, "needed": 2},
    "one of security": {"groups": {"sec": ["ines"]}, "needed": 1},
    "three of security": {"groups": {"sec": ["sam", "ines", "noor"]}, "needed": 3},
    "nobody": {"groups": {"sec": []}, "needed": 1},
}
SAME = {"sam@fincorp.example": "sam", "slack:t1:usam": "sam"}
"""Names of one person, as the policy maps them."""


def policy(needs: str) -> str:
    chosen = NEEDS[needs]
    people = {"sam": {"email": "sam@fincorp.example", "also": ["slack:T1:USAM"]}}
    rule_ = {"paths": ["**"], "groups": ["sec"], "needed": chosen["needed"]}
    return yaml.safe_dump({"version": 1, "people": people, "groups": chosen["groups"], "approval": [rule_]})


def one(name: str) -> str:
    plain = name.strip().casefold()
    return SAME.get(plain, plain)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.app = app_on({**files(), POLICY: policy("two of security").encode()}, Path(self.folder.name))
        self.shown: list[str] = ["0" * 64]
        self.notes = 0
        self.ask("propose", "dana", **{"for": "payment-gateway", "to": ["a.example", "b.example"], "reason": "SMS"})

    def teardown(self) -> None:
        self.app.memory.close()
        self.folder.cleanup()

    # --- what happens

    def ask(self, skill: str, who: str, **fields: Any) -> None:
        self.app.desk.handle(skill, ask_for(skill, fields), Person(who), HERE)
        self.shown = list(dict.fromkeys([*self.shown, *(each.digest for each in self.app.requests())]))

    @property
    def request(self) -> Request:
        return self.app.requests()[0]

    @rule(
        who=st.sampled_from(PEOPLE),
        verb=st.sampled_from(["approve", "approve", "approve", "hold", "reject", "changes", "veto", "break-glass"]),
        which=st.integers(0, 9),
    )
    def decide(self, who: str, verb: str, which: int) -> None:
        """Mostly of what stands, sometimes of what was shown before or never."""
        digest = self.request.digest if which < 7 else self.shown[which % len(self.shown)]
        fields = {"verb": verb, "digest": digest, "reason": "because", "confirm": True}
        self.ask("decide", who, key=self.request.key, **fields)

    @rule(who=st.sampled_from(PEOPLE), to=st.sampled_from(["a.example", "b.example", "c.example"]))
    def choose_a_part(self, who: str, to: str) -> None:
        self.ask("decide", who, key=self.request.key, verb="part", to=[to], digest=self.request.digest)

    @rule(who=st.sampled_from(PEOPLE), what=st.sampled_from(["answer", "withdraw", "redraw", "again", "watch"]))
    def other_words(self, who: str, what: str) -> None:
        key = self.request.key
        if what in ("answer", "withdraw"):
            self.ask(what, who, key=key, **({"text": "yes"} if what == "answer" else {}))
        elif what == "redraw":
            self.ask("propose", who, redraw=key)
        else:
            who = "dana" if what == "again" else who
            asked = {"for": "payment-gateway", "to": ["a.example", "b.example"], "reason": "more"}
            self.ask("propose", who, **asked)

    @rule(needs=st.sampled_from(sorted(NEEDS)))
    def the_policy_changes(self, needs: str) -> None:
        assert self.app.repo.path is not None
        commit(self.app.repo.path, {POLICY: policy(needs)})

    @rule()
    def the_target_moves(self) -> None:
        assert self.app.repo.path is not None
        self.notes += 1
        path = self.request.paths[0]
        text = git(self.app.repo.path, "show", f"main:{path}")
        commit(self.app.repo.path, {path: f"# note {self.notes}\n{text}\n"})

    @precondition(lambda self: self.request.commit is not None)
    @rule()
    def somebody_pushes_to_the_branch(self) -> None:
        repository = self.app.repo.path
        assert repository is not None
        branch = f"refs/heads/{self.request.branch}"
        if not git(repository, "for-each-ref", branch):
            return
        tree = git(repository, "rev-parse", f"{branch}^{{tree}}")
        made = git(repository, "commit-tree", tree, "-p", branch, "-m", "pushed")
        git(repository, "update-ref", branch, made)

    @rule()
    def a_pass(self) -> None:
        self.app.reconcile()

    # --- what must hold

    @invariant()
    def what_is_merged_was_approved_as_the_target_demands(self) -> None:
        for request in self.app.requests():
            if request.state in STANDING_STATES:
                self.judge(request)

    def judge(self, request: Request) -> None:
        repository = self.app.repo.path
        assert repository is not None and request.commit is not None
        before = git(repository, "show", f"{request.commit}^1:{POLICY}")
        said = yaml.safe_load(before)
        needed, members = said["approval"][0]["needed"], {one(name) for name in said["groups"]["sec"]}
        latest = {
            one(past.by): past.verb for past in self.app.memory.decisions(request.key) if past.digest == request.digest
        }
        own = {one(name) for name in (request.asked_by, *request.watchers)}
        approved = {name for name, verb in latest.items() if verb == "approve"} & members - own
        assert len(approved) >= needed, f"{request.key}: {sorted(approved)} of {needed}"

    @invariant()
    def nothing_of_it_is_on_the_target_before(self) -> None:
        if all(request.state not in STANDING_STATES for request in self.app.requests()):
            repository = self.app.repo.path
            assert repository is not None
            assert "a.example" not in git(repository, "show", f"main:{self.request.paths[0]}")


def play(examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Machine, settings=chosen)


def test_a_merge_needs_what_the_target_demands() -> None:
    play(6, 12)


@pytest.mark.slow
def test_a_merge_needs_what_the_target_demands_however_long_they_try() -> None:
    play(150, 40)


def test_the_judge_sees_a_merge_that_nobody_approved() -> None:
    """And the ordinary way through merges, so that the machine's silence means something."""
    machine = Machine()
    try:
        for who in ("sam", "ines"):
            machine.decide(who, "approve", 0)
        assert machine.request.state == "merged"
        machine.judge(machine.request)
        assert machine.app.repo.path is not None
        with pytest.raises(AssertionError, match="of 2"):
            decisions = machine.app.memory.decisions
            machine.app.memory.decisions = lambda request: decisions(request)[:1]  # type: ignore[method-assign]
            machine.judge(machine.request)
        assert head_of(machine.app)
    finally:
        machine.teardown()
