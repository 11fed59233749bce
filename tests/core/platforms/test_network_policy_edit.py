"""Drafts: the smallest change in the file's own style, proved by the rules themselves."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skills.core.model import Destination, Need, Plan, Workload
from skills.core.platform_base import Sources
from skills.core.platforms import network_policy
from skills.core.yaml_text import read_documents
from tests.core.kube import DENY_EGRESS, World, deployment, namespace, policy, service, to, world, world_of
from tests.examples import examples

WEB = deployment("web")
API = deployment("api", "back", ports="{name: http, containerPort: 8080}")
FROM_WEB = "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]\negress:\n"
DNS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: allow-dns-egress
  namespace: shop
spec:
  podSelector: {}
  policyTypes:
  - Egress
  egress:
  - to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
"""
OWN = """\
# What web needs
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web-egress
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes:
  - Egress
  egress:
  # partner network
  - to:
    - ipBlock:
        cidr: 198.51.100.0/24
    ports:
    - protocol: TCP
      port: 443
"""
# The rule for DNS that comes with a first host, as a policy of its own or in the workload's own policy.
_LOOKUPS = r" *# Let shop/web resolve names\n"
COMPANION = re.compile(rf"---\n{_LOOKUPS}(?:(?!---|#).*\n)*|{_LOOKUPS} *- to:\n(?: {{3}}.*\n)*")
DENY_BACK = policy("podSelector: {}\npolicyTypes: [Ingress]", "default-deny", "back")


@dataclass(frozen=True)
class Drafted:
    before: World
    plan: Plan

    @property
    def after(self) -> World:
        return world_of({**self.before.texts, **{edit.path: edit.new_text for edit in self.plan.edits}})

    @property
    def codes(self) -> list[str]:
        return [item.code for item in self.plan.findings]

    @property
    def asked(self) -> list[str]:
        return [question.code for question in self.plan.questions]

    def lines(self, sign: str = "+") -> list[str]:
        """The added (or removed) lines of all files."""
        found: list[str] = []
        for edit in self.plan.edits:
            old = (edit.old_text or "").splitlines()
            diff = list(difflib.unified_diff(old, edit.new_text.splitlines(), lineterm="", n=0))[2:]
            found += [line[1:] for line in diff if line.startswith(sign)]
        return found


def draft(
    made: World, *destinations: Destination, who: Workload | str = "shop/web", reason: str = "", remove: bool = False
) -> Drafted:
    sender = made.workload(who) if isinstance(who, str) else who
    need = Need(sender, destinations, reason, remove=remove)
    return Drafted(made, network_policy.edit(made.index, Sources(made.texts), need))


# --- outside


def test_a_host_gets_a_policy_of_its_own_and_a_question() -> None:
    made = world(DENY_EGRESS, DNS, pods=WEB)
    drafted = draft(made, to("api.stripe.com"), reason="take payments")
    assert drafted.lines() == [
        "---",
        "# Allow shop/web to reach api.stripe.com:443 (justification: take payments)",
        "apiVersion: networking.k8s.io/v1",
        "kind: NetworkPolicy",
        "metadata:",
        "  name: allow-api-stripe-com-web",
        "  namespace: shop",
        "spec:",
        "  podSelector:",
        "    matchLabels:",
        "      app: web",
        "  policyTypes:",
        "  - Egress",
        "  egress:",
        "  - to:",
        "    - ipBlock:",
        "        cidr: 0.0.0.0/0",
        "        except:",
        "        - 10.0.0.0/8",
        "        - 172.16.0.0/12",
        "        - 192.168.0.0/16",
        "        - 169.254.0.0/16",
        "        - 100.64.0.0/10",
        "    - ipBlock:",
        '        cidr: "::/0"',
        "        except:",
        "        - fc00::/7",
        "        - fe80::/10",
        "    ports:",
        "    - protocol: TCP",
        "      port: 443",
    ]
    assert drafted.lines("-") == []
    assert drafted.asked == ["EGR917"]
    assert drafted.after.decision("shop/web", to("api.stripe.com")) == "allowed"
    assert drafted.after.decision("shop/web", to("api.stripe.com", 80)) == "denied"


