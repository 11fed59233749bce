"""The four failures that a person can mend. Anything else is ours.

    Mendable          code, facts
      AskUnclear      the ask can't be understood or is malformed   exit status 2
      NotAllowed      this person may not                           exit status 5
      Outdated        what was shown is not what stands             exit status 6
      Unreachable     something outside does not answer             exit status 7

Facts fill the sentence of the code in templates/messages.yaml.
"""

from __future__ import annotations

from skills.core.model.findings import Fact, Finding


class Mendable(Exception):
    """Base of the four. `exit_status` is the command line's."""

    exit_status = 2

    def __init__(self, code: str, **facts: Fact) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.code, self.facts))

    @property
    def finding(self) -> Finding:
        return Finding(self.code, self.facts)


def _rebuild(kind: type[Mendable], code: str, facts: dict[str, Fact]) -> Mendable:
    return kind(code, **facts)


class AskUnclear(Mendable):
    """The asker must say it differently."""

    exit_status = 2


class NotAllowed(Mendable):
    """Somebody else must do it; the sentence says who."""

    exit_status = 5


class Outdated(Mendable):
    """Something moved since it was shown; look again."""

    exit_status = 6


class Unreachable(Mendable):
    """A repository, forge or service does not answer; whoever runs it must act."""

    exit_status = 7
