"""Host names as Cilium matches them: `matchName`, and `matchPattern` whose `*` stays inside one label.

Source: github.com/cilium/cilium pkg/fqdn/matchpattern and pkg/policy/api/fqdn.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from skills.core.enforce.kube_objects import templated
from skills.core.enforce.selectors import Match, sure

LONGEST = 255
_LABEL_SIGNS = "[-a-zA-Z0-9_]*"
_SUBDOMAINS = r"([-a-zA-Z0-9_]+\.)*[-a-zA-Z0-9_]+\."
_NAME = re2.compile(r"[-a-zA-Z0-9_.]+")
_PATTERN = re2.compile(r"[-a-zA-Z0-9_.*]+")
_HOLE = re2.compile(r"\{\{.*?\}\}|\$\{[^}]*\}|\$\([^)]*\)|###zarf_\w+?###")
_EVERYTHING = re2.compile(r".+")


@dataclass(frozen=True, slots=True)
class Name:
    """One item of `toFQDNs` or of `rules.dns`. `wild` is a matchPattern, else a matchName."""

    text: str
    wild: bool

    def __str__(self) -> str:
        return self.text

    @property
    def everything(self) -> bool:
        return self.wild and self.text.rstrip(".") in {"*", "**"}

    @property
    def fixed(self) -> str:
        """The host that this names, if it is exactly one."""
        return "" if "*" in self.text or templated(self.text) else plain(self.text)

    def matches(self, host: str) -> Match:
        """Unknown where a template has yet to fill in a part and the rest fits. All names of a pattern must match."""
        if "*" in host:
            covered = self.covers(Name(host, wild=True))
            return Match.UNKNOWN if templated(self.text) and not covered else sure(covered)
        if not templated(self.text) and not self.wild:
            return sure(plain(self.text) == plain(host))
        hit = sure(expression(self.text, self.wild).fullmatch(plain(host)) is not None)
        return min(hit, Match.UNKNOWN) if templated(self.text) else hit

    def common(self, other: Name) -> str:
        """What both name, in words; "" where they have nothing in common or nobody can say."""
        if other.covers(self):
            return self.text
        if self.covers(other):
            return other.text
        both = "*" in self.text and "*" in other.text
        return f"{self.text} within {other.text}" if both and self._may_meet(other) else ""

    def _may_meet(self, other: Name) -> bool:
        """False where the ends of the two patterns differ, so that no name can be of both."""
        mine, theirs = plain(self.text).rpartition("*")[2], plain(other.text).rpartition("*")[2]
        return mine.endswith(theirs) or theirs.endswith(mine)

    def covers(self, other: Name) -> bool:
        """Whether every name of `other` is one of these, as far as the spelling shows it."""
        if self.everything or plain(self.text) == plain(other.text):
            return True
        # A `*` or `**` of the other pattern stands for at least these texts, so all must fit.
        samples = ("a", "a-b0", "z9") if "**" not in other.text else ("a", "a.b", "z9")
        whole = [plain(other.text).replace("**", "*").replace("*", sample) for sample in samples]
        return all(self.matches(sample) is Match.YES for sample in whole)


def plain(text: str) -> str:
    """Lower case, without the dot that ends a full name."""
    return text.strip().removesuffix(".").lower()


def valid(text: str, *, wild: bool) -> bool:
    """Whether Cilium takes the text; a template may become anything."""
    if templated(text):
        return True
    signs = _PATTERN if wild else _NAME
    return 0 < len(text) <= LONGEST and signs.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def expression(text: str, wild: bool) -> Any:
    """A linear-time expression over the whole of a plain host name."""
    if wild and text.rstrip(".") in {"*", "**"}:
        return _EVERYTHING
    pieces, position = [], 0
    source = plain(text)[: 4 * LONGEST]
    for hole in _HOLE.finditer(source):
        pieces += [_literal(source[position : hole.start()], wild, first=position == 0), ".*"]
        position = hole.end()
    pieces.append(_literal(source[position:], wild, first=position == 0))
    return re2.compile("(?i)" + "".join(pieces))


def _literal(text: str, wild: bool, *, first: bool) -> str:
    if not wild:
        return str(re2.escape(text))
    head = ""
    if first and text.startswith("**."):
        head, text = _SUBDOMAINS, text[3:]
    return head + _LABEL_SIGNS.join(re2.escape(part) for part in text.split("*"))
