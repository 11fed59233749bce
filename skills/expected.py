"""Examples of a policy: asks with the outcome that is expected of them, as `postern policy test FILE` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from skills.contract import World
from skills.core.errors import AskUnclear
from skills.core.model import Fact, Finding, Person
from skills.core.yaml_text import read_documents
from skills.draft import skill as draft
from skills.outcome import Outcome, outcome

KEYS = (
    "level", "team", "allowed", "denied", "refused", "frozen", "questions", "approvers", "approvals_needed", "asked",
    "risk",
)  # fmt: skip
"""What may stand under `expect`."""
_ASK = ("name", "for", "to", "ip", "who", "at", "reason", "until", "remove", "answer", "expect")
_MOST = 500


@dataclass(frozen=True, slots=True)
class Example:
    """`ask` as `draft` takes it, by whom and when; `expect` as the file says it. `line` is where it stands."""

    name: str
    line: int
    ask: Mapping[str, Any]
    who: str
    at: datetime | None
    expect: Mapping[str, Any]


def read_examples(path: str, text: str) -> list[Example]:
    """Raises AskUnclear EGR1547 for a file that is no list of asks, with its line."""
    documents, unreadable = read_documents(path, text)
    if unreadable:
        raise AskUnclear("EGR1547", path=path, line=unreadable[0].line, what="it is no YAML")
    data = documents[0].data if documents else None
    asks = data.get("asks") if isinstance(data, Mapping) else None
    if not isinstance(asks, list) or not asks or len(asks) > _MOST:
        raise AskUnclear("EGR1547", path=path, line=1, what="it must be a map with a list of `asks`")
    return [_example(path, each, getattr(asks, "lines", [1] * len(asks))[number]) for number, each in enumerate(asks)]


def _example(path: str, each: Any, line: int) -> Example:
    if not isinstance(each, Mapping) or not isinstance(each.get("expect"), Mapping):
        raise AskUnclear("EGR1547", path=path, line=line, what="each ask is a map with `for`, `to` and `expect`")
    strange = [str(key) for key in each if key not in _ASK] + [str(key) for key in each["expect"] if key not in KEYS]
    if strange:
        raise AskUnclear("EGR1547", path=path, line=line, what=f"`{strange[0][:40]}` is no key that I know here")
    ask = {name: each[name] for name in ("for", "reason", "until", "remove") if name in each}
    ask |= {name: _listed(each[name]) for name in ("to", "ip", "answer") if name in each}
    shown = str(each.get("name") or f"{each.get('for')} to {', '.join(ask.get('to', ()))}")
    return Example(shown, line, ask, str(each.get("who") or ""), _moment(path, line, each.get("at")), each["expect"])


def _listed(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else (str(value),)


def _moment(path: str, line: int, written: Any) -> datetime | None:
    """A moment without a zone is in UTC."""
    if written is None:
        return None
    try:
        found = datetime.fromisoformat(str(written))
    except ValueError:
        raise AskUnclear("EGR1547", path=path, line=line, what=f"`{str(written)[:30]}` is no moment") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def tried(world: World, path: str, text: str) -> list[Finding]:
    """Each example of a file with the world's own policy: what is otherwise than expected, or that nothing is."""
    if world.policy.fault:
        return [world.policy.fault]
    found: list[Finding] = []
    for example in read_examples(path, text):
        try:
            ask = draft.Ask.model_validate(example.ask)
        except ValidationError as error:
            what = str(error.errors()[0]["msg"])
            raise AskUnclear("EGR1547", path=path, line=example.line, what=what) from None
        who = Person(example.who) if example.who else world.person
        here = replace(world, person=who, now=example.at or world.now)
        wrong = list(differences(example, outcome(ask, here)))
        found += wrong or [Finding("EGR1568", {"name": example.name})]
    return found


def differences(example: Example, found: Outcome) -> Iterator[Finding]:
    """What came out otherwise than expected; nothing where all did."""
    got = _facts(found)
    for key, wanted in example.expect.items():
        if key in ("questions", "approvers", "asked", "refused"):
            is_met = set(_listed(wanted)) == set(got[key]) if wanted else not got[key]
        else:
            is_met = wanted == got[key]
        if not is_met:
            facts: dict[str, Fact] = {"name": example.name, "line": example.line, "what": key}
            yield Finding("EGR1569", {**facts, "wanted": _shown(wanted), "got": _shown(got[key])})


def _facts(found: Outcome) -> Mapping[str, Any]:
    return {
        "level": found.level.level,
        "team": found.level.team,
        "allowed": found.may_propose(),
        "denied": any(each.code in ("EGR1510", "EGR1511", "EGR1512") for each in found.refused),
        "refused": [each.code for each in found.refused],
        "frozen": found.frozen is not None,
        "questions": [each.id for each in found.questions],
        "approvers": sorted({group for each in found.demands for group in each.rule.groups}),
        "approvals_needed": found.needed,
        "asked": list(found.asked),
        "risk": found.risk,
    }


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return (
        {True: "true", False: "false", "": "none"}.get(value, str(value))
        if isinstance(value, (bool, str))
        else str(value)
    )
