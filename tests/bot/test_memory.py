"""The memory on SQLite and on PostgreSQL: what is written stays, once, whole, and in order.

What only one of the two can meet is in test_memory_sqlite.py and test_memory_postgres.py.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy.exc import IntegrityError, StatementError

from bot.world.memory import Claims, Memory, Transaction, sqlite_url
from bot.world.memory.tables import SCHEMA, metadata
from skills.core.errors import Mendable, Outdated, Unreachable
from skills.core.messages import say
from skills.core.model import (
    OPEN_STATES,
    Decided,
    Destination,
    Edit,
    Need,
    Place,
    Ports,
    Request,
    RequestState,
    Workload,
)
from tests.examples import examples

if TYPE_CHECKING:
    from tests.fakes.postgres import Postgres

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
STATES: tuple[RequestState, ...] = get_args(RequestState)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def on_the_server(postgres: Postgres) -> Iterator[Memory]:
    memory = Memory(postgres.fresh(), busy_seconds=0.2)
    yield memory
    memory.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    """Without rows, with tables."""
    if request.param == "sqlite":
        yield Memory(sqlite_url(tmp_path / "home" / "postern.db"), busy_seconds=0.2)
        return
    server: Memory = request.getfixturevalue("on_the_server")
    yield server
    names = ", ".join(table for table in metadata.tables if not table.endswith("_version"))
    raw(server, f"TRUNCATE {names} RESTART IDENTITY CASCADE")


def raw(memory: Memory, statement: str) -> None:
    """What somebody else does to the database, past all rules."""
    with memory.transaction() as tx:
        tx._connection.exec_driver_sql(statement)


def a_request(key: str = "EG-1", **changes: Any) -> Request:
    request = Request(
        key=key,
        state="drafted",
        version=0,
        workload="payment-gateway (production)",
        destinations=("api.twilio.com:443",),
        digest="d1",
        base="b1",
        branch=f"egress/{key}",
        asked_by="dana@fincorp.example",
        reason="SMS codes",
        until=None,
        since="2026-03-01T12:00:00+00:00",
        paths=("organization/x.yaml",),
        environment="production",
        thread="terminal:default",
        waits_for=("sam@fincorp.example",),
    )
    return replace(request, **changes)


def put(memory: Memory, *requests: Request, repository: str = "allowlist") -> None:
    with memory.transaction() as tx:
        for request in requests:
            assert tx.create_request(request, repository, NOW)


def found(memory: Memory, key: str = "EG-1") -> Request:
    row = memory.request(key)
    assert row is not None
    return row.request


# --- the database itself


def test_a_transaction_is_all_or_nothing(memory: Memory) -> None:
    with pytest.raises(ZeroDivisionError), memory.transaction() as tx:
        tx.create_request(a_request(), "allowlist", NOW)
        tx.add_intent("open:EG-1", "OpenMergeRequest", {}, "EG-1", NOW)
        tx.add_log("dana", "terminal", "propose", {}, NOW)
        raise ZeroDivisionError
    assert memory.request("EG-1") is None
    assert memory.todo() == ()
    assert memory.log() == ()


def test_a_transaction_sees_itself_and_nobody_else_sees_it_before_its_end(memory: Memory) -> None:
    with memory.transaction() as tx:
        tx.create_request(a_request(), "allowlist", NOW)
        assert tx.request("EG-1") is not None
        assert memory.request("EG-1") is None
    assert memory.request("EG-1") is not None


def test_a_restart_reads_everything_back(memory: Memory) -> None:
    fill(memory)
    memory.close()
    again = Memory(memory._url)
    assert everything(again) == everything(memory)
    assert everything(again)["request"].request.decisions == (
        Decided("approve", "sam@fincorp.example", "d1", "fine", NOW.isoformat()),
    )


def fill(memory: Memory) -> None:
    with memory.transaction() as tx:
        tx.save_thread("t", {"workload": "payment-gateway"}, 0, NOW)
        tx.add_turn("t", "dana", "it times out", {"decision": "denied"}, NOW)
        tx.keep_draft("d1", "t", "allowlist", "b1", NEED, EDITS, NOW)
        tx.create_request(a_request(), "allowlist", NOW, {"risk": 3})
        tx.add_decision("EG-1", Decided("approve", "sam@fincorp.example", "d1", "fine"), "c1", 1, NOW)
        tx.add_intent("open:EG-1:d1", "OpenMergeRequest", {"n": 1}, "EG-1", NOW)
        tx.add_post("p1", "C1", "17.3", {"text": "hello"}, NOW)
        tx.add_log("dana", "terminal", "propose", {"key": "EG-1"}, NOW)


def everything(memory: Memory) -> dict[str, Any]:
    return {
        "thread": memory.thread("t"),
        "turns": memory.turns("t"),
        "draft": memory.draft("d1"),
        "request": memory.request("EG-1"),
        "decisions": memory.decisions("EG-1"),
        "intents": memory.intents_of("EG-1"),
        "posts": memory.posts_todo(),
        "log": memory.log(),
    }


# --- threads and turns


def test_a_thread_that_nobody_saved_is_empty(memory: Memory) -> None:
    assert memory.thread("slack:T1:C1:17.3").state == {}
    assert memory.thread("slack:T1:C1:17.3").version == 0


@pytest.mark.parametrize("saves_before", [0, 1, 3])
def test_the_second_of_two_turns_at_once_is_refused_whole(memory: Memory, saves_before: int) -> None:
    for version in range(saves_before):
        with memory.transaction() as tx:
            tx.save_thread("t", {"n": version}, version, NOW)
    seen = memory.thread("t")
    with memory.transaction() as tx:
        assert tx.save_thread("t", {"by": "first"}, seen.version, NOW) == seen.version + 1
    with pytest.raises(Outdated) as refused, memory.transaction() as tx:
        tx.add_log("sam", "terminal", "turn", {}, NOW)
        tx.save_thread("t", {"by": "second"}, seen.version, NOW)
    assert refused.value.code == "EGR469"
    assert memory.thread("t").state == {"by": "first"}
    assert memory.log() == ()


def test_turns_are_kept_in_order_and_the_last_ones_are_given(memory: Memory) -> None:
    with memory.transaction() as tx:
        tx.save_thread("t", {}, 0, NOW)
        tx.save_thread("u", {}, 0, NOW)
        assert [tx.add_turn("t", "dana", f"word {number}", {}, NOW) for number in range(5)] == [1, 2, 3, 4, 5]
        assert tx.add_turn("u", "dana", "elsewhere", {}, NOW) == 1
    assert [turn.said for turn in memory.turns("t", last=2)] == ["word 3", "word 4"]


@pytest.mark.parametrize("said", ["", "nul \0 here", "half a \ud83d smile", "’; DROP TABLE turns; --", "日本語\r\n"])
def test_whatever_people_paste_can_be_stored(memory: Memory, said: str) -> None:
    with memory.transaction() as tx:
        tx.save_thread("t", {"text": said}, 0, NOW)
        tx.add_turn("t", "dana", said, {"quote": said}, NOW)
    (turn,) = memory.turns("t")
    assert turn.said == said.replace("\0", "\ufffd").replace("\ud83d", "?")
    assert turn.answer == {"quote": said}
    assert memory.thread("t").state == {"text": said}


def test_long_words_are_cut_and_a_long_answer_is_dropped(memory: Memory) -> None:
    with memory.transaction() as tx:
        tx.save_thread("t", {}, 0, NOW)
        tx.add_turn("t", "dana", "x" * 1_000_000, {"diff": "y" * 1_000_000}, NOW)
        tx.add_turn("t", "dana", "x" * 8_000, {"diff": "y" * 100_000}, NOW)
    long, short = memory.turns("t")
    assert long.said.endswith("x … (992000 more characters)")
    assert long.answer == {"cut": 1_000_012}
    assert short.said == "x" * 8_000
    assert short.answer == {"diff": "y" * 100_000}


def test_a_time_without_a_zone_is_a_mistake_of_ours(memory: Memory) -> None:
    with pytest.raises(StatementError, match="without a zone"), memory.transaction() as tx:
        tx.save_thread("t", {}, 0, NOW.replace(tzinfo=None))


def test_times_come_back_as_the_same_moment_in_utc(memory: Memory) -> None:
    east = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with memory.transaction() as tx:
        tx.add_log("dana", "terminal", "x", {}, east)
    assert memory.log()[0].at == NOW
    assert memory.log()[0].at.utcoffset() == timedelta(0)


# --- drafts

WORKLOAD = Workload(
    "k8s",
    "uds",
    "claims-api",
    "claims",
    labels={"app": "claims-api"},
    place=Place("uds/claims.yaml", 3, "name: claims"),
)
NEED = Need(WORKLOAD, (Destination("api.twilio.com", host="api.twilio.com", ports=Ports(443, 443)),), "SMS codes")
EDITS = (Edit("uds/claims.yaml", "old\r\n", "old\r\nnew\r\n"), Edit("docs/note.md", None, "new", "architecture"))


def test_a_draft_comes_back_as_it_was(memory: Memory) -> None:
    with memory.transaction() as tx:
        tx.keep_draft("d1", "t", "allowlist", None, NEED, EDITS, NOW)
    kept = memory.draft("d1")
    assert kept is not None
    assert (kept.need, kept.edits, kept.base, kept.created_at) == (NEED, EDITS, None, NOW)
    assert memory.draft("d2") is None


def test_the_same_change_for_another_reason_keeps_the_last_reason(memory: Memory) -> None:
    with memory.transaction() as tx:
        tx.keep_draft("d1", "t", "allowlist", "b1", NEED, EDITS, NOW)
        tx.keep_draft("d1", "u", "allowlist", "b1", replace(NEED, reason="two factor"), EDITS, LATER)
    kept = memory.draft("d1")
    assert kept is not None
    assert (kept.need.reason, kept.thread) == ("two factor", "u")


@pytest.mark.parametrize("broken", ["[]", "{}", '{"$": "Need"}', '{"$": "Workload"}', '"x"', "null"])
def test_a_draft_that_somebody_edited_is_refused_in_a_sentence(memory: Memory, broken: str) -> None:
    with memory.transaction() as tx:
        tx.keep_draft("d1", "t", "allowlist", "b1", NEED, EDITS, NOW)
    raw(memory, f"UPDATE drafts SET need = '{broken}'")
    with pytest.raises(Unreachable) as refused:
        memory.draft("d1")
    assert says(refused.value, "EGR580").startswith("A stored record can't be read back. Need")


# --- requests


def test_a_request_is_created_once(memory: Memory) -> None:
    with memory.transaction() as tx:
        assert tx.create_request(a_request(), "allowlist", NOW, {"risk": 3})
        assert not tx.create_request(a_request(reason="another"), "elsewhere", LATER)
    row = memory.request("EG-1")
    assert row is not None
    assert (row.repository, row.facts, row.updated_at) == ("allowlist", {"risk": 3}, NOW)
    assert row.request == a_request(version=1)


def test_a_move_changes_what_it_names_and_nothing_else(memory: Memory) -> None:
    put(memory, a_request())
    with memory.transaction() as tx:
        moved = tx.move_request(
            "EG-1", "drafted", "waiting", 1, LATER, number=7, url="file:///7", commit="c1", waits_for=("ines",)
        )
    assert moved
    expected = a_request(state="waiting", version=2, number=7, url="file:///7", commit="c1", waits_for=("ines",))
    assert found(memory) == expected
    row = memory.request("EG-1")
    assert row is not None
    assert row.updated_at == LATER


@pytest.mark.parametrize(
    ("key", "state", "version"), [("EG-2", "drafted", 1), ("EG-1", "waiting", 1), ("EG-1", "drafted", 2)]
)
def test_a_move_from_what_is_not_there_does_nothing(
    memory: Memory, key: str, state: RequestState, version: int
) -> None:
    put(memory, a_request())
    with memory.transaction() as tx:
        assert not tx.move_request(key, state, "merged", version, LATER, reason="lost update")
    assert found(memory) == a_request(version=1)


def test_requests_of_a_repository_and_of_a_thread(memory: Memory) -> None:
    put(memory, a_request("EG-2"), a_request("EG-1"), a_request("EG-3", state="merged", thread="other"))
    put(memory, a_request("EG-4"), repository="elsewhere")
    assert [row.request.key for row in memory.requests("allowlist")] == ["EG-1", "EG-2", "EG-3"]
    assert [row.request.key for row in memory.requests("allowlist", open_only=True)] == ["EG-1", "EG-2"]
    assert [row.request.key for row in memory.requests_of_thread("other")] == ["EG-3"]
    assert memory.requests("nowhere") == ()


def test_requests_of_one_moment_are_sorted_alike_by_every_database(memory: Memory) -> None:
    keys = ["eg-1", "EG-1", "EG_1", "EG 1", "eg1", "EG-é", "EG-z"]
    put(memory, *(a_request(key) for key in keys))
    assert [row.request.key for row in memory.requests("allowlist")] == sorted(keys)


@pytest.mark.parametrize("state", STATES)
def test_open_only_follows_the_model(memory: Memory, state: RequestState) -> None:
    put(memory, a_request(state=state))
    assert len(memory.requests("allowlist", open_only=True)) == (state in OPEN_STATES)


def test_watchers_are_added_once_and_do_not_move_the_request(memory: Memory) -> None:
    put(memory, a_request())
    with memory.transaction() as tx:
        assert tx.add_watcher("EG-1", "ola@fincorp.example", NOW)
        assert tx.add_watcher("EG-1", "kim@fincorp.example", NOW)
        assert not tx.add_watcher("EG-1", "OLA@fincorp.example", NOW)
        assert not tx.add_watcher("EG-9", "ola@fincorp.example", NOW)
    assert found(memory) == a_request(version=1, watchers=("ola@fincorp.example", "kim@fincorp.example"))


def test_a_decision_counts_once_per_person_verb_and_digest(memory: Memory) -> None:
    put(memory, a_request())
    approved = Decided("approve", "sam", "d1")
    with memory.transaction() as tx:
        assert tx.add_decision("EG-1", approved, "c1", 2, NOW)
        assert not tx.add_decision("EG-1", replace(approved, reason="again"), "c9", 3, LATER)
        for other in (replace(approved, by="ines"), replace(approved, digest="d2"), replace(approved, verb="hold")):
            assert tx.add_decision("EG-1", other, "c1", 2, NOW)
    first = memory.decisions("EG-1")[0]
    assert (first.by, first.head, first.version, first.at, first.reason) == ("sam", "c1", 2, NOW, "")
    assert [(one.verb, one.by, one.digest) for one in found(memory).decisions] == [
        ("approve", "sam", "d1"),
        ("approve", "ines", "d1"),
        ("approve", "sam", "d2"),
        ("hold", "sam", "d1"),
    ]


def test_nothing_is_written_for_a_request_that_does_not_exist(memory: Memory) -> None:
    with pytest.raises(IntegrityError), memory.transaction() as tx:
        tx.add_decision("EG-1", Decided("approve", "sam", "d1"), None, 1, NOW)
    with pytest.raises(IntegrityError), memory.transaction() as tx:
        tx.add_intent("open:EG-1", "OpenMergeRequest", {}, "EG-1", NOW)
    assert memory.todo() == ()


class RequestMoves(RuleBasedStateMachine):
    """Moves with right and wrong expectations, over restarts, against a plain dictionary."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.memory = Memory(sqlite_url(Path(self.folder.name, "postern.db")))
        self.model: dict[str, Request] = {}

    keys = st.sampled_from(["EG-1", "EG-2"])

    @rule(key=keys, digest=st.sampled_from(["d1", "d2"]))
    def create(self, key: str, digest: str) -> None:
        with self.memory.transaction() as tx:
            created = tx.create_request(a_request(key, digest=digest), "allowlist", NOW)
        assert created == (key not in self.model)
        if created:
            self.model[key] = a_request(key, digest=digest, version=1)

    @rule(
        key=keys,
        from_state=st.none() | st.sampled_from(STATES),
        to=st.sampled_from(STATES),
        off=st.sampled_from([0, 0, 0, -1, 1]),
        number=st.none() | st.integers(1, 9),
        crash=st.booleans(),
    )
    def move(
        self, key: str, from_state: RequestState | None, to: RequestState, off: int, number: int | None, crash: bool
    ) -> None:
        known = self.model.get(key)
        state, version = (known.state, known.version) if known else ("drafted", 1)
        fields: dict[str, Any] = {} if number is None else {"number": number}
        try:
            with self.memory.transaction() as tx:
                moved = tx.move_request(key, from_state or state, to, version + off, LATER, **fields)
                if crash:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            return
        assert moved == bool(known and off == 0 and from_state in (None, state))
        if moved and known:
            self.model[key] = replace(known, state=to, version=version + 1, **fields)

    @rule()
    def restart(self) -> None:
        self.memory.close()

    @invariant()
    def agrees(self) -> None:
        rows = self.memory.requests("allowlist")
        assert {row.request.key: row.request for row in rows} == self.model

    def teardown(self) -> None:
        self.memory.close()
        self.folder.cleanup()


