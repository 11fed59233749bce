"""The log of a service: one line an event, which names what it is about, and never a secret."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slack_bolt")

from bot import logs
from bot.begin import serve
from bot.settings import ALL, Settings
from bot.slack.gate import Gate
from skills.core.errors import AskUnclear
from skills.core.messages import say
from tests.shared import ROOT

PASSWORD = "p%40ss-hunter2"
PLANTED = {
    "POSTERN_GITLAB_TOKEN": "a-token-of-no-known-form",
    "POSTERN_GITLAB_WEBHOOK_SECRET": "hook, line & sinker",
    "POSTERN_SLACK_BOT_TOKEN": "xoxb-made-up-123456-abcdef",
    "POSTERN_SLACK_APP_TOKEN": "xapp-made-up-123456-abcdef",
    "POSTERN_SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef",
    "POSTERN_MODEL_KEY": "a-model-key-of-no-known-form",
    "POSTERN_DATABASE": f"postgresql://postern:{PASSWORD}@db.example/postern?sslpassword=second-hunter2",
}
HIDDEN = [
    *(value for name, value in PLANTED.items() if name != "POSTERN_DATABASE"),
    PASSWORD,
    "p@ss-hunter2",
    "second-hunter2",
    base64.b64encode(b"oauth2:" + PLANTED["POSTERN_GITLAB_TOKEN"].encode()).decode(),
]
FOREIGN = ["glpat-abcdefghij0123456789", "password=correct-horse-battery", "AKIAIOSFODNN7EXAMPLE"]


@pytest.fixture(params=logs.FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextmanager
def started(form: str) -> Iterator[io.StringIO]:
    """The log as a service has it; inside of a test, since pytest adds handlers of its own before."""
    root, hook = logging.getLogger(), threading.excepthook
    before, at, text = list(root.handlers), root.level, io.StringIO()
    logs.start(text, form, logs.masker(Settings.from_env({**PLANTED, "HOME": "/"})))
    try:
        yield text
    finally:
        root.handlers[:], threading.excepthook = before, hook
        root.setLevel(at)
        logging.captureWarnings(False)


def lines(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def test_every_secret_among_the_settings_is_planted_here() -> None:
    assert set(PLANTED) == {setting.variable for setting in ALL if setting.secret}


@pytest.mark.parametrize("secret", HIDDEN + FOREIGN)
def test_no_secret_reaches_the_log_whatever_way_it_goes(form: str, secret: str) -> None:
    with started(form) as stream:
        says_everywhere(secret)
    written, shown = stream.getvalue(), secret.removeprefix("password=")
    assert written.count("***") >= 8, "all of it was logged"
    assert shown not in written
    assert shown not in written.encode().decode("unicode_escape")


def says_everywhere(secret: str) -> None:
    log = logging.getLogger("a.library")
    log.warning("in words: %s", secret)
    log.warning(f"in the message itself: {secret}")
    log.warning("as an object: %r", {"headers": {"x": secret}})
    log.warning("with arguments that do not fit: %s", secret, "one too many")  # noqa: PLE1205
    warnings.warn(f"as a warning: {secret}", stacklevel=1)
    try:
        try:
            raise ValueError(f"the cause: {secret}")
        except ValueError as cause:
            raise RuntimeError(secret) from cause
    except RuntimeError:
        log.exception("as an exception: %s", secret)
    thread = threading.Thread(target=fails, args=(secret,))
    thread.start()
    thread.join()


def fails(secret: str) -> None:
    raise LookupError(secret)


def test_one_event_is_one_json_object_on_one_line() -> None:
    log = logging.getLogger("postern.slack")
    with started("json") as stream:
        log.warning("two\nlines\r\u2028 and half a \ud83d smile")
        try:
            raise KeyError("missing")
        except KeyError:
            log.exception("it broke")
    first, second = lines(stream)
    assert first["message"] == "two\nlines\r\u2028 and half a ? smile"
    assert (first["level"], first["logger"], "error" in first) == ("warning", "postern.slack", False)
    assert datetime.fromisoformat(first["time"]).utcoffset() is not None
    assert "Traceback" in second["error"]
    assert second["error"].endswith("KeyError: 'missing'")


def test_text_keeps_what_people_wrote_from_looking_like_another_line() -> None:
    record = logging.LogRecord("postern", logging.WARNING, "", 0, "said\n2026 error postern forged", None, None)
    written = logs.Lines("text", str).format(record)
    assert "\n" not in written
    assert written.endswith("warning postern said\\n2026 error postern forged")


def test_lines_name_the_request_and_the_thread_also_in_work_that_is_handed_on() -> None:
    log = logging.getLogger("postern")

    async def turn() -> None:
        gate = Gate()
        with logs.about(thread="slack:T1:C1:17.3"), logs.about(request="EG-1"):
            await gate.run(log.warning, "in a thread of the pool")
        await gate.run(log.warning, "about nothing")

    with started("json") as stream:
        asyncio.run(turn())
    inside, outside = lines(stream)
    assert (inside["request"], len(inside["thread"])) == ("EG-1", 12)
    assert "C1" not in stream.getvalue()
    assert not {"request", "thread"} & set(outside)


def test_a_library_that_repeats_itself_is_heard_once_and_postern_always() -> None:
    with started("json") as stream:
        for number in range(50):
            logging.getLogger("dbos").warning(
                f"Exception encountered in queue thread for postern-1: the {number}th time it is so"
            )
            logging.getLogger("postern.slack").warning("a message was not sent")
        logging.getLogger("dbos").warning("something else")
    names = [line["logger"] for line in lines(stream)]
    assert (names.count("dbos"), names.count("postern.slack")) == (2, 50)


def test_a_log_that_cannot_be_written_ends_nothing_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    handler = logs.Handler(closed)
    handler.setFormatter(logs.Lines("json", str))
    closed.close()
    handler.emit(logging.LogRecord("postern", logging.WARNING, "", 0, PASSWORD, None, None))
    assert capsys.readouterr() == ("", "")


def test_a_service_that_can_not_start_says_so_without_any_secret(tmp_path: Path) -> None:
    (tmp_path / "allowlist").mkdir()
    unreachable = PLANTED["POSTERN_DATABASE"].replace("db.example", "127.0.0.1:1")
    env = {**PLANTED, "POSTERN_DATABASE": unreachable, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "bot", "serve", "--config", str(tmp_path / "allowlist"), "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 7
    assert "127.0.0.1:1" in done.stderr
    assert not [secret for secret in HIDDEN if secret in done.stdout + done.stderr]


def test_a_form_that_is_none_is_refused(tmp_path: Path) -> None:
    given = Settings.from_env({**PLANTED, "POSTERN_LOG": "yaml", "HOME": str(tmp_path)})
    with pytest.raises(AskUnclear) as refused:
        serve(given, (), port=0, host="127.0.0.1")
    assert say(refused.value.finding).says == "POSTERN_LOG is wrong: none of json, text."
