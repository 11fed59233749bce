"""The commands for whoever runs Postern, beside those of the skills. Each is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.served import Served

Arguments = Mapping[str, Any]


def _chat(served: Served, arguments: Arguments) -> int:
    from bot.terminal import chat  # noqa: PLC0415 - importing this module must cost nothing

    return chat(served, thread=arguments["thread"])


def _init(served: Served, arguments: Arguments) -> int:
    from bot.init import begin  # noqa: PLC0415

    return begin(served.one(), arguments)


def _doctor(served: Served, arguments: Arguments) -> int:
    if arguments["egress"]:
        from bot.reach import run_egress  # noqa: PLC0415

        return run_egress(served.one(), arguments["for_"], arguments["choose"], as_json=arguments["json"])
    from bot.doctor import run_doctor  # noqa: PLC0415

    return run_doctor(served, as_json=arguments["json"], quick=arguments["quick"])


def _requests(served: Served, arguments: Arguments) -> int:
    from bot.requests import run_requests  # noqa: PLC0415

    return run_requests(served, arguments["action"], arguments["key"], as_json=arguments["json"])


def _log(served: Served, arguments: Arguments) -> int:
    from bot.audit import Wanted, run_log  # noqa: PLC0415

    wanted = Wanted(**{name: arguments[name] for name in ("key", "who", "kind", "since", "until", "last")})
    form, anchor, as_json = arguments["form"], arguments["anchor"], arguments["json"]
    return run_log(served.shared.memory, arguments["action"], wanted, form=form, anchor=anchor, as_json=as_json)


def _ai(served: Served, arguments: Arguments) -> int:
    from bot.model import run_ai  # noqa: PLC0415

    return run_ai(served.one(), arguments["action"], arguments["words"], as_json=arguments["json"])


def _policy(served: Served, arguments: Arguments) -> int:
    from bot.policy import run_policy  # noqa: PLC0415

    return run_policy(served.one(), arguments["action"], arguments)


TOOLS: Mapping[str, Callable[[Served, Arguments], int]] = {
    "chat": _chat,
    "init": _init,
    "doctor": _doctor,
    "requests": _requests,
    "log": _log,
    "ai": _ai,
    "policy": _policy,
}
