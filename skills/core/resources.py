"""Reads the files that ship with Postern: sentences, templates, prompts, skill cards. Nothing else is read here."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_SKILLS = Path(__file__).resolve().parent.parent
_ROOT = _SKILLS.parent
_SHIPPED = _SKILLS / "_shipped"


def folder(name: str) -> Path:
    """`templates` or `prompts`: beside the code in a checkout, inside the package when installed."""
    shipped = _SHIPPED / name
    return shipped if shipped.is_dir() else _ROOT / name


@cache
def template(name: str) -> str:
    return (folder("templates") / name).read_text(encoding="utf-8")


@cache
def prompt(name: str) -> str:
    return (folder("prompts") / name).read_text(encoding="utf-8")


@cache
def skill_card(skill: str) -> str:
    """The text of skills/<skill>/SKILL.md."""
    return (_SKILLS / skill / "SKILL.md").read_text(encoding="utf-8")
