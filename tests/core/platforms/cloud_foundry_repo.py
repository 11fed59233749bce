"""A small cf-mgmt repository for tests: spaces and groups as text, and the questions that are put to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from skills.core import change
from skills.core.change import Draft
from skills.core.enforce.cluster import compile_cluster
from skills.core.flow_text import destination, workload
from skills.core.flows import read_flow
from skills.core.messages import say
from skills.core.model import Decision, Destination, Finding, LayerView, Need, Workload
from skills.core.platform_base import Sources
from skills.core.platforms import cloud_foundry
from skills.core.platforms.cloud_foundry.index import Index
from skills.core.yaml_text import read_documents
from tests.worlds import allowlist

Files = dict[str, str]

SPACE = "acme/dev"
CONFIG = "config/acme/dev/spaceConfig.yml"


def rule(destination: str, ports: str | None = "443", protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"protocol": protocol, "destination": destination}
    return {**found, **({"ports": ports} if ports is not None else {}), **more}


def group(*rules: Mapping[str, Any]) -> str:
    return json.dumps(list(rules), indent=2) + "\n"


def space(*groups: str, name: str = "dev", org: str = "acme", more: str = "") -> Files:
    """A spaceConfig.yml that binds these groups; without any, an empty list."""
    listed = "".join(f"\n- {each}" for each in groups) or " []"
    text = f"org: {org}\nspace: {name}\nallow-ssh: false\n{more}named-security-groups:{listed}\n"
    return {f"config/{org}/{name}/spaceConfig.yml": text}


def asg(name: str, *rules: Mapping[str, Any]) -> Files:
    return {f"config/asgs/{name}.json": group(*rules)}


def settings(running: Sequence[str] = (), staging: Sequence[str] = ()) -> Files:
    return {
        "config/cf-mgmt.yml": f"running-security-groups: {json.dumps(list(running))}\nstaging-security-groups: {json.dumps(list(staging))}\n"
    }


def index_of(*parts: Mapping[str, str]) -> Index:
    files = {path: text for part in parts for path, text in part.items()}
    documents = [document for path in sorted(files) for document in read_documents(path, files[path])[0]]
    entries = [entry for document in documents for entry in cloud_foundry.read(document)]
    return cloud_foundry.compile(entries, compile_cluster([]))


def find(index: Index, for_: str = SPACE) -> Workload:
    found = cloud_foundry.resolve(index, workload(for_))
    assert len(found) == 1, found
    return found[0]


def view(index: Index, to: str | Destination, *addresses: str, for_: str = SPACE) -> LayerView:
    wanted = to if isinstance(to, Destination) else destination(to, addresses)[0]
    views = cloud_foundry.decide(index, find(index, for_), wanted)
    assert len(views) == 1
    codes([*views[0].findings, *views[0].unknown, *(miss.finding for miss in views[0].near)])
    return views[0]


def decision(seen: LayerView) -> Decision:
    """As the allowlist joins a single view that denies by default."""
    if seen.allows:
        return "allowed"
    return "undecided" if seen.unknown else "denied"


def decide(index: Index, to: str, *addresses: str, for_: str = SPACE) -> Decision:
    return decision(view(index, to, *addresses, for_=for_))


def near(index: Index, to: str, *addresses: str, for_: str = SPACE) -> list[str]:
    return [miss.finding.code for miss in view(index, to, *addresses, for_=for_).near]


def need(
    index: Index, *to: str, ip: tuple[str, ...] = (), reason: str = "", remove: bool = False, for_: str = SPACE
) -> Need:
    return Need(find(index, for_), tuple(destination(each, ip)[0] for each in to), reason, remove=remove)


def sources(*parts: Mapping[str, str]) -> Sources:
    return Sources({path: text for part in parts for path, text in part.items()})


def codes(findings: Sequence[Finding]) -> list[str]:
    """The codes, after making sure that each has a sentence with all its holes filled."""
    for each in findings:
        said = say(each)
        assert "?)" not in said.says + said.because + said.do, said
    return [each.code for each in findings]


def draft(files: Mapping[str, str], for_: str, to: str, *ip: str, why: str = "", remove: bool = False) -> Draft:
    """The change that opens it, or closes it; all that it says can be said."""
    made = allowlist(files)
    mine = read_flow(made, for_, [to]).workload
    assert mine is not None
    drafted = change.draft(made, Need(mine, (destination(to, ip)[0],), why, remove=remove))
    codes([*drafted.change.findings, *drafted.change.proof.wider_than_asked])
    return drafted


def after(files: Mapping[str, str], drafted: Draft) -> Files:
    """The files with the change in them."""
    return {**files, **{edit.path: edit.new_text for edit in drafted.change.edits}}
