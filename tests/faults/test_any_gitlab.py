"""The same suite against any GitLab: the tests' own by default, a real one where the environment names it.

    POSTERN_GITLAB_URL  POSTERN_GITLAB_TOKEN  POSTERN_GITLAB_PROJECT  (and POSTERN_GITLAB_CA), all as the product takes them

It works on a branch of its own, made from the default branch and removed at the end, and never merges into any other.
What it looks at is read by REST alone, so that nothing depends on whose GitLab it is.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from bot.world.config_repo import ConfigRepo
from bot.world.gitlab import Calls, GitLabForge, Project, authorization, token_findings
from skills.core.errors import Outdated, Unreachable
from skills.core.model import Edit, OpenMergeRequest
from tests.fakes.gitlab_server import PROJECT, TOKEN
from tests.faults.stage import Stage, told
from tests.worlds import NOW

pytestmark = pytest.mark.needs("openssl")
REAL = all(os.environ.get(f"POSTERN_GITLAB_{name}") for name in ("URL", "TOKEN", "PROJECT"))


@dataclass
class Anywhere:
    """A project on some GitLab, and a target branch that is ours for the time of the tests."""

    project: Project
    home: Path
    target: str
    session: requests.Session

    def forge(self) -> GitLabForge:
        where = f"{self.project.url}/{self.project.path}.git"
        held = authorization(self.project.token)
        repo = ConfigRepo.open(where, home=self.home, authorization=held, ca=self.project.ca)
        return GitLabForge(repo, Calls(self.project), poll_seconds=1.0)

    def rest(self, verb: str, path: str, **given: Any) -> Any:
        url = f"{self.project.url}/api/v4/projects/{quote(self.project.path, safe='')}/{path}"
        answer = self.session.request(verb, url, timeout=30, verify=self.project.ca or True, **given)
        return answer.json() if answer.ok and answer.content else None

    def tip(self, branch: str) -> str | None:
        found = self.rest("GET", f"repository/branches/{quote(branch, safe='')}")
        return found["commit"]["id"] if found else None

    def requests_of(self, branch: str) -> list[dict[str, Any]]:
        found = self.rest("GET", "merge_requests", params={"source_branch": branch, "state": "all"})
        return list(found)

    def effect(self) -> OpenMergeRequest:
        key = f"EG-{secrets.token_hex(4).upper()}"
        return OpenMergeRequest(
            request_key=key,
            base=self.tip(self.target) or "",
            branch=f"egress/{key}",
            target=self.target,
            edits=(Edit(f"postern-suite/{key}.yaml", None, "a: 1\n"),),
            digest="d1",
            title=f"Test of Postern: {key}",
            body="Opened by a test; it closes or merges it by itself.",
            labels=("egress::needs-approval",),
            reviewers=(),
            author="dana@fincorp.example",
            created_at="2026-03-01T09:00:00Z",
        )


@pytest.fixture(scope="module")
def anywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anywhere]:
    if REAL:
        env = os.environ
        url, path, token = (env[f"POSTERN_GITLAB_{name}"] for name in ("URL", "PROJECT", "TOKEN"))
        project = Project(url.rstrip("/"), path, token, env.get("POSTERN_GITLAB_CA"))
    else:
        stage: Stage = request.getfixturevalue("stage")
        project = Project(stage.gitlab.url, PROJECT, TOKEN, str(stage.ca))
    session = requests.Session()
    session.trust_env = REAL
    session.headers["PRIVATE-TOKEN"] = project.token
    made = Anywhere(project, tmp_path_factory.mktemp("any"), f"postern-suite-{secrets.token_hex(4)}", session)
    default = made.forge().source(lambda _: False, None)().branch
    assert made.rest("POST", "repository/branches", params={"branch": made.target, "ref": default}), (
        "no branch was made"
    )
    yield made
    made.rest("DELETE", f"repository/branches/{made.target}")


def test_opened_once_however_often_it_is_asked(anywhere: Anywhere) -> None:
    effect = anywhere.effect()
    first = anywhere.forge().open_or_update(effect)
    second = anywhere.forge().open_or_update(effect)
    assert (first.created, second.created) == (True, False)
    assert anywhere.tip(effect.branch) == first.merge_request.head == second.merge_request.head
    (there,) = anywhere.requests_of(effect.branch)
    assert (there["state"], there["labels"]) == ("opened", ["egress::needs-approval"])
    anywhere.forge().note(there["iid"], "sam", "looks right", key="k1")
    anywhere.forge().note(there["iid"], "sam", "looks right", key="k1")
    notes = anywhere.rest("GET", f"merge_requests/{there['iid']}/notes")
    assert len([note for note in notes if "looks right" in note["body"]]) == 1
    assert anywhere.forge().close(there["iid"], "sam", "only a test").state == "closed"
    anywhere.rest("DELETE", f"repository/branches/{quote(effect.branch, safe='')}")


def test_redrawn_approved_and_merged_at_exactly_that_commit(anywhere: Anywhere) -> None:
    effect = anywhere.effect()
    before = anywhere.forge().open_or_update(effect).merge_request
    again = replace(effect, edits=(replace(effect.edits[0], new_text="a: 2\n"),), digest="d2")
    after = anywhere.forge().open_or_update(again).merge_request
    assert after.number == before.number and after.head != before.head
    with pytest.raises(Outdated) as no:
        anywhere.forge().approve(after.number, before.head, "sam@fincorp.example")
    assert told(no.value) == "EGR446"
    approved = anywhere.forge().approve(after.number, after.head, "sam@fincorp.example")
    assert approved.approvals == ("sam@fincorp.example",)
    try:
        merged = anywhere.forge().merge(after.number, after.head, "sam@fincorp.example")
    except Unreachable as failure:
        assert told(failure) == "EGR495"  # the project wants a pipeline or approvals of its own first
        anywhere.forge().close(after.number, "sam", "only a test")
    else:
        assert (merged.state, merged.merged_commit) == ("merged", anywhere.tip(anywhere.target))


def test_doctor_has_something_to_say_of_the_token(anywhere: Anywhere) -> None:
    assert [finding.code for finding in token_findings(Calls(anywhere.project), NOW)]
