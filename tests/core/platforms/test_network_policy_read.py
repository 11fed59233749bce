"""Reading NetworkPolicies: what the API server rejects, and what is valid and still not what was meant."""

from __future__ import annotations

import pytest

from skills.core.messages import say
from skills.core.model import Place
from skills.core.platforms import network_policy
from skills.core.yaml_text import read_documents
from tests.core.kube import DENY_EGRESS, World, deployment, namespace, policy, world

FROM_WEB = "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress:\n"


def without_dns(made: World) -> list[str]:
    """What the audit says, but for DNS, which none of these policies opens."""
    return [code for code in made.audit() if code != "EGR332"]


def rule(text: str) -> str:
    return policy(FROM_WEB + text)


REJECTED = [
    ("- to: [{}]", "EGR933"),
    ("- to: [{podSelector: null}]", "EGR933"),
    ("- to: [null]", "EGR933"),
    ("- to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]", "EGR932"),
    ("- to: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]", "EGR931"),
    ("- to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]", "EGR931"),
    ("- to: [{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/8']}}]", "EGR931"),
    ("- to: [{ipBlock: {cidr: 10.0.0.0/33}}]", "EGR937"),
    ("- to: [{ipBlock: {cidr: 10.0.0.1}}]", "EGR937"),
    ("- to: [{ipBlock: {}}]", "EGR937"),
    ("- to: [{ipBlock: 10.0.0.0/8}]", "EGR937"),
    ("- to: {podSelector: {}}", "EGR937"),
    ("- to: [{podSelector: [a]}]", "EGR937"),
    ("- to: [{podSelector: {matchLabels: {a@b: c}}}]", "EGR935"),
    ("- to: [{podSelector: {matchLabels: {a: 'b c'}}}]", "EGR935"),
    ("- to: [{podSelector: {matchLabels: {a: true}}}]", "EGR935"),
    ("- to: [{podSelector: {matchExpressions: [{key: a, operator: In, values: [1]}]}}]", "EGR935"),
    ("- to: [{podSelector: {matchExpressions: [{key: a, operator: In}]}}]", "EGR937"),
    ("- to: [{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}]", "EGR937"),
    ("- to: [{podSelector: {matchExpressions: [{key: a, operator: Equals, values: [b]}]}}]", "EGR937"),
    ("- ports: [{port: 80, endPort: 79}]", "EGR934"),
    ("- ports: [{port: http, endPort: 90}]", "EGR934"),
    ("- ports: [{endPort: 90}]", "EGR934"),
    ("- ports: [{port: 0}]", "EGR937"),
    ("- ports: [{port: 70000}]", "EGR937"),
    ("- ports: [{port: '443'}]", "EGR937"),
    ("- ports: [{port: true}]", "EGR937"),
    ("- ports: [{port: 443, protocol: tcp}]", "EGR937"),
    ("- ports: [{port: 443, protocol: ICMP}]", "EGR937"),
    ("- ports: 443", "EGR937"),
    ("- allow", "EGR937"),
    ("- to: [{ipBlock: {cidr: '{{ .Values.cidr }}'}}]", "EGR929"),
    ("- ports: [{port: '${PORT}'}]", "EGR929"),
]

ACCEPTED = [
    "- to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]",
    "- to: [{ipBlock: {cidr: 'fd00::/8', except: ['fd00::/16']}}]",
    "- to: [{podSelector: {matchLabels: {example.com/a: b_c.d-1}}}]",
    "- to: [{podSelector: {matchLabels: {a: ''}}}]",
    "- to: [{podSelector: {matchLabels: {a: 'true', b: '1', c: null}}}]",
    "- to: [{podSelector: {matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: Exists}]}}]",
    "- ports: [{port: 80, endPort: 80}, {port: http}, {protocol: SCTP}, {}]",
    "- to: null\n  ports: null",
]


@pytest.mark.parametrize(("text", "code"), REJECTED)
def test_what_the_api_server_rejects(text: str, code: str) -> None:
    made = world(rule(text))
    assert made.audit() == [code]
    (entry,) = made.index.entries
    assert entry.policy.faults[0].evidence[0].place.line > 8


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_it_accepts(text: str) -> None:
    assert not world(rule(text)).index.entries[0].policy.faults


@pytest.mark.parametrize("spec", ["podSelector: {matchLabels: {app: '{{ .Values.app }}'}}", "podSelector: [a]"])
def test_a_selector_that_nobody_can_say_may_be_about_anything(spec: str) -> None:
    (entry,) = world(policy(spec)).index.entries
    assert entry.policy.selector is None


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: 5\nspec: 6\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {policyTypes: Egress, egress: {a: b}}\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {policyTypes: [egress, 7]}\n",
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {egress: [[], {to: [[]], ports: [[]]}]}\n",
    ],
)
def test_nonsense_is_an_entry_and_no_trouble(text: str) -> None:
    made = world(text)
    assert len(made.index.entries) == 1
    assert all(say(item).says for item in network_policy.audit(made.index))


def test_a_rule_that_aliases_multiply_is_cut() -> None:
    peers = ", ".join(["{podSelector: {}}"] * 300)
    many = "\n".join(["- to: *peers"] * 300)
    text = policy(f"podSelector: {{}}\npolicyTypes: [Egress]\nx: &peers [{peers}]\negress:\n{many}")
    assert "EGR939" in world(text).audit()


def test_other_documents_are_not_ours() -> None:
    (document,) = read_documents("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n")[0]
    assert network_policy.read(document) == ()


