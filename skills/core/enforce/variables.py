"""Variables that Flux fills in (`${NAME}`, `${NAME:-default}`), as far as the repository gives their values.

Source: https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import re2

from skills.core.model import Fact, Finding
from skills.core.yaml_text import Map, Seq, plain_value

_VARIABLE = re2.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-=])([^{}$]*))?\}")
_OFF = "kustomize.toolkit.fluxcd.io/substitute"


@dataclass(frozen=True, slots=True)
class Variables:
    """`complete`: there are no other sources, so that a default counts for what `values` does not name."""

    values: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True


def unfilled(findings: Iterable[Finding], texts: Mapping[str, str]) -> list[Finding]:
    """The variables in the files that findings point to, one a file: what is not known there stands on them."""
    paths = [item.place.path for found in findings for item in found.evidence if item.place]
    paths += [str(found.facts["path"]) for found in findings if "path" in found.facts]
    named = []
    for path in dict.fromkeys(paths):
        text = texts.get(path, "")
        clean = text.encode("utf-8", "replace").decode() if "${" in text else ""
        match = _VARIABLE.search(clean) if clean else None
        if match:
            facts: dict[str, Fact] = {"path": path, "line": 1 + clean.count("\n", 0, match.start())}
            named.append(Finding("EGR596", {**facts, "variable": match.group(1)}))
    return named


def filled(data: Any, variables: Variables) -> Any:
    """The document with what is known filled in. What is not known stays as it is written."""
    metadata = data.get("metadata") if isinstance(data, Map) else None
    for key in ("labels", "annotations"):
        noted = metadata.get(key) if isinstance(metadata, Map) else None
        if isinstance(noted, Map) and noted.get(_OFF) == "disabled":
            return data
    return _filled(data, variables)


def _filled(node: Any, variables: Variables) -> Any:
    if isinstance(node, Map):
        mapping = Map({_text(key, variables): _filled(value, variables) for key, value in node.items()})
        mapping.line, mapping.lines = node.line, {_text(key, variables): line for key, line in node.lines.items()}
        return mapping
    if isinstance(node, Seq):
        sequence = Seq(_filled(item, variables) for item in node)
        sequence.line, sequence.lines = node.line, list(node.lines)
        return sequence
    new = _text(node, variables)
    # Flux fills in the text that Kustomize prints, which has lost its quotes: a port becomes a number.
    return plain_value(new) if new is not node and "${" not in new else new


def _text(value: Any, variables: Variables) -> Any:
    if not isinstance(value, str) or "${" not in value or "$${" in value:
        return value

    def known(found: Any) -> str:
        name, sign, default = found.group(1), found.group(2), found.group(3)
        if name in variables.values and (variables.values[name] or not (sign or "").startswith(":")):
            return variables.values[name]
        return default if sign and variables.complete else str(found.group(0))

    return _VARIABLE.sub(known, value)