def test_given_addresses_are_all_that_is_opened() -> None:
    stripe = to("api.stripe.com", ips=["198.51.100.7", "2001:db8::7"])
    drafted = draft(world(DENY_EGRESS, DNS, pods=WEB), stripe)
    assert [line.strip() for line in drafted.lines() if "cidr" in line] == [
        "cidr: 198.51.100.7/32",
        "cidr: 2001:db8::7/128",
    ]
    assert (drafted.codes, drafted.asked) == (["EGR936"], [])
    assert drafted.after.decision("shop/web", stripe) == "allowed"
    assert drafted.after.decision("shop/web", to("198.51.100.8")) == "denied"


def test_a_network_gets_its_block_and_no_question() -> None:
    drafted = draft(world(DENY_EGRESS, pods=WEB), to("198.51.100.0/24", 5432))
    assert [line.strip() for line in drafted.lines() if "cidr" in line] == ["cidr: 198.51.100.0/24"]
    assert drafted.asked == []
    assert drafted.after.decision("shop/web", to("198.51.100.0/24", 5432)) == "allowed"


def test_a_range_of_udp_ports() -> None:
    media = to("198.51.100.7", "10000-10100", "udp")
    drafted = draft(world(DENY_EGRESS, pods=WEB), media)
    assert drafted.lines()[-3:] == ["    - protocol: UDP", "      port: 10000", "      endPort: 10100"]
    assert drafted.after.decision("shop/web", media) == "allowed"


def test_a_rule_for_everything_says_what_that_is() -> None:
    for where, codes in (("0.0.0.0/0", ["EGR947"]), ("0.0.0.0/1", [])):
        drafted = draft(world(DENY_EGRESS, DNS, pods=WEB), to(where))
        assert (len(drafted.plan.edits), drafted.codes) == (1, codes)


def test_a_private_name_needs_addresses() -> None:
    drafted = draft(world(DENY_EGRESS, pods=WEB), to("git.corp"))
    assert (drafted.plan.edits, drafted.asked) == ((), ["EGR957"])
    assert draft(world(DENY_EGRESS, pods=WEB), to("git.corp", ips=["10.1.2.3"])).plan.edits


def test_the_api_server_needs_addresses() -> None:
    drafted = draft(world(DENY_EGRESS, pods=WEB), to("kubernetes.default"))
    assert (drafted.plan.edits, drafted.asked) == ((), ["EGR1211"])
    given = to("kubernetes.default", ips=["10.0.0.1"])
    assert draft(world(DENY_EGRESS, pods=WEB), given).after.decision("shop/web", given) == "allowed"


# --- where it goes


def test_a_missing_port_goes_into_the_rule_that_is_right_but_for_it() -> None:
    made = world(DENY_EGRESS, OWN, pods=WEB)
    drafted = draft(made, to("198.51.100.0/24", 8443), reason="new API")
    assert drafted.lines() == [
        "    # Allow shop/web to reach 198.51.100.0/24:8443 (justification: new API)",
        "    - protocol: TCP",
        "      port: 8443",
    ]
    assert drafted.lines("-") == []
    assert drafted.after.decision("shop/web", to("198.51.100.0/24", 8443)) == "allowed"


def test_a_rule_with_more_peers_does_not_get_the_port() -> None:
    two = OWN.replace("    ports:", "    - ipBlock:\n        cidr: 203.0.113.0/24\n    ports:")
    drafted = draft(world(DENY_EGRESS, two, pods=WEB), to("198.51.100.0/24", 8443))
    assert "  - to:" in drafted.lines()
    assert drafted.after.decision("shop/web", to("203.0.113.1", 8443)) == "denied"


def test_another_destination_goes_into_the_workloads_own_policy() -> None:
    drafted = draft(world(DENY_EGRESS, OWN, pods=WEB), to("203.0.113.0/24"), reason="mail")
    assert drafted.lines() == [
        "  # Allow shop/web to reach 203.0.113.0/24:443 (justification: mail)",
        "  - to:",
        "    - ipBlock:",
        "        cidr: 203.0.113.0/24",
        "    ports:",
        "    - protocol: TCP",
        "      port: 443",
    ]


def test_a_policy_with_another_purpose_is_left_alone() -> None:
    mirrors = OWN.replace("web-egress", "allow-package-mirrors-web")
    drafted = draft(world(DENY_EGRESS, mirrors, pods=WEB), to("203.0.113.0/24"))
    assert "  name: allow-203-0-113-0-24-web" in drafted.lines()


