"""The audit log: everything is in it, nothing can be taken out of it unseen, and it can be read elsewhere."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from bot.app import App
from bot.audit import Wanted, csv_lines, faults, lines, ndjson, run_log
from bot.cli import main
from bot.gather import Where, blob_id
from bot.turns import Pressed, ask_for
from bot.web.webhooks import note_refusals
from bot.world.memory import LogRow, Memory
from skills.core.errors import AskUnclear
from skills.core.model import Person
from tests.apps import app_on_sample
from tests.fakes.git_repos import git
from tests.worlds import NOW

DANA, SAM, EVE = (Person(f"{name}@fincorp.example") for name in ("dana", "sam", "eve"))
HERE = Where("terminal", "terminal:audit")


def filled(memory: Memory, count: int = 6) -> Memory:
    for number in range(count):
        with memory.transaction() as tx:
            tx.add_log("dana", "terminal", "said", {"n": number, "key": f"EG-{number}"}, NOW)
    return memory


def raw(url: str, *statements: str) -> None:
    """As somebody with the database's password would."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def codes(memory: Memory, anchor: tuple[int, str] | None = None) -> list[str]:
    return [found.code for found in faults(memory, anchor)[0]]


# --- the chain


def test_a_log_that_nobody_touched_is_whole(database: str) -> None:
    memory = filled(Memory(database))
    found, count, last = faults(memory)
    assert (found, count) == ([], 6)
    assert memory.head() == (6, last)


@pytest.mark.parametrize(
    ("done", "code"),
    [
        ("UPDATE log SET who = 'eve' WHERE seq = 3", "EGR1620"),
        ("UPDATE log SET kind = 'decide' WHERE seq = 1", "EGR1620"),
        ("UPDATE log SET facts = '{\"n\": 7}' WHERE seq = 3", "EGR1620"),
        ("UPDATE log SET at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 3", "EGR1620"),
        ("DELETE FROM log WHERE seq = 1", "EGR1620"),
        ("DELETE FROM log WHERE seq = 4", "EGR1620"),
        ("UPDATE log SET seq = CASE seq WHEN 3 THEN 104 WHEN 4 THEN 3 ELSE seq END WHERE seq IN (3, 4)", "EGR1620"),
        ("DELETE FROM log WHERE seq > 4", "EGR1621"),
        ("DELETE FROM log", "EGR1621"),
        ("UPDATE log SET hash = NULL WHERE seq = 6", "EGR1622"),
        ("DELETE FROM log_head", "EGR1621"),
    ],
)
def test_every_change_past_us_is_found(database: str, done: str, code: str) -> None:
    memory = filled(Memory(database))
    raw(database, done)
    assert code in codes(memory)


def test_a_line_that_was_put_in_is_found(database: str) -> None:
    memory = filled(Memory(database))
    raw(database, "UPDATE log SET seq = seq + 100 WHERE seq > 3")
    copied = "SELECT 50, at, 'eve', where_from, kind, facts, hash FROM log WHERE seq = 2"
    raw(database, f"INSERT INTO log (seq, at, who, where_from, kind, facts, hash) {copied}")
    assert "EGR1620" in codes(memory)


def test_whoever_makes_the_whole_chain_anew_is_found_by_an_anchor_that_was_kept_elsewhere(tmp_path: Path) -> None:
    memory = filled(Memory(f"sqlite:///{tmp_path / 'true.db'}"))
    _, count, last = faults(memory)
    forged = Memory(f"sqlite:///{tmp_path / 'forged.db'}")
    for row in lines(memory):
        with forged.transaction() as tx:
            tx.add_log("eve" if row.seq == 2 else row.who, row.where, row.kind, row.facts, row.at)
    assert codes(forged) == []  # nothing in the database itself can show it
    assert codes(forged, (count, last)) == ["EGR1623"]
    shortened = filled(Memory(f"sqlite:///{tmp_path / 'short.db'}"), 4)
    assert codes(shortened, (count, last)) == ["EGR1623"]
    filled(memory, 3)
    assert codes(memory, (count, last)) == []


def test_writers_at_the_same_moment_make_one_chain(database: str) -> None:
    memories = [Memory(database) for _ in range(3)]
    memories[0].head()

    def write(number: int) -> None:
        for turn in range(8):
            with memories[number % 3].transaction() as tx:
                tx.add_log(f"w{number}", "pool", "x", {"n": turn}, NOW)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found, count, _ = faults(memories[0])
    assert (found, count) == ([], 48)


def test_what_was_rolled_back_is_in_no_chain(database: str) -> None:
    memory = filled(Memory(database), 2)
    with pytest.raises(ZeroDivisionError), memory.transaction() as tx:
        tx.add_log("dana", "terminal", "said", {}, NOW)
        raise ZeroDivisionError
    filled(memory, 1)
    assert faults(memory)[:2] == ([], 3)


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(who=st.text(max_size=20), facts=st.dictionaries(st.text(max_size=8), _ANY, max_size=4))
def test_whatever_a_line_says_reads_back_as_it_was_chained(tmp_path: Path, who: str, facts: dict[str, object]) -> None:
    memory = Memory(f"sqlite:///{tmp_path / 'any.db'}")
    with memory.transaction() as tx:
        tx.add_log(who, "terminal", "x", facts, NOW)
    assert codes(memory) == []
    memory.close()


