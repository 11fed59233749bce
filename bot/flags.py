"""The command line's flags, derived from each skill's card and ask. Nothing here knows what a skill does."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from bot import output
from bot.settings import ALL as ALL_SETTINGS
from skills.all_skills import ALL, by_name
from skills.contract import Skill, card
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Finding

VERSION = "0.1.0"
_BATCHED = ("check", "diagnose")
_MOST_TEXT = 64 * 1024 * 1024  # bytes read of a paste; the report scans a bounded part of it anyway


def ask_of(name: str, arguments: Mapping[str, Any]) -> Any:
    """The skill's ask from parsed arguments. Raises AskUnclear EGR645 for a field that does not fit."""
    fields = by_name(name).Ask.model_fields
    given = {}
    for field, info in fields.items():
        value = arguments.get(field)
        if _extra(info).get("file"):
            value = output.read_text(value, _MOST_TEXT)
        if value not in (None, []):
            given[info.alias or field] = tuple(value) if isinstance(value, list) else value
    return validated(name, given)


def validated(name: str, given: Mapping[str, Any]) -> Any:
    try:
        return by_name(name).Ask.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the ask"
        if first["type"] == "missing":
            raise AskUnclear("EGR649", field=f"--{field}") from None
        raise AskUnclear("EGR645", field=field, what=str(first["msg"])) from None


class _Typed(argparse.ArgumentParser):
    """A parser whose complaint is a finding and not the end of the process."""

    def error(self, message: str) -> NoReturn:
        raise AskUnclear("EGR1413", verb=self.prog, what=message)


class _Postern(argparse.ArgumentParser):
    """A parser that says in a sentence what a command can do, where it was not told or was told something else."""

    def error(self, message: str) -> NoReturn:
        can = next((each.choices for each in self._actions if each.dest == "action"), None)
        if not can or "action" not in message:
            super().error(message)
        said = say(Finding("EGR644", {"command": self.prog, "can": ", ".join(can), "one": next(iter(can))}))
        self.exit(AskUnclear.exit_status, f"{said.says} {said.do}\n")


def slash_ask(name: str, words: Sequence[str]) -> dict[str, Any]:
    """The fields of a skill's ask from what was typed in a chat, by the names that the ask takes.

    Raises AskUnclear EGR1413, EGR645 or EGR649.
    """
    fields = by_name(name).Ask.model_fields
    typed = _Typed(prog=name, add_help=False, allow_abbrev=False)
    for field, info in fields.items():
        if _extra(info).get("file"):
            typed.add_argument(field, nargs="*", help=info.description)
        else:
            _flag(typed, field, info, needed=info.is_required())
    given = vars(typed.parse_args(list(words)))
    asked = {fields[name].alias or name: _typed(value, fields[name]) for name, value in given.items()}
    made = validated(name, {k: v for k, v in asked.items() if v not in (None, [], (), "", False)})
    return dict(made.model_dump(by_alias=True, exclude_defaults=True))


def _typed(value: Any, info: Any) -> Any:
    if _extra(info).get("file"):
        return " ".join(value)
    return tuple(value) if isinstance(value, list) else value


def parsed(argv: Sequence[str] | None) -> dict[str, Any]:
    """The arguments by name. Ends the process as argparse does where they don't fit.

    Behind another word argparse takes one that may be left out for left out as soon as an option stands before it, as
    in `policy lint --json FILE`.
    """
    top = parser()
    found, rest = top.parse_known_args(argv)
    given = vars(found)
    late = next((name for name in ("file", "words", "key") if given.get(name, "") is None), None)
    if late and len(rest) == 1 and not rest[0].startswith("-"):
        given[late] = rest.pop()
    if rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    return given


