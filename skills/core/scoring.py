"""How well reports are read: labelled cases in, figures out.

A case is a mapping as teams keep it, one a line: `text` and `symptom` are needed, all else is scored where it stands:
`symptom_alt` (other answers that an expert accepts), `destination` (null, or a list of `{host, port, scheme, stated}`),
`client`, `envoy_flags`, `egress_block_plausible` (`yes`, `no`, `unclear`). Anything else in it is ignored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skills.core.all_symptoms import ALL, Judgement, judge
from skills.core.errors import AskUnclear
from skills.core.report import read_report

SYMPTOMS = frozenset(name for module in ALL for name in module.NAMES)
_BLOCKS = ("yes", "no", "unclear")
_QUIET = "no_error"


@dataclass(frozen=True, slots=True)
class Remote:
    """A labelled destination; `stated` is False where the text only implies the host."""

    host: str
    port: int | str | None = None
    stated: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled text. None in `destination`, `client`, `flags` or `block` means that it is not labelled."""

    id: str
    text: str
    symptom: str
    others: tuple[str, ...] = ()
    destination: tuple[Remote, ...] | None = None
    client: str | None = None
    flags: frozenset[str] | None = None
    block: str | None = None


def case(row: Mapping[str, Any], number: int) -> Case:
    """A case from one line's object. Raises AskUnclear EGR669 for a field that does not fit. `number` names it else."""
    others = row.get("symptom_alt") or ()
    flags = row.get("envoy_flags")
    _need(isinstance(row.get("text"), str), "text", "a text")
    _need(row.get("symptom") in SYMPTOMS, "symptom", f"one of {', '.join(sorted(SYMPTOMS))}")
    _need(isinstance(others, list | tuple) and set(map(str, others)) <= SYMPTOMS, "symptom_alt", "a list of symptoms")
    _need(flags is None or isinstance(flags, list), "envoy_flags", "a list of flags")
    _need(row.get("client") is None or isinstance(row["client"], str), "client", "a name")
    block = row.get("egress_block_plausible")
    _need(block is None or block in _BLOCKS, "egress_block_plausible", "yes, no or unclear")
    return Case(
        str(row.get("id", number)),
        row["text"],
        row["symptom"],
        tuple(others),
        _remotes(row["destination"]) if "destination" in row else None,
        row.get("client"),
        None if flags is None else frozenset(map(str, flags)),
        block,
    )


