"""`postern doctor`: is everything there that Postern needs, and is the allowlist in order? Exit status 3 if not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot import output, setup_checks
from bot.served import App, Served
from bot.setup_model import model
from skills.core import wire
from skills.core.diagram.block import placed
from skills.core.errors import Mendable
from skills.core.messages import level, say
from skills.core.model import Finding
from skills.core.policy import PATH as POLICY_PATH

FAULTS = 3
_MOST_FINDINGS = 40


def run_doctor(served: Served, *, as_json: bool, quick: bool = False) -> int:
    """`quick` looks only at what a running service needs from minute to minute: repository and state. Where several
    repositories are served each is looked at, and what is found bears its name."""
    checks = QUICK if quick else (*QUICK, *THOROUGH)
    looked = {app.called: [finding for check in checks for finding in _guarded(check, app)] for app in served.apps}
    found = [(name, finding) for name, findings in looked.items() for finding in findings]
    ok = all(level(finding) != "error" for _, finding in found)
    if as_json:
        rows = [{**wire.finding(finding), **({"repository": name} if name else {})} for name, finding in found]
        output.one_object({"ok": ok, "findings": rows})
        return 0 if ok else FAULTS
    for name, findings in looked.items():
        if name:
            print(output.printable(f"{name}:"))
        _print(findings)
    return 0 if ok else FAULTS


def _guarded(check: Callable[[App], Iterator[Finding]], app: App) -> Sequence[Finding]:
    """A check that a person can mend says so and lets the others run."""
    try:
        return list(check(app))
    except Mendable as error:
        return [error.finding]


def _repository(app: App) -> Iterator[Finding]:
    read = app.snapshots.read(app.source)
    if read.lag:
        yield read.lag
    allowlist = read.allowlist
    files = len(allowlist.readings)
    facts: dict[str, Any] = {"where": app.repository, "files": files, "commit": (allowlist.commit or "no commit")[:12]}
    yield Finding("EGR481", facts) if files else Finding("EGR482", facts)
    yield from allowlist.findings


def _state(app: App) -> Iterator[Finding]:
    home = app.settings.home
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=home):
            pass
    except OSError as error:
        yield Finding("EGR483", {"home": str(home), "reason": os.strerror(error.errno or 0)})
        return
    app.memory.todo(limit=1)
    yield Finding("EGR484", {"home": str(home)})


def _policy(app: App) -> Iterator[Finding]:
    policy = app.in_forge.filled(app.policy())
    if not policy.present:
        yield Finding("EGR401", {"path": POLICY_PATH})
        return
    approvers = policy.approvers(app.snapshots.read(app.source).allowlist.readings)
    for name in sorted({group for rule in policy.approval for group in rule.groups}):
        if not policy.groups[name] and (name not in policy.in_gitlab or app.forges.on_gitlab):
            yield Finding("EGR485", {"group": name, "path": POLICY_PATH})
    if approvers:
        yield Finding("EGR486", {"count": len(approvers), "path": POLICY_PATH})
    else:
        yield Finding("EGR487", {"path": POLICY_PATH})


def _diagrams(app: App) -> Iterator[Finding]:
    """Diagrams of this repository whose markers are no pair, before somebody's request meets them."""
    for setting in app.policy().diagrams:
        text = app.repo.text(setting.path, None) if setting.repository is None else None
        try:
            placed(text, "", setting.path)
        except Mendable as problem:
            yield problem.finding


def _person(app: App) -> Iterator[Finding]:
    if app.person.id:
        yield Finding("EGR488", {"person": app.person.id})
    elif not app.settings.slack_bot_token:  # a service is spoken to by those whom Slack names
        yield Finding("EGR404")


def _mirror(app: App) -> Iterator[Finding]:
    """Only whether it can be read, and how old it is: a running service reads the manifests when somebody asks."""
    lag = app.repo.snapshot(lambda _path: False).lag
    if lag:
        yield lag


def _work(app: App) -> Iterator[Finding]:
    if not app.is_served():
        yield Finding("EGR074", {"where": app.memory.where})


def _access(app: App) -> Iterator[Finding]:
    yield from app.forges.findings()


def _unreadable(app: App) -> Iterator[Finding]:
    for item in app.snapshots.read(app.source).allowlist.unreadable[:_MOST_FINDINGS]:
        yield item.finding


def _contradictions(app: App) -> Iterator[Finding]:
    yield from app.snapshots.read(app.source).allowlist.audit()[:_MOST_FINDINGS]


QUICK: tuple[Callable[[App], Iterator[Finding]], ...] = (_repository, _state)
THOROUGH: tuple[Callable[[App], Iterator[Finding]], ...] = (
    setup_checks.settings,
    setup_checks.slack,
    model,
    _policy,
    _diagrams,
    _person,
    _access,
    _unreadable,
    _contradictions,
)

SERVING: Mapping[str, Callable[[App], Iterator[Finding]]] = {
    "database": _state,
    "repository": _mirror,
    "forge": _access,
    "work": _work,
}
"""What a running service needs, by the name that `/readyz` gives it."""


def _print(findings: Sequence[Finding]) -> None:
    for finding in findings:
        said = say(finding)
        place = next((str(piece.place) for piece in finding.evidence if piece.place), "")
        where = f" ({place})" if place and place not in said.says else ""
        print(output.printable(f"{output.MARKS[said.level]}{said.says}{where}"))
        if said.do and said.level != "info":
            print(output.printable(f"       {said.do}"))