@pytest.mark.parametrize(
    ("version", "kind", "foreign"),
    [
        ("networking.k8s.io/v1", "NetworkPolicy", False),
        ("projectcalico.org/v3", "NetworkPolicy", True),
        ("crd.projectcalico.org/v1", "GlobalNetworkPolicy", True),
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", True),
    ],
)
def test_policies_of_other_makes_are_noted(version: str, kind: str, foreign: bool) -> None:
    made = world(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {{}}\n")
    assert (len(made.index.entries), len(made.index.foreign)) == ((0, 1) if foreign else (1, 0))


# --- contradictions, each with its twin


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("  # python-index.example\n- to: [{namespaceSelector: {}}]\n  ports: [{port: 443}]", "EGR940"),
        ("- to: [{namespaceSelector: {}}]\n  ports: [{port: 443}]  # package mirrors", "EGR940"),
        ("- to: [{namespaceSelector: {}}]\n  ports: [{port: 7844}]", "EGR940 EGR344"),
        ("- to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n  ports: [{port: 7844}, {port: 7844, protocol: UDP}]", None),
        ("- to: [{namespaceSelector: {}}]\n# external\n- to: [{podSelector: {}}]", "EGR333"),
        ("- to: [{namespaceSelector: {}}]\n  ports: [{port: 53, protocol: UDP}] # external names", None),
        ("- to: [{namespaceSelector: {}}]\n  ports: [{port: 443}]  # webhooks of all namespaces", None),
        ("- to: [{namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}] # internet", None),
        ("- to: [{namespaceSelector: {}}, {podSelector: {}}]", "EGR942"),
        ("- to: [{namespaceSelector: {}, podSelector: {}}]", None),
        ("- ports: [{port: 53}]", "EGR946"),
        ("- ports: [{port: 53}, {port: 53, protocol: UDP}]", None),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: 443}]", "EGR947"),
        ("- to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]\n  ports: [{port: 443}]", None),
        ("- to: [{ipBlock: {cidr: 198.51.100.0/24}}]", "EGR339"),
        ("- to: [{ipBlock: {cidr: 198.51.100.7/32}}]", None),
        ("- {}", "EGR338"),
        ("- to: [{podSelector: {matchLabels: {component: kube-apiserver}}}]\n  ports: [{port: 6443}]", "EGR337"),
        ("- to: [{ipBlock: {cidr: 10.96.0.0/16}}]\n  ports: [{port: 443}]", "EGR335"),
        ("- to: [{ipBlock: {cidr: 10.0.0.0/8}}]\n  ports: [{port: 443}]", None),
        (
            "- to: [{podSelector: {matchLabels: {app: b}}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: c}}}]",
            "EGR942",
        ),
        ("- to: [{podSelector: {}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: c}}}]", None),
        ("- ports: [{port: 443}]", "EGR950"),
        ("- too: [{podSelector: {}}]", "EGR945"),
        ("- from: [{podSelector: {}}]", "EGR945"),
        ("- to: [{ipBlock: {cidr: 10.0.0.0/8}}]\n  ports: [{port: http}]", "EGR951"),
        ("- to: [{podSelector: {}}]\n  ports: [{port: http}]", None),
        ("- to:\n  - ipBlock:\n      cidr: 10.1.2.3/16\n  ports: [{port: 443}]", "EGR952"),
        ("- to:\n  - ipBlock:\n      cidr: 10.1.0.0/16\n  ports: [{port: 443}]", None),
    ],
)
def test_one_policy_by_itself(text: str, code: str | None) -> None:
    assert world(rule(text)).audit() == (code.split() if code else [])


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ("podSelector: {}\npolicyTypes: [Ingress]\negress: [{to: [{podSelector: {}}]}]", "EGR943"),
        ("podSelector: {}\npolicyTypes: [Egress]\negress: [{to: [{podSelector: {}}]}]", None),
        ("podSelector: {}\negress: [{to: [{podSelector: {}}]}]", "EGR944"),
        ("podSelector: {}\ningress: []\negress: [{to: [{podSelector: {}}]}]", None),
    ],
)
def test_policy_types(spec: str, code: str | None) -> None:
    assert without_dns(world(policy(spec))) == ([code] if code else [])


def test_a_policy_declared_twice() -> None:
    assert without_dns(world(DENY_EGRESS, DENY_EGRESS)) == ["EGR948"]
    assert without_dns(world(DENY_EGRESS, other=DENY_EGRESS)) == ["EGR948"]
    assert without_dns(world(DENY_EGRESS, DENY_EGRESS.replace("namespace: shop", "namespace: back"))) == []


def test_namespace_labels_that_nobody_sets() -> None:
    by_label = rule("- to: [{namespaceSelector: {matchLabels: {name: back}}}]")
    assert world(by_label).audit() == ["EGR941"]
    assert world(by_label, namespace("back", name="back")).audit() == []
    by_name = rule("- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: back}}}]")
    assert world(by_name).audit() == []


def test_a_selector_that_selects_nothing() -> None:
    to_all = rule("- to: [{podSelector: {}}]")
    assert without_dns(world(to_all, deployment("web"))) == []
    assert without_dns(world(to_all, deployment("jobs"))) == ["EGR949"]
    assert world(to_all, deployment("jobs", "back")).audit() == []


def test_places_point_at_what_is_meant() -> None:
    text = rule("- to:\n  - ipBlock:\n      cidr: 10.0.0.0/8\n  ports:\n  - protocol: TCP\n    port: 443")
    entry = world(text).index.entries[0]
    (read,) = entry.policy.egress
    assert entry.policy.place == Place("policies.yaml", 4, "name: allow")
    assert read.place.text == "- to:"
    assert read.peers[0].place.text == "cidr: 10.0.0.0/8"
    assert read.ports[0].place.text == "port: 443"