def parser() -> argparse.ArgumentParser:
    top = _Postern(
        prog="postern", description="Is this egress allowed, by which line, and if not: the smallest change."
    )
    top.add_argument("--version", action="version", version=f"postern {VERSION}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for skill in ALL:
        _skill_parser(commands, skill)
    _setup_parsers(commands)
    chat = commands.add_parser("chat", help="the same conversation as in Slack, in the terminal")
    _common(chat)
    chat.add_argument("--thread", default="default", help="name of the conversation; each goes on where it ended")
    _evaluate(commands)
    requests = commands.add_parser("requests", help="the queue: what is open, what failed, what GitLab says of it")
    requests.add_argument("action", choices=("list", "show", "retry", "sync"), help="what to do")
    requests.add_argument("key", nargs="?", help="one request's key; without it all that are open")
    _common(requests)
    _model(commands)
    _policy_parser(commands)
    _demo_parser(commands)
    _log_parser(commands)
    serve = commands.add_parser("serve", help="Slack over HTTP or Socket Mode, and GitLab's webhooks")
    serve.add_argument("--config", action="append", metavar="PATH_OR_URL", help="an allowlist repository; repeatable")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    serve.add_argument(
        "--port", type=int, default=3000, help="port for Slack over HTTP, webhooks, /healthz and /readyz (default 3000)"
    )
    return top


def _setup_parsers(commands: Any) -> None:
    doctor = commands.add_parser(
        "doctor", help="checks repository, policy and set-up; exit status 3 if it found faults"
    )
    doctor.add_argument("--quick", action="store_true", help="only what a running service needs: repository and state")
    doctor.add_argument("--egress", action="store_true", help="what Postern itself must reach, and the rule for it")
    doctor.add_argument("--for", dest="for_", metavar="TEXT", help="the workload that Postern runs as, for --egress")
    doctor.add_argument("--choose", metavar="TEXT", help="the way to open a host, as in draft, for --egress")
    _common(doctor)
    init = commands.add_parser("init", help="writes a first policy and settings from what the repository says")
    _config(init)
    init.add_argument(
        "--approver", action="append", metavar="NAME", help="who approves, beside the people of CODEOWNERS; repeatable"
    )
    init.add_argument("--slack", choices=("socket", "http"), help="how Slack reaches Postern (default socket)")
    init.add_argument("--postgres", action="store_true", default=None, help="keep the state in a PostgreSQL of yours")
    init.add_argument("--out", metavar="FOLDER", help="where postern.env goes; without it, POSTERN_HOME")
    init.add_argument("--yes", action="store_true", help="ask nothing")
    init.add_argument("--json", action="store_true", help="one JSON object instead of sentences; asks nothing")


def _demo_parser(commands: Any) -> None:
    demo = commands.add_parser("demo", help="everything at once on a sample repository")
    how = demo.add_mutually_exclusive_group()
    how.add_argument("--scripted", action="store_true", help="play the main job without a terminal and exit")
    how.add_argument("--terminal", action="store_true", help="talk in the terminal instead of in a browser")
    how.add_argument("--page", action="store_true", help="serve the page even where there is no terminal")
    demo.add_argument("--port", type=int, default=0, help="port of the page (default: one that is free)")


def _model(commands: Any) -> None:
    model = commands.add_parser("ai", help="what would be sent to the language model, and what its calls took")
    model.add_argument("action", choices=("preview", "calls"), help="what to show")
    model.add_argument("words", nargs="?", help="for preview: what somebody says, or - for standard input")
    _common(model)


def _evaluate(commands: Any) -> None:
    evaluate = commands.add_parser("eval", help="how well labelled error texts are read: accuracy and the worst cases")
    evaluate.add_argument(
        "source", metavar="FILE", nargs="?", help="JSON Lines of labelled cases, or - for standard input"
    )
    evaluate.add_argument(
        "--model", metavar="NAME", help="score a language model (provider:model) on the scenarios of the folder FILE"
    )
    evaluate.add_argument("--kept", action="store_true", help="the cases that people kept by saying *not right*")
    evaluate.add_argument(
        "--config", action="append", metavar="PATH_OR_URL", help="the allowlist repository, for --kept"
    )
    evaluate.add_argument("--worst", type=int, default=10, metavar="N", help="how many of the worst cases to show")
    evaluate.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def _policy_parser(commands: Any) -> None:
    policy = commands.add_parser(
        "policy", help="egress-policy.yaml: is it right, what does it mean, who would be asked"
    )
    policy.add_argument("action", choices=("lint", "test", "explain", "schema"), help="what to do")
    policy.add_argument(
        "file", metavar="FILE", nargs="?", help="lint: another policy than the repository's; test: the examples"
    )
    policy.add_argument("--for", dest="for_", metavar="WORKLOAD", default="", help="explain: the workload")
    policy.add_argument("--to", action="append", metavar="DESTINATION", help="explain: what it must reach")
    policy.add_argument("--who", metavar="PERSON", help="explain: who asks; else you")
    policy.add_argument("--until", metavar="DATE", help="explain: last day on which it is needed")
    policy.add_argument("--reason", metavar="TEXT", help="explain: why it is needed")
    policy.add_argument("--answer", action="append", metavar="ID=TEXT", help="explain: an answer to a question")
    _common(policy)


def _skill_parser(commands: Any, skill: Skill) -> None:
    about = card(skill.NAME)
    examples = "examples:\n" + "\n".join(
        f"  postern {example}" for example in about.examples if example.startswith(about.name)
    )
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


def _log_parser(commands: Any) -> None:
    kept = commands.add_parser("log", help="the audit log: who did and was refused what, and whether it is whole")
    kept.add_argument("action", choices=("list", "export", "verify"), help="what to do")
    kept.add_argument("--key", metavar="KEY", help="only what one request is about")
    kept.add_argument("--who", metavar="PERSON", help="only what this person did or was refused")
    kept.add_argument("--kind", metavar="KIND", help="only one kind of line, as decide, propose or carry_out")
    kept.add_argument("--since", metavar="DAY", help="from this day on, as 2027-01-31 (UTC)")
    kept.add_argument("--until", metavar="DAY", help="up to this day (UTC)")
    kept.add_argument("--last", type=int, metavar="N", help="only the last N of them")
    kept.add_argument("--format", dest="form", choices=("ndjson", "csv"), default="ndjson", help="how to export")
    kept.add_argument(
        "--anchor", metavar="LINES:HASH", help="a head that verify printed before: it must still be there"
    )
    _common(kept)


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


def _config(parser: argparse.ArgumentParser) -> None:
    config = next(setting for setting in ALL_SETTINGS if setting.name == "config")
    parser.add_argument(
        "--config",
        action="append",
        metavar="PATH_OR_URL",
        help=f"{config.help.partition('.')[0]}. Repeatable; or the name of one that ${config.variable} names."
        f" Default: ${config.variable}, else here.",
    )
    parser.add_argument(
        "--repository", metavar="NAME", help="the one that is meant where several allowlist repositories are set"
    )


def _common(parser: argparse.ArgumentParser) -> None:
    _config(parser)
    parser.add_argument("--at", metavar="REV", help="read the commit REV instead of what is newest")
    parser.add_argument("--as", dest="as_", metavar="PERSON", help="act as someone else; on the local forge only")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
    parser.add_argument("--more", action="store_true", help="with layers, near misses, evidence and commit")
