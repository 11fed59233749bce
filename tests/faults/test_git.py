"""Every error of Git's server at every Git request in turn, by the real `git http-backend`; and what its hooks say.

As in test_rest.py: one of everything afterwards, one clear sentence, and a next try that finishes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

from bot.world.config_repo import pushing
from skills.core.errors import Mendable
from skills.core.messages import say
from skills.core.model import OpenMergeRequest
from tests.fakes.gitlab_server import Fault
from tests.faults.stage import Stage, told

pytestmark = pytest.mark.needs("openssl")
GIT = r"\.git/"
HTML = b"<html><body>Sign in to the proxy</body></html>"


@dataclass(frozen=True)
class Row:
    fault: dict[str, Any]
    says: Collection[str]


BROKEN = {"EGR549", "EGR551", "EGR554"}
FAULTS = {
    "401": Row({"status": 401}, {"EGR553"}),
    "403": Row({"status": 403}, {"EGR553"}),
    "404": Row({"status": 404}, {"EGR549"}),
    "429": Row({"status": 429, "headers": {"Retry-After": "3600"}}, {"EGR549"}),
    "500": Row({"status": 500}, {"EGR549"}),
    "502 after the work": Row({"status": 502, "after": True}, {"EGR549"}),
    "reset": Row({"status": 0}, BROKEN),
    "reset after the work": Row({"status": 0, "after": True}, BROKEN),
    "HTML": Row({"status": 200, "mangle": lambda _: (HTML, "text/html")}, BROKEN),
    "cut in the middle": Row({"status": 200, "mangle": lambda out: (out[: len(out) // 2], "x/y")}, BROKEN),
}
QUICK = ["reset after the work", "502 after the work"]


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=() if each in QUICK else pytest.mark.slow) for each in FAULTS]
)
def test_at_each_request_of_a_proposal(stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "PUSH_SECONDS", 4.0)
    row = FAULTS[name]
    stage.forge().source(lambda _: True, None)()
    number, ended = 0, False
    while not ended:
        effect, forge = stage.effect(), stage.forge()
        fault = Fault(".*", GIT, skip=number, **{"times": 3, **row.fault})
        with stage.broken(fault):
            said = opened(forge.open_or_update, effect)
        ended = fault.times == 3
        assert said is None or said in row.says, f"{said} at request {number + 1}"
        one_of_everything(stage, effect)
        assert stage.forge().open_or_update(effect).merge_request.state == "opened"
        one_of_everything(stage, effect)
        assert stage.merge_requests(effect)
        number += 1
    assert number >= 4, "fewer requests than a proposal has"


def opened(act: Any, effect: OpenMergeRequest) -> str | None:
    try:
        act(effect)
    except Mendable as failure:
        return told(failure)
    return None


def one_of_everything(stage: Stage, effect: OpenMergeRequest) -> None:
    assert len(stage.merge_requests(effect)) <= 1
    assert stage.gitlab.tip(effect.branch) is None or stage.commits(effect) == 1


HOOKS = {
    "a protected branch": (
        "GitLab: You are not allowed to push code to protected branches on this project.",
        "protected",
    ),
    "a rule for messages": ("GL-HOOK-ERR: Commit message does not follow the pattern 'JIRA\\-\\d+'", "JIRA"),
    "a full disk": ("fatal: write error: No space left on device", "No space left"),
    "no word at all": ("", "hook declined"),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_refused_push_gives_the_servers_own_words(stage: Stage, name: str) -> None:
    words, kept = HOOKS[name]
    hook = stage.gitlab.repository / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ncat >/dev/null\nprintf '%s\\n' \"{words}\" >&2\nexit 1\n")
    hook.chmod(0o755)
    effect = stage.effect()
    try:
        with pytest.raises(Mendable) as no:
            stage.forge().open_or_update(effect)
    finally:
        hook.unlink()
    assert told(no.value) == "EGR480"
    assert kept in say(no.value.finding).says
    assert not stage.merge_requests(effect) and stage.gitlab.tip(effect.branch) is None
    assert stage.forge().open_or_update(effect).created


def test_a_server_that_can_not_write_the_branch(stage: Stage) -> None:
    """Its words are given; they are not taken for somebody else's push."""
    effect = stage.effect()
    lock = stage.gitlab.repository / "refs" / "heads" / "egress" / f"{effect.request_key}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    try:
        with pytest.raises(Mendable) as no:
            stage.forge().open_or_update(effect)
    finally:
        lock.unlink()
    assert told(no.value) == "EGR480"
    assert stage.forge().open_or_update(effect).created


