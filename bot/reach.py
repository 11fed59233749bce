"""`postern doctor --egress`: what Postern itself must reach, and the rule for it in the repository's own dialect.

A cluster that denies egress by default blocks Postern as it blocks everybody: its own rule is drafted as anybody's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot import output
from bot.app import App
from bot.settings import Settings
from bot.turns import ask_for
from skills.contract import Answer
from skills.core import wire
from skills.core.messages import say
from skills.core.model import Finding, Verdict, finding

_SCHEMES = {"https": 443, "http": 80, "ssh": 22, "git": 9418, "postgresql": 5432}
# https://docs.slack.dev/apis/events-api/using-socket-mode, https://docs.slack.dev/messaging/working-with-files
_SLACK_SOCKETS = ("wss-primary", "wss-backup")
_PROVIDERS: Mapping[str, str] = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "google_genai": "https://generativelanguage.googleapis.com",
    "mistralai": "https://api.mistral.ai",
    "groq": "https://api.groq.com",
    "ollama": "http://localhost:11434",
}
"""Where a provider is reached unless one of `_ADDRESSES` says otherwise."""
_ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
    "azure_openai": ("AZURE_OPENAI_ENDPOINT",),
    "anthropic": ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"),
    "ollama": ("OLLAMA_HOST",),
}
"""The variables by which the providers' own packages are told another address."""
_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Reached:
    """A destination as `--to` takes it, and what for."""

    to: str
    why: Finding


def run_egress(app: App, workload: str | None, choose: str | None, *, as_json: bool) -> int:
    """Lists what must be reached; with a workload also what it may reach now, and the change for the rest.

    The exit status is that of a draft: 0 when all is allowed or the change is whole. Raises what a draft does.
    """
    reached, notes = [*needed(app.settings, app.repository, os.environ)], [*_notes(app.settings, os.environ)]
    if workload is None:
        return _shown(reached, {}, [*notes, finding("EGR1858")], None, as_json=as_json)
    to = tuple(each.to for each in reached)
    asked = {"for": workload, "to": to, "reason": say(finding("EGR1860")).says, "choose": choose}
    # For whoever sets Postern up: a level is for what teams ask, and may not be raised yet.
    handled = app.desk.foresee("draft", ask_for("draft", asked), app.person, app.where, on_target=False)
    if handled.answer is None:
        assert handled.problem is not None
        problem = handled.problem
        return output.failure(problem.finding, problem.exit_status, as_json=as_json, reference=problem.reference)
    answer = handled.answer
    before = answer.detail["draft"].before if "draft" in answer.detail else ()
    return _shown(reached, _decisions(to, before), notes, answer, as_json=as_json)


def needed(settings: Settings, repository: str, env: Mapping[str, str]) -> Iterator[Reached]:
    """What must be reached with these settings. `env` may tell where a provider of models is."""
    slack = urlsplit(settings.slack_api).hostname or "slack.com"  # GovSlack has all of it below another name
    yield Reached(f"{slack}:443", finding("EGR1850"))
    if settings.slack_app_token or not settings.slack_signing_secret:
        for host in _SLACK_SOCKETS:
            yield Reached(f"{host}.{slack}:443", finding("EGR1851"))
    yield Reached(f"files.{slack}:443", finding("EGR1852"))
    yield Reached(f"hooks.{slack}:443", finding("EGR1853"))
    repositories = (repository, settings.gitlab_url or "") if settings.gitlab_token else (repository,)
    for to in dict.fromkeys(filter(None, map(_of_url, repositories))):
        yield Reached(to, finding("EGR1854"))
    model = _of_url(_model_address(settings.model, env) or "")
    if model:
        yield Reached(model, finding("EGR1855", model=settings.model))
    database = _of_url(settings.database.reveal())
    if database:
        yield Reached(database, finding("EGR1856"))


def _model_address(model: str | None, env: Mapping[str, str]) -> str | None:
    provider = (model or "").partition(":")[0]
    named = next((env[name] for name in _ADDRESSES.get(provider, ()) if env.get(name)), None)
    if named and "://" not in named:
        named = f"http://{named}"
    return named or _PROVIDERS.get(provider)


def _notes(settings: Settings, env: Mapping[str, str]) -> Iterator[Finding]:
    if settings.model and _model_address(settings.model, env) is None:
        yield finding("EGR1857", model=settings.model)
    inbound = ["the probes of the cluster"]
    inbound += ["GitLab's webhooks"] if settings.gitlab_webhook_secret else []
    inbound += ["Slack (/slack/events)"] if settings.slack_signing_secret and not settings.slack_app_token else []
    yield finding("EGR1859", who=", ".join(inbound))


def _of_url(url: str) -> str | None:
    """`host:port` of a URL; None for a path, a socket and this very machine."""
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    if not parts.hostname or parts.hostname in _HERE or scheme not in _SCHEMES:
        return None
    port = parts.port or _SCHEMES[scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}" if port == _SCHEMES["https"] else f"tcp://{host}:{port}"


def _decisions(to: Sequence[str], before: Sequence[Verdict]) -> Mapping[str, str]:
    """What is so now of each destination, as far as the workload is known."""
    return dict(zip(to, (each.decision for each in before), strict=False))


def _shown(
    reached: Sequence[Reached],
    decisions: Mapping[str, str],
    notes: Sequence[Finding],
    answer: Answer | None,
    *,
    as_json: bool,
) -> int:
    if as_json:
        rows: list[dict[str, Any]] = [
            {"to": each.to, "why": say(each.why).says, "decision": decisions.get(each.to)} for each in reached
        ]
        draft = output.data_of("draft", answer) if answer else None
        output.one_object({"reaches": rows, "findings": wire.findings(notes), "draft": draft})
        return answer.exit_status if answer else 0
    width = max(len(each.to) for each in reached)
    for each in reached:
        print(output.printable(f"{decisions.get(each.to, ''):<10}{each.to:<{width}}  {say(each.why).says}".strip()))
    for note in notes:
        output.sentence(note)
    if answer:
        print()
        output.human("draft", answer, more=False)
    return answer.exit_status if answer else 0