@pytest.mark.parametrize(
    "selector",
    ["podSelector: {}", "podSelector: {matchLabels: {tier: front}}", "podSelector: {matchLabels: {app: job}}"],
)
def test_a_policy_of_other_pods_is_left_alone(selector: str) -> None:
    pods = "---\n".join((deployment("web", labels="tier: front"), deployment("job", labels="tier: front")))
    made = world(
        DENY_EGRESS, policy(f"{selector}\npolicyTypes: [Egress]\negress:\n- to: [{{podSelector: {{}}}}]"), pods=pods
    )
    drafted = draft(made, to("198.51.100.0/24"))
    assert "  name: allow-198-51-100-0-24-web" in drafted.lines()
    assert drafted.after.decision("shop/job", to("198.51.100.0/24")) == "denied"


def test_the_file_that_holds_the_namespaces_policies_gets_the_new_one() -> None:
    elsewhere = DENY_EGRESS.replace("namespace: shop", "namespace: back")
    made = world_of({"back.yaml": elsewhere, "shop.yaml": f"{DENY_EGRESS}---\n{DNS}", "pods.yaml": WEB})
    (edit,) = draft(made, to("198.51.100.0/24")).plan.edits
    assert (edit.path, edit.role) == ("shop.yaml", "allowlist")


def test_the_file_of_these_pods_comes_before_the_one_that_holds_more() -> None:
    """It is their team's; a selector that means other pods, or all of them, is no reason to go there."""
    mine = policy("podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]", "isolate-web")
    job = mine.replace("web", "job")
    texts = {"a.yaml": f"{DENY_EGRESS}---\n{job}---\n{DNS}", "web.yaml": mine, "pods.yaml": WEB}
    (edit,) = draft(world_of(texts), to("198.51.100.0/24")).plan.edits
    assert edit.path == "web.yaml"
    (other,) = draft(
        world_of({**texts, "web.yaml": mine.replace("app: web", "app: x")}), to("198.51.100.0/24")
    ).plan.edits
    assert other.path == "a.yaml"


def test_yaml_comes_before_json() -> None:
    data = read_documents("a.yaml", DENY_EGRESS)[0][0].data
    other = {**data, "metadata": {"name": "more", "namespace": "shop"}}
    texts = {"a.json": json.dumps(data), "b.json": json.dumps(other), "pods.yaml": WEB}
    dns = DNS.replace("podSelector: {}", "podSelector:\n    matchLabels:\n      app: job")
    (edit,) = draft(world_of({**texts, "c.yaml": dns}), to("198.51.100.0/24")).plan.edits
    assert edit.path == "c.yaml"
    (edit,) = draft(world_of(texts), to("198.51.100.0/24")).plan.edits
    assert (edit.path, edit.old_text) == ("allow-198-51-100-0-24-web.json", None)


def test_lists_are_indented_as_in_the_file() -> None:
    indented = DENY_EGRESS.replace("  - Egress", "    - Egress")
    lines = draft(world(indented, pods=WEB), to("198.51.100.0/24")).lines()
    assert "    - Egress" in lines
    assert "    - to:" in lines


def test_a_file_that_leaves_the_namespace_to_helm_gets_no_namespace() -> None:
    bare = DENY_EGRESS.replace("  namespace: shop\n", "")
    drafted = draft(world(bare, pods=deployment("web", "default")), to("198.51.100.0/24"), who="default/web")
    assert not [line for line in drafted.lines() if "namespace" in line]
    assert drafted.after.decision("default/web", to("198.51.100.0/24")) == "allowed"


def test_policies_in_a_list_and_in_json() -> None:
    items = "".join(f"{'- ' if n == 0 else '  '}{line}\n" for n, line in enumerate(OWN.splitlines()[1:]))
    listed = world(f"apiVersion: v1\nkind: List\nitems:\n{items}", DENY_EGRESS, pods=WEB)
    drafted = draft(listed, to("203.0.113.0/24"))
    assert drafted.after.decision("shop/web", to("203.0.113.0/24")) == "allowed"
    assert "    # Allow shop/web to reach 203.0.113.0/24:443" in drafted.lines()


