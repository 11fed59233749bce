"""What is wrong with a field of the request form, said at that field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial

from skills.core.errors import AskUnclear
from skills.core.flow_text import destination, workload
from skills.core.hosts import near
from skills.core.messages import say
from skills.core.until import read_until

_MOST_TOLD = 3
Values = Mapping[str, str | list[str]]


def faults(values: Values, names: Sequence[str], today: date) -> dict[str, str]:
    """What is wrong with a field, by its block."""
    found: dict[str, str] = {}
    checks: dict[str, Callable[[], object]] = {
        "workload": lambda: _known(str(values.get("workload") or ""), names),
        "reason": lambda: _reason(str(values.get("reason") or "")),
        "until": lambda: _until(values, today),
    }
    for block, check in checks.items():
        found |= _fault(block, check)
    wrong = [
        fault for to in listed(values.get("hosts")) for fault in _fault("hosts", partial(destination, to)).values()
    ]
    return {**found, "hosts": "\n".join(wrong[:_MOST_TOLD])} if wrong else found


def late_day(values: Values, today: date) -> dict[str, str]:
    """What is wrong with a last day alone."""
    return _fault("until", lambda: _until(values, today))


def listed(value: str | list[str] | None) -> list[str]:
    """Each of what was chosen in one field; none where it was left open."""
    return value if isinstance(value, list) else [value] if value else []


def _fault(block: str, check: Callable[[], object]) -> dict[str, str]:
    try:
        check()
    except AskUnclear as unclear:
        said = say(unclear.finding)
        return {block: f"{said.says} {said.do}".strip()}
    return {}


def _known(name: str, names: Sequence[str]) -> None:
    """A plain name that nothing here has is a slip; what says more is left to the draft."""
    workload(name)
    plain = not set(name) & set("/:{,")
    if plain and names and not any(name.casefold() in (known.casefold(), _last(known)) for known in names):
        close = [f" (did you mean {known}?)" for known in near(name, names)[:1]]
        raise AskUnclear("EGR1422", name=name[:60], near="".join(close))


def _last(name: str) -> str:
    return name.rpartition("/")[2].casefold()


def _reason(reason: str) -> None:
    if not reason.strip():
        raise AskUnclear("EGR1423")


def _until(values: Values, today: date) -> None:
    if values.get("until"):
        read_until(str(values["until"]), today)