RequestMoves.TestCase.settings = settings(
    max_examples=examples(25), stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRequestMoves = RequestMoves.TestCase


# --- intents


def intent_of(memory: Memory, key: str = "k1") -> Any:
    with memory.transaction() as tx:
        assert tx.add_intent(key, "OpenMergeRequest", {"n": 1}, None, NOW)
        claimed = tx.claim(key, NOW)
    assert claimed is not None
    return claimed


def test_an_intent_stands_once_with_its_first_payload(memory: Memory) -> None:
    put(memory, a_request())
    with memory.transaction() as tx:
        assert tx.add_intent("k1", "OpenMergeRequest", {"n": 1}, "EG-1", NOW)
        assert not tx.add_intent("k1", "OpenMergeRequest", {"n": 2}, "EG-1", LATER)
    (intent,) = memory.todo()
    assert (intent.payload, intent.state, intent.attempts, intent.request) == ({"n": 1}, "todo", 0, "EG-1")
    assert memory.intents_of("EG-1") == (intent,)
    assert memory.intent("k1") == intent


def test_an_intent_is_claimed_by_one_and_finished_with_a_receipt(memory: Memory) -> None:
    intent = intent_of(memory)
    assert memory.todo() == ()
    with memory.transaction() as tx:
        assert tx.claim("k1", LATER) is None
        assert tx.finish(intent, {"url": "file:///1"}, LATER)
        assert not tx.finish(intent, {"url": "file:///2"}, LATER)
        assert not tx.fail(intent, {"code": "EGR1"}, LATER, due=LATER)
        assert tx.claim("k1", LATER) is None
        assert tx.claim("unknown", LATER) is None
    done = memory.intent("k1")
    assert done is not None
    assert (done.state, done.receipt, done.error) == ("done", {"url": "file:///1"}, None)


def test_what_failed_for_now_waits_again_and_what_failed_for_good_does_not(memory: Memory) -> None:
    with memory.transaction() as tx:
        assert tx.fail(intent_of_tx(tx, "k1"), {"code": "EGR468"}, LATER, due=LATER)
        assert tx.fail(intent_of_tx(tx, "k2"), {"code": "EGR403"}, LATER)
    (left,) = memory.todo()
    assert (left.key, left.error, left.attempts) == ("k1", {"code": "EGR468"}, 1)
    over = memory.intent("k2")
    assert over is not None
    assert over.state == "failed"


def intent_of_tx(tx: Transaction, key: str) -> Any:
    tx.add_intent(key, "OpenMergeRequest", {}, None, NOW)
    return tx.claim(key, NOW)


def test_a_claim_that_was_left_can_be_taken_over_and_the_first_then_loses_it(memory: Memory) -> None:
    first = intent_of(memory)
    assert memory.todo() == ()
    with memory.transaction() as tx:
        assert tx.claim("k1", LATER) is None
        second = tx.claim("k1", LATER, first)
        assert tx.claim("k1", LATER, first) is None, "somebody else had seen it as well"
        assert second is not None
        assert not tx.finish(first, {"by": "first"}, LATER)
        assert not tx.fail(first, {"by": "first"}, LATER)
        assert tx.finish(second, {"by": "second"}, LATER)
    done = memory.intent("k1")
    assert done is not None
    assert (done.receipt, done.attempts) == ({"by": "second"}, 2)


def test_intents_wait_in_the_order_in_which_they_came(memory: Memory) -> None:
    with memory.transaction() as tx:
        for key in ("z", "a", "m"):
            tx.add_intent(key, "x", {}, None, NOW)
    assert [intent.key for intent in memory.todo()] == ["z", "a", "m"]
    assert [intent.key for intent in memory.todo(limit=2)] == ["z", "a"]


# --- audit log and outbox


def test_the_log_and_the_decisions_can_only_be_added_to() -> None:
    offered = {name for kind in (Transaction, Memory) for name in dir(kind) if not name.startswith("_")}
    assert {name for name in offered if "log" in name} == {"log", "add_log"}
    assert {name for name in offered if "decision" in name} == {"decisions", "add_decision"}
    assert {name for name in offered if "turn" in name} == {"turns", "add_turn"}
    assert not {name for name in offered if name.startswith(("delete", "remove", "drop", "clear", "update"))}


def test_the_log_is_read_in_order_and_from_a_line_on(memory: Memory) -> None:
    with memory.transaction() as tx:
        for number in range(4):
            tx.add_log("dana", "terminal", "said", {"n": number}, NOW)
    lines = [line.seq for line in memory.log()]
    assert lines == sorted(set(lines))
    assert [line.facts["n"] for line in memory.log()] == [0, 1, 2, 3]
    assert [line.facts["n"] for line in memory.log(after=lines[1], limit=1)] == [2]
    line = memory.log()[0]
    assert (line.who, line.where, line.kind, line.at) == ("dana", "terminal", "said", NOW)


def test_a_message_is_sent_once(memory: Memory) -> None:
    with memory.transaction() as tx:
        assert tx.add_post("p1", "C1", None, {"text": "hello"}, NOW)
        assert not tx.add_post("p1", "C1", None, {"text": "hello again"}, NOW)
        post = tx.claim_post("p1", NOW)
        assert post is not None
        assert tx.claim_post("p1", NOW) is None
        assert tx.finish_post(post, "17.4", NOW)
        assert not tx.finish_post(post, "17.5", NOW)
    assert memory.posts_todo() == ()


def test_a_message_whose_sender_died_waits_again(memory: Memory) -> None:
    with memory.transaction() as tx:
        tx.add_post("p1", "C1", "17.3", {"text": "hello"}, NOW)
        tx.claim_post("p1", NOW)
    assert memory.posts_todo() == ()
    (post,) = memory.posts_todo(claimed=True)
    assert (post.payload, post.thread) == ({"text": "hello"}, "17.3")
    with memory.transaction() as tx:
        taken = tx.claim_post("p1", NOW + timedelta(seconds=1), left=post)
        assert taken
        assert not tx.claim_post("p1", LATER, left=post), "somebody has it since"
        assert not tx.finish_post(post, "17.4", LATER)
        assert tx.finish_post(taken, "17.4", LATER)


# --- what holders left behind, told without a clock that jumps


@dataclass
class Held:
    id: int = 1
    attempts: int = 1
    updated_at: datetime = NOW


def looks(claims: Claims, ticks: list[float], rows: Sequence[Held], seconds: int) -> list[Held]:
    """What seems left behind after that many looks, a second each."""
    found: list[Held] = []
    for _ in range(seconds):
        ticks[0] += 1
        found = claims.left(rows)
    return found


def test_a_claim_is_left_when_it_stood_still_for_long_enough_of_our_own_time() -> None:
    ticks = [0.0]
    claims = Claims(10, lambda: ticks[0])
    assert looks(claims, ticks, [Held()], 10) == []
    assert looks(claims, ticks, [Held()], 1) == [Held()]
    assert looks(claims, ticks, [Held()], 5) == [Held()], "until somebody takes it"


@pytest.mark.parametrize(
    "other", [Held(attempts=2), Held(updated_at=NOW - timedelta(hours=1)), Held(updated_at=NOW + timedelta(hours=1))]
)
def test_a_claim_that_was_renewed_or_taken_by_another_is_a_new_one_whatever_the_clock_says(other: Held) -> None:
    ticks = [0.0]
    claims = Claims(10, lambda: ticks[0])
    assert looks(claims, ticks, [Held()], 10) == []
    assert looks(claims, ticks, [other], 10) == []
    assert looks(claims, ticks, [other], 1) == [other]


def test_whoever_stood_still_itself_begins_anew() -> None:
    ticks = [0.0]
    claims = Claims(10, lambda: ticks[0])
    assert looks(claims, ticks, [Held()], 9) == []
    ticks[0] += 3600
    assert looks(claims, ticks, [Held()], 10) == []
    assert looks(claims, ticks, [Held()], 1) == [Held()]


# --- several at once, and crashes


def run(code: str, memory: Memory) -> subprocess.Popen[str]:
    """A second process on the same database; it says `ready` and waits for a line before the interesting part."""
    lines = (
        "import sys, time, datetime",
        "from bot.world.memory import Memory",
        "NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)",
        "memory = Memory(sys.argv[1], busy_seconds=10)",
        "def ready():\n    print('ready', flush=True)\n    sys.stdin.readline()",
        code,
    )
    command = [sys.executable, "-c", "\n".join(lines), memory._url]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.parametrize("committed", [False, True])
def test_a_process_killed_in_the_middle_leaves_all_or_nothing(memory: Memory, committed: bool) -> None:
    put(memory, a_request())
    body = """
with memory.transaction() as tx:
    tx.add_intent('k1', 'OpenMergeRequest', {'n': 1}, 'EG-1', NOW)
    tx.move_request('EG-1', 'drafted', 'proposed', 1, NOW)
    tx.add_log('dana', 'terminal', 'propose', {}, NOW)
"""
    process = run(body + ("ready()" if committed else "    ready()"), memory)
    wait_ready(process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    again = Memory(memory._url)
    assert [len(again.todo()), found(again).state, len(again.log())] == (
        [1, "proposed", 1] if committed else [0, "drafted", 0]
    )
    with again.transaction() as tx:
        assert tx.add_intent("k1", "OpenMergeRequest", {"n": 1}, "EG-1", NOW) is not committed


def test_two_processes_claim_each_intent_once(memory: Memory) -> None:
    keys = [f"k{number}" for number in range(25)]
    with memory.transaction() as tx:
        for key in keys:
            tx.add_intent(key, "x", {}, None, NOW)
    body = """
memory.todo()
ready()
for intent in memory.todo():
    with memory.transaction() as tx:
        claimed = tx.claim(intent.key, NOW)
    if claimed:
        print(claimed.key, flush=True)
"""
    processes = [run(body, memory) for _ in range(2)]
    for process in processes:
        wait_ready(process)
    for process in processes:
        go(process)
    claimed = [process.communicate(timeout=30)[0].split() for process in processes]
    assert sorted(claimed[0] + claimed[1]) == sorted(keys)
    assert [process.returncode for process in processes] == [0, 0]


def test_two_processes_may_make_the_database_at_once(database: str) -> None:
    memory = Memory(database, busy_seconds=10)
    body = "ready()\nwith memory.transaction() as tx:\n    tx.add_log('a', 'b', 'c', {}, NOW)"
    processes = [run(body, memory) for _ in range(2)]
    for process in processes:
        wait_ready(process)
    for process in processes:
        go(process)
    for process in processes:
        process.communicate(timeout=30)
    assert [process.returncode for process in processes] == [0, 0]
    assert len(memory.log()) == 2


def test_threads_share_one_memory(database: str) -> None:
    memory = Memory(database, busy_seconds=10)

    def write(number: int) -> None:
        with memory.transaction() as tx:
            tx.add_log(f"w{number}", "pool", "x", {}, NOW)
        memory.log()

    workers = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {line.who for line in memory.log()} == {f"w{number}" for number in range(12)}


def test_a_thread_that_writes_all_the_time_does_not_starve_the_others(database: str) -> None:
    memory = Memory(database, busy_seconds=5)
    failed: list[Unreachable] = []

    def write() -> None:
        try:
            for _ in range(30):
                with memory.transaction() as tx:
                    tx.add_log("w", "pool", "x", {}, NOW)
        except Unreachable as failure:
            failed.append(failure)

    workers = [threading.Thread(target=write) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    assert len(memory.log()) == 180


# --- failures that a person can mend


def says(error: Mendable, code: str) -> str:
    """The first sentence; every hole of the message must have been filled."""
    assert error.code == code
    said = say(error.finding)
    assert "?)" not in f"{said.says} {said.because} {said.do}"
    return said.says


def failing(memory: Memory) -> Unreachable:
    with pytest.raises(Unreachable) as refused, memory.transaction() as tx:
        tx.add_log("dana", "terminal", "x", {"words": "x" * 300_000}, NOW)
    return refused.value


def test_a_database_of_a_newer_version_is_refused(database: str) -> None:
    memory = Memory(database)
    put(memory, a_request())
    raw(memory, "UPDATE schema_version SET version = version + 1")
    memory.close()
    assert f"newer Postern (layout {SCHEMA + 1}; this version knows up to {SCHEMA})" in says(failing(memory), "EGR466")


@pytest.mark.parametrize("url", ["hunter2", "", "nosuch://u:hunter2@h/d", "postgresql+nosuch://u:hunter2@h/d"])
def test_an_address_that_means_nothing_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Unreachable) as refused:
        Memory(url).log()
    assert "hunter2" not in says(refused.value, "EGR467")
