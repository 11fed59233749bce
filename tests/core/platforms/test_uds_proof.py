"""The proof against the verdicts: each flow that a draft turns, either way, is named by it. The judge is the check."""

from __future__ import annotations

import ipaddress
from itertools import product

from hypothesis import example, given, settings
from hypothesis import strategies as st

from skills.core.allowlist import Allowlist
from skills.core.change import Draft
from skills.core.model import Grant
from tests.core.platforms.uds_drafts import drafted
from tests.core.platforms.uds_support import check, deployment, package, repository
from tests.examples import examples
from tests.judges import worse

HOSTS = ("one.example.com", "two.example.com")
PUBLIC, PRIVATE = "198.51.100.7", "10.1.2.3"
PORTS = (443, 8443)
WORKLOADS = ("web/web", "web/batch", "crm/crm")

_POD = st.sampled_from(["", "selector: {app: web}, ", "selector: {app: batch}, ", "selector: {app: crm}, "])
_NUMBER = st.sampled_from(["", ", port: 443", ", port: 8443", ", ports: [443, 8443]"])
_REMOTE = st.sampled_from(
    [
        *(f"remoteHost: {host}" for host in HOSTS),
        f"remoteHost: {HOSTS[0]}, serviceAccount: sa",
        "remoteCidr: 198.51.100.0/24",
        "remoteCidr: 10.0.0.0/8",
        "remoteGenerated: Anywhere",
    ]
)
_RULES = st.lists(st.builds("{{direction: Egress, {}{}{}}}".format, _POD, _REMOTE, _NUMBER), max_size=4)
_MODE = st.sampled_from(["ambient", "sidecar"])
_ACCOUNT = st.sampled_from(["", "sa"])


def written(name: str, rules: list[str], mode: str) -> str:
    numbered = [f"- {rule[:-1]}, description: rule {chr(97 + at)}}}" for at, rule in enumerate(rules)]
    text = "\n".join(numbered)
    return package(
        text.replace(", serviceAccount: sa", "") if mode == "sidecar" else text, name=name, namespace=name, mode=mode
    )


def flows(allowed: Allowlist) -> dict[tuple[str, str, int, str], bool]:
    """Whether each workload reaches each host (at a public and at a private address) on each port."""
    found = {}
    for workload, host, port, ip in product(WORKLOADS, HOSTS, PORTS, (PUBLIC, PRIVATE)):
        found[workload, host, port, ip] = check(allowed, workload, f"https://{host}:{port}", ip=[ip]).allowed
    return found


def named(grant: Grant, flow: tuple[str, str, int, str]) -> bool:
    """Whether the words of a grant are about this flow."""
    workload, host, port, ip = flow
    namespace, _, app = workload.partition("/")
    ours = grant.source.startswith((f"{namespace} all pods", f"{namespace} pods app={app}"))
    network = grant.target.rsplit(" ", 1)[-1]
    there = grant.target in {"Anywhere", "everything"} or host in grant.target
    if "/" in network and not there:
        there = ipaddress.ip_address(ip) in ipaddress.ip_network(network)
    return ours and there and (str(port) in grant.ports or not grant.ports[0].isdigit())


def denied(made: Draft, flow: tuple[str, str, int, str]) -> bool:
    workload, host, _, _ = flow
    namespace, _, app = workload.partition("/")
    starts = (f"{namespace} all pods", f"{namespace} pods app={app}")
    lines = [line for line in made.change.proof.newly_denied if line.startswith(starts)]
    return any(host in line or "everything" in line for line in lines)


ANYWHERE_FOR_BATCH = "{direction: Egress, selector: {app: batch}, remoteGenerated: Anywhere}"


@settings(max_examples=examples(150), deadline=None)
@given(
    _RULES, _RULES, _MODE, _MODE, _ACCOUNT, st.sampled_from(HOSTS), st.sampled_from(PORTS), st.booleans(), st.booleans()
)
@example(  # a rule to Anywhere reaches the gateway too, so its pods share a host that the sidecars hold back
    web=["{direction: Egress, remoteHost: one.example.com, port: 443}", ANYWHERE_FOR_BATCH],
    crm=[],
    mode="sidecar",
    other="ambient",
    account="",
    host="one.example.com",
    port=8443,
    by_name=True,
    remove=False,
)
def test_every_flow_that_a_draft_turns_is_named(
    web: list[str],
    crm: list[str],
    mode: str,
    other: str,
    account: str,
    host: str,
    port: int,
    by_name: bool,
    remove: bool,
) -> None:
    texts = [
        written("web", web, mode),
        written("crm", crm, other),
        deployment("web", account=account),
        deployment("batch"),
        deployment("crm", namespace="crm"),
    ]
    before = repository(*texts)
    made = drafted(before, f"https://{host}:{port}" if by_name else f"{PUBLIC}:{port}", for_="web/web", remove=remove)
    if not made.change.edits:
        return
    new = {edit.path: edit.new_text for edit in made.change.edits}
    assert [worse(texts[0], new[path]) for path in new] == [[]]
    was, now = flows(before), flows(repository(*(new.get(f"{at}.yaml", text) for at, text in enumerate(texts))))
    for flow in was:
        asked = flow[0] == "web/web" and flow[2] == port and (not by_name or flow[1] == host)
        if now[flow] and not was[flow]:
            assert asked or any(named(grant, flow) for grant in made.change.proof.newly_allowed), (
                flow,
                made.change.proof,
            )
        if was[flow] and not now[flow]:
            assert (asked and remove) or denied(made, flow), (flow, made.change.proof)