@pytest.mark.parametrize(("on_one_line", "edits"), [((OWN,), 1), ((DENY_EGRESS, OWN), 0), ((OWN, DENY_EGRESS), 0)])
def test_of_several_policies_on_one_line_nobody_changes_one(on_one_line: Sequence[str], edits: int) -> None:
    items = ", ".join(json.dumps(read_documents("a.yaml", text)[0][0].data) for text in on_one_line)
    others = [text for text in (DENY_EGRESS,) if text not in on_one_line]
    made = world(f"apiVersion: v1\nkind: List\nitems: [{items}]\n", *others, pods=WEB)
    assert len(draft(made, to("203.0.113.0/24")).plan.edits) == edits


def test_names_are_unique() -> None:
    taken = policy("podSelector: {}\npolicyTypes: [Ingress]", "allow-198-51-100-0-24-web")
    drafted = draft(world(DENY_EGRESS, taken, pods=WEB), to("198.51.100.0/24"))
    assert "  name: allow-198-51-100-0-24-web-2" in drafted.lines()


def test_line_ends_of_the_file_stay() -> None:
    made = world_of({"shop.yaml": DENY_EGRESS.replace("\n", "\r\n"), "pods.yaml": WEB})
    (edit,) = draft(made, to("198.51.100.0/24")).plan.edits
    assert edit.new_text.count("\n") == edit.new_text.count("\r\n")


# --- for whom


def test_pods_are_selected_as_policies_here_select_them() -> None:
    spark = policy("podSelector: {matchLabels: {spark-role: driver}}\npolicyTypes: [Egress]", "allow-x-spark-driver")
    drafted = draft(
        world(DENY_EGRESS, spark),
        to("198.51.100.0/24"),
        who=world(DENY_EGRESS).workload("shop", app="spark", spark_role="driver"),
    )
    assert "      spark-role: driver" in drafted.lines()
    assert not [line for line in drafted.lines() if "app:" in line]


def test_labels_are_added_until_no_other_workload_is_selected() -> None:
    pods = "---\n".join((deployment("web", labels="track: stable"), deployment("old").replace("app: old", "app: web")))
    drafted = draft(world(DENY_EGRESS, pods=pods), to("198.51.100.0/24"))
    assert drafted.lines()[9:12] == ["    matchLabels:", "      app: web", "      track: stable"]
    assert drafted.after.decision("shop/old", to("198.51.100.0/24")) == "denied"


def test_a_bare_namespace_is_asked_for_its_pods() -> None:
    drafted = draft(world(DENY_EGRESS, pods=WEB), to("198.51.100.0/24"), who="shop")
    assert (drafted.plan.edits, drafted.asked) == ((), ["EGR930"])
    assert drafted.plan.questions[0].choices == ("shop/web",)


def test_labels_that_kubernetes_would_refuse_are_not_written() -> None:
    odd = world(DENY_EGRESS).workload("shop", app="a: b\n- c")
    drafted = draft(world(DENY_EGRESS), to("198.51.100.0/24"), who=odd)
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR935"])


# --- inside


def test_pods_are_named_by_namespace_and_labels_in_one_item() -> None:
    drafted = draft(
        world(DENY_EGRESS, DNS, pods=f"{WEB}---\n{API}---\n{service('api', 'back', target='http')}"), to("api.back", 80)
    )
    assert drafted.lines()[14:] == [
        "  - to:",
        "    - namespaceSelector:",
        "        matchLabels:",
        "          kubernetes.io/metadata.name: back",
        "      podSelector:",
        "        matchLabels:",
        "          app: api",
        "    ports:",
        "    - protocol: TCP",
        "      port: 8080",
    ]
    assert drafted.after.decision("shop/web", to("api.back", 80)) == "allowed"


def test_the_receiving_side_gets_its_rule_too() -> None:
    made = world_of({"shop.yaml": DENY_EGRESS, "back.yaml": DENY_BACK, "pods.yaml": f"{WEB}---\n{API}"})
    drafted = draft(made, to("workload://back/api", 8080))
    assert [(edit.path, edit.role) for edit in drafted.plan.edits] == [
        ("back.yaml", "counterpart"),
        ("shop.yaml", "allowlist"),
    ]
    assert drafted.after.decision("shop/web", to("workload://back/api", 8080)) == "allowed"
    assert drafted.after.decision("shop/web", to("workload://back/api", 9090)) == "denied"


