"""A team's architecture diagram: what its workloads may reach, between two markers; every other byte as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sample import files
from skills.core.change import digest
from skills.core.diagram.block import BEGIN, END, block, placed
from skills.core.diagram.drawing import drawn
from skills.core.diagram.note import Connection
from skills.core.errors import AskUnclear
from skills.core.messages import say
from skills.core.policy import PLATFORMS, read_policy
from skills.draft import skill as draft
from tests.core.test_rights import request as asked_for
from tests.worlds import NOW, allowlist, world

BLOCK = f"{BEGIN}\n\nnew\n\n{END}"
TRACKER = "party-bus/mission-tracker/ARCHITECTURE.md"
UDL = {"for": "mission-tracker/tracker-api", "to": ("unifieddatalibrary.com",), "reason": "orbits from the UDL"}


def table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines]


def edit_of(answer: object, path: str) -> tuple[str | None, str]:
    found = [edit for edit in answer.detail["edits"] if edit.path == path]  # type: ignore[attr-defined]
    assert len(found) == 1
    assert found[0].role == "architecture"
    return found[0].old_text, found[0].new_text


# --- the file

around = st.text(st.characters(codec="utf-8", exclude_characters="<"), max_size=40)


@given(around, around, st.sampled_from(["\n", "\r\n"]))
def test_every_byte_outside_the_markers_stays(before: str, after: str, end: str) -> None:
    text = f"{before}{end}{BEGIN}{end}old{end}{END}{end}{after}"
    new = placed(text, BLOCK, "a.md")
    assert new.startswith(f"{before}{end}{BEGIN}")
    assert new.endswith(f"{END}{end}{after}")
    assert placed(new, BLOCK, "a.md") == new


@given(around)
def test_a_file_without_markers_gets_the_block_at_its_end(text: str) -> None:
    new = placed(text, BLOCK, "a.md")
    assert new.startswith(text)
    assert placed(new, BLOCK, "a.md") == new


def test_line_ends_of_the_file_are_kept() -> None:
    new = placed(f"# A\r\n\r\n{BEGIN}\r\n{END}\r\n", BLOCK, "a.md")
    assert new == f"# A\r\n\r\n{BEGIN}\r\n\r\nnew\r\n\r\n{END}\r\n"


def test_a_new_file_has_a_heading() -> None:
    assert placed(None, BLOCK, "a.md") == f"# External connections\n\n{BLOCK}\n"


BROKEN = {
    "no end": f"a\n{BEGIN}\nb\n",
    "no begin": f"a\n{END}\nb\n",
    "the wrong way round": f"{END}\n{BEGIN}\n",
    "twice": f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n",
    "nested": f"{BEGIN}\n{BEGIN}\n{END}\n{END}\n",
    "inside a line": f"see {BEGIN} and {END}\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_markers_that_are_no_pair_are_refused(text: str) -> None:
    with pytest.raises(AskUnclear) as caught:
        placed(text, BLOCK, "docs/a.md")
    said = say(caught.value.finding)
    assert caught.value.code == "EGR030"
    assert "docs/a.md" in said.says
    assert "{" not in said.says + said.do


HOSTILE = ["a | b", "`x` | y", f"{END}\n# mine", "<!-- postern", "-->", "````\nout", "]] --> x[", "line\n\n## heading"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_its_cell_and_label(name: str) -> None:
    made = block([Connection(name, name, f"{name}!", "443", "TLS", name, "", new=False)])
    assert made.count("<!--") == made.count("-->") - made.count(" -->|") == 2
    assert made.count("````") == 2
    rows = [line for line in made.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert rows[2].replace("\\|", "").count("|") == 9
    new = placed(f"a\n{BEGIN}\n{END}\nb\n", made, "a.md")
    assert placed(new, made, "a.md") == new


# --- what stands in it


def test_the_samples_diagrams_are_current() -> None:
    there = allowlist(files())
    for setting in read_policy(there.texts["egress-policy.yaml"]).diagrams:
        text = there.texts[setting.path]
        assert placed(text, drawn(there, setting.workloads, ()), setting.path) == text


def test_only_what_every_layer_allows_is_listed() -> None:
    """The network layer lets tracker-api to all addresses on 443; the mesh knows two hosts."""
    there = allowlist(files())
    rows = table(drawn(there, ("mission-tracker",), ()))
    targets = {row[2] for row in rows}
    assert {"jira.dsop.example", "tiles.maps.example"} <= targets
    assert not any("0.0.0.0" in target for target in targets)
    assert {row[1] for row in rows} == {"production", "staging"}


def test_the_own_namespace_is_not_external_and_others_are() -> None:
    rows = table(drawn(allowlist(files()), ("data-platform/ingest",), ()))
    targets = [row[2] for row in rows]
    assert "pods app.kubernetes.io/name=vault in namespace vault-prod" in targets
    assert not any(target.endswith("in namespace data-platform") for target in targets)


def test_nothing_restricted_is_said_as_such() -> None:
    assert table(drawn(allowlist(files()), ("vault-prod",), ()))[0][2:5] == ["everything", "every port", "ANY"]


def test_a_namespace_where_nothing_may_leave() -> None:
    policy = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
"""
    assert table(drawn(allowlist({"a.yaml": policy}), ("shop",), ())) == [["nothing may leave", *"-------"]]


# --- in a draft


