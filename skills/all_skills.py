"""The skills, in the order in which help shows them."""

from __future__ import annotations

from skills.answer import skill as answer
from skills.check import skill as check
from skills.contract import Skill
from skills.decide import skill as decide
from skills.diagnose import skill as diagnose
from skills.diagram import skill as diagram
from skills.draft import skill as draft
from skills.propose import skill as propose
from skills.renew import skill as renew
from skills.status import skill as status
from skills.why import skill as why
from skills.withdraw import skill as withdraw

ALL: list[Skill] = [
    diagnose,
    check,
    draft,
    propose,
    decide,
    answer,
    withdraw,
    renew,
    diagram,
    status,
    why,
]


def by_name(name: str) -> Skill:
    return next(skill for skill in ALL if name == skill.NAME)
