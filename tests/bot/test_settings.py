"""Settings: read once from the environment, secrets never shown."""

from __future__ import annotations

import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from bot.settings import ALL, Secret, Settings


def test_defaults_of_an_empty_environment() -> None:
    settings = Settings.from_env({"HOME": "/home/dana"})
    assert settings.home == Path("/home/dana/.local/state/postern")
    assert settings.database.reveal() == "sqlite:////home/dana/.local/state/postern/postern.db"
    assert (settings.config, settings.person, settings.target, settings.model) == (None, None, None, None)
    assert settings.slack_bot_token is None


def test_each_setting_is_read_from_its_variable() -> None:
    given = {setting.variable: f"value of {setting.name}" for setting in ALL}
    settings = Settings.from_env({**given, "POSTERN_HOME": "/srv/postern"})
    for setting in ALL:
        value = getattr(settings, setting.name)
        if setting.name == "home":
            assert value == Path("/srv/postern")
        elif setting.secret:
            assert value.reveal() == f"value of {setting.name}"
        elif isinstance(value, bool):
            assert value is False, "only `yes` switches it on"
            assert getattr(Settings.from_env({setting.variable: "Yes"}), setting.name) is True
        elif isinstance(value, frozenset):
            assert value == {"value", "of", setting.name}
        else:
            assert value == f"value of {setting.name}"


def test_an_empty_variable_counts_as_unset() -> None:
    settings = Settings.from_env({"HOME": "/home/dana", "POSTERN_TARGET": "", "POSTERN_SLACK_BOT_TOKEN": "  "})
    assert settings.target is None
    assert settings.slack_bot_token is None


def test_the_database_follows_the_home() -> None:
    settings = Settings.from_env({"HOME": "/home/dana", "POSTERN_HOME": "~/p"})
    assert settings.home == Path("/home/dana/p")
    assert settings.database.reveal() == Settings.database_below(settings.home).reveal()


def test_a_relative_home_is_made_absolute() -> None:
    assert Settings.from_env({"POSTERN_HOME": ".postern"}).home == Path.cwd() / ".postern"


def test_settings_and_their_declaration_name_the_same_things() -> None:
    assert [setting.name for setting in ALL] == [field.name for field in fields(Settings)]
    assert all(setting.variable == f"POSTERN_{setting.name.upper()}" for setting in ALL)
    assert all(setting.help.endswith(".") for setting in ALL)


def test_a_secret_shows_in_no_way_that_python_prints() -> None:
    settings = Settings.from_env({"POSTERN_SLACK_BOT_TOKEN": "xoxb-very-secret", "POSTERN_DATABASE": "pg://u:pass@h/d"})
    assert settings.slack_bot_token is not None
    shown = f"{settings!r} {settings.slack_bot_token} {settings.slack_bot_token!r} {settings.database:>20}"
    assert "very-secret" not in shown
    assert "pass" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(Secret("x"))