# --- what stands in GitLab when the database does not


def test_a_lost_database_adopts_what_stands_there(stage: Stage) -> None:
    """The same change drawn on another day would be another commit, and void what people approved."""
    first = stage.effect()
    made = stage.forge().open_or_update(first).merge_request
    stage.forge().approve(made.number, made.head, "sam@fincorp.example")
    again = stage.effect("1", first.request_key, at="2026-04-02T10:00:00Z")
    receipt = stage.forge("fresh").open_or_update(again)
    assert (receipt.created, receipt.merge_request.number) == (False, made.number)
    assert receipt.merge_request.head == made.head == stage.gitlab.tip(first.branch)
    assert stage.forge("fresh").get(made.number).approvals == ("sam@fincorp.example",)


def test_a_lost_database_finishes_a_branch_without_a_merge_request(stage: Stage) -> None:
    first = stage.effect()
    with stage.broken(Fault("POST", "merge_requests$", 500)), pytest.raises(Mendable):
        stage.forge().open_or_update(first)
    head = stage.gitlab.tip(first.branch)
    assert head and not stage.merge_requests(first)
    again = stage.effect("1", first.request_key, at="2026-04-02T10:00:00Z")
    receipt = stage.forge("fresh-2").open_or_update(again)
    assert (receipt.created, receipt.merge_request.head) == (True, head)


def test_labels_and_reviewers_that_are_missing_are_added_and_those_of_people_stay(stage: Stage) -> None:
    effect = stage.effect()
    number = stage.forge().open_or_update(effect).merge_request.number
    there = stage.gitlab.merge_requests[number]
    there.update(labels=["theirs"], reviewers=[])
    stage.forge().open_or_update(effect)
    assert there["labels"] == ["theirs", "egress::needs-approval"]
    assert [each["username"] for each in there["reviewers"]] == ["sam"]
    there["reviewers"] = [each for each in stage.gitlab.members if each["username"] == "ines"]
    stage.forge().open_or_update(effect)
    assert [each["username"] for each in there["reviewers"]] == ["ines"]


# --- complete lists


def test_the_last_page_is_read_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = [{"id": 100 + number, "username": f"user{number}", "name": "x"} for number in range(250)]
    monkeypatch.setattr(stage.gitlab, "members", [*crowd, *stage.gitlab.members])
    effect = stage.effect()
    made = stage.forge().open_or_update(effect).merge_request
    assert made.reviewers == ("sam",), "sam is on the third page of members"
    for number in range(230):
        stage.gitlab.add_note(made.number, {"body": f"remark {number}"})
    stage.forge().note(made.number, "sam", "looks right", key="k1")
    stage.forge().note(made.number, "sam", "looks right", key="k1")
    assert len(stage.gitlab.notes[made.number]) == 231, "the mark is on the third page of notes"
    there = stage.gitlab.merge_requests[made.number]
    older = {1000 + number: {**there, "iid": 1000 + number, "state": "closed"} for number in range(150)}
    monkeypatch.setattr(stage.gitlab, "merge_requests", {**{made.number: {**there, "state": "closed"}}, **older})
    found = stage.forge().find(effect.request_key)
    assert found and found.number == 1149, "the newest is on the second page of merge requests"
