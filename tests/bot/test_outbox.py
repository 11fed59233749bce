"""News reach their thread once: whatever breaks while they are sent, and whoever dies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from bot.slack.gate import Gate
from bot.slack.outbox import Outbox, address
from bot.world import wire
from bot.world.memory import Memory, sqlite_url
from skills.core.model import Evidence, Finding
from tests.bot.test_memory import NOW, a_request, put
from tests.fakes.slack_api import Break, SlackApi, slack_api

pytestmark = pytest.mark.asyncio
THREAD = "slack:T1:C1:1.0"


@dataclass
class Room:
    api: SlackApi
    memory: Memory
    gate: Gate
    now: datetime = NOW
    ticks: float = 0.0

    def __post_init__(self) -> None:
        self.outbox = self.again()

    def again(self) -> Outbox:
        """A writer that knows nothing of what the one before did, as after a restart."""
        return Outbox(self.api.client, self.memory, self.gate, lambda: self.now, lambda: self.ticks)

    def say(self, key: str, channel: str = THREAD, text: str = "hello", quote: str = "") -> None:
        found = Finding("EGR018", {"key": "EG-1", "by": "sam", "text": text}, (Evidence(quote),) if quote else ())
        with self.memory.transaction() as tx:
            tx.add_post(key, channel, None, wire.dump(found), self.now, request="EG-1")

    def state(self, key: str) -> str:
        return next(post.state for post in self.memory.news("EG-1") if post.key == key)


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    memory = Memory(sqlite_url(tmp_path / "postern.db"))
    put(memory, a_request())
    async with slack_api() as api:
        yield Room(api, memory, Gate())


async def test_in_its_thread_in_order_and_once(room: Room) -> None:
    room.say("a", text="first")
    room.say("b", text="second", quote="ERROR: exit 1")
    await room.outbox.drain()
    await room.outbox.drain()
    assert [text.rpartition("“")[2] for text in room.api.texts()] == ["first”", "second”"]
    assert {(each["channel"], each["thread_ts"]) for each in room.api.posted} == {("C1", "1.0")}
    assert "ERROR: exit 1" in str(room.api.posted[1]["blocks"])
    assert (room.state("a"), room.state("b")) == ("done", "done")


async def test_words_of_others_make_no_link_and_no_mention(room: Room) -> None:
    room.say("a", text="<!channel> <https://evil.example|good>", quote="``` <@U1>")
    await room.outbox.drain()
    said = str(room.api.posted[0])
    assert "<!channel>" not in said
    assert "<https" not in said
    assert "<@U1>" not in said


async def test_news_of_what_was_asked_elsewhere_are_only_kept(room: Room) -> None:
    room.say("a", channel="")
    await room.outbox.drain()
    assert room.api.calls == []
    assert room.state("a") == "done"


async def test_after_a_slash_command_the_person_is_written_to(room: Room) -> None:
    room.say("a", channel="slack:T1:C1:UDANA")
    await room.outbox.drain()
    assert (room.api.posted[0]["channel"], "thread_ts" in room.api.posted[0]) == ("UDANA", False)
    assert address("slack:T1:C1:1.0") == ("C1", "1.0")


async def test_a_rate_limit_is_waited_for_and_keeps_no_other_channel_back(room: Room) -> None:
    room.say("a", text="first")
    room.say("b", text="second")
    room.say("c", channel="slack:T1:C2:1.0", text="elsewhere")
    room.api.breaks.append(Break("chat.postMessage", 429, "ratelimited", headers={"Retry-After": "30"}))
    await room.outbox.drain()
    assert [text.rpartition("“")[2] for text in room.api.texts()] == ["elsewhere”"]
    room.ticks = 29
    await room.outbox.drain()
    assert room.api.texts("C1") == []
    room.ticks = 31
    await room.outbox.drain()
    assert [text.rpartition("“")[2] for text in room.api.texts("C1")] == ["first”", "second”"]
    assert "conversations.replies" not in room.api.calls  # it is certain that Slack did not do it


@pytest.mark.parametrize("broken", [Break("chat.postMessage", 0), Break("chat.postMessage", 503)], ids=["cut", "503"])
@pytest.mark.parametrize("after", [True, False])
async def test_what_may_have_been_done_is_looked_up_before_it_is_repeated(
    room: Room, broken: Break, after: bool
) -> None:
    room.say("before", text="before")
    await room.outbox.drain()
    broken.after = after
    room.api.breaks.append(broken)
    room.say("a")
    await room.outbox.drain()
    assert room.state("a") == "todo"
    room.ticks += 10
    await room.again().drain()
    assert room.state("a") == "done"
    assert len(room.api.texts()) == 2
    assert "conversations.replies" in room.api.calls


async def test_where_nobody_can_look_it_is_not_repeated_blindly(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    room.say("a")
    room.api.breaks += [
        Break("chat.postMessage", 0, after=True),
        Break("conversations.replies", 200, "missing_scope"),
    ]
    await room.outbox.drain()
    room.ticks += 10
    await room.outbox.drain()
    await room.outbox.drain()
    assert (room.state("a"), len(room.api.texts())) == ("failed", 1)
    assert "postern status EG-1" in caplog.text


async def test_a_writer_that_was_killed_between_post_and_row(room: Room) -> None:
    room.say("a")
    with room.memory.transaction() as tx:
        tx.claim_post("a", room.now)
    room.api._do("chat.postMessage", {"channel": "C1", "thread_ts": "1.0", "text": "x", "metadata": META})
    await room.outbox.drain()
    assert room.state("a") == "doing"  # the other one may still be at it
    room.now += timedelta(minutes=3)
    await room.again().drain()
    assert (room.state("a"), len(room.api.texts())) == ("done", 1)


META = {"event_type": "postern_news", "event_payload": {"key": "a"}}


@pytest.mark.parametrize("error", ["channel_not_found", "is_archived", "not_in_channel"])
async def test_what_slack_will_never_take_is_given_up_and_the_next_goes_on(room: Room, error: str) -> None:
    room.say("a")
    room.say("b", text="second")
    room.api.breaks.append(Break("chat.postMessage", 200, error))
    await room.outbox.drain()
    assert (room.state("a"), room.state("b"), len(room.api.texts())) == ("failed", "done", 1)


@pytest.mark.parametrize("payload", [{}, {"text": "hello"}, {"$": "Finding", "code": "EGR018", "more": 1}])
async def test_what_another_version_wrote_keeps_nobody_back(room: Room, payload: dict[str, object]) -> None:
    with room.memory.transaction() as tx:
        tx.add_post("a", THREAD, None, payload, room.now)
    room.say("b", text="second")
    await room.outbox.drain()
    assert (room.state("b"), len(room.api.texts())) == ("done", 1)
    assert [post.key for post in room.memory.posts_todo(room.now + timedelta(days=1))] == []
