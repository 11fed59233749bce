"""Who is who without Slack and GitLab: addresses, short names, and git's user."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.world.people import ByEmail, git_person, whoami
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import Person

SAM, INES = Person("sam@fincorp.example", "Sam"), Person("ines@fincorp.example")
PEOPLE = ByEmail([SAM, INES, Person("  ")])


@pytest.mark.parametrize("written", ["sam@fincorp.example", " SAM@fincorp.example ", "sam", "Sam"])
def test_somebody_who_is_known_is_found_by_address_or_short_name(written: str) -> None:
    assert PEOPLE.named(written) == SAM
    assert PEOPLE.person(written) == SAM


def test_somebody_who_is_not_known_is_who_they_say() -> None:
    assert PEOPLE.named("sam@elsewhere.example") == Person("sam@elsewhere.example")
    assert PEOPLE.named("dana") == Person("dana")


def test_a_short_name_of_two_people_is_asked_back() -> None:
    people = ByEmail([SAM, Person("sam@elsewhere.example")])
    with pytest.raises(AskUnclear) as unclear:
        people.named("sam")
    assert unclear.value.code == "EGR582"
    assert say(unclear.value.finding).says == "sam could be any of sam@elsewhere.example, sam@fincorp.example."
    assert people.named("sam@fincorp.example") == SAM


@pytest.mark.parametrize(
    "written", ["", "  ", "two words", "a,b", "<sam@x.example>", "x" * 300, "s\x1b[31mam", "s\u202eam"]
)
def test_what_is_nobodys_name_is_refused(written: str) -> None:
    with pytest.raises(AskUnclear) as unclear:
        PEOPLE.named(written)
    assert unclear.value.code == "EGR581"
    assert str(unclear.value.facts["written"]).isprintable()


def test_the_embedded_forge_knows_people_by_their_address() -> None:
    assert PEOPLE.forge_user(SAM) == "sam@fincorp.example"
    assert PEOPLE.forge_user(Person(" ")) is None
    assert PEOPLE.person("  ") is None


def test_who_is_named_goes_before_git_and_git_before_nobody() -> None:
    assert whoami("sam", PEOPLE, lambda: INES) == SAM
    assert whoami(" ", PEOPLE, lambda: INES) == INES
    assert whoami(None, PEOPLE, lambda: None) == Person("")


def test_git_tells_whom_it_works_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "config"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    settings.write_text("[user]\n\temail = dana@fincorp.example\n\tname = Dana\n", encoding="utf-8")
    assert git_person() == Person("dana@fincorp.example", "Dana")
    settings.write_text("[user]\n\tname = Dana\n", encoding="utf-8")
    assert git_person() is None
    settings.write_text("this is [no settings file\n", encoding="utf-8")
    assert git_person() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_person() is None
