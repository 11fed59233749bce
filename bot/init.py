"""`postern init`: a first configuration from what the repository says of itself, and little asked.

It writes `egress-policy.yaml` and `postern.env`, each only where there is none; what stands is never changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bot import output
from bot.app import App
from bot.settings import ALL, Setting
from bot.world.config_repo import origin_of
from skills.core import first_policy, wire
from skills.core.all_platforms import ALL as PLATFORMS
from skills.core.codeowners import owners
from skills.core.errors import Unreachable
from skills.core.messages import say
from skills.core.model import Finding, few, finding
from skills.core.policy import PATH as POLICY_PATH
from skills.core.rendering import render

ENV_FILE = "postern.env"
_PRIVATE, _SHARED = 0o600, 0o644
_MOST_NAMED = 6
_BARE_WORDS = frozenset("/:.@_-+=,%~")


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person may say; None was not said. `out` is the folder for what does not go into the repository."""

    approvers: tuple[str, ...] | None = None
    slack: Literal["socket", "http"] | None = None
    postgres: bool | None = None
    out: Path | None = None


def begin(app: App, arguments: Mapping[str, Any]) -> int:
    """As the command line asks for it: questions only at a terminal, and only for what no flag says."""
    asked, out = arguments["approver"], arguments["out"]
    approvers = tuple(asked) if asked else None
    choices = Choices(approvers, arguments["slack"], arguments["postgres"], Path(out) if out else None)
    silent = arguments["yes"] or arguments["json"]
    return run_init(app, choices, as_json=arguments["json"], ask=None if silent else at_the_terminal())


def run_init(app: App, choices: Choices, *, as_json: bool, ask: Callable[[str], str] | None) -> int:
    """`ask` puts one question to a person and gives the answer; None where nobody sits there: then defaults count.

    Raises Unreachable EGR1831 when a file can't be written, and what reading the repository may raise.
    """
    found = look(app)
    if not as_json:
        _tell(found)
    chosen = _asked(choices, ask) if ask else choices
    policy = first_policy.propose(_governed(app), lambda paths: _owners(app, paths), chosen.approvers or ())
    done = [
        *_policy(app, first_policy.text_of(policy, dialects_of(app)), chosen),
        *_settings(app, chosen),
        Finding("EGR1829", {"env": str(_out(app, chosen) / ENV_FILE), "config": app.repository}),
    ]
    if as_json:
        output.one_object({"findings": wire.findings([*found, *done])})
    else:
        _tell(done)
    return 0


def dialects_of(app: App) -> list[str]:
    """The dialects whose rules stand in the repository."""
    readings = app.snapshots.read(app.source).allowlist.expanded.readings.values()
    return [each.NAME for each in PLATFORMS if any(reading.entries.get(each.NAME) for reading in readings)]


def look(app: App) -> list[Finding]:
    """What the repository says of itself."""
    allowlist = app.snapshots.read(app.source).allowlist
    dialects, names = dialects_of(app), allowlist.names()
    if not dialects:
        return [Finding("EGR1821", {"where": app.repository})]
    files, spoken = len(_governed(app)), ", ".join(dialects)
    found = [finding("EGR1820", where=app.repository, files=files, dialects=spoken, count=len(names))]
    named = _owners(app, _governed(app))
    if named:
        found.append(Finding("EGR1822", {"owners": few(named, _MOST_NAMED)}))
    return found


def _governed(app: App) -> list[str]:
    """The files that hold rules of some dialect."""
    readings = app.snapshots.read(app.source).allowlist.readings
    names = {each.NAME for each in PLATFORMS}
    return sorted(
        path for path, reading in readings.items() if names & {k for k, found in reading.entries.items() if found}
    )


def _owners(app: App, paths: Iterable[str]) -> list[str]:
    return owners(app.snapshots.read(app.source).allowlist.texts, paths)


def _asked(choices: Choices, ask: Callable[[str], str]) -> Choices:
    """What was not said by a flag. An empty answer takes what the question names."""

    def put(code: str) -> str:
        return ask(say(finding(code)).says).strip()

    if choices.approvers is None:
        choices = replace(choices, approvers=tuple(put("EGR1823").replace(",", " ").split()))
    if choices.slack is None:
        choices = replace(choices, slack="http" if put("EGR1824").casefold().startswith("h") else "socket")
    if choices.postgres is None:
        choices = replace(choices, postgres=put("EGR1825").casefold().startswith("y"))
    return choices


# --- what is written


def _out(app: App, choices: Choices) -> Path:
    return (choices.out or app.settings.home).absolute()


def _policy(app: App, text: str, choices: Choices) -> list[Finding]:
    """Into the folder, where it is one; else beside the settings, to be committed by hand."""
    folder = app.repo.path if app.repo.kind == "folder" else None
    if folder is None and app.policy().present:
        return [Finding("EGR1827", {"path": POLICY_PATH})]
    path = (folder or _out(app, choices)) / POLICY_PATH
    if not _written(path, text, _SHARED):
        return [Finding("EGR1827", {"path": str(path)})]
    return [Finding("EGR1826", {"path": str(path)}), finding("EGR1828", name=POLICY_PATH)]


def _settings(app: App, choices: Choices) -> list[Finding]:
    path = _out(app, choices) / ENV_FILE
    config = (origin_of(app.repo.path) if app.repo.path else None) or app.repository
    given = {"config": config, "database": "" if choices.postgres else None, "target": app.settings.target}
    socket = (choices.slack or "socket") == "socket"
    wanted = {"slack_bot_token", "slack_app_token" if socket else "slack_signing_secret"}
    if config.startswith("https://"):
        wanted |= {"gitlab_token", "gitlab_webhook_secret"}
    first = [
        (each, given.get(each.name) or "") for each in ALL if given.get(each.name) is not None or each.name in wanted
    ]
    rest = [each for each in ALL if each not in [setting for setting, _ in first]]
    _refuse_signs(first)
    text = render("postern.env.j2", first=first, rest=rest, socket=socket)
    if not _written(path, text, _PRIVATE):
        return [Finding("EGR1827", {"path": str(path)})]
    return [Finding("EGR1830", {"path": str(path)})]


def _refuse_signs(given: Sequence[tuple[Setting, str]]) -> None:
    """A shell, Docker and kubectl read the file each in its own way: only what is the same to all of them goes in."""
    for setting, value in given:
        if any(not (sign.isalnum() or sign in _BARE_WORDS) for sign in value):
            raise Unreachable("EGR1832", variable=setting.variable, value=value)


def _written(path: Path, text: str, mode: int) -> bool:
    """False where something stands already, whatever it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.path.lexists(path):
            return False
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Unreachable("EGR1831", path=str(path), reason=error.strerror or str(error)) from None
    return True


def _tell(findings: Sequence[Finding]) -> None:
    for each in findings:
        output.sentence(each)


def at_the_terminal() -> Callable[[str], str] | None:
    """Asks whoever sits there; None where nobody does."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    return lambda question: input(f"{output.printable(question)} ")
