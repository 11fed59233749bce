"""Several answers to one paste: errors towards other remotes, other environments, and what was read in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from skills.core.all_symptoms import Judgement, judge
from skills.core.model import Finding, Verdict
from skills.core.patterns import compiled
from skills.core.report import Report, read_report

_MOST_PIECES = 12
_LONGEST = 4000  # characters of one piece
_LEAST = 50  # strength of a sighting that counts as an error of its own
_QUIET = frozenset({"no_error", "app_error"})
_SAID: Mapping[str, str] = {"denied": "EGR171", "undecided": "EGR108", "allowed": "EGR170"}
# Where a new message begins: a prompt, a time stamp, a JSON object, a trace, a program that says its name.
_BEGINS = compiled(
    r"^\s{0,4}(?:[$>#%] \S|\[?\d{4}[-/]\d\d[-/]\d\d[T ]|\d\d:\d\d:\d\d|\{\"|Traceback |Exception in thread"
    r"|(?:curl|wget|psql|fatal|ssh|error|npm ERR!|Error|ERROR|WARN|FATAL)\b[: ]"
    r"|[\w.]+(?:Error|Exception): |[*•-] \S|\d{1,2}[.)] )"
)
_FAILING = compiled(
    r"(?i)error|fail|refused|timed? ?out|timeout|unreachable|denied|reset|can't|could ?n[o']t|unable|resolve"
    r"|certificate|\b50[234]\b|\b403\b|no route|deadline|hang up|EOF|BlackHole|DROPPED"
)


def others(report: Report, judgement: Judgement) -> tuple[tuple[Report, Judgement], ...]:
    """Errors towards other remotes than the one that leads, in the order of the text, each with what was read of it."""
    if report.asks or judgement.symptom in _QUIET or not judgement.destinations:
        return ()
    lead = judgement.destinations[0]
    known = {lead.host, lead.resolved}
    found = []
    for piece in _pieces(report.text):
        read = read_report(piece)
        judged = judge(read)
        first = judged.destinations[0] if judged.destinations else None
        tried = piece.startswith("*") and first is not None and first.ip is not None  # curl, address by address
        if first is None or tried or first.host in known or judged.symptom in _QUIET or judged.best.strength < _LEAST:
            continue
        known.add(first.host)
        found.append((read, judged))
    return tuple(found)


def _pieces(text: str) -> Iterator[str]:
    """Pieces that may hold an error, at most _MOST_PIECES; nothing where the whole text is one piece."""
    pieces: list[list[str]] = [[]]
    for line in text.splitlines():
        if not line.strip() or _BEGINS.search(line):
            pieces.append([])
        pieces[-1].append(line)
    joined = ["\n".join(piece)[:_LONGEST] for piece in pieces]
    failing = [piece for piece in joined if _FAILING.search(piece)]
    if len(failing) > 1:
        yield from failing[:_MOST_PIECES]


def as_far_as_read(
    report: Report, judgement: Judgement, cause: Finding, certainty: float, block: str
) -> tuple[Finding, float, str]:
    """What stands at both ends of a long log holds; that nothing else stands in it is more than was read."""
    if report.scanned == report.total:
        return cause, certainty, block
    if judgement.symptom in _QUIET or not judgement.destinations:
        return Finding("EGR219", evidence=cause.evidence), 0.3, "unclear"
    return cause, min(certainty, 0.7), block


def worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Denied, then undecided, then allowed; equals in the order in which they were asked for."""
    return sorted(verdicts, key=lambda verdict: list(_SAID).index(verdict.decision))


def other_environments(verdicts: Sequence[Verdict]) -> tuple[Finding, ...]:
    """The same destination from the further environments that were named: the leading answer speaks of one of them."""
    lead = verdicts[0] if verdicts else None
    others: dict[str | None, Finding] = {}
    for verdict in verdicts[1:]:
        there = verdict.workload.environment if verdict.workload else None
        if lead is None or lead.workload is None or there in (None, lead.workload.environment):
            continue
        facts = {"workload": str(verdict.workload), "destination": str(verdict.destination)}
        others.setdefault(there, Finding(_SAID[verdict.decision], facts))
    return tuple(others.values())
