"""A change as values: edits of files, the flows that they open or close, and the proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from skills.core.model.findings import Finding, Question
from skills.core.model.places import Place
from skills.core.model.verdicts import Decision

Role = Literal["allowlist", "architecture", "counterpart"]


@dataclass(frozen=True, slots=True)
class Edit:
    """The whole new text of one file. `old_text` is None for a new file."""

    path: str
    old_text: str | None
    new_text: str
    role: Role = "allowlist"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a platform proposes for a need: edits, or none and a reason among `findings`.

    `commands` are commands that a person must run (where Git does not rule). `alone`: nothing that another dialect
    could write would do, so none is asked.
    """

    edits: tuple[Edit, ...] = ()
    commands: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    questions: tuple[Question, ...] = ()
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission that a platform's rules give, in a form that can be compared.

    `source` is who gets it (a scope in words: `fincorp/retail/payments (production)`,
    `shop pods app=web`), `target` what it opens (host, wildcard, CIDR, `pods of ...`, `everything`),
    `ports` is `443`, `8000-8100`, `every port` ..., `protocol` is `tcp`, `udp`, `any`, `tls`, `http`.
    `layer` is the layer that grants. `lifts` is the isolation without which the grant says nothing new: it counts as
    gained or lost only where that isolation stands on the other side. It does not take part in comparison.
    """

    source: str
    target: str
    ports: str
    protocol: str
    layer: str
    lifts: Isolation | None = field(default=None, compare=False, repr=False)


def in_words(source: str) -> str:
    """A source, or a line that begins with one, as people say it: `shop all pods` are all pods of shop."""
    scope, whole, rest = source.partition(" all pods")
    return f"all pods of {scope}{rest}" if whole and " " not in scope else source


@dataclass(frozen=True, slots=True)
class Isolation:
    """A scope for which a layer denies by default, so that what is not granted is lost.

    `takes` is a grant that the scope had otherwise: without it there was nothing to lose, and a grant that goes away
    together with its isolation frees nobody. `part` is what of it is taken, where it is not all of it.
    """

    source: str
    layer: str
    takes: Grant | None = None
    part: Grant | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What was checked of a change before it was shown."""

    before: Decision
    after: Decision
    newly_allowed: tuple[Grant, ...] = ()
    newly_denied: tuple[str, ...] = ()
    wider_than_asked: tuple[Finding, ...] = ()
    lost: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A drafted change on one base commit. `digest` covers the base and all new text.

    `governed` are the files that the policy's approvals are asked for: a diagram follows from the rules, and whoever
    approves those approves it.
    """

    base: str | None
    digest: str
    edits: tuple[Edit, ...]
    commands: tuple[str, ...]
    proof: Proof
    findings: tuple[Finding, ...] = ()
    questions: tuple[Question, ...] = ()
    shown_at: Place | None = None

    @property
    def governed(self) -> tuple[str, ...]:
        return tuple(edit.path for edit in self.edits if edit.role != "architecture")
