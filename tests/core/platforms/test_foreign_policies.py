"""Policies that Postern does not reckon with: where they could turn a verdict it is undecided, elsewhere they are silent."""

from __future__ import annotations

import pytest

from skills.core.enforce.selectors import Match
from skills.core.flows import read_flow
from skills.core.messages import say
from skills.core.model import Verdict
from skills.core.platforms.network_policy.calico_selector import matches
from tests.core.kube import DENY_EGRESS, deployment, namespace, policy
from tests.worlds import allowlist

WEB = deployment("web")
OPEN = policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}]}]", "open")


def calico(spec: str, kind: str = "NetworkPolicy", home: str = "shop") -> str:
    where = f", namespace: {home}" if kind == "NetworkPolicy" else ""
    return f"apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: strict{where}}}\nspec: {{{spec}}}\n"


def admin(spec: str, kind: str = "AdminNetworkPolicy") -> str:
    return (
        f"apiVersion: policy.networking.k8s.io/v1alpha1\nkind: {kind}\nmetadata: {{name: strict}}\nspec: {{{spec}}}\n"
    )


def check(*texts: str, to: str = "198.51.100.7:443") -> Verdict:
    made = allowlist({f"{number}.yaml": text for number, text in enumerate(texts)})
    return read_flow(made, "shop/web", [to]).verdicts(made)[0]


def codes(verdict: Verdict) -> set[str]:
    return {item.code for item in verdict.findings}


@pytest.mark.parametrize(
    ("spec", "base", "expected"),
    [
        ("selector: all(), egress: [{action: Deny}]", OPEN, "undecided"),
        ("selector: app == 'web', egress: [{action: Deny}]", OPEN, "undecided"),
        ("selector: app == 'job', egress: [{action: Deny}]", OPEN, "allowed"),
        ("selector: app in {'job', 'cron'}, egress: [{action: Deny}]", OPEN, "allowed"),
        ("selector: has(gpu), egress: [{action: Deny}]", OPEN, "allowed"),
        ("selector: app starts with 'j', egress: [{action: Deny}]", OPEN, "undecided"),
        ("selector: app == 'web', ingress: [{action: Deny}]", OPEN, "allowed"),
        ("selector: app == 'web', types: [Egress]", OPEN, "allowed"),
        ("selector: app == 'web', tier: security, types: [Egress]", OPEN, "undecided"),
        ("selector: app == 'web', egress: [{action: Allow}]", OPEN, "allowed"),
        ("selector: app == 'web', tier: security, egress: [{action: Allow}]", OPEN, "undecided"),
        ("selector: app == 'web', egress: [{action: Allow}]", DENY_EGRESS, "undecided"),
        ("selector: app == 'web', egress: [{action: Deny}]", DENY_EGRESS, "denied"),
        ("selector: app == 'web', egress: [{action: Pass}]", DENY_EGRESS, "undecided"),
        ("serviceAccountSelector: role == 'x', egress: [{action: Deny}]", OPEN, "undecided"),
    ],
)
def test_a_calico_policy_counts_only_where_it_could_turn_the_verdict(spec: str, base: str, expected: str) -> None:
    assert check(WEB, base, calico(spec)).decision == expected


def test_a_calico_policy_of_another_namespace_is_silent() -> None:
    assert check(WEB, OPEN, calico("selector: all(), egress: [{action: Deny}]", home="back")).decision == "allowed"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("kubernetes.io/metadata.name == 'back'", "allowed"),
        ("projectcalico.org/name == 'shop'", "undecided"),
        ("team == 'shop'", "undecided"),
        ("team == 'back'", "allowed"),
        ("global()", "allowed"),
    ],
)
def test_a_global_calico_policy_by_namespace(selector: str, expected: str) -> None:
    text = calico(f'namespaceSelector: "{selector}", egress: [{{action: Deny}}]', "GlobalNetworkPolicy")
    assert check(WEB, OPEN, namespace("shop", team="shop"), text).decision == expected


def test_labels_of_an_undeclared_namespace_are_unknown() -> None:
    text = calico("namespaceSelector: team == 'back', egress: [{action: Deny}]", "GlobalNetworkPolicy")
    assert check(WEB, OPEN, text).decision == "undecided"


