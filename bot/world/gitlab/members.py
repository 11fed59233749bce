"""Who somebody is at GitLab at this moment: still there, still a member, still in a group. Nothing of it is kept.

https://docs.gitlab.com/api/members/, https://docs.gitlab.com/api/users/
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bot.world.gitlab.calls import Calls
from skills.core.errors import NotAllowed, Unreachable
from skills.core.model import Membership

_MOST = 2000  # members of one group that are read
_ACTIVE = "active"


def membership(calls: Calls, name: str) -> Membership:
    """By the very user name; a member by whatever group counts as one."""
    user = next(
        (each for each in calls.of_all("/users", username=name) if str(each["username"]).casefold() == name.casefold()),
        None,
    )
    if user is None:
        return Membership(known=False)
    found = calls.member(int(user["id"]))
    level = int(found["access_level"]) if found and _is_in(found) else None
    return Membership(known=True, active=user.get("state") == _ACTIVE and not user.get("locked"), level=level)


def members_of(calls: Calls, group: str, least: int) -> tuple[str, ...]:
    """User names of its active members, inherited ones too, who have at least this access level in it."""
    try:
        found = calls.of_all(f"/groups/{quote(group, safe='')}/members/all", _MOST + 1)
    except NotAllowed as refused:
        why = "there is no such group, or Postern's user can't see it"
        raise Unreachable("EGR1664", group=group, why=why if refused.code == "EGR492" else refused.code) from None
    if len(found) > _MOST:
        raise Unreachable("EGR1664", group=group, why=f"more than {_MOST} are in it")
    return tuple(str(each["username"]) for each in found if _is_in(each) and int(each["access_level"]) >= least)


def _is_in(member: dict[str, Any]) -> bool:
    """Whoever is invited and has not come, or waits to be let in, is no member yet."""
    return member.get("state") == _ACTIVE and member.get("membership_state", _ACTIVE) == _ACTIVE