def test_a_receiver_that_is_free_needs_nothing() -> None:
    made = world_of({"shop.yaml": DENY_EGRESS, "pods.yaml": f"{WEB}---\n{API}"})
    assert [edit.path for edit in draft(made, to("workload://back/api", 8080)).plan.edits] == ["shop.yaml"]


def test_only_the_half_that_is_missing_is_written() -> None:
    egress = policy(FROM_WEB + "- to: [{namespaceSelector: {}}]")
    made = world_of(
        {"shop.yaml": f"{DENY_EGRESS}---\n{egress}", "back.yaml": DENY_BACK, "pods.yaml": f"{WEB}---\n{API}"}
    )
    drafted = draft(made, to("workload://back/api", 8080))
    assert [edit.path for edit in drafted.plan.edits] == ["back.yaml"]
    assert drafted.after.decision("shop/web", to("workload://back/api", 8080)) == "allowed"


def test_a_service_that_nobody_declares_is_drafted_by_its_namespace_and_asked_about() -> None:
    drafted = draft(world(DENY_EGRESS, pods=WEB), to("api.back.svc", 8080))
    assert "          kubernetes.io/metadata.name: back" in drafted.lines()
    assert drafted.asked == ["EGR956"]


def test_a_destination_that_does_not_exist_is_not_drafted() -> None:
    drafted = draft(world(DENY_EGRESS, pods=f"{WEB}---\n{API}"), to("workload://back/apo", 8080))
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR916"])


# --- what is there already, and several at once


def test_what_is_allowed_already_changes_nothing() -> None:
    drafted = draft(world(DENY_EGRESS, OWN, pods=WEB), to("198.51.100.0/24"))
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR954"])


def test_several_destinations_share_what_they_can() -> None:
    drafted = draft(world(DENY_EGRESS, pods=WEB), to("198.51.100.7"), to("198.51.100.7", 8443))
    assert drafted.lines().count("  - to:") == 1
    assert drafted.after.decision("shop/web", to("198.51.100.7", 8443)) == "allowed"


def test_a_first_egress_policy_is_announced() -> None:
    broken = policy(FROM_WEB + "- to: [{}]", "broken")
    assert "EGR920" in draft(world(broken, pods=WEB), to("198.51.100.7")).codes
    assert "EGR920" not in draft(world(DENY_EGRESS, pods=WEB), to("198.51.100.7")).codes


# --- charts

TEMPLATE = """\
{{- if .Values.networkPolicy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "web.fullname" . }}
  namespace: {{ .Release.Namespace }}
spec:
  podSelector:
    matchLabels: {{- include "web.selectorLabels" . | nindent 6 }}
  policyTypes: [Egress]
  egress:
    {{- with .Values.networkPolicy.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}
"""
VALUES = """\
replicas: 2
networkPolicy:
  enabled: true
  egress:
    # the carrier
    - to:
        - ipBlock: {cidr: 198.51.100.0/24}
      ports:
        - {protocol: TCP, port: 443}
"""


def in_chart(values: dict[str, str]) -> Plan:
    """The policy as Helm makes it, beside the texts as people wrote them."""
    path = "charts/web/templates/networkpolicy.yaml"
    made = world_of({path: OWN.replace("web-egress", "web"), "deny.yaml": f"{DENY_EGRESS}---\n{DNS}", "pods.yaml": WEB})
    texts = {**made.texts, path: TEMPLATE, **{f"charts/web/{name}": text for name, text in values.items()}}
    need = Need(made.workload("shop/web"), (to("203.0.113.0/24", 8443),), "labels")
    return network_policy.edit(made.index, Sources(texts), need)


