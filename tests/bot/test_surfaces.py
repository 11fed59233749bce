"""Forms, reasons, cards, home page and shortcut: signed payloads through the real app, a Web API on loopback beside it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("slack_bolt")

from aiohttp import web

from bot.app import App
from bot.gather import Where
from bot.serve import slack_person
from bot.slack import views
from bot.slack.blocks import message
from bot.slack.card_writer import CardWriter
from bot.slack.files import is_slacks
from bot.slack.home import NEW, SHOW
from bot.slack.places import DIAGNOSE
from bot.slack.service import Slack
from skills.core.model import Request
from skills.replies import Reply
from tests.apps import app_on_sample, head_of
from tests.bot.test_slack import POLICY, TIMEOUT
from tests.fakes.block_kit import check_message, check_view
from tests.fakes.slack_api import Break, SlackApi, slack_api
from tests.fakes.slack_says import SECRET, send

pytestmark = pytest.mark.asyncio


@dataclass
class Workplace(SlackApi):
    """Remembers the forms that were opened, and knows which channels are private and where the bot is."""

    shown: list[dict[str, Any]] = field(default_factory=list)
    private: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    uploads: list[tuple[str, str, str]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.files:
            self.tokens.append(request.headers["Authorization"])
            return web.Response(text=self.files[request.path])
        if request.path == "/api/upload":
            self.files["uploaded"] = (await request.read()).decode()
            return web.Response(text="OK")
        return await super().answer(request)

    def _do(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        if method.startswith("views."):
            view = given["view"] if isinstance(given["view"], dict) else json.loads(given["view"])
            check_view(view)
            self.shown.append({"method": method, **view})
            return {"ok": True, "view": {"id": "V1"}}
        if method == "conversations.info":
            channel = given["channel"]
            found = {"is_private": channel in self.private, "is_member": channel not in self.elsewhere}
            return {"ok": True, "channel": {"id": channel, **found}}
        if method in ("chat.postEphemeral", "respond"):
            given["blocks"] = (
                json.loads(given["blocks"]) if isinstance(given.get("blocks"), str) else given.get("blocks")
            )
            self.posted.append({**given, "ts": f"9.{len(self.posted)}"})
            return {"ok": True, "message_ts": "1.1"}
        if method == "agents.sessions.setStatus":
            self.statuses.append(given["status"])
            return {"ok": True}
        if method == "files.getUploadURLExternal":
            return {"ok": True, "upload_url": f"{self.url}upload", "file_id": "F1"}
        if method == "files.completeUploadExternal":
            self.uploads.append((given["channel_id"], given["thread_ts"], self.files.pop("uploaded")))
            return {"ok": True, "files": [{"id": "F1"}]}
        if method == "auth.test":
            return {"ok": True, "user_id": "UBOT", "bot_id": "B1", "team_id": "T1"}
        return super()._do(method, given)


@dataclass
class Office:
    app: App
    api: Workplace
    slack: Slack
    now: float = 0.0

    async def send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Signed as Slack signs; gives what the acknowledgement says."""
        self.now += 100.0
        answer = await send(self.slack.bolt, body)
        assert answer.status == 200, answer.body
        await self.slack.drained()
        return json.loads(answer.body) if answer.body else {}

    async def slash(self, text: str, user: str = "UDANA", channel: str = "C1") -> dict[str, Any]:
        command = {"command": "/egress", "text": text, "team_id": "T1", "channel_id": channel, "user_id": user}
        return await self.send({**command, "trigger_id": f"t{self.now}"})

    async def press(
        self, action: str, value: str = "", user: str = "UDANA", team: str = "T1", where: str = "C1", **more: Any
    ) -> dict[str, Any]:
        pressed = {"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": f"{self.now}"}
        body = {
            "type": "block_actions",
            "team": {"id": "T1"},
            "user": {"id": user, "team_id": team},
            "channel": {"id": where},
            "message": {"ts": "9.9", "thread_ts": "1.0"},
            "trigger_id": f"t{self.now}",
            "actions": [{**pressed, **more.pop("picked", {})}],
        }
        return await self.send({**body, **more})

    async def submit(
        self, view: Mapping[str, Any], values: Mapping[str, Any], user: str = "UDANA", team: str = "T1", **more: Any
    ) -> dict[str, Any]:
        filled = {"id": "V1", "hash": f"h{self.now}", **view, "state": {"values": values}}
        body = {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": user, "team_id": team}}
        return await self.send({**body, "view": {**filled, **more}})

    async def say(self, text: str, user: str = "UDANA", ts: str = "1.0", channel: str = "C1", **more: Any) -> None:
        event = {"type": "app_mention", "user": user, "text": text, "ts": ts, "channel": channel, **more}
        await self.send({"type": "event_callback", "team_id": "T1", "event_id": f"E{self.now}", "event": event})

    @property
    def form(self) -> dict[str, Any]:
        return self.api.shown[-1]

    @property
    def last(self) -> str:
        return str(self.api.posted[-1]["text"])

    def request(self) -> Request:
        return self.app.requests()[-1]

    async def opened(self) -> Request:
        """A request of Dana's that waits for Sam, its card drawn."""
        await self.say(f"<@UBOT> payment-gateway gets {TIMEOUT}")
        await self.say("draft", ts="1.1", thread_ts="1.0", type="message", channel_type="channel")
        await self.say("open because of SMS", ts="1.2", thread_ts="1.0", type="message", channel_type="channel")
        await self.draw()
        return self.request()

    async def draw(self) -> None:
        await self.slack.cards.draw()
        await self.slack.drained()

    def cards(self) -> list[dict[str, Any]]:
        return [sent for sent in self.api.posted if sent["blocks"] and sent["blocks"][0]["type"] == "header"]


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with office_open(tmp_path) as made:
        yield made


@asynccontextmanager
async def office_open(tmp_path: Path, policy: str = POLICY) -> AsyncIterator[Office]:
    app, api = app_on_sample(tmp_path, policy=policy), Workplace()
    async with slack_api(api):
        parts = (app.memory, app.repository, app.clock, app.conversation, slack_person)
        made: Office | None = None
        ticks = lambda: made.now if made else 0.0  # noqa: E731
        slack = Slack(*parts, secret=SECRET, token="xoxb-not-real", client=api.client, ticks=ticks)
        made = Office(app, api, slack)
        yield made
        for sent in api.posted:
            check_message(sent)
        slack.close()


def chosen(**fields: Any) -> dict[str, Any]:
    """A request form as Slack sends it back."""
    hosts = [{"value": host} for host in fields.get("hosts", ["api.twilio.com"])]
    return {
        "workload": {views.WORKLOAD: {"selected_option": {"value": fields.get("workload", "payment-gateway")}}},
        "hosts": {views.HOSTS: {"selected_options": hosts}},
        "reason": {"given": {"value": fields.get("reason", "SMS codes")}},
        "until": {"given": {"selected_date": fields.get("until")}},
        "error": {"given": {"value": fields.get("error")}},
    }


# --- the request form


async def test_a_request_from_the_form_to_its_merge_request(office: Office) -> None:
    assert await office.slash("request") == {}
    assert (office.form["method"], office.form["callback_id"]) == ("views.open", views.REQUEST)
    working = await office.submit(office.form, chosen())
    assert (working["response_action"], "submit" in working["view"]) == ("update", False)
    assert (office.form["method"], office.form["callback_id"]) == ("views.update", views.OPEN)
    assert "api.twilio.com" in json.dumps(office.form["blocks"])
    assert not office.app.requests()
    await office.submit(office.form, {})
    request = office.request()
    assert (request.asked_by, request.reason, request.state) == ("slack:T1:UDANA", "SMS codes", "waiting")
    assert request.key in json.dumps(office.form["blocks"])
    assert request.key in office.last


async def test_where_nothing_is_drafted_the_form_says_so_before_it_is_filled_in(tmp_path: Path) -> None:
    async with office_open(tmp_path, f"{POLICY}level: answer\n") as office:
        await office.slash("request payment-gateway api.twilio.com")
        assert "submit" not in office.form
        assert "is *answer*" in json.dumps(office.form["blocks"]) and "<@USAM>" in json.dumps(office.form["blocks"])


async def test_what_is_said_behind_the_command_stands_in_the_form(office: Office) -> None:
    await office.slash("request payment-gateway api.twilio.com:8443")
    said = json.dumps(office.form["blocks"])
    assert '"value": "payment-gateway"' in said
    assert '"value": "api.twilio.com:8443"' in said


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("workload", "paymnet-gatewya", "knows no workload paymnet-gatewya"),
        ("workload", "payment-gatewya", "did you mean payment-gateway?"),
        ("hosts", ["api.twilio.com", "not a host"], ""),
        ("reason", "  ", "Write a sentence"),
        ("until", "2020-01-01", "2020-01-01"),
    ],
)
async def test_each_field_has_its_own_fault(office: Office, field: str, value: Any, says: str) -> None:
    await office.slash("request")
    answer = await office.submit(office.form, chosen(**{field: value}))
    assert answer["response_action"] == "errors"
    assert list(answer["errors"]) == [field]
    assert says in answer["errors"][field]
    assert len(office.api.shown) == 1