def test_the_diagram_is_part_of_the_change_and_of_its_digest() -> None:
    there = world(files())
    answer = draft.run(draft.Ask.model_validate(UDL), there)
    old, new = edit_of(answer, TRACKER)
    assert old == files()[TRACKER].decode()
    added = [line for line in new.splitlines() if line not in (old or "")]
    assert [row[:7] for row in table("|\n|\n" + "\n".join(added))] == [
        [
            "mission-tracker/tracker-api",
            env,
            "unifieddatalibrary.com",
            "443",
            "TLS",
            "orbits from the UDL",
            "2026-11-21",
        ]
        for env in ("production", "staging")
    ]
    edits = answer.detail["edits"]
    assert answer.data["digest"] == digest(there.allowlist.commit, edits)
    assert answer.data["digest"] != digest(there.allowlist.commit, [e for e in edits if e.role == "allowlist"])
    assert draft.run(draft.Ask.model_validate(UDL), there).data == answer.data


def test_a_host_that_a_rule_opens_on_every_port_is_one_row() -> None:
    ask = {"for": "payment-gateway", "to": ("api.twilio.com",), "reason": "SMS"}
    old, new = edit_of(draft.run(draft.Ask.model_validate(ask), world(files())), "architecture/retail-banking.md")
    added = [line for line in new.splitlines() if line not in (old or "").splitlines() and line.startswith("|")]
    assert [row[:6] for row in table("|\n|\n" + "\n".join(added))] == [
        ["payment-gateway", "production", "api.twilio.com", "every port", "ANY", "SMS"]
    ]


def test_no_approval_is_asked_for_the_diagram_itself() -> None:
    content = dict(files())
    content["egress-policy.yaml"] = content["egress-policy.yaml"].replace(b'paths: ["**"]', b'paths: ["no/**"]')
    answer = draft.run(draft.Ask.model_validate(UDL), world(content))
    assert TRACKER not in answer.detail["draft"].change.governed
    assert answer.data["approvals"] == ["platform-security"]


def test_broken_markers_keep_no_change_back() -> None:
    content = {**files(), TRACKER: f"# mine\n{BEGIN}\n".encode()}
    answer = draft.run(draft.Ask.model_validate(UDL), world(content))
    assert "EGR030" in {finding.code for finding in answer.findings}
    assert TRACKER not in {edit.path for edit in answer.detail["edits"]}
    assert answer.exit_status == 0


def test_a_removal_takes_its_rows() -> None:
    ask = {"for": "mission-tracker/tracker-api", "to": ("tiles.maps.example",), "remove": True, "reason": "no map"}
    _, new = edit_of(draft.run(draft.Ask.model_validate(ask), world(files())), TRACKER)
    assert "tiles.maps.example" not in new
    assert "jira.dsop.example" in new


def test_once_merged_the_request_says_why_and_since_and_the_bytes_stay() -> None:
    """Redrawn after the merge from the request that was recorded, the block is what the change wrote."""
    there = world(files())
    answer = draft.run(draft.Ask.model_validate({**UDL, "until": "2027-01-31"}), there)
    _, new = edit_of(answer, TRACKER)
    merged = allowlist({**files(), **{edit.path: edit.new_text for edit in answer.detail["edits"]}})
    request = replace(
        asked_for(),
        state="merged",
        workload="mission-tracker/tracker-api",
        destinations=("unifieddatalibrary.com:443",),
        reason=str(UDL["reason"]),
        since=NOW.isoformat(),
        until="2027-01-31",
    )
    assert "2027-01-31" in new
    assert placed(new, drawn(merged, ("mission-tracker",), [request]), TRACKER) == new


# --- the policy's keys

HEAD = "groups: {a: [sam]}\napproval: [{paths: ['**'], groups: [a]}]\n"


def test_settings_are_read() -> None:
    policy = read_policy(
        HEAD
        + "diagrams: [{workloads: [shop], path: docs/A.md}, {workloads: ['x/*'], path: a.md, repository: ../b.git}]\n"
        "help_desk: {project: group/desk, platforms: [istio], labels: [egress]}\n"
    )
    assert [(d.path, d.repository) for d in policy.diagrams] == [("docs/A.md", None), ("a.md", "../b.git")]
    assert policy.help_desk is not None
    assert policy.help_desk.project == "group/desk"


WRONG = {
    "diagrams: 3": "list",
    "diagrams: [{path: a.md}]": "needs `workloads` and `path`",
    "diagrams: [{workloads: [a], path: a.yaml}]": "no Markdown file",
    "diagrams: [{workloads: [a], path: ../a.md}]": "inside the repository",
    "diagrams: [{workloads: [a], path: .git/a.md}]": "inside the repository",
    "diagrams: [{workloads: [a], path: a.md, repo: x}]": "no key",
    "diagrams: [{workloads: [a], path: a.md, repository: 'https://u:p@h/x'}]": "without a user name",
    "diagrams: [{workloads: [a], path: a.md, repository: 'ssh://h/x'}]": "https",
    "diagrams: [{workloads: [a], path: a.md}, {workloads: [b], path: a.md}]": "twice",
    "help_desk: yes": "must be a map",
    "help_desk: {project: desk, platforms: [istio]}": "path of a project",
    "help_desk: {project: g/d, platforms: [isto]}": "no platform",
    "help_desk: {project: g/d}": "needs `project` and `platforms`",
    "help_desk: {project: g/d, platforms: [istio], labels: ['a,b']}": "comma",
}


@pytest.mark.parametrize("words", list(WRONG))
def test_a_wrong_setting_is_one_clear_sentence(words: str) -> None:
    with pytest.raises(AskUnclear) as caught:
        read_policy(HEAD + words + "\n")
    said = say(caught.value.finding).says
    assert caught.value.code == "EGR421"
    assert said.startswith("egress-policy.yaml:3 is wrong: ")
    assert WRONG[words] in said


def test_the_policy_knows_every_platform() -> None:
    from skills.core.all_platforms import ALL

    assert sorted(platform.NAME for platform in ALL) == sorted(PLATFORMS)
