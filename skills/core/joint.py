"""One ask over several repositories: each part is a request of its own, and each names the others.

What belongs together stands in the ask of each part (`beside`), so that it comes out again whenever one is redrawn.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skills.core.model import STANDING_STATES, Finding, Request
from skills.core.short_words import word

_APART = "|"


@dataclass(frozen=True, slots=True)
class Part:
    """Another part: its key, what its repository is called, and for whom it is."""

    key: str
    repository: str
    workload: str

    @property
    def written(self) -> str:
        """As an ask of `propose` has it."""
        return _APART.join((self.key, self.repository, self.workload))


@dataclass(frozen=True, slots=True)
class Beside:
    """A part as it stands now; without a request nobody opened it yet."""

    part: Part
    request: Request | None

    @property
    def state(self) -> str:
        return word("states", self.request.state if self.request else "drafted")

    @property
    def stands(self) -> bool:
        return self.request is not None and self.request.state in STANDING_STATES


def parts(request: Request) -> tuple[Part, ...]:
    """The other parts of what was asked for with this one; none for nearly every request."""
    if request.drawn is None or '"beside"' not in request.drawn.asked:
        return ()
    return read(json.loads(request.drawn.asked).get("beside", ()))


def read(written: Sequence[str]) -> tuple[Part, ...]:
    """Each as `Part.written` has it; what is none is left out."""
    split = [each.split(_APART, 2) for each in written]
    return tuple(Part(*each) for each in split if len(each) == 3 and all(each))


def beside(request: Request, find: Callable[[str], Request | None]) -> tuple[Beside, ...]:
    """The other parts as they stand now."""
    return tuple(Beside(part, find(part.key)) for part in parts(request))


def half(request: Request, others: Sequence[Beside]) -> Finding | None:
    """What is said once a part stands: that another one does not yet, or that all do. None for a single request."""
    if not others:
        return None
    left = [each for each in others if not each.stands]
    if not left:
        return Finding("EGR1872", {"keys": ", ".join((request.key, *(each.part.key for each in others)))})
    first = left[0]
    facts = {"key": request.key, "workload": request.workload, "to": ", ".join(request.destinations)}
    other = {"other": first.part.key, "repository": first.part.repository, "whom": first.part.workload}
    return Finding("EGR1871", {**facts, **other, "state": first.state})
