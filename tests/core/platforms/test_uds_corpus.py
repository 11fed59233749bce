"""Real Packages and the results that the platform's own suite states for them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from skills.core.model import Place
from skills.core.platforms import uds
from skills.core.yaml_text import read_documents
from tests.core.platforms.uds_support import check, index_of, package, repository
from tests.shared import shared_folder
from tests.worlds import allowlist

COMMITTED_RESULTS = 11
COMMITTED_READ = 45
COMMITTED_SEEN = 59
ANY = "any Package"


def corpus(shared: Path) -> Path:
    return shared / "platforms/corpus"


def rows() -> list[dict[str, str]]:
    folder = shared_folder()
    path = folder / "platforms/corpus/d_uds/EXPECTED_e2e.tsv" if folder else None
    if path is None or not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.mark.needs_shared
@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row['source']} to {row['destination']}")
def test_results_of_the_platform_s_own_suite(row: dict[str, str], shared: Path) -> None:
    folder = corpus(shared) / "d_uds/uds-core"
    files: dict[str, str | bytes] = {}
    if row["package_file"] != ANY:
        for name in row["package_file"].split(" + "):
            path = name if name.startswith("src/") else f"src/test/{name}"
            files[path] = (folder / path).read_bytes()
    else:
        files["any.yaml"] = package("")
    source, _, account = row["source"].replace(" (sidecar)", "").partition(" (sa ")
    made = allowlist(files)
    verdict = check(made, _workload(source), _destination(row["destination"]), account=account.rstrip(")") or None)
    assert verdict.decision == {"allow": "allowed", "deny": "denied"}[row["expected"]]


def _workload(source: str) -> str:
    if source == "any pod":
        return "web{app=web}"
    if source.startswith("test-admin-app"):
        return "test-admin-app{app=httpbin}"
    namespace, _, labels = source.partition("/")
    return f"{namespace}{{{labels}}}"


def _destination(words: str) -> str:
    if words.startswith("kube-dns "):
        protocol, _, port = words.removeprefix("kube-dns ").partition("/")
        return f"{protocol.lower()}://kube-dns.kube-system.svc.cluster.local:{port}"
    return words.removesuffix(" HTTP")


@pytest.mark.needs_shared
def test_no_result_is_left_out() -> None:
    assert len(rows()) >= COMMITTED_RESULTS


def test_every_real_package_is_read_or_reported(shared: Path) -> None:
    seen = found = 0
    entries = []
    for path in sorted(corpus(shared).rglob("*.yaml")):
        text = path.read_bytes()
        if b"uds.dev/" not in text and b"UDSBundle" not in text:
            continue
        documents, unreadable = read_documents(path.name, text)
        read = [entry for document in documents for entry in uds.read(document)]
        packages = sum(1 for entry in read if isinstance(entry, uds.Package))
        written = text.decode().count("\nkind: Package") + text.startswith(b"kind: Package")
        assert packages == written or unreadable, path
        seen, found = seen + written, found + packages
        entries += read
    assert seen >= COMMITTED_SEEN
    assert found >= COMMITTED_READ
    index = uds.compile(entries, repository().cluster)
    assert all(isinstance(item.evidence[0].place, Place) for item in uds.audit(index))
    assert uds.grants(index)
    assert uds.isolations(index)


def test_no_real_package_is_refused(shared: Path) -> None:
    """The platform's own examples are admitted by the platform."""
    refused: dict[str, list[str]] = {}
    for path in sorted((corpus(shared) / "d_uds").rglob("*.yaml")):
        index = index_of(allowlist({path.name: path.read_bytes()}))
        for found in index.every_package():
            if index.refusals(found):
                refused[path.name] = [item.code for item in index.refusals(found)]
    assert refused == {}
