"""What the policy asks of a need: what is known already, what has to be asked, and what is remembered of the app."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skills.contract import World
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding, Need, Question
from skills.core.policy import Answered, app_of, questions

JUSTIFICATION, EXPIRY = "justification", "expiry"
"""Answers that are fields of the ask: a reason, and a last day."""


def answers(given: Iterable[str], need: Need, world: World) -> list[Answered]:
    """Each question that the policy asks of this need, with its answer as far as there is one."""
    if not world.policy.questions:
        return []
    return questions.answered(
        world.policy, need, given, world.remembered(app_of(need.workload)), diagram=_diagram(need, world)
    )


def _diagram(need: Need, world: World) -> str:
    from_here = any(questions.owns(each.workloads, need) for each in world.policy.diagrams)
    return "drawn anew by this very change" if from_here else "to be brought up to date by hand"


def reason_in(given: Iterable[str]) -> str:
    """A reason that was given as an answer."""
    return dict(item.partition("=")[::2] for item in given).get(JUSTIFICATION, "").strip()


def in_words(given: Sequence[str], need: Need, world: World) -> tuple[str, ...]:
    """All answers as `ID=TEXT`: those that were given, and those that are known without asking."""
    known = [f"{each.id}={each.answer}" for each in answers(given, need, world) if each.how == "remembered"]
    return (*given, *known)


def open_questions(found: Sequence[Answered]) -> tuple[Question, ...]:
    """At most three, and never the reason: whoever proposes gives one anyway."""
    return questions.still_open([each for each in found if each.id != JUSTIFICATION])


def remembered(found: Sequence[Answered]) -> tuple[Finding, ...]:
    """What was taken from an earlier ask is shown as that."""
    return tuple(
        Finding(
            "EGR1546",
            {"question": say(each.asks).says, "answer": each.answer, "source": each.source, "id": each.id},
        )
        for each in found
        if each.how == "remembered"
    )


def refuse_unanswered(found: Sequence[Answered]) -> None:
    """Nothing is proposed while something that the policy wants to know is open."""
    for asked in open_questions(found):
        choices = "|".join(asked.choices) or "TEXT"
        raise AskUnclear("EGR1545", question=say(asked).says, id=asked.id, choices=choices)
