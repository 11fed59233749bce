"""The `postern` command. Flags come from each skill's ask; nothing here knows what a skill does.

Heavy parts (Git, database, Slack) are imported only by the command that needs them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bot import output
from bot.settings import ALL as ALL_SETTINGS
from bot.settings import Settings
from skills.all_skills import ALL
from skills.contract import Skill, card
from skills.core.errors import AskUnclear, Mendable

if TYPE_CHECKING:
    from bot.app import App
    from bot.desk import Handled

VERSION = "0.1.0"
_BATCHED = ("check", "diagnose")
_MOST_TEXT = 64 * 1024 * 1024  # bytes read of a paste; the report scans a bounded part of it anyway


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit status (HOUSE contract: 0, 1, 2, 3, 4, 5, 6, 7)."""
    output.plain_streams()
    arguments = vars(_parser().parse_args(argv))
    as_json = bool(arguments.get("json"))
    try:
        return _command(arguments)
    except Mendable as error:
        return output.failure(error.finding, error.exit_status, as_json=as_json)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _command(arguments: Mapping[str, Any]) -> int:
    from bot.app import App  # noqa: PLC0415 - not needed for --help

    settings = Settings.from_env(os.environ)
    name = arguments["command"]
    if name == "demo":
        from bot.demo import run_demo  # noqa: PLC0415

        return run_demo(settings, scripted=arguments["scripted"])
    if name == "serve":
        from bot.serve import serve  # noqa: PLC0415

        return serve(settings, arguments["config"], port=arguments["port"])
    app = App.build(settings, config=arguments.get("config"), at=arguments.get("at"), acting_as=arguments.get("as_"))
    if name == "chat":
        from bot.terminal import chat  # noqa: PLC0415

        return chat(app, thread=arguments["thread"])
    if name == "doctor":
        from bot.doctor import run_doctor  # noqa: PLC0415

        return run_doctor(app, as_json=arguments["json"])
    if arguments.get("batch"):
        from bot.batch import run_batch  # noqa: PLC0415

        return run_batch(app, name, arguments["batch"])
    return _skill(app, name, arguments)


def _skill(app: App, name: str, arguments: Mapping[str, Any]) -> int:
    skill = next(skill for skill in ALL if skill.NAME == name)
    ask = _ask(skill, arguments)
    handled = app.desk.handle(name, ask, app.person, app.where)
    if name == "draft" and arguments.get("write") and handled.answer and handled.answer.detail.get("edits"):
        app.write(handled.answer.detail["edits"])
    return _show(name, handled, arguments)


def _show(name: str, handled: Handled, arguments: Mapping[str, Any]) -> int:
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


def _ask(skill: Skill, arguments: Mapping[str, Any]) -> Any:
    given = {}
    for field, info in skill.Ask.model_fields.items():
        value = arguments.get(field)
        if _extra(info).get("file"):
            value = output.read_text(value, _MOST_TEXT)
        if value not in (None, []):
            given[info.alias or field] = tuple(value) if isinstance(value, list) else value
    try:
        return skill.Ask.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = "--" + "-".join(str(part) for part in first["loc"]) if first["loc"] else "the command"
        raise AskUnclear("EGR645", field=field, what=str(first["msg"])) from None


# --- flags, from the asks


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="postern", description="Is this egress allowed, by which line, and if not: the smallest change."
    )
    parser.add_argument("--version", action="version", version=f"postern {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for skill in ALL:
        _skill_parser(commands, skill)
    doctor = commands.add_parser(
        "doctor", help="checks repository, policy and set-up; exit status 3 if it found faults"
    )
    _common(doctor)
    chat = commands.add_parser("chat", help="the same conversation as in Slack, in the terminal")
    _common(chat)
    chat.add_argument("--thread", default="default", help="name of the conversation; each goes on where it ended")
    demo = commands.add_parser("demo", help="everything at once on a sample repository")
    demo.add_argument("--scripted", action="store_true", help="play the main job without a terminal and exit")
    serve = commands.add_parser("serve", help="Slack over HTTP or Socket Mode")
    serve.add_argument("--config", metavar="PATH_OR_URL", help="the allowlist repository")
    serve.add_argument("--port", type=int, default=3000, help="port on loopback for Slack over HTTP (default 3000)")
    return parser


def _skill_parser(commands: Any, skill: Skill) -> None:
    about = card(skill.NAME)
    examples = "examples:\n" + "\n".join(f"  postern {example}" for example in about.examples)
    parser = commands.add_parser(
        skill.NAME,
        help=about.description,
        description=about.description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    batched = skill.NAME in _BATCHED
    for field, info in skill.Ask.model_fields.items():
        _flag(parser, field, info, needed=info.is_required() and not batched)
    _common(parser)
    if batched:
        parser.add_argument(
            "--batch", nargs="?", const="-", metavar="FILE", help="JSON Lines in, one result a line out"
        )
    if skill.NAME == "draft":
        shape = parser.add_mutually_exclusive_group()
        shape.add_argument("--diff", action="store_true", help="print only the unified diff")
        shape.add_argument("--write", action="store_true", help="change the files of the folder in place")


def _flag(parser: argparse.ArgumentParser, field: str, info: Any, *, needed: bool) -> None:
    extra = _extra(info)
    if extra.get("file"):
        parser.add_argument(field, nargs="?", default="-", metavar="FILE", help=info.description)
        return
    if extra.get("positional"):
        parser.add_argument(field, nargs=None if needed else "?", help=info.description)
        return
    flag = f"--{(info.alias or field).replace('_', '-')}"
    if info.annotation is bool:
        parser.add_argument(flag, dest=field, action="store_true", help=info.description)
        return
    many = "tuple" in str(info.annotation)
    action = "append" if many else "store"
    parser.add_argument(flag, dest=field, action=action, required=needed, help=info.description, metavar="TEXT")


def _extra(info: Any) -> Mapping[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _common(parser: argparse.ArgumentParser) -> None:
    config = next(setting for setting in ALL_SETTINGS if setting.name == "config")
    parser.add_argument(
        "--config", metavar="PATH_OR_URL", help=f"{config.help} Default: ${config.variable}, else here."
    )
    parser.add_argument("--at", metavar="REV", help="read the commit REV instead of what is newest")
    parser.add_argument("--as", dest="as_", metavar="PERSON", help="act as someone else; on the local forge only")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
    parser.add_argument("--more", action="store_true", help="with layers, near misses, evidence and commit")