def _need(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise AskUnclear("EGR669", field=name, what=what)


def _remotes(value: Any) -> tuple[Remote, ...]:
    what = "null or a list of objects with a host"
    _need(value is None or isinstance(value, list), "destination", what)
    remotes = []
    for item in value or ():
        _need(isinstance(item, Mapping) and isinstance(item.get("host"), str), "destination", what)
        port = item.get("port")
        _need(port is None or isinstance(port, int | str), "destination", "ports as numbers, ranges as text")
        remotes.append(Remote(item["host"].lower().rstrip("."), port, item.get("stated", True) is not False))
    return tuple(remotes)


@dataclass(frozen=True, slots=True)
class Marked:
    """One case with what was read from it; a mark is None where the case is not labelled for it."""

    case: Case
    judgement: Judgement

    @property
    def exact(self) -> bool:
        return self.judgement.symptom == self.case.symptom

    @property
    def lenient(self) -> bool:
        return self.exact or self.judgement.symptom in self.case.others

    @property
    def first_host(self) -> bool | None:
        """The first remote is a wanted one; none is right where none is labelled."""
        if self.case.destination is None:
            return None
        seen = self.judgement.destinations
        return seen[0].host in self.hosts if seen else not self.hosts

    @property
    def no_wrong_host(self) -> bool | None:
        if self.case.destination is None:
            return None
        return {seen.host for seen in self.judgement.destinations} <= self.hosts

    @property
    def client(self) -> bool | None:
        return None if self.case.client is None else self.judgement.client == self.case.client

    @property
    def flags(self) -> bool | None:
        return None if self.case.flags is None else frozenset(self.judgement.envoy_flags) == self.case.flags

    @property
    def block(self) -> bool | None:
        """Where nothing failed, no block can be told: not scored."""
        if self.case.block is None or self.case.symptom == _QUIET:
            return None
        return self.judgement.egress_block == self.case.block

    @property
    def yes_for_no(self) -> bool:
        return self.case.block == "no" and self.judgement.egress_block == "yes"

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(remote.host for remote in self.case.destination or ())

    @property
    def faults(self) -> tuple[str, ...]:
        """What was read wrongly, the gravest first."""
        marks = {
            "yes_for_no": not self.yes_for_no,
            "symptom": self.lenient,
            "no_wrong_host": self.no_wrong_host,
            "first_host": self.first_host,
            "egress_block": self.block,
            "symptom_exact": self.exact,
            "client": self.client,
            "envoy_flags": self.flags,
        }
        wrong = [name for name, right in marks.items() if right is False]
        return tuple(name for name in wrong if name != "symptom_exact" or self.lenient)


_WEIGHTS = {"yes_for_no": 8, "symptom": 4, "no_wrong_host": 3, "first_host": 2, "egress_block": 1}


@dataclass(frozen=True, slots=True)
class Score:
    """Shares are 0 to 1, None where nothing was labelled. `confusion`: (label, read) to a count. Worst cases first."""

    cases: int
    shares: Mapping[str, float | None]
    confusion: Mapping[tuple[str, str], int] = field(default_factory=dict)
    worst: tuple[Marked, ...] = ()


def mark(item: Case) -> Marked:
    return Marked(item, judge(read_report(item.text)))


def score(marked: Sequence[Marked]) -> Score:
    """Host and port precision and recall count pairs over all cases; a port counts where its host is right."""
    wrong = [item for item in marked if item.faults]
    wrong.sort(key=lambda item: -sum(_WEIGHTS.get(name, 0) for name in item.faults))
    quiet = [item for item in marked if item.case.block == "no"]
    shares = {
        "symptom_exact": _share([item.exact for item in marked]),
        "symptom_lenient": _share([item.lenient for item in marked]),
        "first_host": _share([item.first_host for item in marked]),
        "no_wrong_host": _share([item.no_wrong_host for item in marked]),
        **_pairs(marked),
        "client": _share([item.client for item in marked]),
        "envoy_flags": _share([item.flags for item in marked]),
        "egress_block": _share([item.block for item in marked]),
        "yes_for_no": _share([item.yes_for_no for item in quiet]),
    }
    confusion = Counter((item.case.symptom, item.judgement.symptom) for item in marked)
    return Score(len(marked), shares, confusion, tuple(wrong))


def _share(marks: Sequence[bool | None]) -> float | None:
    counted = [right for right in marks if right is not None]
    return sum(counted) / len(counted) if counted else None


def _pairs(marked: Sequence[Marked]) -> dict[str, float | None]:
    """Each remote counts once a case: of those that were read, which are wanted, and the other way round."""
    count: Counter[str] = Counter()
    for item in marked:
        if item.case.destination is None:
            continue
        hosts = {seen.host for seen in item.judgement.destinations}
        stated = {remote.host for remote in item.case.destination if remote.stated}
        told = {(remote.host, str(remote.port)) for remote in item.case.destination if remote.port is not None}
        sure = {host for host, _ in told}
        read = {(seen.host, str(seen.port)) for seen in item.judgement.destinations if seen.port and seen.host in sure}
        count.update(read=len(hosts), right=len(hosts & item.hosts), stated=len(stated), found=len(hosts & stated))
        count.update(ports=len(read), told=len(told), port_right=len(read & told))
    return {
        "host_precision": _ratio(count["right"], count["read"]),
        "host_recall": _ratio(count["found"], count["stated"]),
        "port_precision": _ratio(count["port_right"], count["ports"]),
        "port_recall": _ratio(count["port_right"], count["told"]),
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