@pytest.mark.parametrize(
    ("spec", "base", "expected"),
    [
        ("subject: {namespaces: {}}, egress: [{action: Deny}]", OPEN, "undecided"),
        ("subject: {namespaces: {}}, egress: [{action: Allow}]", OPEN, "allowed"),
        ("subject: {namespaces: {}}, egress: [{action: Allow}]", DENY_EGRESS, "undecided"),
        ("subject: {namespaces: {}}, egress: [{action: Deny}, {action: Pass}]", DENY_EGRESS, "denied"),
        ("subject: {namespaces: {}}, ingress: [{action: Deny}]", OPEN, "allowed"),
        (
            "subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: back}}}, egress: [{action: Deny}]",
            OPEN,
            "allowed",
        ),
        (
            "subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: job}}}}, egress: [{action: Deny}]",
            OPEN,
            "allowed",
        ),
        (
            "subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}, egress: [{action: Deny}]",
            OPEN,
            "undecided",
        ),
    ],
)
def test_an_admin_policy_counts_only_where_it_could_turn_the_verdict(spec: str, base: str, expected: str) -> None:
    assert check(WEB, base, admin(spec)).decision == expected


@pytest.mark.parametrize(
    ("spec", "base", "expected"),
    [
        ("subject: {namespaces: {}}, egress: [{action: Deny}]", OPEN, "allowed"),
        ("subject: {namespaces: {}}, egress: [{action: Deny}]", DENY_EGRESS, "denied"),
        ("subject: {namespaces: {}}, egress: [{action: Deny}]", "", "undecided"),
        ("subject: {namespaces: {}}, egress: [{action: Allow}]", "", "allowed"),
    ],
)
def test_a_baseline_is_asked_only_where_no_policy_selects(spec: str, base: str, expected: str) -> None:
    assert check(WEB, base, admin(spec, "BaselineAdminNetworkPolicy")).decision == expected


PODS = policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{to: [{namespaceSelector: {}}]}]", "pods")


@pytest.mark.parametrize(
    ("kind", "home", "action", "base", "to", "expected"),
    [
        ("EgressFirewall", "shop", "Deny", OPEN, "198.51.100.7:443", "undecided"),
        ("EgressNetworkPolicy", "shop", "Deny", OPEN, "198.51.100.7:443", "undecided"),
        ("EgressFirewall", "shop", "Allow", OPEN, "198.51.100.7:443", "allowed"),  # what it does not name passes
        ("EgressFirewall", "other", "Deny", OPEN, "198.51.100.7:443", "allowed"),
        ("EgressFirewall", "shop", "Allow", DENY_EGRESS, "198.51.100.7:443", "denied"),  # it opens nothing
        ("EgressFirewall", "shop", "Deny", PODS, "workload://shop/web:80", "allowed"),  # nothing leaves the cluster
    ],
)
def test_an_egress_firewall_is_asked_besides(
    kind: str, home: str, action: str, base: str, to: str, expected: str
) -> None:
    version = "k8s.ovn.org/v1" if kind == "EgressFirewall" else "network.openshift.io/v1"
    rule = f"{{type: {action}, to: {{cidrSelector: 198.51.100.0/24}}}}"
    text = (
        f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: f, namespace: {home}}}\nspec: {{egress: [{rule}]}}\n"
    )
    assert check(WEB, base, text, to=to).decision == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (calico("selector: all(), egress: [{action: Deny}]"), "EGR927"),
        (admin("subject: {namespaces: {}}, egress: [{action: Deny}]"), "EGR885"),
    ],
)
def test_it_is_said_which_file_and_what_to_do(text: str, code: str) -> None:
    verdict = check(WEB, OPEN, text)
    (item,) = [item for item in verdict.findings if item.code == code]
    said = say(item)
    assert "2.yaml:3" in said.says
    assert "2.yaml:3" in said.do
    assert "egress rules" in said.do


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (calico("egress: [{action: Allow, destination: {domains: [a.example]}}]"), True),
        (calico("egress: [{action: Allow, destination: {nets: [198.51.100.0/24]}}]"), False),
        (calico("allowedEgressDomains: [a.example]", "GlobalNetworkSet"), True),
        (calico("nets: [198.51.100.0/24]", "GlobalNetworkSet"), False),
    ],
)
def test_domains_need_the_enterprise_edition(text: str, said: bool) -> None:
    found = {item.code for item in allowlist({"calico.yaml": text}).audit()}
    assert ("EGR887" in found) is said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (calico("allowedEgressDomains: [a.example]", "GlobalNetworkSet"), "allowed"),
        (calico("selector: app == 'db', ingress: [{action: Deny}]"), "undecided"),
    ],
)
def test_a_set_of_domains_restricts_nobody_and_a_policy_of_the_receiver_may(text: str, expected: str) -> None:
    everywhere = policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{}]", "everywhere")
    assert check(WEB, deployment("db"), everywhere, text, to="workload://shop/db:5432").decision == expected


