"""What Slack says of a user at the moment of a decision: still there, a full member, of this workspace, a person.

https://docs.slack.dev/reference/methods/users.info, https://docs.slack.dev/reference/objects/user-object
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from skills.core.errors import Unreachable
from skills.core.model import Person, Standing

_SURFACE = "slack"
_PATIENCE = 5  # seconds for Slack to answer
_GONE = ("user_not_found", "user_not_visible", "users_not_found")


class SlackUsers:
    """Asks Slack anew each time: who left a minute ago decides nothing any more. Called in a thread, never in a loop.

    `client` speaks to Slack; its address may be changed.
    """

    def __init__(self, token: str, client: WebClient | None = None) -> None:
        self.client = client or WebClient(token=token, timeout=_PATIENCE, retry_handlers=[])
        self._home: Mapping[str, Any] | None = None

    def __call__(self, person: Person) -> Standing | None:
        """None for whoever is no user of Slack. Raises Unreachable EGR1645, EGR1649."""
        parts = person.id.split(":")
        if len(parts) != 3 or parts[0] != _SURFACE:
            return None
        try:
            home = self._home = self._home or self._asked(self.client.auth_test)
            found = self._asked(lambda: self.client.users_info(user=parts[2]))
        except SlackApiError as failure:
            why = str(failure.response.get("error", "no reason given"))
            if why in _GONE:
                return Standing(active=False)
            raise Unreachable("EGR1649" if why == "missing_scope" else "EGR1645", why=why) from None
        except (OSError, TimeoutError) as failure:
            raise Unreachable("EGR1645", why=type(failure).__name__) from None
        return standing(found.get("user") or {}, home, parts[1])

    def _asked(self, call: Callable[[], Any]) -> Mapping[str, Any]:
        data: Mapping[str, Any] = call().data
        return data


def standing(user: Mapping[str, Any], home: Mapping[str, Any], team: str) -> Standing:
    """`home` is the answer of auth.test, `team` the workspace that the signed payload named."""
    profile = user.get("profile") or {}
    email = str(profile.get("email") or "") if user.get("is_email_confirmed") else ""
    return Standing(
        active=not user.get("deleted", True),
        guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        external=_is_external(user, home, team),
        bot=bool(user.get("is_bot") or user.get("is_workflow_bot")) or user.get("id") == "USLACKBOT",
        email=email,
        name=str(profile.get("real_name") or user.get("real_name") or ""),
        org_id=str((user.get("enterprise_user") or {}).get("id") or ""),
    )


def _is_external(user: Mapping[str, Any], home: Mapping[str, Any], team: str) -> bool:
    """Slack Connect brings people of other workspaces into a channel; those of one organisation are no strangers."""
    if user.get("is_stranger"):
        return True
    grid = home.get("enterprise_id")
    if grid and (user.get("enterprise_user") or {}).get("enterprise_id") == grid:
        return False
    return user.get("team_id") != home.get("team_id") or team not in (home.get("team_id"), grid)
