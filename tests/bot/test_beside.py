"""What is opened beside a merge request: the diagram in another repository, the ticket, the task that is ticked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest

from bot.app import App
from bot.cli import main
from bot.gather import Where
from bot.perform import perform
from bot.sample import files
from bot.world.forge import Forge
from skills.core.diagram.block import BEGIN, END
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.model import DIAGRAM_OPEN, OpenDiagram, OpenIssue, Person
from skills.diagram import skill as diagram
from skills.propose import skill as propose
from skills.status import skill as status
from tests.apps import app_on
from tests.bot import test_forge_local, test_gitlab
from tests.fakes import git_repos
from tests.fakes.gitlab_issues import HelpDesk
from tests.fakes.gitlab_server import Fault, GitLab
from tests.shared import ROOT

pytestmark = pytest.mark.usefixtures("either_database")

pytest_plugins: list[str] = []
DANA, SAM, EVE = (Person(f"{name}@fincorp.example") for name in ("dana", "sam", "eve"))
HERE = Where("test", "test:1")
UDL = {"for": "mission-tracker/tracker-api", "to": ("unifieddatalibrary.com",), "reason": "orbits"}
OTHER = "ARCHITECTURE.md"
ELSEWHERE = f"\ndiagrams:\n  - {{workloads: [mission-tracker], repository: ../architecture.git, path: {OTHER}}}\n"
DESK = "\nhelp_desk: {project: party-bus/help-desk, platforms: [istio], labels: [egress]}\n"


def app_with(folder: Path, keys: str) -> App:
    content = dict(files())
    policy = content["egress-policy.yaml"].decode().partition("\ndiagrams:")[0]
    content["egress-policy.yaml"] = f"{policy}\n{keys}".encode()
    return app_on(content, folder)


def proposed(app: App, **more: object):  # type: ignore[no-untyped-def]
    handled = app.desk.handle("propose", propose.Ask.model_validate({**UDL, **more}), DANA, HERE)
    assert handled.answer is not None, handled.problem and say(handled.problem.finding)
    return handled.answer


def row(app: App):  # type: ignore[no-untyped-def]
    handled = app.desk.handle("status", status.Ask(key=None), DANA, HERE)
    assert handled.answer is not None
    jsonschema.validate(handled.answer.data, json.loads((ROOT / "docs/schema/status.json").read_text()))
    return handled.answer.data["requests"][0]


def page(url: str) -> str:
    return Path(unquote(urlsplit(url).path)).read_text()


class TestAnotherRepository:
    def test_two_merge_requests_that_name_each_other(self, tmp_path: Path) -> None:
        other = git_repos.bare(tmp_path / "architecture.git", {OTHER: "# Ours\n\nOur words.\n"})
        app = app_with(tmp_path, ELSEWHERE)
        key = proposed(app).data["key"]
        link = row(app)["links"]
        assert [each["what"] for each in link] == ["diagram"]
        new = git_repos.text_at(other, f"egress/{key}", OTHER).decode()
        assert new.startswith("# Ours\n\nOur words.\n")
        assert "| `mission-tracker/tracker-api` | staging | `unifieddatalibrary.com` | 443 | TLS | orbits |" in new
        assert row(app)["url"] in page(link[0]["url"])
        first = page(row(app)["url"])
        assert link[0]["url"] in first
        assert "../architecture.git" in first
        assert row(app)["diagram"] is None

    def test_twice_is_once(self, tmp_path: Path) -> None:
        other = git_repos.bare(tmp_path / "architecture.git", {"README.md": "x\n"})
        app = app_with(tmp_path, ELSEWHERE)
        proposed(app)
        before = test_forge_local.branches(other)
        proposed(app)
        assert test_forge_local.branches(other) == before
        assert len(list((tmp_path / "home" / "forge").glob("*architecture*/requests/*.json"))) == 1

    def test_what_fails_there_does_not_lose_the_first_and_is_tried_again(self, tmp_path: Path) -> None:
        app = app_with(tmp_path, ELSEWHERE)
        answer = proposed(app)
        assert answer.data["url"]
        assert row(app)["state"] == "waiting"
        said = [say(finding).says for finding in answer.findings if finding.code == "EGR035"]
        assert len(said) == 1
        assert answer.data["key"] in said[0]
        git_repos.bare(tmp_path / "architecture.git", {OTHER: "# Ours\n"})
        proposed(app)
        assert [each["what"] for each in row(app)["links"]] == ["diagram"]

    def test_broken_markers_there_are_said(self, tmp_path: Path) -> None:
        git_repos.bare(tmp_path / "architecture.git", {OTHER: f"{BEGIN}\n"})
        answer = proposed(app_with(tmp_path, ELSEWHERE))
        assert any("markers" in say(finding).says for finding in answer.findings if finding.code == "EGR035")

    def test_only_a_bare_repository_is_taken(self, tmp_path: Path) -> None:
        app = app_with(tmp_path, ELSEWHERE)
        (tmp_path / "folder").mkdir()
        for asked in ("../folder", "https://elsewhere.example/x.git"):
            with pytest.raises(AskUnclear) as caught:
                app.forges.elsewhere(asked)
            assert caught.value.code in {"EGR044", "EGR547"}


class TestTheTask:
    def test_open_until_somebody_ticks_it(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        app = app_with(tmp_path, "")
        answer = proposed(app)
        key = answer.data["key"]
        assert "EGR034" in {finding.code for finding in answer.findings}
        assert row(app)["diagram"] == "open"
        found = app.forge.find(key)
        assert found is not None
        assert DIAGRAM_OPEN in found.labels
        assert f"diagram done {key}" in found.body
        ask = diagram.Ask(verb="done", key=key)
        refused = app.desk.handle("diagram", ask, EVE, HERE)
        assert refused.problem is not None
        assert refused.problem.finding.code == "EGR043"
        done = app.desk.handle("diagram", ask, DANA, HERE)
        assert done.answer is not None
        assert (done.answer.data["by"], row(app)["diagram"]) == (DANA.id, "done")
        found = app.forge.find(key)
        assert found is not None
        assert DIAGRAM_OPEN not in found.labels
        assert row(app)["state"] == "waiting"
        again = app.desk.handle("diagram", ask, SAM, HERE)
        assert again.answer is not None
        assert again.answer.findings[0].facts["by"] == DANA.id

    def test_words_tick_it_and_nothing_else_does(self, tmp_path: Path) -> None:
        app = app_with(tmp_path, "")
        key = proposed(app).data["key"]
        for words in ("the diagram is done", "diagram", f"is diagram done {key}"):
            app.conversation.hear(words, DANA, HERE)
            assert row(app)["diagram"] == "open"
        app.conversation.hear(f"diagram done {key}", DANA, HERE)
        assert row(app)["diagram"] == "done"

    def test_on_the_command_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        app = app_with(tmp_path, "")
        key = proposed(app).data["key"]
        monkeypatch.setenv("POSTERN_HOME", str(tmp_path / "home"))
        config = ["--config", str(tmp_path / "allowlist.git"), "--as", DANA.id]
        assert main(["status", *config]) == 0
        assert "diagram open" in capsys.readouterr().out
        assert main(["diagram", "done", key, "--json", *config]) == 0
        data = json.loads(capsys.readouterr().out)
        jsonschema.validate(data, json.loads((ROOT / "docs/schema/diagram.json").read_text()))
        assert main(["status", *config]) == 0
        assert "diagram open" not in capsys.readouterr().out

    def test_no_task_where_the_diagram_is_kept(self, tmp_path: Path) -> None:
        app = app_on(files(), tmp_path)
        key = proposed(app).data["key"]
        assert row(app)["diagram"] is None
        refused = app.desk.handle("diagram", diagram.Ask(verb="done", key=key), DANA, HERE)
        assert refused.problem is not None
        assert refused.problem.finding.code == "EGR036"


class TestTheTicket:
    def test_the_form_is_complete_and_linked_both_ways(self, tmp_path: Path) -> None:
        app = app_with(tmp_path, DESK)
        answer = proposed(app, answer=("boundary=external to P1", "atc=ATC-2026-17", "nipr=no"))
        link = next(each for each in row(app)["links"] if each["what"] == "ticket")
        form = page(link["url"])
        for words in (
            "internal or external to P1",
            "ATC-2026-17",
            "same impact level",
            "inside the NIPR boundary?",
            "FQDN of your Party Bus app",
            "both staging and production",
            "cloud hosted or not",
            "ports and protocols form",
            "`unifieddatalibrary.com`",
            row(app)["url"],
        ):
            assert words in form
        assert form.count("**Open, to be answered by dana") == 1
        assert link["url"] in page(row(app)["url"])
        left = [finding.facts["ids"] for finding in answer.findings if finding.code == "EGR041"]
        assert left == ["impact_level"]

    def test_opened_once(self, tmp_path: Path) -> None:
        app = app_with(tmp_path, DESK)
        proposed(app)
        proposed(app)
        tickets = list((tmp_path / "home" / "forge").glob("*/issues/*.md"))
        assert len(tickets) == 1

    @pytest.mark.parametrize(
        "ask",
        [
            {"for": "claims/claims-api", "to": ("httpbin.org",), "reason": "x"},
            {"for": UDL["for"], "to": ("tiles.maps.example",), "remove": True, "reason": "x"},
        ],
    )
    def test_none_where_the_platform_asks_for_none_or_nothing_opens(
        self, tmp_path: Path, ask: dict[str, object]
    ) -> None:
        app = app_with(tmp_path, DESK)
        proposed(app, **ask)
        assert row(app)["links"] == []


# --- both forges

ISSUE = OpenIssue(
    test_gitlab.KEY, "d1", "party-bus/help-desk", "Egress", "Why: **x**", ("egress",), "dana@fincorp.example"
)
gitlab, keys, make = test_gitlab.gitlab, test_gitlab.keys, test_gitlab.make


def test_gitlab_keeps_one_ticket(gitlab: GitLab, make) -> None:  # type: ignore[no-untyped-def]
    desk = gitlab.desks["party-bus/help-desk"] = HelpDesk(f"{gitlab.url}/party-bus/help-desk")
    forge: Forge = make()
    test_gitlab.opened(make(), gitlab)
    first = perform(ISSUE, forge, lambda _: forge)
    again = perform(replace(ISSUE, body="More."), make("other"), lambda _: forge)
    assert (first, list(desk.issues)) == (again, [1])
    issue = desk.issues[1]
    assert issue["description"].startswith("More.\n\nhttps://")
    assert issue["labels"] == ["egress"]
    assert sum(first.url in note["body"] for note in gitlab.notes[1]) == 1


@pytest.mark.parametrize("after", [True, False])
def test_gitlab_answers_lost_make_no_second_ticket(gitlab: GitLab, make, after: bool) -> None:  # type: ignore[no-untyped-def]
    desk = gitlab.desks["party-bus/help-desk"] = HelpDesk(f"{gitlab.url}/party-bus/help-desk")
    test_gitlab.opened(make(), gitlab)
    gitlab.faults.append(Fault("POST", "/issues$", 502, after=after))
    for _ in range(2):
        try:
            perform(ISSUE, make(), lambda _: make())
        except Exception as failure:
            assert getattr(failure, "code", "") == "EGR489"
    assert list(desk.issues) == [1]


def test_gitlab_links_a_diagram_elsewhere(gitlab: GitLab, make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    other = git_repos.bare(tmp_path / "architecture.git", {OTHER: f"# A\n{BEGIN}\n{END}\n"})
    forge: Forge = make()
    first = test_gitlab.opened(make(), gitlab)
    there = test_forge_local.forge(other, tmp_path / "there")
    effect = OpenDiagram(
        test_gitlab.KEY, "d1", "x", OTHER, f"{BEGIN}\n\nnew\n\n{END}", f"egress/{test_gitlab.KEY}", "T", "B", (), "dana", "2026-03-01T09:00:00Z"
    )  # fmt: skip
    made = [perform(effect, forge, lambda _: there) for _ in range(2)]
    assert made[0] == made[1]
    assert git_repos.text_at(other, f"egress/{test_gitlab.KEY}", OTHER) == f"# A\n{BEGIN}\n\nnew\n\n{END}\n".encode()
    assert sum(made[0].url in note["body"] for note in gitlab.notes[first.number]) == 1
    assert first.url in there.get(1).body
