"""`postern eval --model`: conversations with a language model, scored by what was looked up, asked and refused.

A scenario is a folder with scenario.yaml: `turns`, each with what somebody `says` and what the turn `wants`:

    check APP HOST      a look at this flow, by the rules or by the model (also: diagnose, draft, why; status alone)
    ask FACT            this one question (workload, destination, environment, port, error_text, intent)
    refuse KIND         this refusal (decide, write, secret, others, network, not_egress)
    suggest HOST        this narrower destination
    denied HOST         the verdict, as the rules give it (also: allowed)

Nothing is scored by taste: a turn is right when all that it wants is there, and the model looked up nothing else.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from bot import output
from bot.additions import Additions, Assistant
from bot.ai.told import Added, Emit, Stopped, Told
from bot.app import App
from bot.conversation import Conversation
from bot.gather import Where
from bot.sample import files
from bot.settings import Settings, database_below
from bot.world.config_repo import new_repository
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding, Person

_ASKER = "dana@fincorp.example"
_DECISIONS = ("allowed", "denied", "undecided")
_BORN = "2026-01-05T08:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`turns` are pairs of what is said and what it wants."""

    name: str
    turns: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass
class Watched:
    """An assistant, and what came of its last turn."""

    own: Assistant
    told: Told | None = None
    added: Added = field(default_factory=Added)

    def wants(self, told: Told) -> str | None:
        self.told, self.added = told, Added()
        return self.own.wants(told)

    def add(self, told: Told, why: str, emit: Emit, stopped: Stopped) -> Added:
        self.added = self.own.add(told, why, emit, stopped)
        return self.added


@dataclass(frozen=True, slots=True)
class Marked:
    """One turn: what it wanted and did not get, what it got and nobody wanted, and sentences that were left out."""

    scenario: str
    turn: int
    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def right(self) -> bool:
        return not self.missing and not self.surplus


def scenarios(folder: str) -> list[Scenario]:
    """Every scenario below a folder, by name. Raises AskUnclear EGR670 when there is none."""
    found = []
    for path in sorted(Path(folder).rglob("scenario.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        turns = tuple((str(turn["says"]), tuple(turn.get("wants") or ())) for turn in data["turns"])
        found.append(Scenario(path.parent.name, turns))
    if not found:
        raise AskUnclear("EGR670", path=folder[:200])
    return found


def sample_app(settings: Settings, folder: Path) -> App:
    """The shipped sample as a repository below `folder`."""
    repository = folder / "allowlist.git"
    new_repository(repository, files(), message="The allowlist of fincorp", date=_BORN)
    home = folder / "home"
    return App.build(replace(settings, home=home, database=database_below(home), person=_ASKER), config=str(repository))


def play(scenario: Scenario, app: App, assistant: Assistant) -> list[Marked]:
    """Each scenario is a thread of its own."""
    watched = Watched(assistant)
    talk = Conversation(app.desk, app.memory, app.names, app.clock, Additions(watched, app.memory, app.clock))
    marks = []
    for number, (says, wants) in enumerate(scenario.turns, 1):
        replies = talk.hear(says, Person(_ASKER), Where("terminal", f"eval:{scenario.name}"))
        if replies.later:
            replies.later()
        marks.append(_marked(scenario.name, number, wants, watched))
    return marks


def _marked(name: str, number: int, wants: Sequence[str], watched: Watched) -> Marked:
    assert watched.told is not None
    added = watched.added
    by_rule = {fact for skill, answer in watched.told.answers for fact in facts(skill, answer, watched.told.known)}
    by_model = {fact for look in added.looks for fact in facts(look.skill, look.answer, look.fields)}
    handed = {"missing": "ask", "refused": "refuse", "suggested": "suggest"}
    given = {f"{handed[kind]} {value}" for kind, value in added.handed.items()}
    asking = (watched.told.known.get("asking") or {}).get("id")
    given |= {f"ask {asking}"} if asking in ("workload", "environment", "destination") and not added.replies else set()
    got = by_rule | by_model | given
    missing = tuple(want for want in wants if want not in got)
    looked = {fact for fact in by_model if fact.partition(" ")[0] not in _DECISIONS}
    surplus = sorted(looked - by_rule - set(wants))
    return Marked(name, number, missing, tuple(surplus), added.dropped)


def facts(skill: str, answer: Any, fields: Any) -> set[str]:
    """A look as `wants` writes it: `check APP HOST` for each flow, `denied HOST` for each verdict."""
    found = set()
    for verdict in answer.detail.get("verdicts") or ():
        found |= {f"{verdict.decision} {verdict.destination.name}"} if verdict.workload else set()
    app = str(fields.get("for") or "").rpartition(":")[2].rpartition("/")[2]
    called = {"diagnose": "check"}.get(skill, skill)
    if called in ("check", "draft", "why"):
        found |= {" ".join(part for part in (called, app, _host(to)) if part) for to in fields.get("to") or ()}
        found |= {f"{skill} {fields['default_deny']}"} if fields.get("default_deny") else set()
    return found | ({"status"} if skill == "status" else set())


def _host(written: str) -> str:
    rest = written.rpartition("://")[2]
    return rest.rpartition(":")[0] if rest.rpartition(":")[2].isdigit() else rest.partition("/")[0]


def run_scenarios(settings: Settings, folder: str, model: str, *, worst: int, as_json: bool) -> int:
    """Exit status 0 when every turn was right, else 3."""
    found = scenarios(folder)
    with tempfile.TemporaryDirectory() as place:
        app = sample_app(replace(settings, model=model), Path(place))
        marks = [mark for scenario in found for mark in play(scenario, app, app.assistant())]
    _show(model, len(found), marks, worst=worst, as_json=as_json)
    return 0 if all(mark.right for mark in marks) else 3


def _show(model: str, count: int, marks: Sequence[Marked], *, worst: int, as_json: bool) -> None:
    wrong = [mark for mark in marks if not mark.right]
    dropped = Counter(why for mark in marks for why in mark.dropped)
    counts: dict[str, Any] = {"scenarios": count, "turns": len(marks), "right": len(marks) - len(wrong)}
    if as_json:
        rows = [{"scenario": m.scenario, "turn": m.turn, "missing": m.missing, "surplus": m.surplus} for m in wrong]
        output.one_object({"model": model, **counts, "left_out": dict(dropped), "wrong": rows})
        return
    left = ", ".join(f"{number} for {why}" for why, number in dropped.most_common()) or "none"
    print(output.printable(say(Finding("EGR1741", {"model": model, **counts, "left": left})).says))
    for mark in wrong[:worst]:
        row: dict[str, Any] = {"name": mark.scenario, "turn": mark.turn}
        row |= {"missing": ", ".join(mark.missing) or "-", "surplus": ", ".join(mark.surplus) or "-"}
        print(output.printable(say(Finding("EGR1742", row)).says))
