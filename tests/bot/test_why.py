"""Why is this allowed? The rule's own history in Git, and what our records say of the merge that brought it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.cli import main
from tests.fakes import git_repos
from tests.shared import ROOT

PATH = "organization/p.yaml"
HEAD = (
    "apiVersion: lowops.manifests.v1\nkind: Project\n"
    "metadata: {name: pay, environment: production, organizational-unit: u, organization: o}\n"
    "spec:\n  allowedEgress:\n"
)
FILES = {
    PATH: f"{HEAD}    - a.example\n",
    "egress-policy.yaml": (
        'version: 1\ngroups: {sec: [sam@fincorp.example]}\napproval: [{paths: ["**"], groups: [sec]}]\n'
    ),
}
Postern = Callable[..., tuple[int, str]]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return git_repos.bare(tmp_path / "allowlist.git", FILES)


@pytest.fixture
def postern(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Postern:
    monkeypatch.setenv("POSTERN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSTERN_CONFIG", str(repo))

    def run(*words: str, person: str = "dana@fincorp.example") -> tuple[int, str]:
        monkeypatch.setenv("POSTERN_PERSON", person)
        status = main(words)
        out, err = capsys.readouterr()
        return status, out + err

    return run


def rules(said: str) -> list[dict[str, Any]]:
    data = json.loads(said)
    jsonschema.validate(data, json.loads((ROOT / "docs" / "schema" / "why.json").read_text()))
    found: list[dict[str, Any]] = data["rules"]
    return found


def merged(postern: Postern, host: str) -> str:
    said = postern("propose", "--for", "pay", "--to", host, "--reason", "SMS", "--until", "2099-01-31", "--json")[1]
    key: str = json.loads(said)["key"]
    assert postern("decide", key, "approve", person="sam@fincorp.example")[0] == 0
    return key


def test_a_rule_of_old_names_its_commit_and_nobody_who_approved(postern: Postern, repo: Path) -> None:
    status, said = postern("why", "--for", "pay", "--to", "a.example", "--json")
    (rule,) = rules(said)
    first = git_repos.git(repo, "rev-list", "--max-parents=0", "main")
    assert (status, rule["path"], rule["line"], rule["text"]) == (0, PATH, 6, "- a.example")
    assert (rule["commit"], rule["approved_by"], rule["request"], rule["until"]) == (first, [], None, None)


def test_a_rule_that_postern_merged_names_request_approver_and_expiry(postern: Postern) -> None:
    key = merged(postern, "b.example")
    (rule,) = rules(postern("why", "--for", "pay", "--to", "b.example", "--json")[1])
    assert (rule["request"], rule["asked_by"], rule["approved_by"]) == (
        key,
        "dana@fincorp.example",
        ["sam@fincorp.example"],
    )
    assert (rule["until"], rule["reason"], rule["for"]) == ("2099-01-31", "SMS", ["pay (production)"])
    status, said = postern("why", "--for", "pay", "--to", "b.example")
    assert status == 0
    assert f"{key}, asked by dana@fincorp.example, approved by sam@fincorp.example, until 2099-01-31" in said


def test_a_rule_that_was_there_before_in_the_same_file_has_no_request(postern: Postern) -> None:
    merged(postern, "b.example")
    (rule,) = rules(postern("why", "--for", "pay", "--to", "a.example", "--json")[1])
    assert (rule["request"], rule["approved_by"]) == (None, [])


def test_a_commit_that_claims_a_request_is_not_believed(postern: Postern, repo: Path) -> None:
    key = merged(postern, "b.example")
    text = git_repos.text_at(repo, "main", PATH).decode() + "    - evil.example\n"
    git_repos.commit(repo, {PATH: text}, message=f"More\n\nPostern-Request: {key}")
    (rule,) = rules(postern("why", "--for", "pay", "--to", "evil.example", "--json")[1])
    assert (rule["request"], rule["approved_by"], rule["summary"]) == (None, [], "More")


def test_moved_and_indented_lines_are_followed(postern: Postern, repo: Path) -> None:
    first = git_repos.git(repo, "rev-list", "--max-parents=0", "main")
    git_repos.commit(repo, {PATH: f"# a word of its own\n{HEAD}      - a.example\n"})
    (rule,) = rules(postern("why", "--for", "pay", "--to", "a.example", "--json")[1])
    assert (rule["line"], rule["commit"]) == (7, first)


def test_without_a_workload_every_workload_is_looked_at(postern: Postern, repo: Path) -> None:
    other = HEAD.replace("name: pay", "name: shop") + "    - a.example\n"
    git_repos.commit(repo, {"organization/s.yaml": other})
    found = rules(postern("why", "--to", "a.example", "--json")[1])
    assert [(rule["path"], rule["for"]) for rule in found] == [
        (PATH, ["pay (production)"]),
        ("organization/s.yaml", ["shop (production)"]),
    ]


def test_what_is_not_allowed_has_no_reason(postern: Postern) -> None:
    status, said = postern("why", "--for", "pay", "--to", "c.example", "--json")
    assert (status, rules(said)) == (3, [])
    assert "No rule allows c.example:443 for pay." in postern("why", "--for", "pay", "--to", "c.example")[1]
    assert postern("why", "--for", "nobody", "--to", "c.example")[0] == 4
    status, said = postern("why", "--for", "nobody", "--to", "c.example")
    assert status == 4
    assert "No rule allows" not in said
