"""People at the real product, in processes of their own that can be killed: they propose and decide on a GitLab."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

# What a process would import late is imported once, by the server that forks: a kill then meets only our work.
import git
import gitlab
import requests
import sqlalchemy

from bot.app import App
from bot.desk import Handled
from bot.gather import Where
from bot.settings import Settings
from bot.world.memory import Memory
from skills.all_skills import by_name
from skills.core.model import Person
from tests.fakes.gitlab_server import TOKEN

LOADED = (git, gitlab, requests, sqlalchemy, Memory)
DANA, ERIN, SAM = (Person(f"{name}@fincorp.example") for name in ("dana", "erin", "sam"))
MANIFEST = "organization/p.yaml"
FILES = {
    MANIFEST: (
        "apiVersion: lowops.manifests.v1\nkind: Project\n"
        "metadata: {name: pay, environment: production, organizational-unit: u, organization: o}\n"
        "spec:\n  allowedEgress:\n    - a.example\n"
    ),
    "egress-policy.yaml": (
        'version: 1\ngroups: {sec: [sam@fincorp.example]}\napproval: [{paths: ["**"], groups: [sec]}]\n'
    ),
}


@dataclass(frozen=True)
class Office:
    """Where somebody works: `home` is the replica's own folder, `database` may be shared with another one."""

    clone: str
    ca: str
    home: Path
    database: Path

    def app(self, later: timedelta = timedelta()) -> App:
        """The product as it starts; `later` moves its clock on, past the time that a claim of the dead is honoured."""
        env = {
            "POSTERN_HOME": str(self.home),
            "POSTERN_DATABASE": f"sqlite:///{self.database}",
            "POSTERN_GITLAB_TOKEN": TOKEN,
            "POSTERN_GITLAB_CA": self.ca,
            "POSTERN_PERSON": "postern@fincorp.example",
            "HOME": str(self.home),
        }
        self.database.parent.mkdir(parents=True, exist_ok=True)
        built = App.build(Settings.from_env(env), config=self.clone)
        built.clock = lambda: datetime.now(UTC) + later
        return built


def propose(app: App, to: str, who: Person = DANA, reason: str = "SMS") -> Handled:
    ask = by_name("propose").Ask.model_validate({"for": "pay", "to": (to,), "reason": reason})
    return app.desk.handle("propose", ask, who, Where("cli", ""))


def decide(app: App, key: str, verb: str = "approve", who: Person = SAM) -> Handled:
    ask = by_name("decide").Ask.model_validate({"key": key, "verb": verb})
    return app.desk.handle("decide", ask, who, Where("cli", ""))


def check(app: App, to: str) -> Handled:
    ask = by_name("check").Ask.model_validate({"for": "pay", "to": (to,)})
    return app.desk.handle("check", ask, DANA, Where("cli", ""))


Act = Callable[..., Handled]


def started(act: Act, office: Office, *given: object) -> tuple[BaseProcess, Connection]:
    """A process of its own that does it, and where its outcome will be read."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.people"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_do, args=(act, office, given, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _do(act: Act, office: Office, given: tuple[object, ...], told: Connection) -> None:
    handled = act(office.app(), *given)
    told.send((handled.exit_status, handled.problem and handled.problem.finding.code))
