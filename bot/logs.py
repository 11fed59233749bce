"""What a running service writes about itself: one line an event, masked, with the request and thread that it is about.

    logs.start(sys.stderr, "json", logs.masker(settings))
    with logs.about(request="EG-1", thread="slack:T1:C1:17.3"):
        log.warning("...")

    {"time": "...", "level": "warning", "logger": "postern", "request": "EG-1", "thread": "9f2c...", "message": "..."}

Every line of every library passes here, so nothing that is a secret of ours, or looks like anybody's, reaches the log.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO
from urllib.parse import parse_qsl, unquote, urlsplit

from bot.settings import ALL, Secret, Settings
from skills.core.secrets import mask

FORMATS = ("json", "text")
_SHORTEST = 6  # characters: what is shorter would tear holes into words
_QUIET = ("aiohttp.access", "slack_bolt", "slack_sdk", "alembic", "dbos", "urllib3")
_QUIET_FOR = 30.0  # seconds
_ALIKE = 40  # characters at the beginning, before the details
_MOST_KNOWN = 200
Masker = Callable[[str], str]
_about: ContextVar[Mapping[str, str]] = ContextVar("about")


@contextmanager
def about(*, request: str | None = None, thread: str | None = None) -> Iterator[None]:
    """What is logged inside, also in work that is handed on with its context, names these.

    A thread is named by a hash: who may read logs need not see where people talked, but can follow one conversation.
    """
    named = dict(_about.get({}))
    if request:
        named["request"] = request
    if thread:
        named["thread"] = hashlib.sha256(thread.encode("utf-8", "replace")).hexdigest()[:12]
    token = _about.set(named)
    try:
        yield
    finally:
        _about.reset(token)


def start(stream: TextIO, form: str, masked: Masker) -> logging.Handler:
    """From now on this is the only place that log lines go to."""
    handler = Handler(stream)
    handler.setFormatter(Lines(form, masked))
    handler.addFilter(_Again())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    threading.excepthook = _thread_ended
    return handler


def masker(settings: Settings) -> Masker:
    """Takes out every secret of the settings, in each form in which a library may print it, and whatever looks like
    one of anybody's."""
    found: set[str] = set()
    for setting in ALL:
        value = getattr(settings, setting.name)
        if setting.secret and isinstance(value, Secret):
            found.update(_forms(value.reveal()))
    planted = sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)

    def masked(text: str) -> str:
        for value in planted:
            text = text.replace(value, "***")
        return mask(text).text

    return masked


def _forms(value: str) -> Iterator[str]:
    """Where it is written for several repositories, `NAME=VALUE NAME=VALUE`, each value by itself as well."""
    for word in value.replace(",", " ").split() if "=" in value and "://" not in value else ():
        yield from _forms(word.partition("=")[2])
    if "://" not in value:
        yield value
        for user in ("", "oauth2:"):
            yield base64.b64encode(f"{user}{value}".encode()).decode().rstrip("=")
        return
    parts = urlsplit(value)
    hidden = [parts.password or "", *(given for name, given in parse_qsl(parts.query) if "pass" in name)]
    for each in hidden:
        yield from (each, unquote(each))


class Handler(logging.StreamHandler[TextIO]):
    """What can't be written must not end the work, nor be printed as it is."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: the usual one prints the record, unmasked."""


class _Again(logging.Filter):
    """A library that says the same with every try, ten times a second while a database is away, is heard now and then.
    What Postern itself says always is."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] == "postern":
            return True
        same = (record.name, str(record.msg)[:_ALIKE])
        if record.created - self._said.get(same, 0.0) < _QUIET_FOR:
            return False
        if len(self._said) >= _MOST_KNOWN:
            self._said.clear()
        self._said[same] = record.created
        return True


class Lines(logging.Formatter):
    """One line for each record: a JSON object, or words for a person at a terminal."""

    def __init__(self, form: str, masked: Masker) -> None:
        super().__init__()
        self._json = form == "json"
        self._masked = masked

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **_about.get({}),
            "message": self._masked(_words(record)),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = self._masked(self.formatException(record.exc_info))
        if self._json:
            return json.dumps(line)
        error = line.pop("error", "").replace("\n", "\n    ")
        words = " ".join(line.values()).replace("\r", "\\r").replace("\n", "\\n")
        return f"{words}\n    {error}" if error else words


def _words(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} (its arguments do not fit)"


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value and not isinstance(ended.exc_value, SystemExit):
        failure = (ended.exc_type, ended.exc_value, ended.exc_traceback)
        logging.getLogger("postern").error("a thread ended by an error", exc_info=failure)