async def test_a_change_that_moved_meanwhile_is_not_opened(office: Office) -> None:
    await office.slash("request")
    await office.submit(office.form, chosen())
    meta = json.dumps({**views.meta_of(office.form), "digest": "0" * 64})
    await office.submit(office.form, {}, private_metadata=meta)
    assert not office.app.requests()


@pytest.mark.parametrize("thread", ["slack:T1:C1:USAM", "slack:T2:C1:UDANA", "terminal:default", "slack:T1", ""])
async def test_metadata_that_somebody_made_up_opens_nothing(office: Office, thread: str) -> None:
    await office.slash("request")
    await office.submit(office.form, chosen(), private_metadata=json.dumps({"thread": thread}))
    assert "does not belong to a conversation of yours" in json.dumps(office.form["blocks"])
    await office.slash("request")
    await office.submit(office.form, chosen())
    meta = json.dumps({**views.meta_of(office.form), "thread": thread})
    await office.submit(office.form, {}, private_metadata=meta)
    assert not office.app.requests()
    assert "does not belong to a conversation of yours" in json.dumps(office.form["blocks"])


async def test_typeahead_for_workloads_and_hosts(office: Office) -> None:
    ask = {"type": "block_suggestion", "team": {"id": "T1"}, "user": {"id": "UDANA"}}
    found = await office.send({**ask, "action_id": views.WORKLOAD, "value": "paym"})
    names = [each["value"] for each in found["options"]]
    assert "payment-gateway" in names
    assert names[-1] == "paym"
    await office.opened()
    found = await office.send({**ask, "action_id": views.HOSTS, "value": ""})
    assert "api.twilio.com:443" in [each["value"] for each in found["options"]]


