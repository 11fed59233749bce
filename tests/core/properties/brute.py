"""What a draft says of itself, held against every verdict before and after it.

The proof of a draft is reckoned from rules; here the same is reckoned by asking about each workload and each
destination, so that neither can hide the other's mistake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skills.core.allowlist import Allowlist
from skills.core.change import Draft, draft
from skills.core.flows import read_flow
from skills.core.model import Decision, Fact, Finding, Grant, Need
from tests.core.properties.repositories import Repository
from tests.core.properties.words import End, covers, end_of, is_about, isolates, names
from tests.worlds import allowlist

Flow = tuple[str, str]
# One flow in two spellings: the Service of tests/core/properties/repositories.py leads to these pods on this port.
_SAME = {"api.back.svc.cluster.local:80": "workload://back/api:8080"}
# Says that lookups of names pass the DNS proxy, which opens no flow of those that are asked about here.
_NO_FLOW = frozenset({"EGR874"})
# A file of no environment counts in all of them; it is no permission of its own.
_NO_GRANT = frozenset({"EGR599"})
# Its ports are those that were asked for: what is wider is every other one.
_OTHER_PORTS = frozenset({"EGR742"})
_MOST_REWRITTEN = 2
Decisions = Mapping[Flow, Decision]


def read(repository: Repository) -> Allowlist:
    return allowlist(repository.files)


def decisions(allowed: Allowlist, repository: Repository) -> dict[Flow, Decision]:
    """The verdict of every workload and destination."""
    found: dict[Flow, Decision] = {}
    for who in repository.workloads:
        flow = read_flow(allowed, who, repository.destinations)
        found |= {(who, to): v.decision for to, v in zip(repository.destinations, flow.verdicts(allowed), strict=True)}
    return found


def need_of(allowed: Allowlist, who: str, to: str, *, remove: bool = False) -> Need:
    need = read_flow(allowed, who, [to]).need("asked by a test", remove=remove)
    assert need is not None, f"{who} is not one workload"
    return need


@dataclass(frozen=True)
class Drafted:
    """One draft with the allowlist on both sides of it."""

    old: Allowlist
    new: Allowlist
    made: Draft
    asked: Flow

    @property
    def findings(self) -> set[str]:
        return {item.code for item in self.made.change.findings}


def drafted(old: Allowlist, asked: Flow, *, remove: bool = False) -> Drafted:
    made = draft(old, need_of(old, *asked, remove=remove))
    return Drafted(old, old.with_edits(made.change.edits), made, asked)


def changes(repository: Repository, one: Drafted) -> tuple[list[Flow], list[Flow]]:
    """The flows that came to be allowed, and those that no longer are."""
    before, after = decisions(one.old, repository), decisions(one.new, repository)
    gained = [flow for flow in before if after[flow] == "allowed" != before[flow]]
    lost = [flow for flow in before if before[flow] == "allowed" != after[flow]]
    return gained, lost


def proof_problems(repository: Repository, one: Drafted) -> list[str]:
    """Where the proof keeps silent about a flow that the draft opens or closes."""
    proof = one.made.change.proof
    gained, lost = changes(repository, one)
    beside = [flow for flow in gained if _meant(flow) != _meant(one.asked)]
    wider = [item for item in proof.wider_than_asked if item.code not in _NO_FLOW]
    found = []
    unnamed = [flow for flow in gained if not any(_gives(grant, flow) for grant in proof.newly_allowed)]
    if unnamed:
        found.append(f"opens {unnamed}, which newly_allowed does not name: {proof.newly_allowed}")
    untold_wide = [flow for flow in beside if not any(covers(_named(item), *_ends(flow)) for item in wider)]
    if untold_wide:
        found.append(f"opens {untold_wide} beside {one.asked} and names only {wider} as wider")
    grants = [_words_of(grant) for grant in proof.newly_allowed]
    named = [item for item in wider if item.code not in _NO_GRANT]
    idle = [item for item in named if not any(is_about(_named(item), *words) for words in grants)]
    if idle:
        found.append(f"names {idle} as wider, which opens nothing: {proof.newly_allowed}")
    untold = [flow for flow in lost if not any(_takes(words, flow) for words in proof.newly_denied)]
    if untold:
        found.append(f"closes {untold}, which newly_denied does not name: {proof.newly_denied}")
    if proof.after != decisions(one.new, repository)[one.asked]:
        found.append(f"proof says {proof.after} after it")
    return found


def _gives(grant: Grant, flow: Flow) -> bool:
    who, to = _meant(flow)
    return names(grant.source, grant.target, grant.ports, grant.protocol, who, end_of(to))


def _named(item: Finding) -> dict[str, Fact]:
    return {key: fact for key, fact in item.facts.items() if key != "ports" or item.code not in _OTHER_PORTS}


def _ends(flow: Flow) -> tuple[str, End]:
    who, to = _meant(flow)
    return who, end_of(to)


def _words_of(grant: Grant) -> tuple[str, str, str]:
    return grant.source, grant.target, grant.ports


def _takes(words: str, flow: Flow) -> bool:
    """A line of newly_denied: `SOURCE → TARGET (PORTS, PROTOCOL)`, or everything that no rule allows to SOURCE."""
    who, to = _meant(flow)
    source, _, rest = words.partition(" → ")
    target, _, ports = rest.removesuffix(")").rpartition(" (")
    if target == "everything that no rule allows":
        return isolates(source, who, end_of(to))
    number, _, protocol = ports.rpartition(", ")
    return names(source, target, number, protocol, who, end_of(to))


def _meant(flow: Flow) -> Flow:
    return (flow[0], _SAME.get(flow[1], flow[1]))


def text_problems(one: Drafted) -> list[str]:
    """Where an edit touches what it has no business with."""
    found = []
    for edit in one.made.change.edits:
        if edit.old_text is None:
            continue
        old, new = edit.old_text.splitlines(keepends=True), edit.new_text.splitlines(keepends=True)
        # One side holds the other, but for the line that a flow list or an empty list stands on.
        rewritten = min(_missing(old, new), _missing(new, old))
        if rewritten > _MOST_REWRITTEN:
            found.append(f"{edit.path}: {rewritten} lines rewritten")
        if all(row.endswith("\r\n") for row in old) and not all(row.endswith("\r\n") for row in new):
            found.append(f"{edit.path}: line ends changed")
        kept = [row for row in old if row.endswith(": kept\n")]
        if _missing(kept, new):
            found.append(f"{edit.path}: a comment is gone")
    return found


def _missing(some: Sequence[str], of: Sequence[str]) -> int:
    """How many of the lines do not stand in the others, in their order."""
    position, gone = 0, 0
    for line in some:
        if line in of[position:]:
            position = of.index(line, position) + 1
        else:
            gone += 1
    return gone
