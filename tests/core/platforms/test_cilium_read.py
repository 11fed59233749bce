"""Reading Cilium policies: patterns against their table, the corpus, faults, gotchas, hostile documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.allowlist import Allowlist
from skills.core.enforce.selectors import Match
from skills.core.flows import read_flow
from skills.core.platforms import cilium
from skills.core.platforms.cilium.pattern import Name
from skills.core.reading import read_file
from skills.core.yaml_text import read_documents
from tests.core.kube import DENY_EGRESS, deployment, policy, to
from tests.core.platforms.cilium_support import DNS, WEB, ccnp, cnp, egress, names, world, world_of
from tests.examples import examples


@pytest.fixture
def corpus(shared: Path) -> Path:
    return shared / "platforms" / "corpus" / "f_cilium"


def test_patterns_match_as_cilium_matches_them(corpus: Path) -> None:
    rows = [line.split("\t") for line in (corpus / "EXPECTED_matchpattern.tsv").read_text().splitlines()[1:]]
    assert len(rows) > 100
    wrong = [row for row in rows if (Name(row[0], wild=True).matches(row[1]) is Match.YES) != (row[2] == "True")]
    assert wrong == []


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("*", "a.b.c", True),
        ("*.stripe.com", "api.stripe.com", True),
        ("*.stripe.com", "*.stripe.com", True),
        ("**.stripe.com", "*.stripe.com", True),
        ("*.stripe.com", "**.stripe.com", False),
        ("*.stripe.com", "stripe.com", False),
        ("api*.stripe.com", "*.stripe.com", False),
        ("a*.stripe.com", "*.stripe.com", False),
        ("*a.stripe.com", "*.stripe.com", False),
        ("a*.stripe.com", "a*.stripe.com", True),
    ],
)
def test_one_pattern_covers_another(wide: str, narrow: str, covered: bool) -> None:
    assert Name(wide, wild=True).covers(Name(narrow, wild="*" in narrow)) is covered


def test_every_file_of_the_corpus_is_read(corpus: Path) -> None:
    files = sorted(corpus.rglob("*.yaml"))
    policies, faulty, unreadable = 0, [], 0
    for path in files:
        made = world_of({path.name: path.read_text()})
        unreadable += bool(read_documents(path.name, path.read_text())[1])
        policies += len(made.index.policies)
        faulty += [path.name for item in made.index.policies if item.faults]
        cilium.audit(made.index)
        cilium.grants(made.index)
        cilium.isolations(made.index)
        for pods in made.index.cluster.pods:
            made.views(to("example.com"), made.workload(pods))
    assert len(files) >= 88
    assert policies >= 70
    assert faulty == []
    assert unreadable <= 12  # Go templates that are no YAML until they are filled in


def test_lists_specs_and_clusterwide_policies_are_read() -> None:
    one = cnp("egress: [{}]", "one").replace("\n", "\n    ")
    listed = f"apiVersion: v1\nkind: List\nitems:\n  - {one}\n"
    made = world(listed, ccnp("egress: [{}]", "two"), WEB)
    assert {(item.kind, item.name) for item in made.index.policies} == {
        ("CiliumNetworkPolicy", "one"),
        ("CiliumClusterwideNetworkPolicy", "two"),
    }


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        ("protocol: TCP", "protocol: UDP", 0),
        ("protocol: TCP", "protocol: Tcp", 1),  # the schema knows capitals only
        ("cilium.io/v2\n", "cilium.io/v2alpha1\n", 1),
    ],
)
def test_what_the_schema_refuses_counts_for_nobody(old: str, new: str, faults: int) -> None:
    text = cnp('egress: [{toCIDR: [203.0.113.0/24], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}]')
    made = world(text.replace(old, new), WEB)
    assert [len(policy.faults) for policy in made.index.policies] == [faults]
    assert (made.decision(to("203.0.113.9")) == "undecided") is bool(faults)


@pytest.mark.parametrize(("count", "faults"), [(40, 0), (41, 1)])
def test_a_rule_names_forty_ports_at_most(count: int, faults: int) -> None:
    ports = ", ".join(f'{{port: "{9000 + number}"}}' for number in range(count))
    made = world(cnp(f"egress: [{{toCIDR: [203.0.113.0/24], toPorts: [{{ports: [{ports}]}}]}}]"), WEB)
    assert [len(policy.faults) for policy in made.index.policies] == [faults]


def test_anchors_and_flow_maps_are_read() -> None:
    text = cnp(
        'egress:\n- &https {toFQDNs: [{matchName: a.example}], toPorts: &p [{ports: [{port: "443"}]}]}\n'
        "- {toFQDNs: [{matchName: b.example}], toPorts: *p}\n" + DNS.replace("\n  ", "\n")[2:]
    )
    made = world(text, WEB)
    assert made.decision(to("a.example")) == made.decision(to("b.example")) == "allowed"
    assert made.decision(to("c.example")) == "denied"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (egress(names("api.stripe.com"), dns=False), "EGR869"),
        (egress(names("api.stripe.com")).replace('"*"', '"*.github.com"'), "EGR871"),
        (egress(names("*.stripe.com", "api.stripe.com")), "EGR872"),
        ("egress: [{toCIDR: [0.0.0.0/0]}]", "EGR870"),
        ("egress: [{toEndpoints: [{matchLabels: {k8s-app: kube-dns}}]}]", "EGR873"),
    ],
)
def test_gotchas_are_said(body: str, code: str) -> None:
    assert world(cnp(body), WEB).audit() == [code]


def test_what_is_right_is_not_said() -> None:
    assert world(cnp(egress(names("api.stripe.com", "*.github.com"), "{toCIDR: [198.51.100.0/24]}")), WEB).audit() == []
    split = world(cnp(egress(names("api.stripe.com"), dns=False)), cnp(egress(), "dns", select="{}"), WEB)
    assert split.audit() == []


def test_a_policy_that_selects_nothing_is_said() -> None:
    assert world(cnp("egress: [{}]", select="{matchLabels: {app: gone}}"), WEB).audit() == ["EGR949"]


def test_kustomize_decides_the_namespace() -> None:
    texts = {
        "apps/kustomization.yaml": "kind: Kustomization\nnamespace: shop\nresources: [net.yaml]\n",
        "apps/net.yaml": cnp("egress: [{}]").replace("  namespace: shop\n", ""),
        "pods.yaml": WEB,
    }
    assert world_of(texts).decision(to("example.com")) == "denied"


# --- hostile documents

_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 70000), st.sampled_from(["*", "443", "0", "{{ x }}", ""])
)
_KEYS = st.sampled_from(
    [
        "toFQDNs",
        "matchName",
        "matchPattern",
        "toPorts",
        "ports",
        "port",
        "endPort",
        "protocol",
        "rules",
        "dns",
        "http",
        "toEndpoints",
        "matchLabels",
        "matchExpressions",
        "key",
        "operator",
        "values",
        "toCIDRSet",
        "cidr",
        "except",
        "toEntities",
        "toServices",
        "k8sService",
        "icmps",
        "toCIDR",
        "serverNames",
        "fromEndpoints",
        "fromEntities",
    ]
)
_TREES = st.recursive(
    _SCALARS,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(_KEYS, below, max_size=4)),
    max_leaves=20,
)


@settings(max_examples=examples(150), deadline=None)
@given(
    tree=st.dictionaries(
        st.sampled_from(["egress", "egressDeny", "ingress", "endpointSelector", "nodeSelector"]), _TREES
    )
)
def test_no_shape_of_a_policy_crashes_anything(tree: Any) -> None:
    document = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "x", "namespace": "shop"},
    }
    made = world(yaml.safe_dump({**document, "spec": tree}), WEB)
    made.views(to("api.stripe.com"))
    made.views(to("198.51.100.7"))
    made.audit()
    cilium.grants(made.index)
    cilium.isolations(made.index)


def test_long_patterns_take_no_time() -> None:
    assert Name("*a" * 100 + "b", wild=True).matches("a" * 250) is Match.NO


# --- joined with the other dialects of the layer


def _allowlist(texts: dict[str, str]) -> Allowlist:
    return Allowlist({path: read_file(path, text) for path, text in texts.items()}, texts)


def test_plain_policies_and_cilium_policies_are_a_union() -> None:
    open_db = policy("podSelector: {}\npolicyTypes: [Egress]\negress:\n- to: [{ipBlock: {cidr: 198.51.100.0/24}}]")
    made = _allowlist(
        {"a.yaml": f"{DENY_EGRESS}---\n{open_db}", "b.yaml": cnp(egress(names("api.stripe.com"))), "w.yaml": WEB}
    )

    def decision(where: str) -> str:
        return read_flow(made, "shop/web", [where], (), None).verdicts(made)[0].decision

    assert decision("api.stripe.com:443") == "allowed"
    assert decision("198.51.100.7:5432") == "allowed"
    assert decision("203.0.113.7:443") == "denied"


def test_a_cilium_deny_beats_a_plain_policy() -> None:
    open_all = policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{}]")
    deny = ccnp("egressDeny: [{toCIDR: [198.51.100.0/24]}]")
    unsure = ccnp("egressDeny: [{toCIDR: [8.8.0.0/16]}]")
    doubtful = _allowlist({"a.yaml": open_all, "b.yaml": unsure, "w.yaml": WEB})
    assert read_flow(doubtful, "shop/web", ["dns.google:443"], (), None).verdicts(doubtful)[0].decision == "undecided"
    made = _allowlist({"a.yaml": open_all, "b.yaml": deny, "w.yaml": f"{WEB}---\n{deployment('other')}"})
    flow = read_flow(made, "shop/web", ["198.51.100.7:443"], (), None)
    assert flow.verdicts(made)[0].decision == "denied"
    assert read_flow(made, "shop/web", ["198.51.101.7:443"], (), None).verdicts(made)[0].decision == "allowed"
