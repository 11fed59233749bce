"""What `doctor` says of Postern's own token: when it ends, and whether it may do too much or too little."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from bot.world.gitlab.calls import Calls
from skills.core.errors import NotAllowed
from skills.core.model import Finding

_SOON = 30  # days
_NEEDED = "api"
# The first four give nothing that `api` does not give; with the last a token can be replaced by itself before it ends.
_HARMLESS = frozenset({_NEEDED, "read_api", "read_repository", "write_repository", "read_user", "self_rotate"})
_DEVELOPER, _OWNER = 30, 50
_ROLES = {10: "Guest", 15: "Planner", 20: "Reporter", 30: "Developer", 40: "Maintainer", 50: "Owner"}


def token_findings(calls: Calls, now: datetime) -> Iterator[Finding]:
    """Faults first, then warnings; a token that is in order gives one line.

    Raises:
        NotAllowed, Unreachable: as every call.
    """
    where = calls.where
    try:
        token = calls.own_token()
    except NotAllowed as failure:
        if failure.code != "EGR491":
            raise
        # GitLab lets a token look at itself unless it may not use the API at all.
        yield Finding("EGR047", {"where": where, "scopes": "no scope for the API"})
        return
    user = calls.own_user()
    level = calls.own_level()
    found = [*_scopes(token, where), *_expiry(token, now.date(), where), *_role(user, level, calls)]
    yield from found
    if not found:
        role, until = _ROLES.get(level or 0, str(level)), token.get("expires_at")
        yield Finding("EGR054", {"where": where, "user": user["username"], "role": role, "until": until})


def _scopes(token: dict[str, Any], where: str) -> Iterator[Finding]:
    scopes = set(token.get("scopes") or ())
    if _NEEDED not in scopes:
        yield Finding("EGR047", {"where": where, "scopes": ", ".join(sorted(scopes)) or "none"})
    if more := scopes - _HARMLESS:
        yield Finding("EGR048", {"where": where, "scopes": ", ".join(sorted(more))})


def _expiry(token: dict[str, Any], today: date, where: str) -> Iterator[Finding]:
    until = token.get("expires_at")
    if token.get("revoked") or token.get("active") is False:
        yield Finding("EGR050", {"where": where, "until": until})
    elif until is None:
        yield Finding("EGR051", {"where": where})
    elif (days := (date.fromisoformat(until[:10]) - today).days) <= _SOON:
        yield Finding("EGR049", {"where": where, "until": until[:10], "days": days})


def _role(user: dict[str, Any], level: int | None, calls: Calls) -> Iterator[Finding]:
    facts = {"user": user["username"], "project": calls.project}
    if user.get("is_admin"):
        yield Finding("EGR053", {**facts, "role": "administrator"})
    elif level is None or level < _DEVELOPER:
        yield Finding("EGR052", {**facts, "role": _ROLES.get(level or 0, "no role")})
    elif level >= _OWNER:
        yield Finding("EGR053", {**facts, "role": _ROLES[_OWNER]})
