"""What somebody says after *Not right* becomes a labelled case, in the form that `skills.core.scoring` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import re2

from skills.core.all_symptoms import judge
from skills.core.messages import symptom_words
from skills.core.report import read_report
from skills.core.scoring import SYMPTOMS
from skills.core.secrets import mask

_NO_BLOCK = re2.compile(r"(?i)\b(?:not|never|wasn't|isn't) (?:a )?block(?:ed)?\b|\bno block\b")
_BLOCK = re2.compile(r"(?i)\bblock(?:ed)?\b")
_MOST_SAID = 500


def correction(text: str, read: Mapping[str, Any], said: str) -> dict[str, Any]:
    """A case of `text` (masked). What `said` does not name keeps what was read for the symptom, and has no label else.

    `read` is what a diagnosis gave: `symptom`, `client`, `destinations`, `egress_block`.
    """
    report = read_report(said, asking=True)
    case: dict[str, Any] = {
        "id": hashlib.sha256(text.encode()).hexdigest()[:12],
        "source": "not right",
        "text": mask(text).text,
        "symptom": _symptom(said) or str(read["symptom"]),
        "reason": mask(said).text[:_MOST_SAID],
    }
    if report.destinations:
        case["destination"] = [
            {"host": seen.host, "port": seen.port, "scheme": seen.scheme, "stated": seen.host in text.lower()}
            for seen in report.destinations
        ]
    if _NO_BLOCK.search(said):
        case["egress_block_plausible"] = "no"
    elif _BLOCK.search(said):
        case["egress_block_plausible"] = "yes"
    return case


def _symptom(said: str) -> str | None:
    """A symptom by its label, by the words of our sentences, or as a person would tell it."""
    lower = said.casefold()
    for name in sorted(SYMPTOMS, key=len, reverse=True):
        if name in lower or symptom_words(name).casefold() in lower:
            return name
    seen = judge(read_report(said)).symptom
    return seen if seen not in ("no_error", "app_error") else None
