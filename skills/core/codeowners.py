"""Who owns which file, as GitLab reads CODEOWNERS: sections add up, and within one the last pattern that fits decides.

Source: GitLab, "Code Owners syntax" (sections, default owners, exclusions, relative patterns, escapes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import re2

from skills.core.globs import path_matches

PLACES = ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where GitLab looks, in this order; only the first file that is there counts."""

_SECTION = re2.compile(r"^\^?\[([^\]]+)\](?:\[\d+\])?\s*(.*)$")
_SPACE = re2.compile(r"(\\ |\S)+")


@dataclass(frozen=True, slots=True)
class _Line:
    section: str
    pattern: str
    owners: tuple[str, ...]


def owners(texts: Mapping[str, str], paths: Iterable[str]) -> list[str]:
    """Owners of all these files as CODEOWNERS writes them: `@name`, `@group/name`, `@@role` or an address."""
    place = next((place for place in PLACES if place in texts), None)
    if place is None:
        return []
    lines = list(_lines(texts[place]))
    found: dict[str, None] = {}
    for path in paths:
        for section in dict.fromkeys(line.section for line in lines):
            found |= dict.fromkeys(_of_section([line for line in lines if line.section == section], path))
    return list(found)


def _of_section(lines: list[_Line], path: str) -> tuple[str, ...]:
    """The last pattern that fits; an exclusion (`!`) takes the file out of the section for good."""
    fits = [line for line in lines if _fits(line.pattern.removeprefix("!"), path)]
    if any(line.pattern.startswith("!") for line in fits) or not fits:
        return ()
    return fits[-1].owners


def _lines(text: str) -> Iterator[_Line]:
    section = ""
    default: tuple[str, ...] = ()
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if heading := _SECTION.match(line):
            section, default = heading[1].strip().casefold(), _names(heading[2])
            continue
        match = _SPACE.match(line)
        if match:
            pattern = match[0].replace("\\ ", " ").removeprefix("\\")
            yield _Line(section, pattern, _names(line[match.end() :]) or default)


def _names(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.partition(" #")[0].split() if "@" in word)


def _fits(pattern: str, path: str) -> bool:
    """A pattern without a leading slash fits at any depth; one that ends in a slash is a folder with all below it."""
    whole = pattern[1:] if pattern.startswith("/") else pattern if pattern.startswith("**/") else f"**/{pattern}"
    if whole.endswith("/"):
        whole += "**"
    return path_matches(whole, path)
