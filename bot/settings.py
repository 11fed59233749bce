"""Every setting once: its name, environment variable, default, help, and whether it is a secret.

Only this file names environment variables of Postern. It stands on the standard library alone, so that importing it
costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Secret:
    """A value that is never printed, logged or compared by accident: only `reveal()` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, _spec: str) -> str:
        return "***"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not stored")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` is as a person would write it; None means that it may be left unset."""

    name: str
    variable: str
    help: str
    default: str | None = None
    secret: bool = False


ALL: tuple[Setting, ...] = (
    Setting(
        "home",
        "POSTERN_HOME",
        "Folder for everything that Postern keeps: database, mirrors of repositories, local merge requests.",
        default="~/.local/state/postern",
    ),
    Setting(
        "config",
        "POSTERN_CONFIG",
        "The allowlist repository: a folder, a bare repository or a URL. Several stand in lines of their own or are"
        " parted by commas; each is called by the last part of its path.",
    ),
    Setting("person", "POSTERN_PERSON", "Who you are, on the command line; without it, git's user.email is taken."),
    Setting("target", "POSTERN_TARGET", "Branch that changes are merged into; without it, the default branch."),
    Setting(
        "gitlab_url",
        "POSTERN_GITLAB_URL",
        "GitLab's address; without it, the host of the repository's URL. Used only with a token.",
    ),
    Setting(
        "gitlab_token",
        "POSTERN_GITLAB_TOKEN",
        "Project or group access token with the scope api and the role Developer; merge requests then go to GitLab.",
        secret=True,
    ),
    Setting(
        "gitlab_project",
        "POSTERN_GITLAB_PROJECT",
        "Full path of the project; without it, the path of the repository's URL.",
    ),
    Setting(
        "gitlab_webhook_secret",
        "POSTERN_GITLAB_WEBHOOK_SECRET",
        "Secret token of GitLab's webhook, or its signing token (begins with whsec_); without it, webhooks are off.",
        secret=True,
    ),
    Setting(
        "poll_seconds",
        "POSTERN_POLL_SECONDS",
        "How often `serve` looks at every open request, in case a webhook was lost; seconds.",
        default="300",
    ),
    Setting("gitlab_ca", "POSTERN_GITLAB_CA", "File with the certificate authority that signed GitLab's certificate."),
    Setting(
        "gitlab_options",
        "POSTERN_GITLAB_OPTIONS",
        "How merge requests are opened, any of these words: squash, keep-branch (after the merge), assign (to whoever"
        " asked, where GitLab knows them by that name), asker-is-author (of the commit).",
    ),
    Setting(
        "slack_api",
        "POSTERN_SLACK_API",
        "Where Slack's Web API is; GovSlack has https://slack-gov.com/api/.",
        default="https://slack.com/api/",
    ),
    Setting("slack_bot_token", "POSTERN_SLACK_BOT_TOKEN", "Slack bot token, begins with xoxb-.", secret=True),
    Setting(
        "slack_signing_secret",
        "POSTERN_SLACK_SIGNING_SECRET",
        "Secret that Slack signs its requests with; needed when Slack calls over HTTP.",
        secret=True,
    ),
    Setting(
        "slack_app_token",
        "POSTERN_SLACK_APP_TOKEN",
        "Slack app-level token, begins with xapp-; needed for Socket Mode.",
        secret=True,
    ),
    Setting(
        "slack_approvers_channel",
        "POSTERN_SLACK_APPROVERS_CHANNEL",
        "Id of the Slack channel in which approvers find a card of every open request, as C0123456789.",
    ),
    Setting(
        "effects",
        "POSTERN_EFFECTS",
        "`off` stops every effect at once: Postern answers and drafts, opens and merges nothing. See also `effects` in"
        " egress-policy.yaml.",
        default="on",
    ),
    Setting(
        "slack_match_email",
        "POSTERN_SLACK_MATCH_EMAIL",
        "yes: whoever decides in Slack and is not under `people` in the policy counts by the confirmed address of their"
        " profile; needs the scope users:read.email.",
    ),
    Setting("model", "POSTERN_MODEL", "Language model, as provider:model; without it, Postern works by rule alone."),
    Setting(
        "model_url",
        "POSTERN_MODEL_URL",
        "Address of the model's server, for one of your own (OpenAI-compatible, Ollama, Azure); else the provider's.",
    ),
    Setting(
        "model_key",
        "POSTERN_MODEL_KEY",
        "Key for the model's server; without it, the provider's own variable counts (OPENAI_API_KEY ...).",
        secret=True,
    ),
    Setting("model_fallback", "POSTERN_MODEL_FALLBACK", "Another model, as provider:model, for when the first fails."),
    Setting(
        "model_strict",
        "POSTERN_MODEL_STRICT",
        "yes: the model sees no names, hosts, files or free text, only the structure of what was said.",
        default="no",
    ),
    Setting(
        "model_off_for",
        "POSTERN_MODEL_OFF_FOR",
        "Who wants no model: ids of Slack workspaces or channels, addresses, mail domains, workloads (* fits all).",
    ),
    Setting(
        "model_budget",
        "POSTERN_MODEL_BUDGET",
        "Limits of one turn (steps, seconds, tokens) and of one team and day (team-tokens, team-money).",
        default="steps=6 seconds=30 tokens=20000 team-tokens=500000 team-money=5",
    ),
    Setting(
        "model_prices",
        "POSTERN_MODEL_PRICES",
        "Money per million tokens, read/written, for example 2.50/10; without it, only tokens are counted.",
    ),
    Setting(
        "log",
        "POSTERN_LOG",
        "How `serve` writes its log: json, one object a line, or text.",
        default="json",
    ),
    Setting(
        "database",
        "POSTERN_DATABASE",
        "SQLAlchemy URL of the database; without it, a SQLite file in POSTERN_HOME. It may hold a password.",
        secret=True,
    ),
)


