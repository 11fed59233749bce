"""Whether the model has something to add to a turn, and what. Decided by rule, so that most turns cost nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.ai.claims import is_foreign
from bot.ai.told import Told

PURPOSES = ("understand", "explain", "guess", "justify", "summarise")
_UNSURE = ("unclear", "reply", "same", "other")
_FEW = 4  # words: fewer describe no app
_NO_RULE = ("app_error", "no_error")


def purpose(told: Told) -> str | None:
    """One of PURPOSES; None where the rule-made answer says it all."""
    asking = (told.known.get("asking") or {}).get("id")
    if told.verb == "open" and asking == "reason":
        return "justify"
    answers = dict(told.answers)
    if "propose" in answers:
        return "summarise"
    described = len(told.words.split()) > _FEW or not told.words.isascii()
    if asking == "workload" and told.verb in ("check", "diagnose") and described:
        return "understand"
    if not answers:
        return "understand" if told.verb in _UNSURE else None
    if told.verb in ("check", "diagnose", "remove") and (len(_apps(told)) > 1 or _is_wide(told)):
        return "understand"
    if "diagnose" in answers and answers["diagnose"].data.get("symptom") in _NO_RULE:
        return "guess"
    return "explain" if is_foreign(told.words) else None


def _is_wide(told: Told) -> bool:
    """A whole domain or network that is not allowed: less may be enough."""
    verdicts = [verdict for _, answer in told.answers for verdict in answer.detail.get("verdicts") or ()]
    return any(not verdict.allowed and any(sign in verdict.destination.name for sign in "*/") for verdict in verdicts)


def _apps(told: Told) -> set[str]:
    """Workloads that the words name; a namespace beside its own workload is not another one."""
    named = told.named
    return {name for name in named if not any(other.startswith(f"{name}/") for other in named)}


def remembered(state: Mapping[str, Any]) -> dict[str, Any]:
    """What a thread is about, from its structured state: goal, facts, decisions. Never what anybody wrote."""
    goal = {"for": state.get("for"), "to": state.get("to"), "remove": state.get("remove")}
    read = state.get("read") or {}
    facts = {"platform": state.get("platform"), "symptom": read.get("symptom")}
    if state.get("to") and "allowed" in state:
        facts["last check"] = "allowed" if state["allowed"] else "not allowed"
    decisions = {"drafted": bool(state.get("digest")) or None, "request": state.get("key"), "until": state.get("until")}
    kept = {"goal": goal, "facts": facts, "decisions": decisions}
    return {name: found for name, given in kept.items() if (found := {k: v for k, v in given.items() if v})}
