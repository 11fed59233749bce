"""A small Infrastream repository for tests: manifests as text, and the questions that are put to them."""

from __future__ import annotations

from collections.abc import Mapping

from skills.core.enforce.cluster import compile_cluster
from skills.core.enforce.kube_objects import expand
from skills.core.flow_text import destination, workload
from skills.core.messages import say
from skills.core.model import Decision, Destination, Finding, LayerView, Need, Workload
from skills.core.platforms import infrastream
from skills.core.platforms.infrastream.index import Index
from skills.core.yaml_text import read_documents

FOLDER = "organization/fincorp/organizational-unit/retail"


def path_of(name: str, environment: str = "production") -> str:
    return f"{FOLDER}/environment/{environment}/project/{name}.yaml"


def project(spec: str, name: str = "payments", environment: str = "production") -> str:
    """A Project manifest; `spec` is the text below `spec:`, with its own indentation."""
    return (
        "apiVersion: lowops.manifests.v1\n"
        "kind: Project\n"
        "metadata:\n"
        f"  name: {name}\n"
        f"  environment: {environment}\n"
        "  organizational-unit: retail\n"
        "  organization: fincorp\n"
        f"spec:\n{spec}"
    )


def listing(*entries: str, name: str = "payments", environment: str = "production") -> str:
    items = "".join(f"    - {entry}\n" for entry in entries)
    return project(f"  description: Payments\n  allowedEgress:\n{items}", name, environment)


def application(name: str, of: str = "payments") -> str:
    return (
        "apiVersion: lowops.manifests.v1\nkind: Application\nmetadata:\n"
        f"  name: {name}\n  release-track: main\n  organizational-unit: retail\n  organization: fincorp\n"
        f"spec:\n  project: {of}\n"
    )


ORGANIZATION = (
    "apiVersion: lowops.manifests.v1\nkind: Organization\nmetadata:\n  name: fincorp\n"
    "spec:\n  domain:\n    internal: corp.fincorp.example\n"
)


def index_of(files: Mapping[str, str]) -> Index:
    documents = [document for path, text in files.items() for document in read_documents(path, text)[0]]
    entries = [entry for document in documents for item in expand(document) for entry in infrastream.read(item)]
    return infrastream.compile(entries, compile_cluster([]))


def only(text: str) -> Index:
    return index_of({path_of("payments"): text})


def find(index: Index, for_: str = "production:payments") -> Workload:
    found = infrastream.resolve(index, workload(for_))
    assert len(found) == 1
    return found[0]


def view(index: Index, to: str | Destination, *addresses: str, for_: str = "production:payments") -> LayerView:
    wanted = to if isinstance(to, Destination) else destination(to, addresses)[0]
    views = infrastream.decide(index, find(index, for_), wanted)
    assert len(views) == 1
    return views[0]


def decision(seen: LayerView) -> Decision:
    """As the allowlist joins a single view that denies by default."""
    if seen.allows:
        return "allowed"
    return "undecided" if seen.unknown else "denied"


def decide(text: str, to: str, *addresses: str) -> Decision:
    return decision(view(only(text), to, *addresses))


def need(index: Index, *to: str, reason: str = "", remove: bool = False, for_: str = "production:payments") -> Need:
    return Need(find(index, for_), tuple(destination(each)[0] for each in to), reason, remove=remove)


def codes(findings: tuple[Finding, ...] | list[Finding]) -> list[str]:
    """The codes, after making sure that each has a sentence with all its holes filled."""
    for each in findings:
        said = say(each)
        assert "?)" not in said.says + said.because + said.do, said
    return [each.code for each in findings]
