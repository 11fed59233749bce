"""Which sentences of a model may be shown. What it may not state it can't, in any language that is shown at all.

A sentence is shown only when all its words are harmless ones (`plain`). Others are dropped, with a reason of their own
where a word claims what only the rules state (allowed, blocked, approved, merged ...), asks for a secret, links, mixes
alphabets, or names a host, file, commit, key or number that neither this turn's results nor the person's words hold.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import re2
import yaml

from bot.ai.plain import folded, spoken_in
from skills.core.resources import prompt

_ENDS = re2.compile(r"[.!?…]+[\"'”’)]*(?:\s+|$)|[。！？।؟]+|\n+")
_WORD = re2.compile(r"[\pL\pM\pN]+(?:['’][\pL]+)?")
_NAME = re2.compile(r"[A-Za-z0-9*_][\w*./:@-]*[A-Za-z0-9_]|\d+")
_LINK = re2.compile(
    r"(?i)[a-z][a-z0-9+.-]*:/|www\.|\]\(|!\[|[<>]|javascript:|data:|mailto:|\b(?:dot|punkt) (?:com|net|org|io)\b"
)
_SECRET = re2.compile(
    r"(?i)\b(?:pass(?:word|wort|phrase|code)s?\b|token|secret|credential|api.?key|geheim|mot de passe|contrase|senha)"
    r"|\bhaslo|парол|密码|密碼|パスワード|비밀번호"
)
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "DEVANAGARI", "HIRAGANA", "KATAKANA", "CJK", "HANGUL")
_ASIAN = frozenset(("HIRAGANA", "KATAKANA", "CJK", "HANGUL"))
_LONGEST = 400  # characters of a sentence


@dataclass(frozen=True, slots=True)
class Language:
    """Short words that it is known by, beginnings of words that claim, and the three verdicts."""

    knows: frozenset[str]
    claims: tuple[str, ...]
    verdicts: Mapping[str, str]


@cache
def languages() -> Mapping[str, Language]:
    loaded: Mapping[str, Mapping[str, Any]] = yaml.safe_load(prompt("languages.yaml"))
    names = ("allowed", "denied", "undecided")
    return {
        code: Language(
            frozenset(folded(word) for word in str(each["knows"]).split()),
            tuple(folded(word) for word in str(each["claims"]).split()),
            dict(zip(names, each["verdicts"], strict=True)),
        )
        for code, each in loaded.items()
    }


@cache
def _claims() -> Any:
    """All beginnings at once, so that a word of another language inside a sentence counts as well."""
    latin = sorted({stem for each in languages().values() for stem in each.claims if stem.isascii()})
    other = sorted({stem for each in languages().values() for stem in each.claims if not stem.isascii()})
    both = (rf"\b(?:un|non|in|re)?(?:{'|'.join(latin)})", "|".join(re2.escape(stem) for stem in other))
    return re2.compile("|".join(both))


def sentences(text: str) -> list[str]:
    """A full stop ends one only before a blank, so that a host stays whole."""
    out, start = [], 0
    for match in _ENDS.finditer(text):
        out.append(text[start : match.end()].strip())
        start = match.end()
    return [each for each in (*out, text[start:].strip()) if each]


def language(text: str) -> str | None:
    """The language by its short words or its alphabet; None when none of ours is recognised."""
    words = [folded(word) for word in _WORD.findall(text)]
    if not words:
        return None
    scripts = {script for word in words for script in _scripts(word)}
    for code, needs in (("ja", {"HIRAGANA", "KATAKANA"}), ("ko", {"HANGUL"}), ("zh", {"CJK"})):
        if scripts & needs:
            return code
    hits = {code: sum(word in each.knows for word in words) for code, each in languages().items()}
    best = max(hits, key=lambda code: hits[code])
    return best if hits[best] * 8 >= len(words) else None


def is_foreign(text: str) -> bool:
    """Whether a person writes in one of our languages that is not English; a pasted error alone is not foreign."""
    found = language(text)
    if found is None or found == "en":
        return False
    words = [folded(word) for word in _WORD.findall(text)]
    return found in ("ja", "zh", "ko") or sum(word in languages()[found].knows for word in words) >= 2


def names_in(texts: Iterable[str]) -> frozenset[str]:
    """What may be named: every host-like word, path, number and key of these texts, each part of it too."""
    found = {folded(match.strip(".:")) for text in texts for match in _NAME.findall(text)}
    parts = {part for name in found for part in _NAME.findall(name.replace("/", " ").replace(":", " "))}
    return frozenset(found | parts)


def fault(sentence: str, names: frozenset[str], known: Collection[str] = (), use: str = "") -> str | None:
    """Why a sentence may not be shown: claim, link, secret, name, alphabet, words or length; None when it may.

    `known` are workloads and environments. Other names that somebody gave may stand in a proposed reason alone.
    """
    if len(sentence) > _LONGEST:
        return "length"
    if any(sign in sentence for sign in "`*_~|#\\") or _LINK.search(sentence):
        return "link"
    plain = folded(sentence)
    if _SECRET.search(plain):
        return "secret"
    if any(len(_scripts(word)) > 1 and not _scripts(word) <= _ASIAN for word in _WORD.findall(plain)):
        return "alphabet"
    spoken = {
        name
        for name in names
        if (name in known or use == "reasons" or (use and name.isdigit())) and not _claims().search(name)
    }
    if spoken_in(sentence, spoken, use):
        return None
    if _claims().search(plain):
        return "claim"
    return "name" if unknown(plain, names) else "words"


def unknown(plain: str, names: frozenset[str]) -> list[str]:
    """Words that look like a host, a path, a key, a commit or a number, and that nobody gave."""
    return [word for match in _NAME.findall(plain) if _is_name(word := match.strip(".:")) and word not in names]


def _is_name(word: str) -> bool:
    return any(sign in word[1:] for sign in "./:@_*") or any(sign.isdigit() for sign in word)


def _scripts(word: str) -> set[str]:
    found = set()
    for sign in word:
        if sign.isalpha():
            name = unicodedata.name(sign, "")
            found.add(next((script for script in _SCRIPTS if name.startswith(script)), "OTHER"))
    return found