LABELS = {"app": "web", "env": "prod"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("all()", 2),
        ("", 1),
        ("app == 'web' && env == \"prod\"", 2),
        ("app == 'job' || env != 'dev'", 2),
        ("!(app == 'web')", 0),
        ("!has(gpu) && has(app)", 2),
        ("env not in {'dev', 'test'}", 2),
        ("gpu != 'x'", 2),
        ("app == 'job' && team == 'x'", 0),
        ("app == 'web' && unknown == 'x'", 1),
        ("app == ", 1),
        ("app == 'web' )", 1),
        ("(" * 500, 1),
        ("app == '{{ .Values.app }}'", 1),
    ],
)
def test_selector_expressions(expression: str, expected: int) -> None:
    assert matches(expression, lambda key: Match.UNKNOWN if key == "unknown" else LABELS.get(key)) == expected


KYVERNO = """\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: default-deny}
spec:
  rules:
  - name: deny
    match: {any: [{resources: {kinds: [Namespace]%s}}]}
    generate: {kind: %s, name: deny, namespace: "{{request.object.metadata.name}}", data: {spec: %s}}
"""
JOB = policy("podSelector: {matchLabels: {app: job}}\npolicyTypes: [Egress]\negress: []", "job")
ALL_DENY, ALL_OPEN = (
    "{podSelector: {}, policyTypes: [Egress]}",
    "{podSelector: {}, policyTypes: [Egress], egress: [{}]}",
)


@pytest.mark.parametrize(
    ("names", "kind", "spec", "base", "expected"),
    [
        ("", "NetworkPolicy", ALL_DENY, JOB, "undecided"),  # else nothing isolates the pods
        (", names: [other]", "NetworkPolicy", ALL_DENY, JOB, "allowed"),
        ("", "ConfigMap", ALL_DENY, JOB, "allowed"),
        ("", "NetworkPolicy", "{podSelector: {matchLabels: {app: job}}, policyTypes: [Egress]}", JOB, "allowed"),
        ("", "NetworkPolicy", "{podSelector: {}, policyTypes: [Ingress]}", JOB, "allowed"),
        ("", "NetworkPolicy", ALL_DENY, OPEN, "allowed"),  # a union: it takes nothing from a rule that stands
        ("", "NetworkPolicy", ALL_DENY, DENY_EGRESS, "denied"),
        ("", "NetworkPolicy", ALL_OPEN, DENY_EGRESS, "undecided"),
    ],
)
def test_a_policy_that_writes_network_policies(names: str, kind: str, spec: str, base: str, expected: str) -> None:
    assert check(WEB, base, KYVERNO % (names, kind, spec)).decision == expected


def test_a_label_that_was_not_named_may_bring_a_denial() -> None:
    made = allowlist(
        {"a.yaml": WEB, "b.yaml": OPEN, "c.yaml": calico("selector: locked == 'yes', egress: [{action: Deny}]")}
    )
    asked = [read_flow(made, f"shop{{{labels}}}", ["198.51.100.7:443"]) for labels in ("app=web", "app=web,locked=no")]
    assert [flow.verdicts(made)[0].decision for flow in asked] == ["undecided", "allowed"]