def test_a_chart_that_takes_rules_from_its_values_gets_the_rule_there() -> None:
    (edit,) = in_chart({"values.yaml": VALUES}).edits
    assert edit.path == "charts/web/values.yaml"
    added = edit.new_text.removeprefix(VALUES)
    assert added.splitlines() == [
        "    # Allow shop/web to reach 203.0.113.0/24:8443 (justification: labels)",
        "    - to:",
        "        - ipBlock: {cidr: 203.0.113.0/24}",
        "      ports:",
        "        - protocol: TCP",
        "          port: 8443",
    ]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"values.yaml": VALUES.replace("  egress:", "  outgoing:")},
        {"values.yaml": VALUES, "values-prod.yaml": VALUES},  # which of them counts, the chart does not say
        {"values.yaml": "networkPolicy: {egress: [api.example.com]}\n"},
    ],
)
def test_a_chart_without_one_such_list_gets_a_policy_beside_it(values: dict[str, str]) -> None:
    assert [edit.path for edit in in_chart(values).edits] == ["deny.yaml"]


# --- hostile reasons

HOSTILE = [
    "x\n---\napiVersion: v1\nkind: Pod",
    "x\r\n  evil: true",
    "x\u2028y\u2029z\x85w\x0bv\x0cu",
    "{{ .Values.secret }} ${HOME} {{{{ }}}}",
    "\x00\x1b[31m\ufeff\u202e",
    "#" * 500,
    "y" * 5000,
    "'\"`|>&*!%@",
]


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_reason_never_leaves_its_comment(reason: str) -> None:
    made = world(DENY_EGRESS, DNS, pods=WEB)
    plain, hostile = draft(made, to("198.51.100.7")), draft(made, to("198.51.100.7"), reason=reason)
    assert data(hostile) == data(plain)
    added = [line for line in hostile.lines() if line.startswith("#")]
    assert not [line for line in added if "{{" in line or "${" in line or not line.isprintable()]
    assert sum(map(len, added)) < 600


@given(st.text(max_size=80))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_reason_in_an_existing_policy_too(reason: str) -> None:
    made = world(DENY_EGRESS, OWN, pods=WEB)
    for where in (to("203.0.113.9"), to("198.51.100.0/24", 8443)):
        assert data(draft(made, where, reason=reason)) == data(draft(made, where))


def data(drafted: Drafted) -> list[object]:
    (edit,) = drafted.plan.edits
    documents, faults = read_documents(edit.path, edit.new_text)
    assert not faults
    return [document.data for document in documents]


# --- taking away


def remove(made: World, *destinations: Destination) -> Drafted:
    return draft(made, *destinations, remove=True)


def test_a_rule_that_only_serves_the_need_goes() -> None:
    two = (
        OWN
        + "  - to:\n    - ipBlock:\n        cidr: 203.0.113.0/24\n    ports:\n    - protocol: TCP\n      port: 443\n"
    )
    drafted = remove(world(DENY_EGRESS, two, pods=WEB), to("203.0.113.0/24"))
    assert drafted.after.texts["policies.yaml"] == world(DENY_EGRESS, OWN).texts["policies.yaml"]


def test_with_the_last_rule_the_policy_goes_where_another_isolates() -> None:
    drafted = remove(world(DENY_EGRESS, OWN, pods=WEB), to("198.51.100.0/24"))
    assert drafted.after.texts["policies.yaml"] == DENY_EGRESS


def test_with_the_last_rule_of_the_only_isolating_policy_its_rules_go() -> None:
    drafted = remove(world(OWN, pods=WEB), to("198.51.100.0/24"))
    assert "  egress: []" in drafted.lines()
    assert drafted.after.decision("shop/web", to("198.51.100.0/24")) == "denied"


def test_a_policy_that_the_api_server_refuses_is_left_as_it_is() -> None:
    refused = OWN + "  - to: [{}]\n"
    drafted = remove(world(DENY_EGRESS, refused, pods=WEB), to("198.51.100.0/24"))
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR962"])


def test_only_the_port_goes_when_the_rule_has_more() -> None:
    more = OWN + "    - protocol: TCP\n      port: 8443\n"
    drafted = remove(world(DENY_EGRESS, more, pods=WEB), to("198.51.100.0/24", 8443))
    assert drafted.lines("-") == ["    - protocol: TCP", "      port: 8443"]
    assert drafted.lines() == []


def test_only_the_peer_goes_when_the_rule_has_more() -> None:
    more = OWN.replace("    ports:", "    - ipBlock:\n        cidr: 203.0.113.0/24\n    ports:")
    drafted = remove(world(DENY_EGRESS, more, pods=WEB), to("203.0.113.0/24"))
    assert drafted.lines("-") == ["    - ipBlock:", "        cidr: 203.0.113.0/24"]


