"""Results that others published: bb-common's unit tests and istioctl's analyzers."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from skills.core.enforce.kube_index import content
from skills.core.enforce.kube_policy import Direction, NetworkPolicy
from skills.core.platforms import istio, network_policy
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.yaml_text import read_documents
from tests.core.platforms.istio_repo import DEPLOYMENT, repository
from tests.shared import shared_folder

CORPUS = "platforms/corpus/a_party_bus"
_ONE_KEY = re.compile(r"\.(to|from)\.(k8s|cidr|definition|literal)\.")


def tree_of(dotted: dict[str, Any]) -> dict[str, Any]:
    """Helm's `--set` paths as a tree; behind `.to.k8s.` and its like the rest is one key."""
    tree: dict[str, Any] = {}
    for path, value in dotted.items():
        match = _ONE_KEY.search(path)
        steps = path.split(".")
        if match:
            steps = [*path[: match.start()].split("."), *match.groups(), path[match.end() :]]
        node = tree
        for step in steps[:-1]:
            node = node.setdefault(step, {})
        node[steps[-1]] = value
    return tree


def rendered(values: dict[str, Any], namespace: str = "test") -> list[NetworkPolicy]:
    release = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "test", "namespace": namespace},
        "spec": {"values": {"bb-common": values}},
    }
    index = repository(DEPLOYMENT, files={"release.yaml": yaml.safe_dump(release)}).indexes[istio.NAME]
    return [policy for scope in index.scopes.values() for policy in scope.network]


def as_policy(spec: dict[str, Any], namespace: str = "test") -> NetworkPolicy:
    metadata = {"name": "x", "namespace": namespace}
    manifest = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}
    documents, _ = read_documents("x.yaml", yaml.safe_dump(manifest))
    entry = network_policy.read(documents[0])[0]
    assert isinstance(entry, PolicyEntry)
    return entry.policy


def bb_common_rows() -> list[dict[str, Any]]:
    folder = shared_folder()
    path = folder / CORPUS / "EXPECTED_bbcommon_egress.jsonl" if folder else None
    return [json.loads(row) for row in path.read_text().splitlines()] if path and path.is_file() else []


def disagreements(row: dict[str, Any]) -> Iterator[str]:
    """What bb-common's own test says of the values and what we render otherwise. Labels are nothing of ours."""
    made = rendered(tree_of(row["set"]))
    names = {policy.name.removeprefix("test-") for policy in made}
    wanted = (row["policy_name"] or "").removeprefix("test-")
    if wanted and wanted not in names:
        yield f"no policy {wanted}: {sorted(names)}"
    if row["expected_spec"] and content(as_policy(row["expected_spec"])) not in map(content, made):
        yield "another spec"
    if row["expected_documents"] is not None and len(made) != row["expected_documents"]:
        yield f"{len(made)} documents, not {row['expected_documents']}"
    for check in row["other_asserts"] or ():
        chosen = check.get("documentSelector", {}).get("value", wanted)
        document = check.get("containsDocument", {}).get("name", chosen)
        if document and document not in names:
            yield f"no policy {document}"
        yield from spec_disagreements(check.get("equal", {}), [p for p in made if not chosen or p.name == chosen])


def spec_disagreements(equal: dict[str, Any], made: list[NetworkPolicy]) -> Iterator[str]:
    path, value = equal.get("path", ""), equal.get("value")
    side = "egress" if "egress" in path else "ingress"
    direction: Direction = "Egress" if side == "egress" else "Ingress"
    types = {"policyTypes": [direction]}
    if path == "spec.podSelector":
        if not any(policy.selector == as_policy({"podSelector": value, **types}).selector for policy in made):
            yield "another podSelector"
    elif re.fullmatch(r"spec\.(e|in)gress\[0\](\.ports(\[0\])?)?", path):
        rule = value if path.endswith("gress[0]") else {"ports": value if isinstance(value, list) else [value]}
        expected = as_policy({"podSelector": {}, side: [rule], **types}).rules(direction)[0]
        found = [policy.rules(direction) for policy in made]
        wanted = [(port.protocol, port.ports) for port in expected.ports]
        if not any(rules and [(p.protocol, p.ports) for p in rules[0].ports] == wanted for rules in found):
            yield f"other ports at {path}"


ROWS = bb_common_rows()
# The value of a template of its own (`customValue`) is known to Helm alone; we say that the policy is not known.
FILLED_IN = "must support templating in additional policy specs"


