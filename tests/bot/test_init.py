"""`postern init` writes what is missing and nothing else; `doctor` names what is wrong with the settings by one sentence."""

from __future__ import annotations

import json
import os
import shlex
import socket
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot import setup_checks, setup_model
from bot.app import App
from bot.cli import main
from bot.init import ENV_FILE, Choices, run_init
from bot.sample import files
from bot.settings import ALL, Secret, Settings
from bot.world.config_repo.origin import as_https
from skills.core.errors import AskUnclear, Unreachable
from skills.core.messages import level
from skills.core.model import finding
from skills.core.policy import read_policy
from tests.apps import POLICY, app_at, app_on
from tests.fakes import git_repos
from tests.shared import ROOT

CODEOWNERS = "* @fincorp/platform\n/uds/ @sam\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample without a policy, as a clone of a project on GitLab."""
    kept = {path: text for path, text in files().items() if path != POLICY}
    made = git_repos.work_tree(tmp_path / "allowlist", {**kept, "CODEOWNERS": CODEOWNERS})
    git_repos.git(made, "remote", "add", "origin", "git@gitlab.example:fincorp/allowlist.git")
    return made


NOTHING_SAID = Choices()


def init(app: App, choices: Choices = NOTHING_SAID, ask: Callable[[str], str] | None = None) -> None:
    assert run_init(app, choices, as_json=False, ask=ask) == 0


def settings_of(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.partition("=")[::2] for line in lines)


def test_a_policy_and_settings_are_written_and_the_next_step_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(app_at(folder, tmp_path))
    said = capsys.readouterr().out
    assert "rules of uds, istio" in said and "@fincorp/platform, @sam" in said and "postern doctor" in said
    policy = read_policy((folder / POLICY).read_text())
    assert policy.approvers(["uds/claims/uds-package.yaml"]) == {"sam"}
    env = tmp_path / "home" / ENV_FILE
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert settings_of(env) == {
        "POSTERN_CONFIG": "https://gitlab.example/fincorp/allowlist.git",
        "POSTERN_GITLAB_TOKEN": "",
        "POSTERN_GITLAB_WEBHOOK_SECRET": "",
        "POSTERN_SLACK_BOT_TOKEN": "",
        "POSTERN_SLACK_APP_TOKEN": "",
    }


def test_every_setting_is_named_and_a_shell_reads_the_file(folder: Path, tmp_path: Path) -> None:
    init(app_at(folder, tmp_path))
    env = tmp_path / "home" / ENV_FILE
    assert all(f"{each.variable}=" in env.read_text() for each in ALL)
    command = f"set -a; . {shlex.quote(str(env))}; env"
    read = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert "POSTERN_CONFIG=https://gitlab.example/fincorp/allowlist.git\n" in read.stdout
    assert read.stderr == ""


def test_what_stands_there_is_never_changed(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / POLICY).write_text("# ours\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ENV_FILE).symlink_to(tmp_path / "nowhere")
    init(app_at(folder, tmp_path))
    assert (folder / POLICY).read_text() == "# ours\n"
    assert not (tmp_path / "nowhere").exists()
    assert capsys.readouterr().out.count("left as it is") == 2


def test_little_is_asked_and_only_what_no_flag_says(folder: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def answers(question: str) -> str:
        asked.append(question)
        return {0: "eve@fincorp.example, ruth", 1: "http", 2: "yes"}[len(asked) - 1]

    init(app_at(folder, tmp_path), ask=answers)
    assert len(asked) == 3
    assert read_policy((folder / POLICY).read_text()).groups["platform"] == ("eve@fincorp.example", "ruth")
    given = settings_of(tmp_path / "home" / ENV_FILE)
    assert "POSTERN_SLACK_SIGNING_SECRET" in given and "POSTERN_SLACK_APP_TOKEN" not in given
    assert given["POSTERN_DATABASE"] == ""
    asked.clear()
    init(app_at(folder, tmp_path), Choices((), "socket", False, tmp_path / "other"), ask=answers)
    assert asked == []
    assert (tmp_path / "other" / ENV_FILE).exists()


def test_a_bare_repository_is_left_alone_and_its_policy_lies_beside_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(app_on({path: text for path, text in files().items() if path != POLICY}, tmp_path))
    assert read_policy((tmp_path / "home" / POLICY).read_text()).present
    assert "commit it as egress-policy.yaml" in capsys.readouterr().out


def test_as_one_object_it_asks_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTERN_HOME", str(tmp_path / "home"))
    assert main(["init", "--config", str(folder), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, json.loads((ROOT / "docs" / "schema" / "init.json").read_text()))
    assert [each["code"] for each in data["findings"]][-1] == "EGR1829"


def test_what_can_not_be_written_is_said_with_its_reason(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable) as refused:
        init(app_at(folder, tmp_path), Choices(out=tmp_path / "file"))
    assert refused.value.code == "EGR1831"


def test_an_empty_folder_is_said_to_hold_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    init(app_at(tmp_path / "empty", tmp_path))
    assert "no egress rule" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("git@gitlab.example:a/b.git", "https://gitlab.example/a/b.git"),
        ("ssh://git@gitlab.example:2222/a/b.git", "https://gitlab.example/a/b.git"),
        ("https://oauth2:secret@gitlab.example:8443/a/b.git", "https://gitlab.example:8443/a/b.git"),
        ("https://gitlab.example:port/a", None),
        ("/srv/git/a.git", None),
        ("../a.git", None),
        ("file:///srv/git/a.git", None),
        ("git@h:a\nb", None),
    ],
)
def test_where_a_clone_came_from_is_an_address_without_anybodys_key(written: str, expected: str | None) -> None:
    assert as_https(written) == expected


# --- what doctor says of settings


def app_with(tmp_path: Path, **given: Any) -> App:
    app = app_on({"k.yaml": b"kind: Nothing\n"}, tmp_path)
    app.settings = replace(app.settings, **given)
    return app


BOT, SOCKET = Secret("xoxb-1"), Secret("xapp-1")


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({}, ["EGR1835"]),
        ({"slack_bot_token": BOT}, ["EGR1836"]),
        ({"slack_app_token": SOCKET}, ["EGR1836"]),
        ({"slack_bot_token": SOCKET, "slack_app_token": SOCKET}, ["EGR1837"]),
        ({"slack_bot_token": BOT, "slack_app_token": BOT}, ["EGR1837"]),
        ({"slack_bot_token": BOT, "slack_app_token": SOCKET}, ["EGR1839", "EGR1453"]),
        ({"slack_bot_token": BOT, "slack_signing_secret": Secret("s")}, ["EGR1839", "EGR1453"]),
    ],
)
def test_slack_is_whole_or_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], codes: list[str]
) -> None:
    monkeypatch.setattr(setup_checks, "_answers", lambda *_: [finding("EGR1453", why="token_revoked")])
    assert [found.code for found in setup_checks.slack(app_with(tmp_path, **given))] == codes


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"poll_seconds": "soon"}, "EGR1841"),
        ({"poll_seconds": "0"}, "EGR1841"),
        ({"log": "xml"}, "EGR1841"),
        ({"gitlab_ca": "/no/such/file"}, "EGR1843"),
    ],
)
def test_a_value_that_can_not_be_meant_is_named(tmp_path: Path, given: dict[str, Any], code: str) -> None:
    found = list(setup_checks.settings(app_with(tmp_path, **given)))
    assert [(each.code, level(each)) for each in found] == [(code, "error")]


