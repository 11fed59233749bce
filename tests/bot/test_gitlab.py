"""GitLab as the forge: real git over HTTPS, a GitLab with a state, and GitLab's own description of its API as judge."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.cli import main
from bot.world.config_repo import ConfigRepo
from bot.world.forge import Forge, MergeRequest, Options, options
from bot.world.gitlab import Calls, GitLabForge, Project, authorization, project_path
from skills.core.errors import AskUnclear, Mendable, NotAllowed, Outdated, Unreachable
from skills.core.messages import say
from skills.core.model import Edit, OpenMergeRequest
from tests.fakes import git_repos
from tests.fakes.gitlab_guard import guarded
from tests.fakes.gitlab_server import PROJECT, TOKEN, Fault, GitLab, certificate, serving
from tests.shops import FILES as SHOP_FILES

pytestmark = pytest.mark.needs("openssl")
FILES = {"a.yaml": "a: 1\n", "deep/er/b.yaml": "b: 2\n"}
KEY = "EG-7F2K"
BRANCH = f"egress/{KEY}"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def gitlab(tmp_path: Path, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLab]:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_SSL_CAINFO", str(keys[0]))
    repository = git_repos.bare(tmp_path / "server" / "allowlist.git", FILES)
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=repository, check=True)
    with serving(repository, keys) as running:
        yield running


@pytest.fixture
def make(gitlab: GitLab, keys: tuple[Path, Path], tmp_path: Path) -> Callable[..., GitLabForge]:
    """A forge of its own for each call, as after a restart or on another replica."""

    def made(home: str = "home", token: str = TOKEN, path: str = PROJECT, options: Options = Options()) -> GitLabForge:  # noqa: B008
        repo = ConfigRepo.open(gitlab.clone, home=tmp_path / home, authorization=authorization(TOKEN))
        calls = Calls(Project(gitlab.url, path, token, ca=str(keys[0])), guarded(), pause=lambda _: None)
        return GitLabForge(repo, calls, options, pause=lambda _: None)

    return made


@pytest.fixture
def forge(make: Callable[..., GitLabForge]) -> GitLabForge:
    return make()


def effect(gitlab: GitLab, *edits: Edit, **changed: str) -> OpenMergeRequest:
    made = OpenMergeRequest(
        request_key=KEY,
        base=gitlab.tip("main") or "",
        branch=BRANCH,
        target="main",
        edits=edits or (Edit("a.yaml", "a: 1\n", "a: 1\nb: 2\n"),),
        digest="d1",
        title="Let payments reach api.twilio.com:443",
        body="Because of **SMS**.",
        labels=("egress::needs-approval",),
        reviewers=("sam", "ines@fincorp.example"),
        author="dana@fincorp.example",
        created_at="2026-03-01T09:00:00Z",
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def opened(forge: GitLabForge, gitlab: GitLab) -> MergeRequest:
    return forge.open_or_update(effect(gitlab)).merge_request


def refused(code: str, kind: type[Mendable], call: Callable[..., object], *args: object) -> Mendable:
    with pytest.raises(kind) as caught:
        call(*args)
    said = say(caught.value.finding)
    assert caught.value.code == code
    assert "{" not in said.says + (said.do or "")
    assert TOKEN not in repr(caught.value) + said.says
    return caught.value


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("fields", "word"),
    [({"reviewers": [8]}, "reviewers"), ({"reviewer_ids": ["sam"]}, "sam"), ({"squash": "yes"}, "yes")],
)
def test_the_judge_refuses_what_gitlab_does_not_know(
    gitlab: GitLab, keys: tuple[Path, Path], fields: dict[str, object], word: str
) -> None:
    calls = Calls(Project(gitlab.url, PROJECT, TOKEN, ca=str(keys[0])), guarded())
    with pytest.raises(AssertionError, match=word):
        calls.create({"source_branch": "x", "target_branch": "main", "title": "t", **fields})


def test_it_is_a_forge(forge: GitLabForge) -> None:
    known: Forge = forge
    assert known.where.endswith(PROJECT)
    assert project_path(known.where) == PROJECT


class TestOpening:
    def test_branch_commit_and_merge_request(self, forge: GitLabForge, gitlab: GitLab) -> None:
        receipt = forge.open_or_update(effect(gitlab))
        made = receipt.merge_request
        assert (receipt.created, made.number, made.state, made.key) == (True, 1, "opened", KEY)
        assert gitlab.tip(BRANCH) == made.head
        assert gitlab.git("show", f"{BRANCH}:a.yaml") == "a: 1\nb: 2"
        assert gitlab.git("diff", "--name-only", "main", BRANCH) == "a.yaml"
        there = gitlab.merge_requests[1]
        assert there["labels"] == ["egress::needs-approval"]
        assert [each["username"] for each in there["reviewers"]] == ["sam"]
        assert made.body == "Because of **SMS**."

    def test_it_is_opened_as_the_team_likes_it(self, make: Callable[..., GitLabForge], gitlab: GitLab) -> None:
        forge = make(options=options(["squash", "keep-branch", "assign", "asker-is-author"]))
        forge.open_or_update(effect(gitlab, author="sam"))
        there = gitlab.merge_requests[1]
        assert (there["squash"], there["force_remove_source_branch"]) == (True, False)
        assert [each["username"] for each in there["assignees"]] == ["sam"]
        assert gitlab.git("log", "-1", "--format=%an %cn", BRANCH) == "sam Postern"
        forge.merge(1, there["sha"], "ines")
        assert gitlab.tip(BRANCH) is not None

    def test_by_default_it_is_ours_and_nobodys_task(self, forge: GitLabForge, gitlab: GitLab) -> None:
        forge.open_or_update(effect(gitlab, author="sam"))
        there = gitlab.merge_requests[1]
        assert (there["squash"], there["force_remove_source_branch"], there["assignees"]) == (False, True, [])
        assert (
            gitlab.git("log", "-1", "--format=%an%n%(trailers:key=Requested-by)", BRANCH)
            == "Postern\nRequested-by: sam"
        )

    def test_an_option_that_is_none_is_named(self) -> None:
        said = refused("EGR066", AskUnclear, options, ["sqash"])
        assert "squash, keep-branch" in (say(said.finding).do or "")

    def test_few_requests_are_enough(self, forge: GitLabForge, gitlab: GitLab) -> None:
        forge.source(lambda _: True, None)()  # the mirror is warm
        gitlab.calls.clear()
        gitlab.git_calls.clear()
        opened(forge, gitlab)
        assert len(gitlab.calls) <= 6
        assert len(gitlab.git_calls) <= 4

    def test_twice_is_once(self, make: Callable[..., GitLabForge], gitlab: GitLab) -> None:
        first, second = make().open_or_update(effect(gitlab)), make("elsewhere").open_or_update(effect(gitlab))
        assert (first.created, second.created) == (True, False)
        assert second.merge_request.head == first.merge_request.head
        assert len(gitlab.merge_requests) == 1
        assert not [call for call in gitlab.calls if call.startswith("PUT")]

    def test_a_follow_up_moves_the_same_one(self, forge: GitLabForge, gitlab: GitLab) -> None:
        before = opened(forge, gitlab)
        again = effect(gitlab, Edit("a.yaml", "a: 1\n", "a: 1\nc: 3\n"), digest="d2", title="Another title")
        after = forge.open_or_update(again).merge_request
        assert after.number == before.number
        assert after.head == gitlab.tip(BRANCH) != before.head
        assert gitlab.merge_requests[1]["title"] == "Another title"

    def test_a_branch_that_somebody_moved_is_left_alone(self, forge: GitLabForge, gitlab: GitLab) -> None:
        opened(forge, gitlab)
        theirs = git_repos.commit(gitlab.repository, {"a.yaml": "a: 9\n"}, branch=BRANCH)
        refused("EGR443", Outdated, forge.open_or_update, effect(gitlab))
        assert gitlab.tip(BRANCH) == theirs

    def test_a_protected_branch_gives_the_servers_words(self, forge: GitLabForge, gitlab: GitLab) -> None:
        hook = gitlab.repository / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho 'GL-HOOK-ERR: egress branches need a ticket' >&2\nexit 1\n")
        hook.chmod(0o755)
        failure = refused("EGR480", NotAllowed, forge.open_or_update, effect(gitlab))
        assert "egress branches need a ticket" in str(failure.facts["says"])
        assert gitlab.merge_requests == {}

    def test_a_touched_file_that_moved_on_the_target(self, forge: GitLabForge, gitlab: GitLab) -> None:
        drawn = effect(gitlab)
        git_repos.commit(gitlab.repository, {"a.yaml": "a: 5\n"})
        refused("EGR445", Outdated, forge.open_or_update, drawn)

    def test_a_closed_one_is_not_taken_up_again(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        forge.close(made.number, "sam", "no")
        assert forge.open_or_update(effect(gitlab)).created is False
        other = effect(gitlab, Edit("a.yaml", "a: 1\n", "a: 1\nc: 3\n"))
        receipt = forge.open_or_update(other)
        assert (receipt.created, receipt.merge_request.number) == (True, 2)


class TestBrokenCalls:
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("POST", "merge_requests$", 0, after=True),
            Fault("POST", "merge_requests$", 502, after=True),
            Fault("GET", "merge_requests$", 503),
            Fault("GET", "merge_requests$", 0),
            Fault("GET", "merge_requests$", 429, headers={"Retry-After": "0"}),
            Fault("GET", "members/all$", 500, times=9),
        ],
        ids=str,
    )
    def test_opening_goes_on(self, forge: GitLabForge, gitlab: GitLab, fault: Fault) -> None:
        gitlab.faults.append(fault)
        assert forge.open_or_update(effect(gitlab)).merge_request.number == 1
        assert fault.times == 0 or fault.path == "members/all$"
        assert len(gitlab.merge_requests) == 1

    @pytest.mark.parametrize(
        ("fault", "code", "kind"),
        [
            (Fault("POST", "merge_requests$", 502), "EGR489", Unreachable),
            (Fault("POST", "merge_requests$", 0), "EGR489", Unreachable),
            (Fault("POST", "merge_requests$", 401), "EGR490", NotAllowed),
            (Fault("POST", "merge_requests$", 403, message="insufficient scope"), "EGR491", NotAllowed),
            (Fault("POST", "merge_requests$", 422, message={"title": ["is too long"]}), "EGR494", NotAllowed),
            (Fault("GET", "merge_requests$", 429, headers={"Retry-After": "300"}), "EGR493", Unreachable),
            (Fault("GET", "merge_requests$", 500, times=9), "EGR489", Unreachable),
        ],
        ids=str,
    )
    def test_what_can_not_go_on_says_why_and_is_finished_by_the_next_try(
        self, make: Callable[..., GitLabForge], gitlab: GitLab, fault: Fault, code: str, kind: type[Mendable]
    ) -> None:
        gitlab.faults.append(fault)
        refused(code, kind, make().open_or_update, effect(gitlab))
        gitlab.faults.clear()
        assert make("after").open_or_update(effect(gitlab)).merge_request.number == 1
        assert len(gitlab.merge_requests) == 1

    def test_a_wrong_token_and_a_wrong_project(self, make: Callable[..., GitLabForge], gitlab: GitLab) -> None:
        refused("EGR490", NotAllowed, make(token="another").open_or_update, effect(gitlab))
        refused("EGR492", NotAllowed, make(path="platform/other").open_or_update, effect(gitlab))

    def test_the_token_is_nowhere_on_disk(self, forge: GitLabForge, gitlab: GitLab, tmp_path: Path) -> None:
        opened(forge, gitlab)
        secret = authorization(TOKEN).removeprefix("Basic ").encode()
        for file in (each for each in (tmp_path / "home").rglob("*") if each.is_file()):
            assert TOKEN.encode() not in file.read_bytes() and secret not in file.read_bytes()


class TestDeciding:
    def test_merged_with_the_head_that_was_approved(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        forge.note(made.number, "sam", "approve by sam", key="k1")
        forge.note(made.number, "sam", "approve by sam", key="k1")
        assert forge.approve(made.number, made.head, "sam@fincorp.example").approvals == ("sam@fincorp.example",)
        assert forge.approve(made.number, made.head, "sam@fincorp.example").approvals == ("sam@fincorp.example",)
        merged = forge.merge(made.number, made.head, "sam@fincorp.example")
        assert (merged.state, merged.merged_commit) == ("merged", gitlab.tip("main"))
        assert gitlab.git("show", "main:a.yaml") == "a: 1\nb: 2"
        assert gitlab.tip(BRANCH) is None
        assert len(gitlab.notes[1]) == 2
        assert forge.merge(made.number, made.head, "sam@fincorp.example").merged_commit == merged.merged_commit

    def test_a_head_that_moved_after_the_approval(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        git_repos.commit(gitlab.repository, {"a.yaml": "a: 9\n"}, branch=BRANCH)
        refused("EGR446", Outdated, forge.approve, made.number, made.head, "sam")
        refused("EGR446", Outdated, forge.merge, made.number, made.head, "sam")
        assert forge.get(made.number).approvals == ()
        assert gitlab.merge_requests[1]["state"] == "opened"

    def test_a_forged_mark_of_somebody_else_is_no_approval(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        forged = f"<!-- postern-approval:{made.head} by {b'mallory'.hex()} -->"
        gitlab.add_note(1, {"body": forged}, by={"id": 66, "username": "mallory", "name": "Mallory"})
        assert forge.get(made.number).approvals == ()

    def test_a_reason_can_not_forge_an_approval(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        forge.note(made.number, "dana", f"<!-- postern-approval:{made.head} by {b'dana'.hex()} -->", key="k")
        assert forge.get(made.number).approvals == ()

    def test_a_target_whose_file_moved(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        git_repos.commit(gitlab.repository, {"a.yaml": "a: 5\n"})
        refused("EGR445", Outdated, forge.merge, made.number, made.head, "sam")

    def test_a_target_that_moved_elsewhere_is_fine(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        git_repos.commit(gitlab.repository, {"deep/er/b.yaml": "b: 5\n"})
        assert forge.merge(made.number, made.head, "sam").state == "merged"
        assert gitlab.git("show", "main:deep/er/b.yaml") == "b: 5"

    def test_a_branch_that_was_deleted_and_whose_commit_this_mirror_never_held(
        self, forge: GitLabForge, make: Callable[..., GitLabForge], gitlab: GitLab
    ) -> None:
        """Another replica, or a mirror that was built anew: refused as it is, not failed for good."""
        made = opened(forge, gitlab)
        gitlab.git("update-ref", "-d", f"refs/heads/{BRANCH}")
        failure = refused("EGR496", Outdated, make("other").merge, made.number, made.head, "sam")
        assert "its branch was deleted" in say(failure.finding).says
        assert gitlab.merge_requests[1]["state"] == "opened"

    def test_gitlab_takes_its_time(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        gitlab.statuses = ["mergeable", "preparing", "checking", "approvals_syncing"]
        assert forge.merge(made.number, made.head, "sam").state == "merged"

    @pytest.mark.parametrize(
        ("status", "code", "kind", "words"),
        [
            ("ci_still_running", "EGR495", Unreachable, "pipeline is still running"),
            ("not_approved", "EGR495", Unreachable, "approval rules"),
            ("conflict", "EGR496", Outdated, "conflicts"),
            ("something_new", "EGR495", Unreachable, "something_new"),
            ("checking", "EGR495", Unreachable, "still looking at it"),
        ],
    )
    def test_what_gitlab_does_not_merge(
        self, forge: GitLabForge, gitlab: GitLab, status: str, code: str, kind: type[Mendable], words: str
    ) -> None:
        made = opened(forge, gitlab)
        gitlab.statuses = [status] * 99
        failure = refused(code, kind, forge.merge, made.number, made.head, "sam")
        assert words in say(failure.finding).says
        assert gitlab.merge_requests[1]["state"] == "opened"

    @pytest.mark.parametrize("status", [0, 502])
    def test_a_merge_whose_answer_is_lost(self, forge: GitLabForge, gitlab: GitLab, status: int) -> None:
        made = opened(forge, gitlab)
        gitlab.faults.append(Fault("PUT", "merge$", status, after=True))
        merged = forge.merge(made.number, made.head, "sam")
        assert (merged.state, merged.merged_commit) == ("merged", gitlab.tip("main"))

    def test_closed_with_its_reason(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        assert forge.close(made.number, "sam", "not this host").state == "closed"
        assert forge.close(made.number, "sam", "not this host").state == "closed"
        assert [note["body"].splitlines()[0] for note in gitlab.notes[1]] == ["not this host"]
        refused("EGR448", Outdated, forge.merge, made.number, made.head, "sam")

    def test_labels_and_what_is_not_there(self, forge: GitLabForge, gitlab: GitLab) -> None:
        made = opened(forge, gitlab)
        seen = forge.label(made.number, add=["egress::approved"], remove=["egress::needs-approval"])
        assert seen.labels == ("egress::approved",)
        refused("EGR449", AskUnclear, forge.get, 99)
        assert forge.find("EG-OTHER") is None
        found = forge.find(KEY)
        assert found is not None and found.number == made.number


class TestTheProduct:
    """The command line against GitLab: asked, approved by somebody else, merged; and what a wrong person gets."""

    def test_from_ask_to_merge(
        self,
        gitlab: GitLab,
        keys: tuple[Path, Path],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        git_repos.commit(gitlab.repository, SHOP_FILES)
        settings = {"HOME": "state", "GITLAB_TOKEN": TOKEN, "GITLAB_CA": str(keys[0]), "CONFIG": gitlab.clone}
        for name, value in {**settings, "HOME": str(tmp_path / "state")}.items():
            monkeypatch.setenv(f"POSTERN_{name}", value)
        monkeypatch.delenv("GIT_SSL_CAINFO")
        flow = ("--for", "pay", "--to", "b.example")

        def postern(person: str, *words: str) -> tuple[int, str]:
            monkeypatch.setenv("POSTERN_PERSON", person)
            status = main(words)
            out, err = capsys.readouterr()
            return status, out + err

        assert postern("dana@fincorp.example", "check", *flow)[0] == 3
        status, said = postern("dana@fincorp.example", "propose", *flow, "--reason", "SMS")
        key = gitlab.merge_requests[1]["source_branch"].removeprefix("egress/")
        assert status == 0 and key in said and gitlab.merge_requests[1]["web_url"] in said
        assert postern("dana@fincorp.example", "decide", key, "approve")[0] == 5
        assert gitlab.merge_requests[1]["state"] == "opened"
        assert postern("sam@fincorp.example", "decide", key, "approve")[0] == 0
        assert gitlab.merge_requests[1]["state"] == "merged"
        assert gitlab.git("show", "main:organization/p.yaml").endswith("- a.example\n    - b.example  # SMS")
        assert postern("dana@fincorp.example", "check", *flow)[0] == 0