@pytest.mark.needs_shared
@pytest.mark.parametrize("row", ROWS, ids=[row["it"] for row in ROWS])
def test_bb_commons_own_cases(row: dict[str, Any]) -> None:
    """All 54 cases: specs, names and numbers of documents."""
    assert list(disagreements(row)) == []
    if row["it"] == FILLED_IN:
        assert [policy.selector for policy in rendered(tree_of(row["set"]))] == [None]


# --- istioctl analyze

OURS = {
    "MultipleSidecarsWithoutWorkloadSelectors": {"EGR977"},
    "ConflictingSidecarWorkloadSelectors": {"EGR588"},
    "IneffectivePolicy": {"EGR520"},
    "ServiceEntryAddressesRequired": {"EGR973", "EGR975"},
    "ConflictingServiceEntryProtocol": {"EGR983"},
    "ConflictingMeshGatewayVirtualServiceHosts": {"EGR583"},
    "ReferencedResourceNotFound": {"EGR589"},
}
"""The messages that concern egress, and the codes that say the same here."""

KINDS = ("Sidecar", "ServiceEntry", "VirtualService")
# An alias nobody declares, in routes between services of the mesh: nothing leaves the cluster there.
INSIDE = "virtualservice_destinationhosts.yaml"


def analyzer_rows() -> list[tuple[str, str, str]]:
    """(file, message, resource) of the rows about egress; the message `(none)` means that all must be clean."""
    folder = shared_folder()
    path = folder / CORPUS / "EXPECTED_istioctl_analyze.tsv" if folder else None
    if path is None or not path.is_file():
        return []
    with path.open() as file:
        rows = [(r["input_files"], r["expected_message"], r["resource"]) for r in csv.DictReader(file, delimiter="\t")]
    return [
        row
        for row in dict.fromkeys(rows)
        if INSIDE not in row[0]
        and ((row[1] in OURS and row[2].startswith(KINDS)) or (row[1] == "(none)" and "serviceentry" in row[0]))
    ]


def found_in(shared: Path, files: str) -> set[tuple[str, str]]:
    """(code, `namespace/name` of a manifest that it points at) of everything that we say of the files."""
    folder = shared / CORPUS / "istio/pkg/config/analysis/analyzers"
    texts = {}
    for name in files.split(","):
        text = (folder / name).read_text()
        if name.endswith("-mesh-cfg.yaml"):
            held = "".join(f"    {row}\n" for row in text.splitlines())
            text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: istio}}\ndata:\n  mesh: |\n{held}"
        texts[name.removeprefix("testdata/")] = text
    found = set()
    for item in istio.audit(repository(files=texts).indexes[istio.NAME]):
        for evidence in item.evidence:
            assert evidence.place is not None
            found.add((item.code, manifest_at(texts[evidence.place.path], evidence.place.line)))
    return found


def manifest_at(text: str, line: int) -> str:
    """The manifest on a line, as istioctl names it."""
    best = ""
    for node in yaml.compose_all(text, Loader=yaml.CSafeLoader):
        if node is not None and node.start_mark.line < line:
            data = yaml.load(yaml.serialize(node), Loader=yaml.CSafeLoader)
            metadata = data.get("metadata", {})
            best = "/".join(filter(None, (metadata.get("namespace"), metadata.get("name"))))
    return best


ANALYZER = analyzer_rows()


@pytest.mark.needs_shared
@pytest.mark.parametrize("row", ANALYZER, ids=[f"{row[1]} {row[2]} {row[0][9:]}" for row in ANALYZER])
def test_istioctl_analyze_agrees(shared: Path, row: tuple[str, str, str]) -> None:
    """Every row about egress: 20 messages and 4 files that must be clean."""
    files, message, resource = row
    found = found_in(shared, files)
    if message == "(none)":
        # Each of istioctl's tests runs one analyzer; the file's name says which.
        asked = "ConflictingServiceEntryProtocol" if "conflict" in files else "ServiceEntryAddressesRequired"
        assert not {code for code, _ in found} & OURS[asked]
    else:
        assert any((code, resource.partition(" ")[2]) in found for code in OURS[message])


@pytest.mark.needs_shared
def test_no_row_is_left_uncounted(shared: Path) -> None:
    assert len(ROWS) == 54
    assert len(ANALYZER) == 24