# --- cards and decisions


async def test_an_approver_decides_on_the_card_and_every_copy_says_so(office: Office) -> None:
    request = await office.opened()
    before = head_of(office.app)
    [card] = office.cards()
    value = f"{request.key}:{request.digest}"
    assert value in json.dumps(card["blocks"])
    await office.press("postern_step_approve", value, user="USAM")
    assert head_of(office.app) != before
    await office.draw()
    [card] = office.cards()
    assert "postern_step_approve" not in json.dumps(card["blocks"])
    assert "<@USAM>" in json.dumps(card["blocks"])


async def test_the_wrong_person_decides_nothing_and_only_they_hear_it(office: Office) -> None:
    """Whoever asked, somebody who approves nothing, an approver's id of another workspace, and nobody at all."""
    request, before = await office.opened(), head_of(office.app)
    value = f"{request.key}:{request.digest}"
    people = (("UDANA", "T1", "somebody else must decide"), ("UEVE", "T1", ""), ("USAM", "T2", ""), ("", "T1", ""))
    for user, team, says in people:
        for step in ("approve", "hold"):
            await office.press(f"postern_step_{step}", value, user=user, team=team)
            assert says in office.last
            assert office.api.posted[-1].get("user", "") == user
        for step in ("reject", "changes", "ask"):
            await office.press(f"postern_step_{step}", value, user="USAM")
            filled = {"id": "V1", "hash": f"h{office.now}", **office.form}
            filled["state"] = {"values": {"reason": {"given": {"value": "because"}}}}
            body = {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": user, "team_id": team}}
            await office.send({**body, "view": filled})
        assert head_of(office.app) == before
        assert office.request().state == "waiting"
        assert not office.request().decisions
        assert office.request().question is None


async def test_a_stale_card_decides_nothing(office: Office) -> None:
    request, before = await office.opened(), head_of(office.app)
    await office.press("postern_step_approve", f"{request.key}:{'0' * 64}", user="USAM")
    assert head_of(office.app) == before
    assert "changed since you looked at it" in office.last or "was not recorded" in office.last
    assert office.api.posted[-1]["user"] == "USAM"


async def test_what_a_card_says_can_be_typed_is_taken_in_its_thread(office: Office) -> None:
    office.slack.cards = CardWriter(office.app.memory, office.slack.gate, office.app.clock, office.app.repository, "C9")
    await office.opened()
    before = head_of(office.app)
    card = next(sent for sent in office.api.posted if sent["channel"] == "C9")
    typed: dict[str, Any] = {"channel": "C9", "type": "message", "channel_type": "channel"}
    await office.say("approve", user="USAM", ts="8.0", thread_ts="7.7", **typed)
    await office.say("approve", user="UEVE", ts="8.1", thread_ts=card["ts"], **typed)
    assert head_of(office.app) == before
    await office.say("approve because it is fine", user="USAM", ts="8.2", thread_ts=card["ts"], **typed)
    assert head_of(office.app) != before


async def test_below_a_card_that_changed_nothing_is_typed_unseen(office: Office) -> None:
    office.slack.cards = CardWriter(office.app.memory, office.slack.gate, office.app.clock, office.app.repository, "C9")
    request, before = await office.opened(), head_of(office.app)
    with office.app.memory.transaction() as tx:
        now = office.app.clock()
        assert tx.move_request(request.key, "waiting", "waiting", request.version, now, digest="e" * 64)
    await office.draw()
    card = next(sent for sent in office.api.posted if sent["channel"] == "C9")
    assert "e" * 64 in json.dumps(card["blocks"])
    typed: dict[str, Any] = {"channel": "C9", "type": "message", "channel_type": "channel"}
    await office.say("approve", user="USAM", ts="8.2", thread_ts=card["ts"], **typed)
    assert head_of(office.app) == before
    assert "has changed since you looked at it" in office.last


async def test_a_rejection_needs_its_reason_and_names_it(office: Office) -> None:
    request = await office.opened()
    await office.press("postern_step_reject", f"{request.key}:{request.digest}", user="USAM")
    assert office.form["callback_id"] == views.REASON
    empty = await office.submit(office.form, {"reason": {"given": {"value": "  "}}}, "USAM")
    assert list(empty["errors"]) == ["reason"]
    await office.submit(office.form, {"reason": {"given": {"value": "use the\nproxy"}}}, "USAM")
    assert office.request().state == "rejected"
    await office.draw()
    assert ">use the proxy" in office.cards()[0]["blocks"][1]["text"]["text"]


async def test_a_question_is_carried_to_the_asker_and_the_answer_back_to_the_card(office: Office) -> None:
    request = await office.opened()
    await office.press("postern_step_ask", f"{request.key}:{request.digest}", user="USAM")
    await office.submit(office.form, {"reason": {"given": {"value": "Which region?"}}}, "USAM")
    assert office.request().state == "waiting"
    await office.draw()
    assert "Which region?" in json.dumps(office.cards()[0]["blocks"])
    await office.say(
        f"answer {request.key} eu-west-1", ts="1.9", thread_ts="1.0", type="message", channel_type="channel"
    )
    await office.draw()
    card = json.dumps(office.cards()[0]["blocks"])
    assert "*Open question*" not in card and "*Question*" in card
    assert "Which region?" in card and "eu-west-1" in card


# --- evidence, reasons, private channels


async def test_more_opens_the_evidence(office: Office) -> None:
    await office.say(f"<@UBOT> payment-gateway gets {TIMEOUT}")
    count = len(office.api.posted)
    await office.press("postern_step_more")
    assert office.form["title"]["text"] == "Evidence"
    assert len(office.api.posted) == count


async def test_the_open_button_asks_for_the_reason(office: Office) -> None:
    await office.say(f"<@UBOT> payment-gateway gets {TIMEOUT}")
    await office.say("draft", ts="1.1", thread_ts="1.0", type="message", channel_type="channel")
    digest = office.app.conversation.state(Where("slack", "slack:T1:C1:1.0"))["digest"]
    await office.press("postern_step_open", f":{digest}")
    await office.submit(office.form, {"reason": {"given": {"value": "SMS codes"}}})
    assert office.request().reason == "SMS codes"


async def test_a_reason_given_with_the_draft_stands_in_the_form(office: Office) -> None:
    await office.say(f"<@UBOT> payment-gateway gets {TIMEOUT}")
    await office.say("draft because of SMS", ts="1.1", thread_ts="1.0", type="message", channel_type="channel")
    await office.press("postern_step_open", ":")
    assert office.form["blocks"][-1]["element"]["initial_value"] == "SMS"


async def test_before_a_private_channels_text_is_read_by_others_it_is_said_once(office: Office) -> None:
    office.api.private.add("C7")
    said: dict[str, Any] = {"channel": "C7", "thread_ts": "1.0", "type": "message", "channel_type": "group"}
    await office.say(f"<@UBOT> payment-gateway gets {TIMEOUT}", channel="C7")
    await office.say("draft", ts="1.1", **said)
    await office.say("open because of SMS", ts="1.2", **said)
    assert "private channel" in office.last
    assert not office.app.requests()
    await office.say("open", ts="1.3", **said)
    assert office.request().reason == "SMS"


async def test_a_late_trigger_loses_nothing(office: Office) -> None:
    request = await office.opened()
    office.api.breaks.append(Break("views.open", error="expired_trigger_id"))
    await office.press("postern_step_reject", f"{request.key}:{request.digest}", user="USAM")
    assert "A reason is needed" in office.last
    office.api.breaks.append(Break("views.open", error="expired_trigger_id"))
    await office.slash("request")
    assert "open the form in time" in office.last


# --- channels, home, shortcut


async def test_what_a_channel_speaks_of_is_enough(office: Office) -> None:
    await office.slash("here for payment-gateway in production")
    assert "production:payment-gateway is meant" in office.last
    await office.say(f"<@UBOT> {TIMEOUT}", ts="5.0")
    said = "\n".join(str(sent["text"]) for sent in office.api.posted)
    assert "as this channel says" in said
    assert "payment-gateway (production) can't reach api.twilio.com:443" in said
    await office.slash("here for nothing")
    await office.slash("here")
    assert "stands for no workload" in office.last
    await office.slash("here for nonsense")
    assert "nothing was set" in office.last


async def test_stripe_times_out_is_enough(office: Office) -> None:
    await office.slash("here for payment-gateway in production")
    await office.say("<@UBOT> stripe times out")
    assert "payment-gateway (production) may reach api.stripe.com:443" in office.last


async def test_a_team_of_the_policy_speaks_in_its_channel(tmp_path: Path) -> None:
    team = "teams: {pay: {workloads: [payment-gateway], environments: [production], channels: ['slack:T1:C1']}}"
    app = app_on_sample(tmp_path, policy=f"{POLICY}{team}")
    assert app.of_team("slack:T1:C1") == {"team": "pay", "for": "production:payment-gateway"}
    assert app.of_team("slack:T1:C2") == {}
    where = Where("slack", "slack:T1:C1:1.0")
    said = [made.text for made in app.conversation.hear(TIMEOUT, slack_person("T1", "UDANA"), where)]
    assert "as this channel says" in said[0]
    assert "payment-gateway (production) can't reach" in said[1]


async def test_home_is_everybodys_own(office: Office) -> None:
    request = await office.opened()
    for user, wanted in (("UDANA", True), ("USAM", True), ("UEVE", False)):
        event = {"type": "app_home_opened", "user": user, "tab": "home"}
        await office.send({"type": "event_callback", "team_id": "T1", "event_id": f"E{user}", "event": event})
        assert office.form["method"] == "views.publish"
        assert (request.key in json.dumps(office.form["blocks"])) is wanted
    picked = {"action_id": SHOW, "selected_option": {"value": "all"}}
    await office.press(SHOW, user="UEVE", picked=picked, message=None, channel=None)
    assert request.key in json.dumps(office.form["blocks"])
    await office.press(NEW, user="UEVE", message=None, channel=None)
    assert views.meta_of(office.form)["thread"] == "slack:T1:direct:UEVE"


async def shortcut(office: Office, message: Mapping[str, Any], channel: str = "C1") -> None:
    body = {"type": "message_action", "callback_id": DIAGNOSE, "team": {"id": "T1"}, "user": {"id": "UDANA"}}
    more = {"channel": {"id": channel}, "message": {"ts": "7.0", **message}, "trigger_id": f"t{office.now}"}
    await office.send({**body, **more})


async def test_the_shortcut_reads_an_alert_of_another_bot(office: Office) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": f"*payment-gateway* `{TIMEOUT}`"}}
    await shortcut(office, {"bot_id": "B9", "text": "", "attachments": [{"blocks": [block]}]})
    assert "can't reach api.twilio.com:443" in office.last
    assert office.api.posted[-1]["thread_ts"] == "7.0"


async def test_the_shortcut_answers_alone_where_the_bot_is_not(office: Office) -> None:
    office.api.elsewhere.add("C8")
    await shortcut(office, {"user": "UEVE", "text": f"payment-gateway {TIMEOUT}"}, "C8")
    assert office.api.posted[-1]["user"] == "UDANA"


async def test_the_shortcut_never_takes_what_it_reads_as_a_command(office: Office) -> None:
    request, before = await office.opened(), head_of(office.app)
    await shortcut(office, {"user": "UEVE", "text": f"approve {request.key}"})
    assert head_of(office.app) == before


@pytest.mark.parametrize("served", [True, False], ids=["from its own host", "from anywhere else"])
async def test_a_snippet_is_read_from_slacks_own_host_only(office: Office, served: bool) -> None:
    office.api.files["/api/snippet"] = f"payment-gateway {TIMEOUT}"
    base = office.api.url if served else "https://evil.example/"
    file = {"mode": "snippet", "mimetype": "text/plain", "url_private": f"{base}snippet", "preview": "nothing"}
    await shortcut(office, {"user": "UEVE", "text": "", "files": [file]})
    assert ("can't reach api.twilio.com:443" in office.last) is served
    if served:
        assert office.api.tokens == ["Bearer xoxb-not-real"]


async def test_a_mention_with_a_snippet_is_read_and_never_a_command(office: Office) -> None:
    request, before = await office.opened(), head_of(office.app)
    office.api.files["/api/snippet"] = f"approve {request.key}"
    file = {"mode": "snippet", "mimetype": "text/plain", "url_private": f"{office.api.url}snippet"}
    await office.say("<@UBOT>", user="USAM", ts="8.0", files=[file])
    assert head_of(office.app) == before
    office.api.files["/api/snippet"] = TIMEOUT
    await office.say("<@UBOT> payment-gateway", ts="8.1", files=[file])
    assert "can't reach api.twilio.com:443" in office.last


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://files.slack.com/files-pri/T1-F1/x.txt", True),
        ("https://files.slack.com.evil.example/x", False),
        ("http://files.slack.com/x", False),
        ("https://me@files.slack.com/x", False),
        ("https://files.slack.com:8443/x", False),
        ("https://evil.example/files.slack.com", False),
        ("", False),
    ],
)
async def test_which_addresses_are_slacks(url: str, ours: bool) -> None:
    assert is_slacks(url, "https://slack.com/api/") is ours