def test_secrets_are_masked_wherever_they_stand(database: str) -> None:
    memory = Memory(database)
    token = "ghp_" + "a" * 36
    with memory.transaction() as tx:
        tx.add_log("dana", "terminal", "said", {"ask": {"text": [f"got {token}"]}, token: 1}, NOW)
    assert token not in "".join(map(ndjson, lines(memory)))
    assert codes(memory) == []


# --- what is in it


def opened(app: App) -> str:
    for words in ("payment-gateway must reach api.twilio.com", "draft", "open because of SMS"):
        app.conversation.hear(words, DANA, HERE)
    return app.requests()[-1].key


def test_every_ask_decision_and_refusal_stands_with_who_where_digest_and_policy(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    key = opened(app)
    request = app.requests()[-1]
    policy = git(app.repo.path, "rev-parse", "main:egress-policy.yaml")  # type: ignore[arg-type]
    app.conversation.hear(f"approve {key}", EVE, HERE)
    app.conversation.press(Pressed("approve", key, "0" * 64), SAM, HERE)
    app.conversation.press(Pressed("approve", key, request.digest), SAM, HERE)
    rows = list(lines(app.memory))
    assert {"check", "draft", "propose", "decide", "carry_out"} <= {row.kind for row in rows}
    effects = [row.facts for row in rows if row.kind in ("carry_out", "effect")]
    assert {each["intent"] for each in effects} == {each.key for each in app.memory.intents_of(key)}
    assert all(each["digest"] for each in effects)
    decided = [row for row in rows if row.kind == "decide"]
    assert [(row.who, row.facts["codes"]) for row in decided] == [
        (EVE.id, ["EGR403"]),
        (SAM.id, ["EGR407"]),
        (SAM.id, ["EGR433"]),
    ]
    assert {row.where for row in decided} == {HERE.thread}
    assert {row.facts["policy"] for row in decided} == {policy}
    assert decided[1].facts["ask"]["digest"] == "0" * 64
    assert decided[2].facts["digest"] == request.digest
    assert codes(app.memory) == []


def test_a_reading_at_the_command_line_makes_no_database_and_no_line(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    asked = ask_for("check", {"for": "payment-gateway", "to": ("api.twilio.com",)})
    assert app.desk.handle("check", asked, DANA, Where("cli")).problem is None
    assert not list((tmp_path / "home").glob("*.db")) if (tmp_path / "home").exists() else True


def test_the_policy_is_named_as_git_names_it() -> None:
    assert blob_id("hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert blob_id(None) == ""


def test_a_wrong_signature_stands_once_a_minute_with_how_often() -> None:
    now, kept = [0.0], []

    async def note(path: str, status: int, times: int) -> None:
        kept.append((path, status, times))

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=401)

    async def play() -> None:
        served = web.Application()
        served.router.add_post("/slack/events", refuse)
        note_refusals(served, note, lambda: now[0])
        async with TestClient(TestServer(served)) as client:
            for second in (0.0, 1.0, 2.0, 61.0):
                now[0] = second
                await client.post("/slack/events", data=b"forged")

    asyncio.run(play())
    assert kept == [("/slack/events", 401, 1), ("/slack/events", 401, 3)]


# --- reading it elsewhere


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    evil = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "  =cmd",
        "\u200b=1",
        "\uff1d1",
        "ok",
        "",
        'a "quoted" one\nwith a line',
    ]
    rows = [LogRow(n, NOW, who, "x", "y", {}, "h") for n, who in enumerate(evil)]
    read = list(csv.reader(io.StringIO("".join(csv_lines(rows)), newline="")))
    cells = [row[2] for row in read[1:]]
    assert [cell.startswith("'") for cell in cells] == [True] * 8 + [False] * 3
    assert [cell.removeprefix("'") for cell in cells] == evil


def test_the_command_lists_exports_and_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = app_on_sample(tmp_path)
    key = opened(app)
    monkeypatch.setenv("POSTERN_HOME", str(app.settings.home))
    config = ["--config", str(app.repo.path)]
    assert main(["log", "list", "--key", key, "--last", "2", *config]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["log", "export", *config]) == 0
    exported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["seq"] for row in exported] == [row.seq for row in lines(app.memory)]
    assert main(["log", "verify", "--json", *config]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["whole"] and said["lines"] == len(exported)
    assert main(["log", "verify", "--anchor", said["head"], *config]) == 0
    raw(app.settings.database.reveal(), "UPDATE log SET who = 'eve' WHERE seq = 1")
    assert main(["log", "verify", *config]) == 3
    assert "broken at line 1" in capsys.readouterr().out


def test_a_day_or_an_anchor_that_is_none_is_refused(tmp_path: Path) -> None:
    memory = Memory(f"sqlite:///{tmp_path / 'log.db'}")
    for wanted, anchor in ((Wanted(since="yesterday"), None), (Wanted(), "12")):
        with pytest.raises(AskUnclear):
            run_log(memory, "verify", wanted, form="csv", anchor=anchor, as_json=False)


def test_a_refusal_stands_whatever_name_somebody_gives_themselves(tmp_path: Path) -> None:
    app = app_on_sample(tmp_path)
    key = opened(app)
    app.desk.handle("decide", ask_for("decide", {"key": key, "verb": "approve"}), Person("Postern"), HERE)
    assert ("Postern", "decide", ["EGR403"]) in [
        (row.who, row.kind, row.facts.get("codes")) for row in lines(app.memory)
    ]
