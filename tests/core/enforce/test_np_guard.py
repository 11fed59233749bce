"""np-guard's published connection lists, reproduced; and its invalid policies, found."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from skills.core.messages import say
from skills.core.platforms import network_policy
from tests.core.enforce.np_guard import Connections, canonical, load

# How many of the named folders stand in the shared data with their list; fewer means that data went missing.
PRESENT = 24
ROOT = Path("platforms/corpus/e_networkpolicy/np-guard")


@pytest.mark.needs_shared
def test_connection_lists(shared: Path) -> None:
    root = shared / ROOT
    named = (root / "CONNLIST_DIRS.txt").read_text().split()
    ran, differing = [], []
    for name in named:
        expected, folder = root / "EXPECTED" / f"{name}_connlist_output.txt", root / "tests" / name
        if not expected.is_file() or not folder.is_dir():
            continue
        ran.append(name)
        if canonical(Connections(load(folder)).lines()) != canonical(expected.read_text().splitlines()):
            differing.append(name)
    print(f"np-guard connection lists: {len(named)} named, {len(ran)} run, {len(ran) - len(differing)} agree")
    assert not differing
    assert len(ran) >= PRESENT


# Folder -> the code that says what np-guard says there.
INVALID = {
    "bad_netpols/subdir1": "EGR937",
    "bad_netpols/subdir2": "EGR935",
    "bad_netpols/subdir3": "EGR932",
    "bad_netpols/subdir4": "EGR933",
    "bad_netpols/subdir6": "EGR951",
    "bad_netpols/subdir7": "EGR935",
    "np_bad_path_test_1": "EGR948",
    "np_bad_path_test_2": "EGR934",
    "np_test_with_empty_port_range": "EGR934",
}


@pytest.mark.needs_shared
def test_invalid_policies(shared: Path) -> None:
    with (shared / ROOT / "EXPECTED_ERRORS.tsv").open() as rows:
        listed = {row["tests_dir"] for row in csv.DictReader(rows, delimiter="\t")}
    ran = 0
    for folder, code in INVALID.items():
        assert folder in listed
        made = load(shared / ROOT / "tests" / folder)
        assert code in made.audit(), (folder, made.audit())
        ran += 1
    # What is left is about pods, not about policies.
    assert listed - INVALID.keys() == {"semanticDiff-same-topologies-illegal-podlist"}
    assert ran == len(INVALID)


@pytest.mark.needs_shared
def test_nothing_in_the_corpus_is_trouble(shared: Path) -> None:
    """Every folder reads, and every finding has its sentence."""
    folders = [path for path in (shared / ROOT / "tests").iterdir() if path.is_dir()]
    findings = [item for folder in folders for item in network_policy.audit(load(folder).index)]
    sentences = {say(item).says for item in findings}
    assert len(folders) >= 80
    assert len(findings) >= 25
    assert not [sentence for sentence in sentences if "?)" in sentence]  # a hole that no fact fills
