"""Every copy of a card shows what its request's row says, stands once, and has one writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from bot.slack.card_writer import CardWriter
from bot.slack.gate import Gate
from bot.slack.outbox import Outbox
from bot.world.memory import Memory, sqlite_url
from skills.core.model import Decided, Request
from skills.core.policy import read_policy
from tests.bot.test_memory import NOW
from tests.core.test_cards import REQUEST
from tests.fakes.block_kit import check_message
from tests.fakes.slack_api import SlackApi, slack_api

pytestmark = pytest.mark.asyncio
THREAD = "slack:T1:C1:1.0"


@dataclass
class Room:
    api: SlackApi
    memory: Memory
    now: datetime = NOW

    def writer(self, approvers: str | None = "C9") -> CardWriter:
        return CardWriter(self.memory, Gate(), lambda: self.now, "allowlist", approvers)

    async def draw(self, approvers: str | None = "C9") -> None:
        await self.writer(approvers).draw()
        await Outbox(self.api.client, self.memory, Gate(), lambda: self.now).drain()

    def put(self, request: Request) -> None:
        with self.memory.transaction() as tx:
            tx.create_request(request, "allowlist", NOW)

    def move(self, to: Any, verb: Any = "approve") -> None:
        row = self.memory.request(REQUEST.key)
        assert row
        request = row.request
        with self.memory.transaction() as tx:
            assert tx.move_request(request.key, request.state, to, request.version, self.now)
            decided = Decided(verb, "slack:T1:USAM", request.digest, "fine")
            tx.add_decision(request.key, decided, None, request.version, self.now)

    @staticmethod
    def menu(sent: dict[str, Any]) -> list[str]:
        """What the menu of a copy offers."""
        elements = [each for block in sent["blocks"] for each in block.get("elements", ())]
        return [option["text"]["text"] for each in elements for option in each.get("options", ())]

    def steps(self) -> list[list[str]]:
        """What can be pressed on each copy."""
        return [
            [
                each["text"]["text"]
                for block in sent["blocks"]
                for each in block.get("elements", ())
                if each.get("value")
            ]
            for sent in self.api.posted
        ]


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with slack_api() as api:
        made = Room(api, Memory(sqlite_url(tmp_path / "postern.db")))
        made.put(replace(REQUEST, thread=THREAD))
        yield made


async def test_a_copy_in_the_thread_and_one_where_approvers_look(room: Room) -> None:
    await room.draw()
    assert [(sent["channel"], sent.get("thread_ts")) for sent in room.api.posted] == [("C1", "1.0"), ("C9", None)]
    for sent in room.api.posted:
        check_message(sent)
    await room.draw()
    assert room.api.calls == ["chat.postMessage"] * 2


async def test_every_copy_loses_its_buttons_once_it_is_decided(room: Room) -> None:
    await room.draw()
    assert all("Approve" in steps for steps in room.steps())
    room.move("decided")
    await room.draw()
    assert room.steps() == [[], []]
    assert all(room.menu(sent) == ["Veto …", "Withdraw …"] for sent in room.api.posted)
    for sent in room.api.posted:
        assert "approved, being merged" in str(sent["blocks"])
    assert all("<@USAM>" in str(sent["blocks"]) for sent in room.api.posted)
    room.move("merged")
    await room.draw()
    assert len(room.api.posted) == 2
    assert not any(room.menu(sent) for sent in room.api.posted)
    assert all(copy.over for copy in room.memory.cards(REQUEST.key))


async def test_without_a_channel_of_approvers_they_are_written_to_where_no_thread_is(room: Room) -> None:
    room.put(replace(REQUEST, key="EG-BBBBBBB", thread="slack:T1:C1:UDANA"))
    await room.draw(None)
    assert [(sent["channel"], sent.get("thread_ts")) for sent in room.api.posted] == [("C1", "1.0"), ("USAM", None)]


async def test_nothing_is_drawn_before_the_merge_request_is_there(room: Room) -> None:
    room.put(replace(REQUEST, key="EG-BBBBBBB", number=None, state="drafted", thread="slack:T1:C2:2.0"))
    await room.draw()
    assert "C2" not in {sent["channel"] for sent in room.api.posted}


async def test_two_replicas_draw_each_copy_once(room: Room) -> None:
    await asyncio.gather(*(room.draw() for _ in range(4)))
    assert len(room.api.posted) == 2


async def test_a_request_that_is_reopened_has_buttons_again(room: Room) -> None:
    await room.draw(None)
    room.move("closed", "hold")
    await room.draw(None)
    assert room.steps() == [[]]
    room.move("waiting", "hold")
    await room.draw(None)
    assert "Approve" in room.steps()[0]
    assert len(room.api.posted) == 1


async def test_approvers_whom_the_policy_calls_otherwise_get_it_where_they_are(room: Room) -> None:
    read = read_policy(
        """
version: 1
people: {"sam@fincorp.example": {gitlab: sam, also: ["slack:T1:USAM"]}, "slack:T1:UINES": {gitlab: ines}}
groups: {security: [sam, ines, nobody@fincorp.example]}
approval: [{paths: ["**"], groups: [security]}]
"""
    )
    waits = ("sam@fincorp.example", "ines", "nobody@fincorp.example")
    row = room.memory.request(REQUEST.key)
    assert row
    writer = room.writer(None)
    writer.in_chat = lambda _repository: read.in_chat
    asked = replace(row, request=replace(row.request, thread="cli", waits_for=waits))
    assert writer.places(asked, writer.in_chat) == ["slack:T1:direct:USAM", "slack:T1:direct:UINES"]
    unmapped = room.writer(None)
    assert unmapped.places(asked, unmapped.in_chat) == []


async def test_a_pass_over_all_cards_asks_for_a_policy_once(room: Room) -> None:
    for key in ("second", "third"):
        branch = f"egress/{key}"
        room.put(replace(REQUEST, key=key, branch=branch, thread="cli", waits_for=("sam", "ines")))
    writer, asked = room.writer(None), list[str]()

    def in_chat(repository: str) -> Callable[[str], str]:
        asked.append(repository)
        return lambda name: f"slack:T1:U{name}"

    writer.in_chat = in_chat
    await writer.draw()
    assert asked == ["allowlist"]
    assert {card.channel for card in room.memory.cards("third")} == {"slack:T1:direct:USAM", "slack:T1:direct:UINES"}
