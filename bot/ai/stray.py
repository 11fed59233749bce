"""What looks like a secret or a person's number to no rule of the house, and goes to no model all the same.

A person who reads an error needs such words, and so the redaction of the house leaves them; a model does not. So here a
word too many is masked rather than one too few: it becomes `***masked***`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import re2

MARK = "***masked***"
# Of persons and money: IBAN, cards and accounts in groups, social security, telephone.
_NUMBERS = re2.compile(
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b|\b\d(?:[ -]?\d){11,30}\b|\b\d{3}-\d{2}-\d{4}\b"
    r"|\+\d(?:[ ()/-]{0,2}\d){6,14}\b|\b\d{6,}\b"
)
_SAID = re2.compile(
    r"(?i)((?:pass(?:word|wort|phrase|code|wd)|\bpwd?\b|\bpin\b|\botp\b|secret|token|geheimnis|mot de passe"
    r"|contrase\pL+|senha|has[łl]o|парол\pL*|密码|密碼|パスワード|비밀번호)[\"'\\]*\s*(?:is|ist|lautet|est|es|é|は|[:=\x{FF1A}])"
    r"\s*[\"'\\]*)([^\s\"'\\]{4,})"
)
_WORD = re2.compile(r"[^\s,;()\[\]{}<>\"'`|=&?\\]+")
_PART = re2.compile(r"[A-Za-z0-9]{8,}")
_TURN = re2.compile(r"[a-z](?:[A-Z])")
_LONG, _TURNS = 16, 5


def without_strays(text: str, known: Collection[str]) -> str:
    """`known` are words in small letters that stay whatever they look like: names of workloads and environments."""
    text = _SAID.sub(_unless_plain, _NUMBERS.sub(MARK, text))
    return str(_WORD.sub(lambda match: MARK if _is_stray(match.group(), known) else match.group(), text))


def _unless_plain(match: Any) -> str:
    """`password is wrong` stays, `password is correct-horse` does not."""
    word = match.group(2).rstrip(".,;!")
    return str(match.group()) if word.isalpha() or word.startswith("***") else f"{match.group(1)}{MARK}"


def _is_stray(word: str, known: Collection[str]) -> bool:
    """Letters and digits mixed in one long part, or large and small ones over and over; no host, path or known name."""
    bare = word.strip(".:!?*").casefold()
    if bare in known or word.startswith(("***", "EG-")):
        return False
    if "." in word or "/" in word or "://" in word:
        return "." not in word and len(word) > _LONG and _mixes(word) and len(_TURN.findall(word)) >= _TURNS
    parts = _PART.findall(word)
    return any(_mixes(part) or (len(part) >= _LONG and len(_TURN.findall(part)) >= _TURNS) for part in parts)


def _mixes(part: str) -> bool:
    return any(sign.isdigit() for sign in part) and any(sign.isalpha() for sign in part)
