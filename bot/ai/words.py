"""What a model gives, held against what the person wrote and the thread speaks of."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import re2

from bot.ai.told import Told
from skills.core.errors import AskUnclear
from skills.core.flow_text import destination

_NAME = re2.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}(?:\{[A-Za-z0-9._/=,-]{1,200}\})?")
_INSIDE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-:/@")


class Words:
    """The person's words of this turn, and the thread's subject."""

    def __init__(self, told: Told) -> None:
        self.said = told.words
        state = told.known
        self._pasted = str(state.get("text") or "")
        self._subject = [str(words) for words in state.get("to") or ()]
        self._for = str(state.get("for") or "")
        self._key = str(state.get("key") or "")
        self._names = told.by_name
        self._environments = {name.casefold(): name for name in told.environments}

    @property
    def borne_out(self) -> str:
        """All that may be named: what was said, and what the thread speaks of."""
        return " ".join((self.said, self._for, *self._subject))

    @property
    def called(self) -> frozenset[str]:
        """Workloads and environments as they are written in small letters."""
        return frozenset((*self._names, *self._environments))

    def fields(self, skill: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a skill's ask that are borne out. Raises AskUnclear EGR1711 for one that is not."""
        found: dict[str, Any] = {}
        if given.get("for"):
            found["for"] = self.workload(str(given["for"]))
        if given.get("to"):
            found["to"] = self.destinations(given["to"])
        if given.get("default_deny"):
            found["default_deny"] = self.workload(str(given["default_deny"]))
        if given.get("key"):
            found["key"] = self._its_key(str(given["key"]))
        if given.get("remove") is True:
            found["remove"] = True
        return {**found, "text": self.said} if skill == "diagnose" else found

    def workload(self, written: str) -> str:
        """A name that the allowlist knows, or that stands in the words, with its environment where one is given."""
        environment, _, name = written.rpartition(":")
        known = self._names.get(name.casefold())
        said = _NAME.fullmatch(name) and stands_in(name, self.said)
        if known is None and not said and name != self._for.rpartition(":")[2]:
            raise AskUnclear("EGR1711", written=written[:80])
        listed = [self._environments.get(each.strip().casefold()) for each in environment.split(",") if environment]
        joined = ",".join(each for each in listed if each)
        name = name if known is None or name.casefold() == known.rpartition("/")[2].casefold() else known
        return f"{joined}:{name}" if joined else name

    def environment(self, written: str) -> str | None:
        return self._environments.get(written.casefold())

    def known(self, written: str) -> str | None:
        return self._names.get(written.casefold())

    def destinations(self, written: Any) -> tuple[str, ...]:
        items = [written] if isinstance(written, str) else list(written)
        return tuple(dict.fromkeys(self.destination(str(item)) for item in items))

    def destination(self, written: str) -> str:
        """As it stands in the words or in the thread's subject; its port may stand apart from it. Raises AskUnclear."""
        text = written.strip()
        if self._is_said(text):
            destination(text)
            return text
        scheme, slashes, rest = text.rpartition("://")
        host, colon, port = rest.rpartition(":") if rest.rpartition(":")[2].isdigit() else (rest, "", "")
        borne_out = self._is_said(host) and (not colon or self._is_said(port))
        if not borne_out or (slashes and not self._is_said(scheme)):
            raise AskUnclear("EGR1711", written=text[:80])
        destination(text)
        return text

    def _is_said(self, text: str) -> bool:
        apart = [part for words in self._subject for part in (words, *_parts(words))]
        return stands_in(text, self.said) or stands_in(text, self._pasted) or text in apart

    def _its_key(self, written: str) -> str:
        if stands_in(written, self.said) or written.casefold() == self._key.casefold():
            return written
        raise AskUnclear("EGR1711", written=written[:80])


def _parts(words: str) -> tuple[str, ...]:
    """Host, port, both, and scheme of what the thread speaks of."""
    scheme, _, rest = words.rpartition("://")
    host, _, port = rest.rpartition(":")
    return tuple(part for part in (scheme, rest, host, port) if part)


def stands_in(written: str, words: str) -> bool:
    """As a whole word of the person's: a part of an address or of a longer name is another one."""
    wanted, text = written.casefold(), f" {words.casefold()} "
    at = text.find(wanted)
    while wanted.strip() and at > 0:
        before, after = text[at - 1], text[at + len(wanted) :]
        if before not in _INSIDE and not _goes_on(after):
            return True
        at = text.find(wanted, at + 1)
    return False


def _goes_on(after: str) -> bool:
    """Whether the word goes on: a full stop or colon counts only when something follows it."""
    return after[0] in _INSIDE and (after[0] not in ".:" or after[1] in _INSIDE)


def is_narrower(narrow: str, wide: str) -> bool:
    """Whether one destination is part of the other: a host below a domain, a network inside one, one port of all."""
    try:
        small, large = destination(narrow)[0], destination(wide)[0]
    except AskUnclear:
        return False
    if "*" in str(small.name) or str(small) == str(large):
        return False
    domain = str(large.name).removeprefix("*.")
    if "/" in domain:
        return _is_inside(str(small.name), domain)
    return str(small.name) == domain or str(small.name).endswith(f".{domain}")


def _is_inside(small: str, large: str) -> bool:
    try:
        inner, outer = ipaddress.ip_network(small), ipaddress.ip_network(large)
    except ValueError:
        return False
    return inner.version == outer.version and inner != outer and inner.subnet_of(outer)  # type: ignore[arg-type]
