"""The documents that people meet first are there, short, numbered and true to the Makefile."""

from __future__ import annotations

import re

from tests.house import generated
from tests.house.source import existing, none_of
from tests.shared import ROOT

README_MOST = 150


def test_the_readme_is_short() -> None:
    assert len(existing("README.md").read_text(encoding="utf-8").splitlines()) < README_MOST


def test_every_make_target_that_the_readme_names_exists() -> None:
    readme = existing("README.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    named = set(re.findall(r"\bmake ([a-z][a-z-]+)\b(?=[`\n])", readme))
    none_of(sorted(named - targets))


def test_ci_runs_the_very_test_command_of_the_readme() -> None:
    assert "make test" in existing("README.md").read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "POSTERN_REQUIRE_ALL=1 make test"


def test_decisions_are_numbered_without_gaps() -> None:
    files = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert [name[:5] for name in files] == [f"{number:04}-" for number in range(1, len(files) + 1)]
    for name in files:
        text = (ROOT / "docs" / "adr" / name).read_text(encoding="utf-8")
        assert text.startswith("# "), name
        none_of(
            f"{name}: {heading}" for heading in ("Context", "Decision", "Consequences") if f"## {heading}" not in text
        )


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
        none_of(f"{path.name}: {link}" for link in local if not (path.parent / link).exists())


def test_what_is_derived_from_the_code_is_current() -> None:
    assert existing("docs/SETTINGS.md").read_text(encoding="utf-8") == generated.settings()
    assert existing("README.md").read_text(encoding="utf-8") == generated.readme()
    assert existing("docs/schema/egress-policy.json").read_text(encoding="utf-8") == generated.policy_schema()
