"""The demo as a page: the real service, on the sample, speaking to a small workspace of ours instead of Slack."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import replace

from bot.desk import attempt
from bot.serve import run
from bot.served import App, Served
from bot.settings import Secret
from bot.slack.manifest import manifest
from bot.terminal import say_lines, short, show_lines
from bot.web.playground.page import Shown
from bot.web.playground.serving import HOST, Playground, free_port, playground
from bot.web.playground.workspace import Channel, Json, User, Workspace
from bot.world.forge import MergeRequest
from bot.world.forge_local import LocalForge
from skills.core.change import unified_diff
from skills.core.model import Edit, Finding, Person, Request

_BOT = User("UPOSTERN", "postern", "Postern", is_bot=True)
_ALERTS = User("UGRAFANA", "grafana", "Grafana", is_bot=True)
_ALERT = (
    "*[FIRING] payment-gateway: calls to an external API fail*\n"
    "```curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached```"
)
_PAYMENTS, _PLATFORM, _SECURITY = "C0PAYMENTS", "C0PLATFORM", "G0SECURITY"


def serve_page(served: Served, people: Sequence[Person], examples: Sequence[tuple[str, str]], *, port: int = 0) -> int:
    """Serves the page until it is stopped. `people` can be played, the first one at first.

    `examples` are titles and words that may be tried.
    """
    return asyncio.run(_serve(served, people, examples, port))


async def _serve(served: Served, people: Sequence[Person], examples: Sequence[tuple[str, str]], port: int) -> int:
    app = served.first
    here, bot_port = workspace(people), free_port()
    known = {user_id(person): person for person in people}

    def shown(_made: Playground) -> Shown:
        features = manifest()["features"]
        places = [(_PAYMENTS, f"@{_BOT.real_name} "), *((here.direct(user).id, "") for user in known)]
        return Shown(
            tuple(known),
            examples=tuple(
                {"title": title, "channel": channel, "text": before + words}
                for channel, before in places
                for title, words in examples
            ),
            commands=tuple(features["slash_commands"]),
            shortcuts=tuple(features["shortcuts"]),
            merge_requests=lambda: asyncio.to_thread(lambda: listed(app)),
            merge_request=lambda url: asyncio.to_thread(lambda: one_of(app, url)),
        )

    async with playground(here, shown, f"http://{HOST}:{bot_port}/slack/events", port=port) as made:
        app.forges.pages = f"{made.url}/merge_requests/"
        settings = replace(
            app.settings,
            slack_api=made.api_url,
            slack_bot_token=Secret(made.keys.token),
            slack_signing_secret=Secret(made.keys.signing_secret),
            slack_app_token=None,
            slack_approvers_channel=_SECURITY,
        )
        show_lines(*say_lines(Finding("EGR1801", {"address": made.address})))
        _open(made.address)
        await run(
            Served([app]), settings, bot_port, HOST, lambda _team, user: known.get(user) or Person(f"slack:{user}")
        )
    return 0


def _open(address: str) -> None:
    """Only where there is a screen: elsewhere a browser of the terminal would take the terminal away."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def user_id(person: Person) -> str:
    return "U" + "".join(each for each in short(person).upper() if each.isalnum())


def workspace(people: Sequence[Person]) -> Workspace:
    """Channels in which the sample's teams talk, with an alert of another bot in the first."""
    titles = ("asks for egress", "approves it")
    users = [
        User(user_id(each), short(each), each.name or short(each).capitalize(), each.id, titles[number > 0])
        for number, each in enumerate(people)
    ]
    here = Workspace(_BOT, [*users, _ALERTS])
    everyone = [user.id for user in users]
    here.add_channel(Channel(_PAYMENTS, "payments", "channel", [*everyone, _BOT.id], "What our payments must reach"))
    here.add_channel(Channel(_PLATFORM, "platform", "channel", [*everyone, _BOT.id], "Clusters, meshes, egress"))
    here.add_channel(Channel(_SECURITY, "security", "group", [*everyone[1:], _BOT.id], "Approvers only"))
    for user in everyone:
        here.direct(user)
    alert: Json = {"type": "section", "text": {"type": "mrkdwn", "text": _ALERT}}
    here.post(
        here.channel(_PAYMENTS),
        {"user": _ALERTS.id, "bot_id": "B0GRAFANA", "text": "payment-gateway: calls fail", "blocks": [alert]},
    )
    return here


# --- merge requests of the local forge


def listed(app: App) -> list[Json]:
    """Newest first."""
    found = [merge for request in app.requests() if (merge := _found(app, request))]
    return [_short(merge) for merge in sorted(found, key=lambda each: -each.number)]


def one_of(app: App, url: str) -> Json | None:
    for request in app.requests():
        merge = _found(app, request) if request.url == url else None
        if merge:
            return {**_short(merge), **_whole(app, request, merge)}
    return None


def _found(app: App, request: Request) -> MergeRequest | None:
    made, _ = attempt(lambda: app.forge.find(request.key))
    return made


def _short(merge: MergeRequest) -> Json:
    return {
        "number": merge.number,
        "title": merge.title,
        "url": merge.url,
        "state": merge.state,
        "author": merge.author,
    }


def _whole(app: App, request: Request, merge: MergeRequest) -> Json:
    def diff(path: str) -> str:
        before, after = app.forge.text(path, merge.base), app.forge.text(path, merge.head)
        return unified_diff(Edit(path, before, after or ""))

    paths = app.forge.changed(merge.number) if isinstance(app.forge, LocalForge) else request.paths
    shown = request.drawn.diff if request.drawn else ""  # what was decided on stands first, the diagram behind it
    files = sorted(paths, key=lambda path: f"b/{path}" not in shown)
    return {
        "source": merge.source_branch,
        "target": merge.target_branch,
        "head": merge.head,
        "merged_commit": merge.merged_commit,
        "labels": merge.labels,
        "reviewers": merge.reviewers,
        "approvals": merge.approvals,
        "notes": [{"by": note.by, "at": note.at, "text": note.text} for note in merge.notes],
        "body": merge.body,
        "files": [{"path": path, "diff": diff(path)} for path in files],
    }
