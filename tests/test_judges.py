"""Every golden draft is valid by judges that we did not write; and the judges do refuse what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.sample import files
from skills.all_skills import by_name
from tests.judges import judged, worse
from tests.test_cases import CASES
from tests.worlds import files_of, world

DRAFTS = sorted(folder for folder in (CASES / "draft").iterdir() if (folder / "ask.yaml").exists())


@pytest.mark.parametrize("folder", DRAFTS, ids=lambda folder: folder.name)
def test_a_golden_draft_is_valid(folder: Path) -> None:
    skill = by_name("draft")
    ask = skill.Ask.model_validate(yaml.safe_load((folder / "ask.yaml").read_text()))
    config = folder / "config"
    answer = skill.run(ask, world(files_of(config) if config.is_dir() else files()))
    for edit in answer.detail.get("edits", ()):
        if edit.path.endswith((".yaml", ".yml", ".json")) and "{{" not in edit.new_text:
            assert worse(edit.old_text or "", edit.new_text) == []


def test_the_sample_is_valid() -> None:
    found = [
        (path, name, objections)
        for path, data in files().items()
        if path.endswith((".yaml", ".yml"))
        for name, objections in judged(data.decode())
    ]
    assert len(found) >= 20
    assert [each for each in found if each[2]] == []


_POLICY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: n}
spec: {podSelector: {}, egress: [{ports: [{prot: TCP}]}]}
"""
_ENTRY = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec: {hosts: HOSTS, ports: [{number: 443, name: tls, protocol: TLS}]}
"""
_PACKAGE = """apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {name: p}
spec: {network: {allow: [{direction: Egress, remoteHost: a.example, remoteProtocol: PROTOCOL, port: 443}]}}
"""


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (_POLICY, "prot"),
        (_ENTRY.replace("HOSTS", "a.example"), "hosts"),
        (_ENTRY.replace("HOSTS", "[a.example]").replace("ports:", "location: OUTSIDE, ports:"), "location"),
        (_ENTRY.replace("HOSTS", "[a.example]").replace("number:", "nummer: 1, number:"), "nummer"),
    ],
)
def test_the_judges_refuse_what_is_wrong(text: str, word: str) -> None:
    (objections,) = [lines for _, lines in judged(text)]
    assert any(word in line for line in objections)


@pytest.mark.needs_shared
def test_the_package_judge_refuses_an_unknown_protocol() -> None:
    assert judged(_PACKAGE.replace("PROTOCOL", "TLS")) == [("Package p", [])]
    (objections,) = [lines for _, lines in judged(_PACKAGE.replace("PROTOCOL", "FTP"))]
    assert any("FTP" in line for line in objections)
