"""`slack-manifest.yaml`: what the Slack app must be allowed to do, worked out from what the code registers and calls.

    python -m bot.slack.manifest > slack-manifest.yaml

Fields: https://docs.slack.dev/reference/app-manifest. A test compares file and code, and each call with its scope.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from bot.slack.places import DIAGNOSE
from skills.core.short_words import word

SCOPES: Mapping[str, str] = {
    "app_mentions:read": "to hear a mention",
    "assistant:write": "to show that an answer is being worked out, with the button that stops it (agents only)",
    "channels:history": "to go on with a thread without a mention, and to read the alert above a mention",
    "channels:read": "to see whether a channel is private, before its text goes where more people read it",
    "chat:write": "to answer, to draw cards, and to change them in their place",
    "commands": "for /egress and the shortcut on a message",
    "files:read": "to read a long paste that Slack turned into a snippet",
    "files:write": "to hand over a long diff as a snippet",
    "groups:history": "as channels:history, in private channels that it was invited to",
    "groups:read": "as channels:read, in private channels that it was invited to",
    "im:history": "to be talked to in direct messages",
    "users:read": "to see at the click that whoever decides is still a full member of this workspace, and a person",
}
"""Each scope of the bot, and what it is for."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "agents_sessions_setStatus": ("assistant:write",),
    "apps_connections_open": (),
    "auth_test": (),
    "chat_delete": ("chat:write",),
    "chat_postEphemeral": ("chat:write",),
    "chat_postMessage": ("chat:write",),
    "chat_update": ("chat:write",),
    "conversations_history": ("channels:history", "groups:history", "im:history"),
    "conversations_info": ("channels:read", "groups:read"),
    "conversations_replies": ("channels:history", "groups:history", "im:history"),
    "files_upload_v2": ("files:write",),
    "users_info": ("users:read",),
    "views_open": (),
    "views_publish": (),
    "views_update": (),
}
"""The scopes that each method of the Web API asks for; the app-level token has `connections:write` for its own."""

EVENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "agent_session_stopped": ("event:agent_session_stopped", ("assistant:write",)),
    "app_home_opened": ("event:app_home_opened", ()),
    "app_mention": ("event:app_mention", ("app_mentions:read",)),
    "message.channels": ("event:message", ("channels:history",)),
    "message.groups": ("event:message", ("groups:history",)),
    "message.im": ("event:message", ("im:history",)),
}
"""What is subscribed to: the kind that the inbox hears it by, and the scopes that Slack asks for."""

_PROMPTS = ("check", "diagnose", "request", "status")


def manifest(*, socket: bool = True, address: str = "https://POSTERN.example/slack/events") -> dict[str, Any]:
    """`address` is where Slack sends to without Socket Mode."""
    url = {} if socket else {"request_url": address}
    options = {} if socket else {"message_menu_options_url": address}
    command = {"command": "/egress", "description": word("app", "command"), "usage_hint": word("app", "usage")}
    return {
        "display_information": {"name": word("app", "name"), "description": word("app", "description")},
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": word("app", "name"), "always_online": True},
            "agent_view": {
                "agent_description": word("app", "description"),
                "suggested_prompts": [
                    {"title": word("prompt_titles", name), "message": word("prompts", name)} for name in _PROMPTS
                ],
            },
            "shortcuts": [
                {
                    "name": word("app", "shortcut"),
                    "type": "message",
                    "callback_id": DIAGNOSE,
                    "description": word("app", "shortcut_description"),
                }
            ],
            "slash_commands": [{**command, "should_escape": False, **({} if socket else {"url": address})}],
        },
        "oauth_config": {"scopes": {"bot": sorted(SCOPES)}},
        "settings": {
            "event_subscriptions": {**url, "bot_events": sorted(EVENTS)},
            "interactivity": {"is_enabled": True, **url, **options},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": False,
        },
    }


def as_yaml(made: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(made), sort_keys=False, allow_unicode=True, width=120))


def scopes_table() -> str:
    """For docs/SLACK.md."""
    rows = [f"| `{scope}` | {why} |" for scope, why in sorted(SCOPES.items())]
    return "\n".join(("| scope | what for |", "|---|---|", *rows)) + "\n"


def main(arguments: Iterable[str]) -> None:
    """With an address, for Slack over HTTP; else for Socket Mode."""
    given = list(arguments)
    made = manifest(socket=False, address=given[0]) if given else manifest()
    sys.stdout.write(as_yaml(made))


if __name__ == "__main__":
    main(sys.argv[1:])
