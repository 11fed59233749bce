"""In which file a policy stands, and how one in JSON is written."""

from __future__ import annotations

import json

import pytest

from skills.core.enforce.policy_files import file_for, json_beside, json_like
from tests.core.kube import deployment, namespace, world

CLUSTER = world(deployment("web", "shop")).cluster  # all in the one file `a.yaml`


@pytest.mark.parametrize(
    ("known", "path"),
    [
        ([("bank", "k8s/bank/policies.yaml")], "k8s/shop/policies.yaml"),
        ([("bank", "net/all.yaml"), ("data", "net/all.yaml")], "net/all.yaml"),
        ([("bank", "team-a/cnp.yaml")], "network-policies.yaml"),
        ([], "network-policies.yaml"),
    ],
)
def test_the_first_policy_does_not_go_into_another_teams_file(known: list[tuple[str | None, str]], path: str) -> None:
    assert file_for("shop", known, CLUSTER) == path


@pytest.mark.parametrize(
    ("known", "otherwise", "path"),
    [
        ([("bank", "team-a/cnp.yaml")], "all.yaml", "team-a/cnp.yaml"),
        ([], "all.yaml", "all.yaml"),
        ([], None, "network-policies.yaml"),  # beside the Namespace
    ],
)
def test_where_no_workload_stands(known: list[tuple[str | None, str]], otherwise: str | None, path: str) -> None:
    assert file_for("empty", known, world(namespace("empty")).cluster, otherwise) == path
    assert file_for("nobody", known, CLUSTER, otherwise) == (path if known or otherwise else None)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("step", ["  ", "    ", "\t", ""])
def test_json_is_written_as_its_neighbour_is(newline: str, step: str) -> None:
    data = {"kind": "NetworkPolicy", "spec": {"podSelector": {}, "policyTypes": ["Egress"]}}
    text = json.dumps(data, indent=step or None).replace("\n", newline)
    assert json_like(text, data) == text
    assert json_like(text + newline, data) == text + newline


def test_a_taken_name_gets_a_number() -> None:
    assert json_beside("k8s/a.json", "b", {"k8s/b.json"}.__contains__) == "k8s/b-2.json"
    assert json_beside("a.json", "b", {"k8s/b.json"}.__contains__) == "b.json"