async def test_a_long_diff_is_folded_and_handed_over_as_a_file(office: Office) -> None:
    diff, digest = "".join(f"+ line {number}\n" for number in range(900)), "d" * 64
    folded = message(Reply(("Short.",), diff=diff), digest=digest)
    check_message(folded)
    assert "postern_step_file" in json.dumps(folded)
    assert json.dumps(folded).count("+ line") == 24
    with office.app.memory.transaction() as tx:
        tx.save_thread("slack:T1:C1:1.0", {"diff": diff, "digest": digest}, 0, office.app.clock())
    await office.press("postern_step_diff", f":{digest}")
    assert diff.splitlines()[-1].strip() in json.dumps(office.form["blocks"], ensure_ascii=False)
    await office.press("postern_step_file", f":{digest}")
    assert office.api.uploads == [("C1", "1.0", diff)]
    await office.press("postern_step_file", f":{'0' * 64}")
    assert "drafted anew meanwhile" in office.last


async def test_whoever_asks_hears_what_was_decided_before(office: Office) -> None:
    request = await office.opened()
    await office.press("postern_step_reject", f"{request.key}:{request.digest}", user="USAM")
    await office.submit(office.form, {"reason": {"given": {"value": "use the proxy"}}}, "USAM")
    await office.say(f"<@UBOT> payment-gateway gets {TIMEOUT}", ts="6.0")
    await office.say("draft", ts="6.1", thread_ts="6.0", type="message", channel_type="channel")
    assert "Decided before on this host: rejected by" in office.last
    assert "use the proxy" in office.last


