"""What a turn of a language model costs on our side, beside a model that answers at once.

    python -m benchmarks.ai [TURNS]      default 40

Each turn is two calls of the model with one look between them. Measured is the time without the model: redaction, the
framework, the check of claims, the look itself, two rows of calls and the thread. The budget is 30 ms a call.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.check_path import percentile
from bot.ai import setup
from bot.gather import Where
from skills.core.model import Person
from tests.apps import app_on_sample
from tests.fakes.models import calling, played

WARM_UP = 3
BUDGET = 30.0  # milliseconds a call
WORDS = "hmm, that thing which takes the card payments fails on the way to twilio, I mean the one at api.twilio.com"


def main(turns: int) -> int:
    look = ("check", {"for": "payment-gateway", "to": ["api.twilio.com"]})
    model = played(calling(look, then="That is the service for the payments. {1} Look at the line that stands there."))
    with tempfile.TemporaryDirectory() as folder:
        app = app_on_sample(Path(folder))
        app.settings = app.shared.settings = replace(
            app.settings, model="played:model", model_budget="team-tokens=1000000000"
        )
        vars(setup)["models"] = lambda _settings: [model]
        rules: list[float] = []
        added: list[float] = []
        for number in range(turns + WARM_UP):
            where = Where("terminal", f"bench:{number}")
            began = time.process_time()
            replies = app.conversation.hear(WORDS, Person("dana@fincorp.example"), where)
            answered = time.process_time()
            assert replies.later is not None
            assert len(replies.later()) == 3
            if number >= WARM_UP:
                rules.append(answered - began)
                added.append((time.process_time() - answered) / 2)
    half, most = percentile(added, 0.5) * 1000, percentile(added, 0.95) * 1000
    print(f"the rules' answer, before any model: {percentile(rules, 0.5) * 1000:.1f} ms of processor time")
    print(
        f"ours per call of a model: {half:.1f} ms of processor time, p95 {most:.1f} ms   (aim: at most {BUDGET:.0f} ms)"
    )
    return 0 if half < BUDGET else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
