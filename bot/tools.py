"""The commands for whoever runs Postern, beside those of the skills. Each is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.app import App

Arguments = Mapping[str, Any]


def _chat(app: App, arguments: Arguments) -> int:
    from bot.terminal import chat  # noqa: PLC0415 - importing this module must cost nothing

    return chat(app, thread=arguments["thread"])


def _init(app: App, arguments: Arguments) -> int:
    from bot.init import begin  # noqa: PLC0415

    return begin(app, arguments)


def _doctor(app: App, arguments: Arguments) -> int:
    if arguments["egress"]:
        from bot.reach import run_egress  # noqa: PLC0415

        return run_egress(app, arguments["for_"], arguments["choose"], as_json=arguments["json"])
    from bot.doctor import run_doctor  # noqa: PLC0415

    return run_doctor(app, as_json=arguments["json"], quick=arguments["quick"])


def _requests(app: App, arguments: Arguments) -> int:
    from bot.requests import run_requests  # noqa: PLC0415

    return run_requests(app, arguments["action"], arguments["key"], as_json=arguments["json"])


def _log(app: App, arguments: Arguments) -> int:
    from bot.audit import Wanted, run_log  # noqa: PLC0415

    wanted = Wanted(**{name: arguments[name] for name in ("key", "who", "kind", "since", "until", "last")})
    form, anchor, as_json = arguments["form"], arguments["anchor"], arguments["json"]
    return run_log(app.memory, arguments["action"], wanted, form=form, anchor=anchor, as_json=as_json)


def _ai(app: App, arguments: Arguments) -> int:
    from bot.model import run_ai  # noqa: PLC0415

    return run_ai(app, arguments["action"], arguments["words"], as_json=arguments["json"])


def _policy(app: App, arguments: Arguments) -> int:
    from bot.policy import run_policy  # noqa: PLC0415

    return run_policy(app, arguments["action"], arguments)


TOOLS: Mapping[str, Callable[[App, Arguments], int]] = {
    "chat": _chat,
    "init": _init,
    "doctor": _doctor,
    "requests": _requests,
    "log": _log,
    "ai": _ai,
    "policy": _policy,
}