def test_what_is_meant_is_not_named(tmp_path: Path) -> None:
    assert list(setup_checks.settings(app_with(tmp_path))) == []


def test_a_package_that_a_setting_needs_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup_checks, "_is_there", lambda package: package != "psycopg")
    app = app_with(tmp_path, database=Secret("postgresql://p@db.example/x"))
    assert {each.facts["extra"] for each in setup_checks.settings(app)} == {"postgres"}
    monkeypatch.setattr(setup_model, "find_spec", lambda _package: None)
    app = app_with(tmp_path / "model", model="openai:gpt", model_key=Secret("k"), model_url="http://127.0.0.1:1/v1")
    assert [each.facts.get("extra") for each in setup_model.model(app)][:1] == ["openai"]


LISTENS = "http://127.0.0.1:{port}/v1"
KEY = Secret("sk-canary-of-the-doctor")


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({}, []),
        ({"model": "openai:m", "model_url": LISTENS}, ["EGR1744"]),
        ({"model": "openai:m", "model_url": LISTENS, "model_key": KEY}, ["EGR1744"]),
        ({"model": "anthropic:m", "model_url": LISTENS}, ["EGR1737"]),
        ({"model": "gpt-9", "model_url": LISTENS}, ["EGR1736"]),
        ({"model": "opnai:m", "model_url": LISTENS, "model_key": KEY}, ["EGR1736"]),
        ({"model": "openai:m", "model_url": LISTENS, "model_fallback": "clod:m"}, ["EGR1736"]),
        ({"model": "openai:m", "model_url": LISTENS, "model_budget": "steps=0"}, ["EGR1738"]),
        ({"model": "openai:m", "model_url": LISTENS, "model_prices": ""}, ["EGR1744", "EGR1739"]),
        ({"model": "openai:m", "model_url": "http://127.0.0.1:1/v1", "model_key": KEY}, ["EGR1743"]),
    ],
)
def test_the_settings_of_a_language_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], codes: list[str]
) -> None:
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        given = {"model_prices": "1/2", **given}
        given |= {"model_url": given["model_url"].format(port=port)} if "model_url" in given else {}
        found = list(setup_model.model(app_with(tmp_path, **given)))
    assert [each.code for each in found] == codes
    assert "canary" not in repr([each.facts for each in found])


def test_a_budget_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(AskUnclear) as raised:
        list(setup_model.model(app_with(tmp_path, model="openai:m", model_budget="money=5")))
    assert raised.value.finding.code == "EGR1710"


@pytest.mark.parametrize(("token", "code"), [(None, "EGR1842"), (Secret("t"), "EGR1840")])
def test_an_address_without_token_or_webhook_secret(tmp_path: Path, token: Secret | None, code: str) -> None:
    settings = replace(Settings.from_env({"HOME": str(tmp_path)}), gitlab_token=token)
    app = App.build(settings, config="https://gitlab.example/a/b.git")
    assert [each.code for each in setup_checks.settings(app)] == [code]
