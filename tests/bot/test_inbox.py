"""What Slack says is never lost and never answered twice: repetitions, crashes, poison, a database that is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from slack_sdk.errors import SlackApiError

from bot.slack.connect import build
from bot.slack.envelopes import Body
from bot.slack.gate import Gate
from bot.slack.inbox import Inbox, Now, Post, Taken
from bot.slack.worker import Worker
from bot.world.memory import Arrival, Memory
from tests.bot.test_memory import NOW
from tests.fakes.slack_says import SECRET, click, command, event, send, shortcut, submission

pytestmark = pytest.mark.asyncio
KINDS = ("event:app_mention", "event:message", "command:/egress", "action:go", "view:ask", "shortcut:diagnose")


@dataclass
class Office:
    """A real Bolt app with the inbox before it, and a worker whose handler writes down what it was given."""

    url: str
    now: datetime = NOW
    ticks: float = 0.0
    done: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)
    opened: list[Inbox] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = Memory(self.url, busy_seconds=1.0)
        self.inbox, self.worker = self.replica()
        self.bolt = build(SECRET, "xoxb-not-real", self.inbox)

    def replica(self) -> tuple[Inbox, Worker]:
        inbox = Inbox(self.memory, "allowlist", lambda: self.now)
        for kind in KINDS:
            inbox.on(kind, self.handle)
        self.opened.append(inbox)
        return inbox, Worker(inbox, Gate(2), lambda: None, lambda: self.ticks)

    async def handle(self, taken: Taken) -> Sequence[Post]:
        words = words_of(taken.body)
        if words in self.waits:
            await self.waits[words].wait()
        if words in self.fails:
            raise ValueError(words)
        self.done.append(words)
        return [Post("slack:T1:C1:1.0", {"text": f"heard {words}"})]

    async def says(self, body: Mapping[str, Any], **headers: Any) -> int:
        return (await send(self.bolt, body, **headers)).status

    async def rest(self) -> list[str]:
        """All that was done, in order, once what waits is worked off."""
        await self.worker.drained()
        return self.done

    async def looks(self, seconds: int) -> list[str]:
        """All that was done while the worker looked for what others left, once a second."""
        for _ in range(seconds):
            self.ticks += 1
            await self.worker.drained()
        return self.done

    def rows(self, columns: str = "kind, state, payload") -> list[tuple[Any, ...]]:
        with self.memory.transaction() as tx:
            found = tx._connection.exec_driver_sql(f"SELECT {columns} FROM inbox ORDER BY id")
            return [tuple(row) for row in found]

    def answers(self) -> list[str]:
        return [post.payload["message"]["text"] for post in self.memory.posts_todo()]


def words_of(body: Body) -> str:
    if "event" in body:
        return str(body["event"].get("text"))
    if "actions" in body:
        return str(body["actions"][0]["value"])
    return str(body.get("text") or body.get("callback_id") or body["view"]["callback_id"])


@pytest_asyncio.fixture
async def office(database: str) -> AsyncIterator[Office]:
    made = Office(database)
    yield made
    for inbox in made.opened:
        inbox.close()
    made.memory.close()


async def test_it_stands_before_it_is_acknowledged_and_is_forgotten_when_it_is_done(office: Office) -> None:
    assert await office.says(event("AKIA-SECRET is blocked")) == 200
    ((kind, state, payload),) = office.rows()
    assert (kind, state, json.loads(payload)["event"]["text"]) == (
        "event:app_mention",
        "todo",
        "AKIA-SECRET is blocked",
    )
    assert "an old shared secret" not in payload
    await office.rest()
    assert office.rows() == [("event:app_mention", "done", "")]
    assert office.answers() == ["heard AKIA-SECRET is blocked"]


async def test_what_slack_repeats_is_answered_once(office: Office) -> None:
    for number in range(3):
        assert await office.says(event("one"), x_slack_retry_num=str(number)) == 200
    await office.rest()
    office.now += timedelta(hours=2)
    assert await office.says(event("one"), x_slack_retry_num="1", x_slack_retry_reason="http_timeout") == 200
    assert await office.rest() == ["one"]


async def test_a_crowd_in_one_commit_is_kept_in_order_and_what_comes_twice_in_it_once(office: Office) -> None:
    crowd = [Arrival(f"key {number % 230}", "action:go", f"lane\0{number}", "{}") for number in range(250)]
    with office.memory.transaction() as tx:
        tx.keep_arrivals("allowlist", crowd, NOW)
        tx.keep_arrivals("allowlist", [], NOW)
    wanted = [(f"key {number}", f"lane\ufffd{number}", "todo", 0, None) for number in range(230)]
    assert office.rows("key, lane, state, attempts, holder") == wanted
    row = office.rows("created_at, updated_at")[0]
    assert row == (NOW.isoformat(timespec="microseconds"),) * 2


@pytest.mark.parametrize("order", [("app_mention", "message"), ("message", "app_mention")], ids="-".join)
async def test_one_text_that_comes_as_two_events_is_one_ask(office: Office, order: tuple[str, str]) -> None:
    for kind in order:
        await office.says(event("<@UBOT> hello", kind=kind, ts="3.0", thread_ts="1.0"))
    assert await office.rest() == ["<@UBOT> hello"]


@pytest.mark.parametrize(
    ("once", "again", "another"),
    [
        (command("a", trigger="1"), command("a", trigger="1"), command("b", trigger="2")),
        (click("go", value="a"), click("go", value="a"), click("go", value="b", stamp="6.0")),
        (submission("ask"), submission("ask"), submission("ask", mark="h2")),
        (shortcut("diagnose"), shortcut("diagnose"), shortcut("diagnose", trigger="3")),
    ],
    ids=["command", "click", "submission", "shortcut"],
)
async def test_commands_clicks_and_submissions_come_once(
    office: Office, once: Body, again: Body, another: Body
) -> None:
    for body in (once, again, another):
        assert await office.says(body) == 200
    assert len(await office.rest()) == 2


async def test_what_nobody_has_to_answer_is_not_even_kept(office: Office) -> None:
    for more in (
        {"bot_id": "B7"},
        {"subtype": "bot_message", "bot_id": "B7", "user": None},
        {"subtype": "channel_join"},
        {"subtype": "message_deleted", "previous_message": {"ts": "1.0", "user": "UDANA"}},
        {"subtype": "message_changed", "message": {"ts": "1.0", "text": "x", "bot_id": "B1"}, "previous_message": {}},
    ):
        assert await office.says(event("x", kind="message", **more)) == 200
    assert await office.says({"type": "url_verification", "challenge": "abc"}) == 200
    assert office.rows() == []


async def test_a_thread_is_worked_in_its_order_and_keeps_no_other_waiting(office: Office) -> None:
    office.waits["first"] = asyncio.Event()
    await office.says(event("first", ts="1.1", thread_ts="1.0"))
    await office.says(event("second", ts="1.2", thread_ts="1.0"))
    await office.says(event("elsewhere", ts="2.0"))
    working = asyncio.create_task(office.worker.drained())
    async with asyncio.timeout(20):
        while office.done != ["elsewhere"]:
            await asyncio.sleep(0.01)
    office.waits["first"].set()
    await working
    assert office.done == ["elsewhere", "first", "second"]


async def test_poison_is_set_aside_said_and_keeps_nobody_back(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office.fails.add("poison")
    await office.says(event("poison", ts="1.1", thread_ts="1.0"))
    await office.says(event("next", ts="1.2", thread_ts="1.0"))
    assert await office.rest() == []  # it is tried again first
    for _ in range(2):
        office.now += timedelta(seconds=30)
        await office.rest()
    assert office.done == ["next"]
    assert office.rows("state, attempts, payload") == [("failed", 3, ""), ("done", 1, "")]
    assert [text.split(",")[0] for text in office.answers()] == ["I could not work on that", "heard next"]
    assert "set aside after 3 attempts: ValueError" in caplog.text


async def test_what_somebody_left_who_was_killed_is_done(office: Office) -> None:
    await office.says(event("left"))
    with office.memory.transaction() as tx:
        (claimed,) = tx.claim_arrivals("allowlist", "dead", office.now, 9)
    office.now += timedelta(hours=1)  # a clock that jumps is no time that passes
    assert await office.rest() == []  # the other one may still be at it
    if office.memory.file is not None:
        office.worker.take_back()  # alone on its database: at once
        assert await office.rest() == ["left"]
    else:
        assert await office.looks(15) == []
        assert await office.looks(10) == ["left"]
    with office.memory.transaction() as tx:  # and should the dead one wake up, it changes nothing
        assert not Taken(claimed, {}, lambda: office.now).settle(tx, [Post("slack:T1:C1:1.0", {"text": "late"})])
    assert office.answers() == ["heard left"]


async def test_what_kills_its_worker_each_time_is_given_up(office: Office) -> None:
    await office.says(event("deadly"))
    for _ in range(3):
        with office.memory.transaction() as tx:
            tx.claim_arrivals("allowlist", "dead", office.now, 9, office.memory.arrivals_claimed("allowlist"))
    assert await office.looks(25) == []
    assert office.rows("state") == [("failed",)]


async def test_several_replicas_share_the_work(office: Office) -> None:
    others = [office.worker, office.replica()[1], office.replica()[1]]
    for number in range(30):
        await office.says(event(f"{number}", ts=f"{number}.0"))
    await asyncio.gather(*(worker.drained() for worker in others))
    assert sorted(office.done, key=int) == [f"{number}" for number in range(30)]
    assert len(office.answers()) == 30


async def test_a_service_of_another_repository_on_the_same_database_leaves_it_alone(office: Office) -> None:
    with office.memory.transaction() as tx:
        tx.keep_arrivals("another", [Arrival("k", "event:message", "lane", "{}")], office.now)
    assert await office.rest() == []


async def test_a_database_that_is_away_is_no_acknowledgement(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Memory, "transaction", away)
        assert await office.says(event("one")) == 503
    assert await office.says(event("one"), x_slack_retry_num="1") == 200
    assert await office.rest() == ["one"]


def away(self: Memory) -> Any:
    from skills.core.errors import Unreachable

    raise Unreachable("EGR461", where="the database", why="locked")


async def test_the_loop_goes_on_while_the_database_makes_us_wait(office: Office) -> None:
    with office.memory.transaction():
        kept = asyncio.create_task(office.says(event("one")))
        ticks = 0
        while ticks < 20:
            await asyncio.sleep(0.005)
            ticks += 1
        assert not kept.done()
    assert await kept == 200


# --- what is answered within the request


async def test_a_submission_with_faults_is_answered_at_once_and_leaves_no_row(office: Office) -> None:
    errors = {"response_action": "errors", "errors": {"host": "This is no host."}}

    async def check(body: Body) -> Now:
        return Now(errors) if body["view"]["hash"] == "h1" else Now(go_on=True)

    office.inbox.at_once("view:ask", check)
    answer = await send(office.bolt, submission("ask"))
    assert (answer.status, json.loads(answer.body)) == (200, errors)
    assert office.rows() == []
    answer = await send(office.bolt, submission("ask", mark="h2"))
    assert (answer.status, answer.body) == (200, "")
    assert await office.rest() == ["ask"]


async def test_a_trigger_that_is_over_goes_on_from_its_row(office: Office) -> None:
    async def open_modal(_body: Body) -> Now:
        failed: Exception = SlackApiError("no", {"error": "expired_trigger_id"})  # type: ignore[no-untyped-call]
        raise failed

    office.inbox.at_once("shortcut:diagnose", open_modal)
    assert await office.says(shortcut("diagnose")) == 200
    assert await office.rest() == ["diagnose"]


async def test_a_modal_that_opened_needs_no_row(office: Office) -> None:
    async def open_modal(_body: Body) -> Now:
        return Now()

    office.inbox.at_once("shortcut:diagnose", open_modal)
    assert await office.says(shortcut("diagnose")) == 200
    assert office.rows() == []


# --- who may say anything at all


@pytest.mark.parametrize(("secret", "age"), [("another-secret", 0), (SECRET, 600)], ids=["forged", "too old"])
async def test_what_is_not_signed_now_is_refused(office: Office, secret: str, age: int) -> None:
    for body in (event("x"), command("x"), click("go"), submission("ask"), shortcut("diagnose")):
        assert (await send(office.bolt, body, secret=secret, age=age)).status == 401
    assert office.rows() == []


async def test_old_rows_are_forgotten(office: Office) -> None:
    await office.says(event("one"))
    await office.rest()
    office.now += timedelta(days=4)
    office.worker.forget_old()
    assert office.rows() == []
