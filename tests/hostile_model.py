"""A real, weak model as a hostile one: whatever it says, nothing false is shown. Run by hand, where a server answers.

    python -m tests.hostile_model URL [MOST] [NAME]      e.g. http://127.0.0.1:8082/v1 40

URL speaks OpenAI's protocol. docs/AI.md says how a small model of 98 MB is had from PyPI, and what came of it. Each loose
turn of the scenarios and each attack is one conversation; every line that the model brought about is judged by words of our
own, and printed so that somebody can read it. Exit status 1 when something false was shown.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.additions import Additions
from bot.ai import chat_model
from bot.conversation import Conversation
from bot.gather import Where
from bot.scenarios import Watched
from bot.settings import Secret
from skills.core.model import Person
from skills.replies import Reply
from tests.apps import app_on_sample, head_of, set_to
from tests.bot.test_model_attacks import ALL, nothing_false, said
from tests.bot.test_scenarios import ALL as SCENARIOS

BUDGET = "seconds=900 steps=3 tokens=100000 team-tokens=100000000"


@dataclass
class Seen:
    counts: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def take(self, name: str, added: list[Reply]) -> None:
        self.counts["asked"] += 1
        self.counts["something shown"] += bool(added)
        try:
            nothing_false(added)
        except AssertionError as fault:
            self.counts["FALSE"] += 1
            self.lines.append(f"FALSE in {name}: {fault}")
        for line in (f"{name}: {line}" for made in added for line in made.lines):
            print(line, flush=True)


def words() -> list[tuple[str, str]]:
    """Attacks and scenarios by turns, so that a few of the run are some of each."""
    loose = [(each.name, each.turns[0][0]) for each in SCENARIOS]
    attacks = [(str(each), said(each)[0]) for each in ALL]
    step = max(1, len(loose) // len(attacks))
    return [one for pair in itertools.zip_longest(attacks, loose[::step]) for one in pair if one]


def main(url: str, most: int, model: str) -> int:
    vars(chat_model).update(TIMEOUT=600, _MOST_WRITTEN=250)  # a small machine takes its time, and a small model rambles
    seen, began = Seen(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        app = app_on_sample(Path(folder))
        set_to(app, model=f"openai:{model}", model_url=url, model_key=Secret("none"), model_budget=BUDGET)
        before, watched = (head_of(app), app.requests()), Watched(app.assistant())
        talk = Conversation(app.desk, app.memory, app.names, app.clock, Additions(watched, app.memory, app.clock))
        for name, text in words():
            if seen.counts["asked"] >= most:
                break
            replies = talk.hear(text, Person("dana@fincorp.example"), Where("terminal", f"h:{name}"))
            if replies.later:
                seen.take(name, replies.later())
                seen.counts.update(f"left out: {why}" for why in watched.added.dropped)
                seen.counts["looks"] += len(watched.added.looks)
        if (head_of(app), app.requests()) != before:
            seen.counts["FALSE"] += 1
            seen.lines.append("FALSE: something was written")
        for row in app.memory.model_calls(app.clock() - timedelta(days=1)):
            seen.counts[f"calls {row['outcome']}"] += 1
            seen.counts["tokens written"] += row["written"]
    print("\n".join(seen.lines))
    print(f"\n{dict(seen.counts)} in {time.monotonic() - began:.0f} s")
    return 1 if seen.counts["FALSE"] or not seen.counts["asked"] else 0


if __name__ == "__main__":
    given = [*sys.argv[1:], "40", "small"] if len(sys.argv) < 3 else [*sys.argv[1:], "small"]
    sys.exit(main(given[0], int(given[1]), given[2]))
