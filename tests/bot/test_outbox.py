"""News reach their thread once: whatever breaks while they are sent, and whoever dies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from bot.slack.envelopes import address
from bot.slack.gate import Gate
from bot.slack.inbox import Post
from bot.slack.outbox import Outbox
from bot.world import wire
from bot.world.memory import Memory, sqlite_url
from skills.core.messages import say
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

    async def minutes(self, number: int) -> None:
        """Time passes, and the writer looks now and then."""
        for _ in range(number * 4):
            await self.outbox.drain()
            self.ticks += 15

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
    room.now += timedelta(hours=3)  # a clock that jumps says nothing of how long that is
    await room.outbox.drain()
    assert room.state("a") == "doing"
    await room.minutes(3)
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
    assert [post.key for post in room.memory.posts_todo(claimed=True)] == []


# --- messages that change, and messages for one person


def show(room: Room, text: str, *, final: bool = False, key: str = "turn:1:0", **more: str) -> bool:
    message = {"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}
    with room.memory.transaction() as tx:
        return tx.show(key, THREAD, {"message": message, **more}, room.now, final=final)


async def test_a_step_becomes_the_answer_in_the_same_message(room: Room) -> None:
    show(room, "Reading …")
    await room.outbox.drain()
    assert room.api.texts() == ["Reading …"]
    show(room, "No: denied.", final=True)
    await room.outbox.drain()
    assert room.api.texts() == ["No: denied."]
    assert room.api.calls == ["chat.postMessage", "chat.update"]
    assert not show(room, "Reading still …")  # what comes late never replaces an answer
    await room.outbox.drain()
    assert room.api.texts() == ["No: denied."]


async def test_an_answer_that_is_quicker_than_its_step_is_posted_once(room: Room) -> None:
    show(room, "Reading …")
    show(room, "No: denied.", final=True)
    await room.outbox.drain()
    assert (room.api.texts(), room.api.calls) == (["No: denied."], ["chat.postMessage"])


async def test_words_that_come_while_others_are_sent_are_sent_next(room: Room) -> None:
    show(room, "Reading …")
    with room.memory.transaction() as tx:
        post = tx.claim_post("turn:1:0", room.now)
        assert post
    show(room, "No: denied.", final=True)
    with room.memory.transaction() as tx:
        assert tx.finish_post(post, room.api._do("chat.postMessage", {"channel": "C1", "text": "Reading …"})["ts"], NOW)
    await room.outbox.drain()
    assert room.api.texts() == ["No: denied."]


async def test_a_writer_that_woke_up_late_has_its_old_words_replaced(room: Room) -> None:
    show(room, "Reading …")
    with room.memory.transaction() as tx:
        frozen = tx.claim_post("turn:1:0", room.now)
        assert frozen
    show(room, "No: denied.", final=True)
    await room.minutes(3)
    ts = room.api.posted[-1]["ts"]
    room.api._do("chat.update", {"channel": "C1", "ts": ts, "text": "Reading …"})
    with room.memory.transaction() as tx:
        assert not tx.finish_post(frozen, ts, room.now)
    await room.again().drain()
    assert room.api.texts() == ["No: denied."]


async def test_a_step_of_which_nobody_knows_becomes_the_answer_where_it_stands(room: Room) -> None:
    show(room, "Reading …")
    room.api.breaks.append(Break("chat.postMessage", 0, after=True))
    await room.outbox.drain()
    show(room, "No: denied.", final=True)
    room.ticks += 10
    await room.again().drain()
    assert room.api.texts() == ["No: denied."]


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_too_long", "msg_blocks_too_long"])
async def test_a_form_that_slack_refuses_costs_nobody_the_words(room: Room, error: str) -> None:
    room.api.breaks.append(Break("chat.postMessage", 200, error))
    show(room, "No: denied.", final=True)
    await room.outbox.drain()
    assert [(each["text"], each.get("blocks")) for each in room.api.posted] == [("No: denied.", None)]


async def test_a_limit_of_a_method_is_kept_by_every_channel(room: Room) -> None:
    show(room, "Reading …")
    await room.outbox.drain()
    room.api.breaks.append(Break("chat.update", 429, "ratelimited", headers={"Retry-After": "30"}))
    show(room, "No: denied.", final=True)
    await room.outbox.drain()
    room.ticks = 29
    await room.outbox.drain()
    assert room.api.calls.count("chat.update") == 1
    room.ticks = 31
    await room.outbox.drain()
    assert room.api.texts() == ["No: denied."]


async def test_a_channel_gets_a_burst_and_then_one_a_second(room: Room) -> None:
    for number in range(6):
        room.say(f"{number}")
    await room.outbox.drain()
    assert len(room.api.posted) == 3
    assert 0 < room.outbox.next_in <= 1
    room.ticks = 1.0
    await room.outbox.drain()
    assert len(room.api.posted) == 4
    room.ticks = 60.0
    await room.outbox.drain()
    assert len(room.api.posted) == 6


async def test_one_person_is_answered_where_they_asked(room: Room) -> None:
    show(room, "Yes.", final=True, user="UDANA", url=room.api.url.replace("/api/", "/respond"))
    await room.outbox.drain()
    assert room.api.calls == ["respond"]


@pytest.mark.parametrize(("within", "thread"), [(True, THREAD.rpartition(":")[2]), (False, None)])
async def test_one_person_is_answered_in_the_thread_where_one_is_open(
    room: Room, *, within: bool, thread: str | None
) -> None:
    post = Post(THREAD, {"text": "You asked for this yourself."}, "UDANA", within=within)
    with room.memory.transaction() as tx:
        tx.show("turn:1:0", post.channel, post.payload, room.now, final=True)
    await room.outbox.drain()
    assert [(each["method"], each.get("thread_ts")) for each in room.api.posted] == [("chat.postEphemeral", thread)]


async def test_a_response_address_that_is_over_and_a_channel_that_is_closed(room: Room) -> None:
    show(room, "Yes.", final=True, user="UDANA", url=room.api.url.replace("/api/", "/respond"))
    room.api.breaks += [Break("respond", 404, "expired_url"), Break("chat.postEphemeral", 200, "not_in_channel")]
    await room.outbox.drain()
    assert room.api.calls == ["respond", "chat.postEphemeral", "chat.postMessage"]
    assert room.api.posted[-1]["channel"] == "UDANA"


async def test_a_step_that_all_saw_goes_when_only_one_is_answered(room: Room) -> None:
    show(room, "Reading …")
    await room.outbox.drain()
    show(room, "Only you may read this.", final=True, user="UDANA")
    await room.outbox.drain()
    assert [each["method"] for each in room.api.posted] == ["chat.postEphemeral"]


# --- what Slack says of us


async def test_a_dead_token_stops_the_service_and_loses_nothing(room: Room) -> None:
    room.say("a")
    room.api.breaks.append(Break("chat.postMessage", 200, "token_revoked"))
    await room.outbox.drain()
    assert room.outbox.fatal.is_set()
    assert "takes Postern's token no more (token_revoked)" in say(room.outbox.troubles()[0]).says
    await room.again().drain()  # once the app is installed again
    assert (room.state("a"), len(room.api.texts())) == ("done", 1)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("not_in_channel", "Postern can't write to the Slack channel C1: not_in_channel."),
        ("missing_scope", "The Slack app lacks a scope: chat:write.public."),
    ],
)
async def test_what_keeps_messages_away_is_named_until_it_is_mended(room: Room, error: str, says: str) -> None:
    room.say("a")
    room.api.breaks.append(Break("chat.postMessage", 200, error, fields={"needed": "chat:write.public"}))
    await room.outbox.drain()
    assert [say(found).says for found in room.outbox.troubles()] == [says]
    room.say("b")
    await room.outbox.drain()
    assert room.outbox.troubles() == []
