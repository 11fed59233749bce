"""The one place that everything passes before a model sees it: masked, cleaned, bounded, marked as data.

Persons go out as `person-1@example`. In strict mode hosts, names, files and addresses go out as `host-1.example` or
`app-1`, and of free text only words that stand in our own sentences. What comes back gets the real names again.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from string import ascii_lowercase

import re2

from bot.ai.stray import without_strays
from skills.core.messages import catalogue
from skills.core.secrets import mask

MOST_WORDS = 8000  # characters of what a person wrote
MOST_RESULT = 4000  # characters of one tool's result
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_TOKEN = re2.compile(r"[^\s,;()\[\]{}<>\"'`|=]+")
_PARTS = re2.compile(r"[\pL\pM\pN_]+|[^\pL\pM\pN_]+")
_EDGES = ".:!?*"
_ADDRESS = re2.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?|[0-9a-fA-F]*:[0-9a-fA-F:]+:[0-9a-fA-F:.]*")
_HOST = re2.compile(r"(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+")
_PERSON = re2.compile(r"[\w.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_SPLIT = re2.compile(r"[/:.@]")
_PORT = re2.compile(r":\d{1,5}$")
_HOLE = "…"
# Said of results in every mode: without these no answer could be read.
_STRUCTURE = frozenset({
    "id", "skill", "asked", "says", "decision", "next", "allowed", "denied", "undecided", "check", "diagnose",
    "draft", "status", "why", "thread", "results", "task", "message", "purpose", "goal", "facts", "decisions",
    "workloads", "environments", "for", "to", "key", "data", "end", "null", "true", "false", "http", "https", "tcp",
    "udp", "tls", "understand", "explain", "guess", "justify", "summarise", "cut", "platform", "symptom", "request",
})  # fmt: skip


def clean(text: str) -> str:
    """Without signs that nobody sees: controls, turns of direction, zero-width signs, tags (U+E0000 to U+E007F)."""
    return "".join(sign for sign in text if sign in "\n\t" or unicodedata.category(sign) not in _HIDDEN)


class Outgoing:
    """One turn's way out. `known` are names of workloads and environments that strict mode replaces, `hidden` those of
    teams that want less of a model than this turn's: they are replaced in every mode, in a path as well."""

    def __init__(self, *, strict: bool, known: Sequence[str] = (), hidden: Collection[str] = ()) -> None:
        self.strict = strict
        self.nonce = "".join(secrets.choice(ascii_lowercase) for _ in range(8))
        self._real: dict[str, str] = {}
        self._alias: dict[str, str] = {}
        self._hidden = frozenset(name.casefold() for name in hidden)
        self._known = {name.casefold(): name for name in known}
        self._known |= {part.casefold(): part for name in known for part in name.replace(":", "/").split("/") if part}

    def sealed(self, text: str) -> str:
        """Text as it may leave. Sealing twice changes nothing."""
        masked = without_strays(mask(clean(text)).text, self._known)
        return "\n".join(self._structure(line) for line in masked.split("\n"))

    def data(self, text: str, most: int = MOST_WORDS) -> str:
        """Foreign text between delimiters that it can't know, and no longer than `most`."""
        bounded = text if len(text) <= most else f"{text[:most]} [cut]"
        return f"<<data {self.nonce}>>\n{bounded}\n<<end {self.nonce}>>"

    def opened(self, text: str) -> str:
        """What the model wrote, with the real names in it again."""
        for alias in sorted(self._real, key=len, reverse=True):
            text = re2.sub(rf"(?i)\b{re2.escape(alias)}\b", self._real[alias].replace("\\", "\\\\"), text)
        return text

    # --- word by word: persons always, all else in strict mode

    def _structure(self, line: str) -> str:
        out, end = [], 0
        for match in _TOKEN.finditer(line):
            out += [line[end : match.start()], self._token(match.group())]
            end = match.end()
        return "".join((*out, line[end:]))

    def _token(self, token: str) -> str:
        bare = token.strip(_EDGES)
        before, _, after = token.partition(bare) if bare else (token, "", "")
        if not bare or self.nonce in bare or bare.casefold() in self._real or bare.startswith("***"):
            return token
        if _PERSON.fullmatch(bare):
            return f"{before}{self._alias_of(bare, 'person-{}@example')}{after}"
        if self._hidden and not self._hidden.isdisjoint(_SPLIT.split(bare.casefold())):
            return f"{before}{self._alias_of(bare, 'hidden-{}')}{after}"
        if not self.strict:
            return token
        return f"{before}{self._class_of(bare)}{after}"

    def _class_of(self, bare: str) -> str:
        scheme, slashes, rest = bare.partition("://")
        if slashes:  # of an address only scheme, host and port are structure
            return f"{scheme}://{self._class_of(rest.partition('/')[0].rpartition('@')[2])}"
        port = match.group() if (match := _PORT.search(bare)) else ""
        name = bare.removesuffix(port) if port else bare
        if name.casefold() in self._real:
            return name + port
        if name.casefold() in self._known:
            return self._alias_of(self._known[name.casefold()], "app-{}") + port
        if _ADDRESS.fullmatch(name):
            return self._alias_of(name, "203.0.113.{}") + port
        if "/" in name:
            return self._alias_of(name, "file-{}") + port
        if _HOST.fullmatch(name):
            return self._alias_of(name, "host-{}.example") + port
        return "".join(part if _is_plain(part) else _HOLE for part in _PARTS.findall(name)) + port

    def _alias_of(self, real: str, shape: str) -> str:
        known = self._alias.get(real.casefold())
        if known is None:
            number = sum(alias.startswith(shape.partition("{")[0]) for alias in self._alias.values()) + 1
            known = shape.format(number)
            self._alias[real.casefold()] = known
            self._real[known] = real
        return known


def _is_plain(part: str) -> bool:
    """A word of our own sentences, a short number, or no word at all."""
    if not any(sign.isalnum() for sign in part):
        return True
    return (part.isdigit() and len(part) <= 5) or part.casefold() in _STRUCTURE or part.casefold() in _vocabulary()


@cache
def _vocabulary() -> frozenset[str]:
    sentences = [f"{entry.says} {entry.because} {entry.do}" for entry in catalogue().values()]
    return frozenset(_words(sentences))


def _words(sentences: Iterable[str]) -> Iterable[str]:
    """Words in small letters that stand alone: a name or an example in a sentence of ours is no word of anybody's."""
    for sentence in sentences:
        yield from (
            word for part in sentence.split() if (word := part.strip(".,:;?!()“”")).isalpha() and word.islower()
        )
