"""An allowlist as one of several: a workload that more than one of them knows, or none, is looked up in them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from skills.core.allowlist import Allowlist, Resolution
from skills.core.flow_text import workloads
from skills.core.hosts import near
from skills.core.model import Destination, Finding, Question, Verdict, WorkloadRef

WHICH = "repository"
"""The id of the question which of several repositories is meant."""
_MOST_SUGGESTED = 3


class Among(Allowlist):
    """As `own`, but it knows no workload by itself: `repositories` all know the one that is asked for, or none does and
    `names` are those of all of them."""

    def __init__(self, own: Allowlist, repositories: Sequence[str] = (), names: Iterable[str] = ()) -> None:
        self.__dict__ |= own.__dict__
        self._repositories = tuple(repositories)
        self._all_names = sorted(set(names))

    @property
    def repositories(self) -> tuple[str, ...]:
        return self._repositories

    def resolve(self, ref: WorkloadRef) -> Resolution:
        found = super().resolve(ref)
        if self._repositories or found.workloads:
            return Resolution((), (), found.unread)
        return Resolution((), tuple(near(ref.written, self._all_names)[:_MOST_SUGGESTED]), found.unread)


def knowing(allowlists: Mapping[str, Allowlist], words: str) -> list[str]:
    """The names of those that know a workload of `--for`. Raises AskUnclear for words that can be none."""
    refs = workloads(words)
    return [name for name, allowlist in allowlists.items() if any(allowlist.resolve(ref).workloads for ref in refs)]


def among_several(allowlist: Allowlist, ref: WorkloadRef, destination: Destination) -> Verdict | None:
    """The verdict where several repositories know the workload, which is a question and never a guess, or none does.

    None where the allowlist stands for itself.
    """
    if not isinstance(allowlist, Among):
        return None
    found = allowlist.resolve(ref)
    if allowlist.repositories:
        facts = {"workload": ref.written, "choices": ", ".join(allowlist.repositories)}
        question, said = Question(WHICH, "EGR1862", facts, allowlist.repositories), Finding("EGR1863", facts)
    else:
        facts = {"workload": ref.written, "suggestion": " or ".join(found.suggestions)}
        said = Finding("EGR1867" if found.suggestions else "EGR1868", facts)
        question = Question("workload", "EGR105", {"workload": ref.written}, found.suggestions)
    return Verdict("undecided", None, destination, (), (*found.unread, said), (question,))