@pytest.mark.parametrize(
    "rule",
    [
        policy(
            "podSelector: {}\npolicyTypes: [Egress]\negress:\n"
            "- to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n  ports: [{port: 443}]"
        ),
        policy(FROM_WEB + "- to: [{ipBlock: {cidr: 198.51.0.0/16}}]\n  ports: [{port: 443}]"),
        policy(FROM_WEB + "- to: [{ipBlock: {cidr: 198.51.100.0/24}}]"),
        policy(FROM_WEB + "- to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n  ports: [{port: 1, endPort: 1000}]"),
        policy(
            FROM_WEB
            + "- to: [{ipBlock: {cidr: 198.51.100.0/24}}, {podSelector: {}}]\n  ports: [{port: 443}, {port: 80}]"
        ),
        policy(FROM_WEB + "- ports: [{port: 443}]"),
    ],
)
def test_what_serves_others_stays_and_says_so(rule: str) -> None:
    drafted = remove(world(DENY_EGRESS, rule, pods=WEB), to("198.51.100.0/24"))
    assert drafted.plan.edits == ()
    assert drafted.codes == ["EGR960", "EGR961"]


@pytest.mark.parametrize(("other", "edits"), [("tier: x", 0), ("", 1)])
def test_a_peer_that_means_other_pods_too_stays(other: str, edits: int) -> None:
    pods = {"web": WEB, "back": deployment("api", "back", "", "tier: x")}
    pods["job"] = deployment("job", "back", "", other)
    selector = (
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: back}}, podSelector: {matchLabels: {tier: x}}}"
    )
    rule = policy(FROM_WEB + f"- to: [{selector}]\n  ports: [{{port: 8080}}]", "web-egress")
    drafted = remove(world(DENY_EGRESS, rule, **pods), to("workload://back/api", 8080))
    assert len(drafted.plan.edits) == edits
    assert ("EGR960" in drafted.codes) is not bool(edits)


def test_nothing_to_take_away() -> None:
    drafted = remove(world(DENY_EGRESS, pods=WEB), to("198.51.100.0/24"))
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR962"])


def test_a_host_rule_goes_by_what_is_written_beside_it() -> None:
    mirrors = "# {hosts}\n" + policy(
        FROM_WEB + "- to: [{ipBlock: {cidr: 0.0.0.0/0}}]\n  ports: [{port: 443}]", "mirrors"
    )
    one = remove(world(DENY_EGRESS, mirrors.replace("{hosts}", "pypi.example.org"), pods=WEB), to("pypi.example.org"))
    assert one.after.texts["policies.yaml"] == DENY_EGRESS
    reasoned = mirrors.replace("{hosts}", "Packages from pypi.example.org (see wiki.example.com)")
    assert remove(world(DENY_EGRESS, reasoned, pods=WEB), to("pypi.example.org")).plan.edits
    two = mirrors.replace("{hosts}", "pypi.example.org, npm.example.org")
    assert remove(world(DENY_EGRESS, two, pods=WEB), to("pypi.example.org")).codes == ["EGR960", "EGR961"]
    none = mirrors.replace("{hosts}", "mirrors")
    assert remove(world(DENY_EGRESS, none, pods=WEB), to("pypi.example.org")).codes == ["EGR960", "EGR961"]


def test_the_receiving_half_goes_even_where_the_sender_was_free() -> None:
    made = world_of({"shop.yaml": DNS.replace("{}", "{matchLabels: {app: job}}"), "back.yaml": DENY_BACK, **_PODS})
    there = to("workload://back/api", 8080)
    drafted = draft(made, there)
    assert [edit.path for edit in drafted.plan.edits] == ["back.yaml"]
    assert remove(drafted.after, there).after.texts == made.texts


def test_the_host_network_is_not_drafted_for() -> None:
    host = API.replace("    spec:\n", "    spec:\n      hostNetwork: true\n")
    drafted = draft(world(DENY_EGRESS, pods=f"{WEB}---\n{host}"), to("workload://back/api", 8080))
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR964"])