class Model(NamedTuple):
    """A language model, `variable` that names it, and what goes to its server alone."""

    variable: str
    name: str
    url: str | None
    key: Secret | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. `home` is absolute; empty variables count as unset."""

    home: Path
    config: str | None
    person: str | None
    target: str | None
    gitlab_url: str | None
    gitlab_token: Secret | None
    gitlab_project: str | None
    gitlab_webhook_secret: Secret | None
    poll_seconds: str
    gitlab_ca: str | None
    gitlab_options: frozenset[str]
    slack_api: str
    slack_bot_token: Secret | None
    slack_signing_secret: Secret | None
    slack_app_token: Secret | None
    slack_approvers_channel: str | None
    effects: str
    slack_match_email: bool
    model: str | None
    model_url: str | None
    model_key: Secret | None
    model_fallback: str | None
    model_strict: str
    model_off_for: frozenset[str]
    model_budget: str
    model_prices: str | None
    log: str
    database: Secret

    @property
    def carries_out(self) -> bool:
        """Whether effects are on; a switch that is misspelt is off."""
        return self.effects.casefold() in _ON

    def models(self) -> Iterator[Model]:
        """The model and its stand-in. Another provider's stand-in takes neither address nor key of the first."""
        for variable, name in (("POSTERN_MODEL", self.model), ("POSTERN_MODEL_FALLBACK", self.model_fallback)):
            if name:
                ours = name.partition(":")[0] == (self.model or "").partition(":")[0]
                yield Model(variable, name, self.model_url if ours else None, self.model_key if ours else None)

    @staticmethod
    def database_below(home: Path) -> Secret:
        """The SQLite file that is taken when no database is named."""
        return Secret(f"sqlite:///{home / 'postern.db'}")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read `env` (usually `os.environ`); `HOME` in it is what `~` stands for."""
        given = {setting.name: env.get(setting.variable, "").strip() or setting.default for setting in ALL}
        home = _folder(given["home"] or "", env)
        return cls(
            home=home,
            config=given["config"],
            person=given["person"],
            target=given["target"],
            gitlab_url=given["gitlab_url"],
            gitlab_token=_secret(given["gitlab_token"]),
            gitlab_project=given["gitlab_project"],
            gitlab_webhook_secret=_secret(given["gitlab_webhook_secret"]),
            poll_seconds=given["poll_seconds"] or "",
            gitlab_ca=given["gitlab_ca"],
            gitlab_options=frozenset((given["gitlab_options"] or "").replace(",", " ").split()),
            slack_api=given["slack_api"] or "",
            slack_bot_token=_secret(given["slack_bot_token"]),
            slack_signing_secret=_secret(given["slack_signing_secret"]),
            slack_app_token=_secret(given["slack_app_token"]),
            slack_approvers_channel=given["slack_approvers_channel"],
            effects=given["effects"] or "",
            slack_match_email=(given["slack_match_email"] or "").casefold() == "yes",
            model=given["model"],
            model_url=given["model_url"],
            model_key=_secret(given["model_key"]),
            model_fallback=given["model_fallback"],
            model_strict=given["model_strict"] or "",
            model_off_for=frozenset((given["model_off_for"] or "").replace(",", " ").split()),
            model_budget=given["model_budget"] or "",
            model_prices=given["model_prices"],
            log=given["log"] or "",
            database=_secret(given["database"]) or cls.database_below(home),
        )


def database_below(home: Path) -> Secret:
    """The embedded default: a SQLite file beside everything else that Postern keeps."""
    return Secret(f"sqlite:///{home / 'postern.db'}")


_ON = ("on", "true", "yes", "1")


def _secret(value: str | None) -> Secret | None:
    return Secret(value) if value else None


def _folder(written: str, env: Mapping[str, str]) -> Path:
    home = env.get("HOME")
    if home and (written == "~" or written.startswith("~/")):
        return Path(home, written[2:]).absolute()
    return Path(written).expanduser().absolute()
