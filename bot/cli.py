"""The `postern` command. Flags come from each skill's ask; nothing here knows what a skill does.

Heavy parts (Git, database, Slack) are imported only by the command that needs them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.settings import Settings

if TYPE_CHECKING:
    from bot.desk import Handled
    from bot.served import App, Served
    from skills.contract import Answer


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status (HOUSE contract: 0, 1, 2, 3, 4, 5, 6, 7)."""
    from bot import output  # noqa: PLC0415 - importing this module must cost nothing
    from bot.desk import attempt  # noqa: PLC0415
    from bot.flags import parsed  # noqa: PLC0415

    output.plain_streams()
    arguments = parsed(argv)
    as_json = bool(arguments.get("json"))
    try:
        status, problem = attempt(lambda: _command(arguments))
        if problem is None:
            return status or 0
        return output.failure(problem.finding, problem.exit_status, as_json=as_json, reference=problem.reference)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _command(arguments: Mapping[str, Any]) -> int:
    from bot.served import Served  # noqa: PLC0415 - not needed for --help
    from bot.tools import TOOLS  # noqa: PLC0415

    settings = Settings.from_env(os.environ)
    name = arguments["command"]
    if name == "demo":
        from bot.demo import run_demo  # noqa: PLC0415

        how = next((each for each in ("scripted", "terminal", "page") if arguments[each]), None)
        return run_demo(settings, how, port=arguments["port"])
    if name == "serve":
        from bot.begin import serve  # noqa: PLC0415

        return serve(settings, arguments["config"] or (), port=arguments["port"], host=arguments["host"])
    if name == "eval":
        from bot.evaluate import kept_cases, run_eval  # noqa: PLC0415

        if arguments["model"]:
            from bot.scenarios import run_scenarios  # noqa: PLC0415

            folder, model = arguments["source"] or ".", arguments["model"]
            return run_scenarios(settings, folder, model, worst=arguments["worst"], as_json=arguments["json"])
        if not arguments["kept"]:
            return run_eval(arguments["source"] or "-", worst=arguments["worst"], as_json=arguments["json"])
    at, who = arguments.get("at"), arguments.get("as_")
    config, repository = arguments.get("config") or (), arguments.get("repository")
    served = Served.build(settings, config=config, repository=repository, at=at, acting_as=who)
    if name == "eval":
        return run_eval(kept_cases(served.shared.memory), worst=arguments["worst"], as_json=arguments["json"])
    if name in TOOLS:
        return TOOLS[name](served, arguments)
    if arguments.get("batch"):
        from bot.batch import run_batch  # noqa: PLC0415

        return run_batch(served, name, arguments["batch"])
    return _skill(served, name, arguments)


def _skill(served: Served, name: str, arguments: Mapping[str, Any]) -> int:
    from bot.flags import ask_of  # noqa: PLC0415

    handled = served.desk.handle(name, ask_of(name, arguments), served.person, served.where)
    if name == "draft" and arguments.get("write") and handled.answer and handled.answer.detail.get("edits"):
        return _write(served.app_called(handled.answer.data.get("repository", "")), handled.answer)
    return _show(name, handled, arguments)


def _write(app: App, answer: Answer) -> int:
    """Only a draft that is proved and leaves no question open goes into the files."""
    from bot import output  # noqa: PLC0415
    from skills.draft.skill import refuse_unproved  # noqa: PLC0415

    refuse_unproved(answer.detail["draft"], answer.detail["need"])
    app.write(answer.detail["edits"])
    output.written(answer)
    return answer.exit_status


def _show(name: str, handled: Handled, arguments: Mapping[str, Any]) -> int:
    from bot import output  # noqa: PLC0415

    if handled.problem:
        problem = handled.problem
        return output.failure(
            problem.finding, problem.exit_status, as_json=arguments["json"], reference=problem.reference
        )
    assert handled.answer is not None
    if arguments["json"]:
        output.one_object(output.data_of(name, handled.answer))
    elif name == "draft" and arguments.get("diff"):
        output.diff(handled.answer)
    else:
        output.human(name, handled.answer, more=arguments["more"])
    return handled.answer.exit_status
