"""Sentences that claim nothing by construction: every word stands in one language's closed list of harmless ones.

A list of forbidden words loses against whoever words it otherwise; so it is turned round here. What the listed words
must not add up to is said in prompts/plain_words.yaml. Beside them there are names of workloads and numbers that
somebody gave.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import re2
import yaml

from skills.core.resources import prompt

_RUNS = re2.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]*|[\pL\pM]+|.")
_LONGEST_END, _LONGEST_PIECE = 4, 12  # letters
USES = ("", "guesses", "reasons")
"""What a sentence is for: to explain, to guess at a cause, to say why something is needed."""
_FEWEST = 2  # words that a sentence speaks of


@dataclass(frozen=True, slots=True)
class Listed:
    """Whole words, and beginnings of longer ones."""

    whole: frozenset[str]
    stems: tuple[str, ...]

    def has(self, word: str) -> bool:
        ends = (word.removeprefix(stem) for stem in self.stems if word.startswith(stem))
        return word in self.whole or any(len(end) <= _LONGEST_END for end in ends)


@dataclass(frozen=True, slots=True)
class Words:
    """One language: what joins, what is spoken of, the same for each use, and what may not follow what."""

    joins: frozenset[str]
    says: Mapping[str, Listed]
    forms_of_be: frozenset[str]
    prepositions: frozenset[str]


@cache
def _listed() -> Mapping[str, Any]:
    loaded: Mapping[str, Any] = yaml.safe_load(prompt("plain_words.yaml"))
    return loaded


@cache
def plain_words() -> Mapping[str, Words]:
    """By code of the language."""
    return {code: _words(each) for code, each in _listed().items() if "joins" in each}


def _words(each: Mapping[str, str]) -> Words:
    def listed(*names: str) -> Listed:
        words = [folded(word) for name in names for word in each[name].split()]
        words += [folded(word) for word in _listed()["any"].split()]
        stems = tuple(word[:-1] for word in words if word.endswith("~"))
        return Listed(frozenset(word for word in words if not word.endswith("~")), stems)

    def few(name: str) -> frozenset[str]:
        return frozenset(folded(word) for word in each.get(name, "").split())

    says = {use: listed("says", *([use] if use else [])) for use in USES}
    return Words(few("joins"), says, few("is"), few("where"))


def folded(text: str) -> str:
    """Small letters without accents and strokes, in one form of writing."""
    parts = unicodedata.normalize("NFKD", text.casefold()).translate(_strokes())
    return unicodedata.normalize("NFC", "".join(sign for sign in parts if not 0x300 <= ord(sign) <= 0x36F))


@cache
def _strokes() -> Mapping[int, str]:
    return str.maketrans(_listed()["strokes"])


def spoken_in(sentence: str, names: Collection[str], use: str = "") -> str | None:
    """The language in whose harmless words a sentence stands, alone or beside `names`; None when there is none."""
    for code, words in plain_words().items():
        pieces = _unspaced(sentence, words, use) if code in ("ja", "zh", "ko") else sentence.split()
        if pieces and _is_plain(pieces, words, names, use):
            return code
    return None


def _is_plain(pieces: Iterable[str], words: Words, names: Collection[str], use: str) -> bool:
    says, spoken_of, speaks, last = words.says[use], 0, False, ""
    for piece in pieces:
        word = piece.lstrip(_listed()["before"])
        said = word.rstrip(_listed()["after"])
        bare = folded(said)
        if bare:
            parts = _parts(bare, says, names)
            kinds = [part in names or says.has(part) for part in parts]
            if not kinds or not all(kind or part in words.joins for kind, part in zip(kinds, parts, strict=True)):
                return False
            if last in words.forms_of_be and parts[0] in words.prepositions:
                return False
            spoken_of += any(kinds)
            speaks, last = kinds[-1], parts[-1]
        if said != word and not speaks:
            return False
    return speaks and spoken_of >= _FEWEST


def _parts(word: str, says: Listed, names: Collection[str]) -> list[str]:
    """A name or listed word is one; else what an apostrophe or hyphen holds together is looked at one by one."""
    if word in names or word in says.whole:
        return [word]
    return [part for part in word.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("-", "'").split("'") if part]


def _unspaced(sentence: str, words: Words, use: str) -> list[str]:
    """A sentence of a language that does not set words apart, cut into listed pieces; empty when it can't be."""
    known = words.joins | words.says[use].whole
    out: list[str] = []
    for run in _RUNS.findall(sentence):
        if run.isspace():
            continue
        if run in _listed()["asian"]:
            out = [*out[:-1], f"{out[-1]}."] if out else [run]
            continue
        pieces = [run] if run[0].isascii() else _cut(folded(run), known)
        if not pieces:
            return []
        out += pieces
    return out


def _cut(text: str, known: Collection[str]) -> list[str]:
    """Into known pieces, the longest first; empty when something is left."""
    ways: dict[int, list[str]] = {len(text): []}
    for at in range(len(text) - 1, -1, -1):
        ends = (at + length for length in range(min(len(text) - at, _LONGEST_PIECE), 0, -1))
        end = next((end for end in ends if end in ways and text[at:end] in known), None)
        if end is not None:
            ways[at] = [text[at:end], *ways[end]]
    return ways.get(0, [])
