"""Every error of GitLab at every REST call in turn: one of everything afterwards, one clear sentence, and a next try
that finishes.

A row is a fault, what may be said of it, and whether the work must go on by itself where the broken call only reads
or may be repeated. A column is what the forge was doing. Each test breaks the first call, then the second, and so on,
each time for a request of its own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.world.gitlab import GitLabForge
from skills.core.errors import Mendable
from skills.core.model.effects import OpenMergeRequest
from tests.fakes.gitlab_server import Fault
from tests.faults.stage import PATIENCE, Stage, told

pytestmark = pytest.mark.needs("openssl")
HTML = b"<html><body>Sign in to the proxy</body></html>"
API = "^/api/"


@dataclass(frozen=True)
class Row:
    """`says` are the codes that may be told; `goes_on` that no single such fault may stop a read."""

    fault: dict[str, Any]
    says: Collection[str]
    goes_on: bool = False
    patience: float = field(default=20.0)


NO_ANSWER = {"EGR489", "EGR495"}
REFUSED = {"EGR494", "EGR495"}
FAULTS = {
    "401": Row({"status": 401, "message": "401 Unauthorized"}, {"EGR490"}),
    "403": Row({"status": 403, "message": "403 Forbidden"}, {"EGR491"}),
    "404": Row({"status": 404, "message": "404 Not found"}, {"EGR492", "EGR449"}),
    "409 exists": Row({"status": 409, "message": ["Another open merge request already exists"]}, REFUSED),
    "422": Row({"status": 422, "message": {"title": ["is too long"]}}, REFUSED),
    "429, try in a second": Row({"status": 429, "headers": {"Retry-After": "1"}}, set(), goes_on=True),
    "429, try in an hour": Row({"status": 429, "headers": {"Retry-After": "3600"}}, {"EGR493"}),
    "500": Row({"status": 500}, NO_ANSWER, goes_on=True),
    "503 for good": Row({"status": 503, "times": 99}, NO_ANSWER),
    "502 after the work": Row({"status": 502, "after": True}, NO_ANSWER, goes_on=True),
    "time-out": Row({"status": 0, "hang": PATIENCE * 2}, NO_ANSWER, goes_on=True, patience=PATIENCE),
    "time-out after the work": Row(
        {"status": 0, "after": True, "hang": PATIENCE * 2}, NO_ANSWER, goes_on=True, patience=PATIENCE
    ),
    "time-out, and then the work": Row(
        {"status": 0, "late": True, "hang": PATIENCE * 2}, NO_ANSWER, goes_on=True, patience=PATIENCE
    ),
    "reset": Row({"status": 0}, NO_ANSWER, goes_on=True),
    "reset after the work": Row({"status": 0, "after": True}, NO_ANSWER, goes_on=True),
    "HTML instead of JSON": Row({"status": 200, "mangle": lambda _: (HTML, "text/html")}, NO_ANSWER, goes_on=True),
    "JSON that is cut": Row(
        {"status": 200, "mangle": lambda out: (out[: len(out) // 2], "application/json")}, NO_ANSWER, goes_on=True
    ),
    "JSON of another kind": Row({"status": 200, "mangle": lambda _: (b"7", "application/json")}, NO_ANSWER, True),
    "sent elsewhere": Row(
        {"status": 302, "headers": {"Location": "https://elsewhere.example/"}}, NO_ANSWER, goes_on=True
    ),
}


@dataclass
class Doing:
    """What the forge is doing: for which request, how, and what must be true when it is done."""

    effect: OpenMergeRequest
    act: Callable[[GitLabForge], object]
    done: Callable[[], bool]


def opening(stage: Stage, _forge: GitLabForge) -> Doing:
    effect = stage.effect()
    return Doing(effect, lambda forge: forge.open_or_update(effect), lambda: len(stage.merge_requests(effect)) == 1)


def redrawing(stage: Stage, forge: GitLabForge) -> Doing:
    first = stage.effect()
    number = forge.open_or_update(first).merge_request.number
    there = stage.gitlab.merge_requests[number]
    there.update(labels=[], reviewers=[], title="as somebody left it")
    again = stage.effect("2", first.request_key)

    def done() -> bool:
        text = stage.gitlab.git("show", f"{again.branch}:new/{again.request_key}.yaml")
        return text == "a: 2" and there["title"] == again.title and there["labels"] == list(again.labels)

    return Doing(again, lambda forge: forge.open_or_update(again), done)


def noting(stage: Stage, forge: GitLabForge) -> Doing:
    effect = stage.effect()
    number = forge.open_or_update(effect).merge_request.number
    act = lambda forge: forge.note(number, "sam", "looks right", key="k1")  # noqa: E731
    return Doing(effect, act, lambda: len(stage.gitlab.notes[number]) == 1)


def approving(stage: Stage, forge: GitLabForge) -> Doing:
    effect = stage.effect()
    made = forge.open_or_update(effect).merge_request

    def done() -> bool:
        return stage.forge().get(made.number).approvals == ("sam@fincorp.example",)

    return Doing(effect, lambda forge: forge.approve(made.number, made.head, "sam@fincorp.example"), done)


def merging(stage: Stage, forge: GitLabForge) -> Doing:
    effect = stage.effect()
    made = forge.open_or_update(effect).merge_request

    def done() -> bool:
        state = stage.gitlab.merge_requests[made.number]["state"]
        merges = stage.gitlab.git("rev-list", "--merges", "main", f"--grep=Postern-Request: {effect.request_key}")
        return state == "merged" and len(merges.split()) == 1

    return Doing(effect, lambda forge: forge.merge(made.number, made.head, "sam"), done)


def closing(stage: Stage, forge: GitLabForge) -> Doing:
    effect = stage.effect()
    number = forge.open_or_update(effect).merge_request.number
    there = stage.gitlab.merge_requests[number]
    return Doing(effect, lambda forge: forge.close(number, "sam", "not this"), lambda: there["state"] == "closed")


def labelling(stage: Stage, forge: GitLabForge) -> Doing:
    effect = stage.effect()
    number = forge.open_or_update(effect).merge_request.number
    there = stage.gitlab.merge_requests[number]
    act = lambda forge: forge.label(number, add=["egress::approved"], remove=["egress::needs-approval"])  # noqa: E731
    return Doing(effect, act, lambda: there["labels"] == ["egress::approved"])


Way = Callable[[Stage, GitLabForge], Doing]
DOING: list[Way] = [opening, redrawing, noting, approving, merging, closing, labelling]
QUICK = [("502 after the work", opening), ("reset after the work", noting), ("401", redrawing)]


@pytest.mark.slow
@pytest.mark.parametrize("doing", DOING, ids=lambda way: way.__name__)
@pytest.mark.parametrize("fault", FAULTS)
def test_at_each_call(stage: Stage, fault: str, doing: Way) -> None:
    broken_at_each_call(stage, FAULTS[fault], doing)


@pytest.mark.parametrize(("fault", "doing"), QUICK, ids=lambda each: getattr(each, "__name__", each))
def test_at_each_call_of_a_few(stage: Stage, fault: str, doing: Way) -> None:
    broken_at_each_call(stage, FAULTS[fault], doing)


def broken_at_each_call(stage: Stage, row: Row, doing: Way) -> None:
    calls = calls_of(stage, doing)
    assert calls
    for number, call in enumerate(calls):
        what = doing(stage, stage.forge())
        forge = stage.forge(timeout=row.patience)
        with stage.broken(Fault(".*", API, skip=number, **row.fault)):
            said = tried(forge, what)
            left = [fault for fault in stage.gitlab.faults if fault.skip >= 0]
        while (
            stage.gitlab.hanging
        ):  # what GitLab does only after the next try is promised by nobody: docs/RELIABILITY.md
            time.sleep(0.02)
        assert not left, f"call {number + 1} was never made"
        one_of_everything(stage, what.effect)
        if row.goes_on and call.startswith("GET"):
            assert said is None, f"{said} at {call}"
        assert said is None or said in row.says, f"{said} at {call}"
        assert said is not None or what.done(), f"not done after {call}"
        what.act(stage.forge())
        assert what.done(), f"not finished by the next try after {call}"
        one_of_everything(stage, what.effect)


def calls_of(stage: Stage, doing: Way) -> list[str]:
    """The REST calls that are made when nothing breaks."""
    what = doing(stage, stage.forge())
    forge = stage.forge()
    before = len(stage.gitlab.calls)
    what.act(forge)
    calls = stage.gitlab.calls[before:]
    assert what.done()
    return calls


def tried(forge: GitLabForge, what: Doing) -> str | None:
    """The code of what kept it from being done."""
    try:
        what.act(forge)
    except Mendable as failure:
        return told(failure)
    return None


def one_of_everything(stage: Stage, effect: OpenMergeRequest) -> None:
    numbers = stage.merge_requests(effect)
    assert len(numbers) <= 1
    assert stage.gitlab.tip(effect.branch) is None or stage.commits(effect) == 1
    for number in numbers:
        twice = [
            body for body, times in Counter(note["body"] for note in stage.gitlab.notes[number]).items() if times > 1
        ]
        assert not twice


def test_what_is_not_broken_says_nothing(stage: Stage) -> None:
    """The table above proves nothing if the work fails by itself."""
    for doing in DOING:
        what = doing(stage, stage.forge())
        assert tried(stage.forge(), what) is None
        assert what.done()