def test_a_service_with_one_pod_on_the_host_network_is_not_drafted_for() -> None:
    """No selector reaches that pod, so the rule would open only a part of what was asked."""
    host = deployment("node", "back", labels="tier: host").replace(
        "    spec:\n", "    spec:\n      hostNetwork: true\n"
    )
    both = f"{API}---\n{host.replace('app: node', 'app: api')}---\n{service('api', 'back')}"
    drafted = draft(world(DENY_EGRESS, pods=f"{WEB}---\n{both}"), to("api.back", 80))
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR964"])


def test_each_host_is_asked_about_by_itself() -> None:
    hosts = draft(world(DENY_EGRESS, DNS, pods=WEB), to("api.stripe.com"), to("api.github.com", 8443)).plan.questions
    assert [question.id for question in hosts] == ["addresses:api.stripe.com", "addresses:api.github.com"]


def test_a_missing_line_break_at_the_end_stays_missing() -> None:
    made = world_of({"shop.yaml": DENY_EGRESS.rstrip("\n"), "pods.yaml": WEB})
    there = to("198.51.100.7")
    assert remove(draft(made, there).after, there).after.texts == made.texts


def test_both_halves_go() -> None:
    made = world_of({"shop.yaml": DENY_EGRESS, "back.yaml": DENY_BACK, "pods.yaml": f"{WEB}---\n{API}"})
    there = to("workload://back/api", 8080)
    assert remove(draft(made, there).after, there).after.texts == made.texts


# --- properties

_DESTINATIONS = [
    to("api.stripe.com"),
    to("www.example.org", 8443),
    to("api.stripe.com", ips=["198.51.100.7"]),
    to("198.51.100.0/24", 5432),
    to("198.51.100.7", "8000-8100", "udp"),
    to("2001:db8::/64", 443),
    to("workload://back/api", 8080),
    to("api.back", 80),
    to("api.back.svc.cluster.local", 80),
]
_FILES = [
    {"policies.yaml": DENY_EGRESS},
    {"policies.yaml": f"{DENY_EGRESS}---\n{DNS}"},
    {"policies.yaml": f"{DENY_EGRESS}---\n{OWN}"},
    {"policies.yaml": f"# header\n---\n{DENY_EGRESS}---\n{DENY_BACK}"},
    {"shop.yaml": DENY_EGRESS, "back.yaml": f"{DENY_BACK}---\n{namespace('back', team='blue')}"},
    {"shop.yaml": DENY_EGRESS.replace("  - Egress", "    - Egress"), "back.yaml": DENY_BACK},
]
_PODS = {"pods.yaml": f"{WEB}---\n{API}---\n{deployment('job')}---\n{service('api', 'back', target='http')}"}


@given(st.sampled_from(_FILES), st.lists(st.sampled_from(_DESTINATIONS), min_size=1, max_size=3, unique_by=str))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@example(_FILES[2], [to("198.51.100.0/24", 5432), to("198.51.100.0/24", 443)])
def test_a_draft_allows_is_idempotent_and_is_undone(files: dict[str, str], wanted: Sequence[Destination]) -> None:
    made = world_of({**files, **_PODS})
    new = [where for where in wanted if made.decision("shop/web", where) != "allowed"]
    drafted = draft(made, *wanted, reason="because")
    after = drafted.after
    assert all(after.decision("shop/web", where) == "allowed" for where in wanted)
    assert draft(after, *wanted).plan.edits == ()
    assert all(after.decision("shop/job", where) == made.decision("shop/job", where) for where in wanted)
    # The rule for DNS stays, for whatever else the pods reach by name.
    texts = remove(after, *new).after.texts
    assert {path: COMPANION.sub("", text) for path, text in texts.items()} == made.texts


@pytest.mark.needs("kubernetes_validate")
@pytest.mark.parametrize("where", [*_DESTINATIONS, to("api.back.svc", None), to("198.51.100.7", None)], ids=str)
def test_what_is_drafted_is_what_the_api_server_takes(where: Destination) -> None:
    import kubernetes_validate

    made = world_of({**_FILES[4], **_PODS})
    edits = draft(made, where, reason="because").plan.edits
    assert edits
    checked = 0
    for edit in edits:
        for document in read_documents(edit.path, edit.new_text)[0]:
            kubernetes_validate.validate(document.data, "1.31", strict=True)
            checked += 1
    assert checked >= 2
