"""The three sandwiches: whatever stands in the folder stands in the list above it, and the other way round."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.source import existing, names_in_list, none_of
from tests.shared import ROOT

SKILLS = ROOT / "skills"
WHO = {"anyone", "requester", "approver"}
CHANGES = {"nothing", "merge_request", "decision"}


def _inhabitants(folder: Path) -> list[str]:
    """Packages and modules of a folder, less those that begin with an underscore."""
    packages = [path.parent.name for path in folder.glob("*/__init__.py")]
    files = [path.stem for path in folder.glob("*.py")]
    return sorted(name for name in packages + files if not name.startswith("_"))


def _listed(file: Path, below: str) -> list[str]:
    """The names in the literal list ALL, cut to the part that names the folder's inhabitant."""
    names = names_in_list(file)
    none_of(name for name in names if not name.startswith(below + "."))
    return [name.removeprefix(below + ".").split(".")[0] for name in names]


@pytest.mark.parametrize("things", ["platforms", "symptoms"])
def test_every_platform_and_symptom_is_in_its_list(things: str) -> None:
    listed = _listed(existing("skills", "core", f"all_{things}.py"), f"skills.core.{things}")
    assert len(listed) == len(set(listed))
    assert sorted(listed) == _inhabitants(SKILLS / "core" / things)


def test_every_skill_is_in_the_list_and_has_its_card() -> None:
    folders = sorted(path.name for path in SKILLS.iterdir() if (path / "__init__.py").is_file() and path.name != "core")
    listed = _listed(existing("skills", "all_skills.py"), "skills")
    assert len(listed) == len(set(listed))
    assert sorted(listed) == folders
    none_of(name for name in folders if not (SKILLS / name / "SKILL.md").is_file())
    none_of(name for name in folders if not (SKILLS / name / "skill.py").is_file())


def test_cards_say_what_the_house_asks_for() -> None:
    from skills.contract import card

    for path in SKILLS.glob("*/SKILL.md"):
        name = path.parent.name
        found = card(name)
        assert found.name == name
        assert found.who in WHO, name
        assert found.changes in CHANGES, name
        assert found.description.strip(), name
        assert found.examples, name
        assert all(example.strip() for example in found.examples), name