async def test_in_a_direct_message_slack_shows_that_we_are_at_it(office: Office) -> None:
    await office.say(f"payment-gateway gets {TIMEOUT}", channel="D1", type="message", channel_type="im")
    await office.slack.gate.drained()
    assert office.api.statuses == ["processing", "active"]
    office.api.breaks.append(Break("agents.sessions.setStatus", error="unknown_method"))
    for ts in ("2.0", "3.0"):
        await office.say(f"payment-gateway gets {TIMEOUT}", channel="D1", ts=ts, type="message", channel_type="im")
        await office.slack.gate.drained()
        assert "can't reach api.twilio.com:443" in office.last
    assert office.api.statuses == ["processing", "active"]


async def test_the_stop_button_is_answered(office: Office) -> None:
    event = {"type": "agent_session_stopped", "channel": "D1", "thread_ts": "1.0", "user": "UDANA"}
    await office.send({"type": "event_callback", "team_id": "T1", "event_id": "Es", "event": event})
    assert office.last.startswith("Stopped.")
    assert office.api.statuses == ["active"]


async def test_a_picture_alone_is_said_to_be_unreadable(office: Office) -> None:
    await shortcut(office, {"user": "UEVE", "text": "", "files": [{"mimetype": "image/png", "mode": "hosted"}]})
    assert "can't read pictures" in office.last
