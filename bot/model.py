"""`postern ai`: what would be sent to a language model, and what its calls took."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import timedelta
from typing import Any

from bot import output
from bot.additions import Additions
from bot.ai.assistant import version
from bot.ai.setup import assistant
from bot.app import App
from bot.conversation import Conversation
from bot.gather import Where
from bot.world.memory import Memory
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding

_DAYS = 30
_MOST_TEXT = 1_000_000  # bytes


def run_ai(app: App, action: str, words: str | None, *, as_json: bool) -> int:
    if action == "calls":
        return _calls(app, as_json=as_json)
    if not words:
        raise AskUnclear("EGR1731")
    return _preview(app, output.read_text("-", _MOST_TEXT) if words == "-" else words, as_json=as_json)


def preview(app: App, words: str) -> dict[str, Any] | None:
    """The first request of a turn with these words, through the very code that sends it; None when there is none.

    The turn is played on a database that is thrown away, with a model that only keeps what it gets.
    Raises AskUnclear EGR1735 where LangChain is not installed.
    """
    try:
        from bot.ai.recorder import Recorder  # noqa: PLC0415 - the only part that needs LangChain
    except ModuleNotFoundError as missing:
        raise AskUnclear("EGR1735", package=missing.name) from None
    settings, recorder = app.settings, Recorder(sent=[])
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(f"sqlite:///{folder}/preview.db")
        helper = assistant(settings, app.desk, memory, app.clock, [recorder])
        additions = Additions(helper, memory, app.clock)
        talk = Conversation(app.desk, memory, app.names, app.clock, additions)
        replies = talk.hear(words, app.person, Where("terminal", "preview"))
        if replies.later:
            replies.later()
    return {"model": settings.model, "prompt": version(), **recorder.sent[0]} if recorder.sent else None


def _preview(app: App, words: str, *, as_json: bool) -> int:
    sent = preview(app, words)
    if as_json:
        output.one_object({"sent": sent})
        return 0
    if sent is None:
        print(say(Finding("EGR1730")).says)
        return 0
    print(say(Finding("EGR1732", {"model": sent["model"] or "-", "prompt": sent["prompt"]})).says)
    for message in sent["messages"]:
        print(f"\n--- {message['role']}\n{output.printable(message['content'])}")
    for tool in sent["tools"]:
        print(f"\n--- tool {tool['name']}\n{output.printable(tool['description'])}\n{tool['parameters']}")
    return 0


def _calls(app: App, *, as_json: bool) -> int:
    """Calls of the last 30 days by team, day and model."""
    sums: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for call in app.memory.model_calls(app.clock() - timedelta(days=_DAYS)):
        row = sums[f"{call['at']:%Y-%m-%d}", call["team"], call["model"]]
        row["calls"] += 1
        row["failed"] += call["outcome"] != "ok"
        for name in ("read", "written", "money", "milliseconds"):
            row[name] += call[name]
    rows: list[dict[str, Any]] = [
        {"day": day, "team": team, "model": model, **counts} for (day, team, model), counts in sorted(sums.items())
    ]
    if as_json:
        output.one_object({"calls": rows})
        return 0
    for row in rows:
        facts: dict[str, Any] = {**row, "money": f"{row['money'] / 1_000_000:.4f}"}
        facts["each"] = row["milliseconds"] // row["calls"]
        print(output.printable(say(Finding("EGR1733", facts)).says))
    if not rows:
        print(say(Finding("EGR1734")).says)
    return 0
