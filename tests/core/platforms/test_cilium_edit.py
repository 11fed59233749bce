"""Drafts for Cilium: the smallest change in the file's own style, proved by the rules themselves."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skills.core.model import Destination, Grant, Need, Plan
from skills.core.platform_base import Sources
from skills.core.platforms import cilium
from tests.core.kube import deployment, service, to
from tests.core.platforms.cilium_support import API, WEB, World, ccnp, cnp, egress, names, world, world_of
from tests.examples import examples

OWN = """\
# What web needs
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: web
  namespace: shop
spec:
  endpointSelector:
    matchLabels:
      app: web
  egress:
    # payments
    - toFQDNs:
        - matchName: api.github.com
      toPorts:
        - ports:
            - port: "443"
              protocol: TCP
    - toEndpoints:
        - matchLabels:
            k8s:io.kubernetes.pod.namespace: kube-system
            k8s-app: kube-dns
      toPorts:
        - ports:
            - port: "53"
              protocol: ANY
          rules:
            dns:
              - matchPattern: "*"
"""


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

    def lines(self, sign: str = "+") -> list[str]:
        found: list[str] = []
        for edit in self.plan.edits:
            old = (edit.old_text or "").splitlines()
            diff = list(difflib.unified_diff(old, edit.new_text.splitlines(), lineterm="", n=0))[2:]
            found += [line[1:] for line in diff if line.startswith(sign)]
        return found


def draft(made: World, *destinations: Destination, remove: bool = False, reason: str = "") -> Drafted:
    need = Need(made.workload(), destinations, reason, remove=remove)
    return Drafted(made, cilium.edit(made.index, Sources(made.texts), need))


# --- names


def test_a_name_is_one_item_of_the_list_on_that_port() -> None:
    made = world(OWN, pods=WEB)
    drafted = draft(made, to("api.stripe.com"), reason="take payments")
    assert drafted.lines("-") == []
    assert [line.strip() for line in drafted.lines()] == [
        "# Allow shop/web to reach api.stripe.com:443 (justification: take payments)",
        "- matchName: api.stripe.com",
    ]
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"
    assert drafted.codes == []


def test_a_pattern_of_hosts_is_written_as_one() -> None:
    """As a matchName it would have the whole policy rejected."""
    pattern = to("*.stripe.com")
    drafted = draft(world(OWN.replace('"*"', '"*.github.com"'), pods=WEB), pattern)
    assert [line.strip() for line in drafted.lines() if "#" not in line] == ['- matchPattern: "*.stripe.com"'] * 2
    assert drafted.codes == ["EGR878", "EGR1213"]
    assert drafted.after.decision(pattern) == drafted.after.decision(to("api.stripe.com")) == "allowed"
    assert drafted.after.decision(to("*.github.com")) == drafted.after.decision(to("stripe.com")) == "denied"
    assert draft(drafted.after, pattern).plan.edits == ()
    given = set(cilium.grants(drafted.after.index)) - set(cilium.grants(drafted.before.index))
    need = Need(drafted.before.workload(), (pattern,))
    assert [item.code for grant in given for item in cilium.wider(grant, need)] == []
    assert draft(drafted.after, pattern, remove=True).after.decision(pattern) == "denied"
    alone = draft(
        world(OWN.replace("matchName: api.github.com", 'matchPattern: "*.stripe.com"'), pods=WEB),
        to("*.stripe.com", 8443),
    )
    assert "matchPattern" not in "".join(alone.lines())
    assert alone.after.decision(to("*.stripe.com", 8443)) == "allowed"


def test_another_port_gets_a_rule_of_its_own() -> None:
    drafted = draft(world(OWN, pods=WEB), to("api.stripe.com", 8443))
    assert drafted.after.decision(to("api.stripe.com", 8443)) == "allowed"
    assert drafted.after.decision(to("api.stripe.com")) == "denied"
    assert drafted.after.decision(to("api.github.com", 8443)) == "denied"
    assert '- port: "8443"' in [line.strip() for line in drafted.lines()]


def test_a_rule_for_that_host_alone_gets_the_port() -> None:
    drafted = draft(world(OWN, pods=WEB), to("api.github.com", 8443))
    assert [line.strip() for line in drafted.lines() if "#" not in line] == ['- port: "8443"', "protocol: TCP"]
    assert drafted.after.decision(to("api.github.com", 8443)) == "allowed"
    removed = draft(drafted.after, to("api.github.com", 8443), remove=True)
    assert removed.after.decision(to("api.github.com", 8443)) == "denied"
    assert removed.after.decision(to("api.github.com")) == "allowed"


@pytest.mark.parametrize(
    ("rule", "joins"),
    [
        ("toCIDR: [198.51.100.0/24]", True),
        ("toCIDR: [198.51.100.0/24, 203.0.113.0/24]", False),  # the other network would get the port too
        ("toCIDRSet: [{cidr: 198.51.100.0/24, except: [198.51.100.7/32]}]", False),
    ],
)
def test_a_rule_for_that_network_alone_gets_the_port(rule: str, joins: bool) -> None:
    text = cnp(f'egress:\n- {rule}\n  toPorts:\n  - ports:\n    - port: "443"\n      protocol: TCP')
    drafted = draft(world(text, pods=WEB), to("198.51.100.0/24", 8443))
    assert drafted.after.decision(to("198.51.100.0/24", 8443)) == "allowed"
    assert ("cidr" not in "".join(drafted.lines()).lower()) is joins


@pytest.mark.parametrize(("there", "joins"), [(38, True), (39, True), (40, False)])
def test_a_rule_has_forty_ports_at_most(there: int, joins: bool) -> None:
    """Source: docs.cilium.io, CiliumNetworkPolicy (toPorts.ports has at most 40 items)."""
    ports = "".join(f'            - {{port: "{9000 + number}", protocol: TCP}}\n' for number in range(there))
    text = OWN.replace('            - port: "443"\n              protocol: TCP\n', ports)
    drafted = draft(world(text, pods=WEB), to("api.github.com"))
    assert drafted.after.decision(to("api.github.com")) == "allowed"
    assert ("toFQDNs" not in "".join(drafted.lines())) is joins


def test_anchors_and_variables_stay_as_they_are() -> None:
    text = OWN.replace(
        '      toPorts:\n        - ports:\n            - port: "443"',
        '      toPorts: &https\n        - ports:\n            - port: "443"',
    )
    text = text.replace(
        "    - toEndpoints:",
        "    - toFQDNs:\n        - matchName: ${CDN}\n      toPorts: *https\n    - toEndpoints:",
        1,
    )
    drafted = draft(world(text, pods=WEB), to("api.stripe.com"))
    assert drafted.lines("-") == []
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"
    assert "${CDN}" in drafted.plan.edits[0].new_text


def test_a_list_of_other_pods_is_left_alone() -> None:
    wide = OWN.replace("endpointSelector:\n    matchLabels:\n      app: web", "endpointSelector: {}")
    drafted = draft(world(wide, pods=WEB, other=deployment("other")), to("api.stripe.com"))
    assert drafted.lines()[0] == "---"
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"
    assert drafted.after.decision(to("api.stripe.com"), "shop/other") == "denied"


def test_without_a_dns_rule_one_is_drafted_with_it() -> None:
    drafted = draft(world(cnp("egress: [{}]", "deny", select="{}"), pods=WEB), to("api.stripe.com"))
    assert drafted.codes == ["EGR878"]
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"
    assert drafted.after.findings(to("api.stripe.com")) == []


@pytest.mark.parametrize("listed", ["api.stripe.com", "*.stripe.com"])
def test_a_name_that_is_listed_already_gets_only_the_dns_rule(listed: str) -> None:
    drafted = draft(world(cnp(f"egress:\n- {names(listed)}"), pods=WEB), to("api.stripe.com"))
    assert drafted.codes == ["EGR878"]
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"
    assert "stripe" not in "".join(line for line in drafted.lines() if "#" not in line)


def test_the_policy_of_other_pods_is_left_alone() -> None:
    other = OWN.replace("app: web", "app: other").replace("name: web", "name: other")
    made = world(other, cnp("egress: [{}]", "deny", select="{}"), pods=WEB, other=deployment("other"))
    drafted = draft(made, to("api.stripe.com"))
    assert drafted.lines()[0] == "---"
    assert drafted.after.decision(to("api.stripe.com"), "shop/other") == "denied"


def test_the_last_name_takes_its_rule_along() -> None:
    """Ports without a peer would be open to everybody, and an empty list of names is nearly that."""
    removed = draft(world(OWN, pods=WEB), to("api.github.com"), remove=True)
    (edit,) = removed.plan.edits
    assert "toFQDNs" not in edit.new_text
    assert '"443"' not in edit.new_text
    two = OWN.replace(
        "        - matchName: api.github.com\n", "        - matchName: api.github.com\n        - matchName: b.example\n"
    )
    (other,) = draft(world(two, pods=WEB), to("api.github.com"), remove=True).plan.edits
    assert other.new_text == two.replace("        - matchName: api.github.com\n", "")


def test_only_the_named_network_is_removed() -> None:
    added = draft(world(OWN, pods=WEB), to("198.51.100.0/24", 5432), to("203.0.113.0/24", 5432)).after
    removed = draft(added, to("198.51.100.0/24", 5432), remove=True).after
    assert removed.decision(to("198.51.100.0/24", 5432)) == "denied"
    assert removed.decision(to("203.0.113.0/24", 5432)) == "allowed"


def test_a_narrow_dns_rule_is_widened() -> None:
    drafted = draft(world(OWN.replace('"*"', '"*.github.com"'), pods=WEB), to("api.stripe.com"))
    assert drafted.codes == ["EGR878"]
    assert [line.strip() for line in drafted.lines() if "#" not in line] == ["- matchName: api.stripe.com"] * 2
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"


def test_a_narrow_dns_rule_of_all_pods_stays_as_it_is() -> None:
    """It may be the platform team's: what it lacks for one name stands in the workload's own policy."""
    shared = ccnp(egress().replace('"*"', '"*.github.com"'))
    made = world(cnp(egress(names("api.github.com"), dns=False)), pods=WEB, dns=shared)
    drafted = draft(made, to("api.stripe.com"))
    assert ([edit.path for edit in drafted.plan.edits], drafted.codes) == (["policies.yaml"], ["EGR878"])
    assert 'dns: [{matchName: "api.stripe.com"}]' in drafted.lines()[-1]
    assert "matchPattern" not in "".join(drafted.lines())
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"


def test_the_first_policy_of_a_namespace_stands_beside_its_workloads_and_is_listed() -> None:
    texts = {
        "platform/deny.yaml": ccnp("egress: [{}]"),
        "apps/kustomization.yaml": "resources:\n- shop/web.yaml\n",
        "apps/shop/web.yaml": WEB,
    }
    drafted = draft(world_of(texts), to("api.stripe.com"))
    assert [edit.path for edit in drafted.plan.edits] == ["apps/kustomization.yaml", "apps/shop/network-policies.yaml"]
    assert drafted.plan.edits[0].new_text == "resources:\n- shop/web.yaml\n- shop/network-policies.yaml\n"
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"


def test_drafting_twice_gives_the_same() -> None:
    made = world(OWN, pods=WEB)
    again = draft(draft(made, to("api.stripe.com")).after, to("api.stripe.com"))
    assert (again.plan.edits, again.codes) == ((), ["EGR876"])


def test_hostile_reasons_stay_in_the_comment() -> None:
    drafted = draft(world(OWN, pods=WEB), to("api.stripe.com"), reason="x\n- matchPattern: '*'\n{{ evil }}")
    assert drafted.after.decision(to("example.com")) == "denied"
    assert "{{" not in "".join(drafted.lines())


def test_a_clusterwide_file_can_hold_the_new_policy() -> None:
    drafted = draft(world(ccnp("egress: [{}]"), pods=WEB), to("api.stripe.com"))
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"


def test_a_deny_can_t_be_drafted_away() -> None:
    drafted = draft(world(OWN, ccnp("egressDeny: [{toEntities: [world]}]"), pods=WEB), to("api.github.com"))
    assert (drafted.plan.edits, drafted.codes) == ((), ["EGR879"])


def test_pods_without_labels_are_asked_for() -> None:
    made = world(cnp("egress: [{}]", select="{}"))
    need = Need(made.workload("shop"), (to("api.stripe.com"),))
    plan = cilium.edit(made.index, Sources(made.texts), need)
    assert (plan.edits, [question.code for question in plan.questions]) == ((), ["EGR930"])


# --- addresses and pods


def test_addresses_by_cidr() -> None:
    drafted = draft(world(OWN, pods=WEB), to("198.51.100.0/24", 5432))
    assert drafted.after.decision(to("198.51.100.9", 5432)) == "allowed"
    assert drafted.after.decision(to("198.51.101.9", 5432)) == "denied"
    more = draft(drafted.after, to("203.0.113.5", 5432))
    assert [line.strip().partition("  #")[0] for line in more.lines()] == ["- 203.0.113.5/32"]


def test_the_api_server_by_its_entity() -> None:
    drafted = draft(world(OWN, pods=WEB), to("kubernetes.default.svc"))
    assert "- kube-apiserver" in [line.strip() for line in drafted.lines()]
    assert drafted.after.decision(to("kubernetes.default.svc")) == "allowed"


def test_an_internal_service_and_its_receiver() -> None:
    guard = cnp("ingress: [{}]", "api", "back", "{matchLabels: {app: api}}")
    made = world(OWN, back=guard, pods=f"{WEB}---\n{API}---\n{service('api', 'back')}")
    drafted = draft(made, to("api.back", 80))
    assert {edit.path: edit.role for edit in drafted.plan.edits} == {
        "policies.yaml": "allowlist",
        "back.yaml": "counterpart",
    }
    assert drafted.after.decision(to("api.back", 80)) == "allowed"
    assert drafted.after.decision(to("workload://back/api", 9090)) == "denied"


def test_a_port_that_the_service_only_names_is_opened_by_its_name() -> None:
    there = deployment("api", "back")  # its containers do not say which port `web` is
    made = world(OWN, pods=f"{WEB}---\n{there}---\n{service('api', 'back', target='web')}")
    drafted = draft(made, to("api.back", 80))
    assert {"- port: web", "protocol: TCP"} <= {line.strip() for line in drafted.lines()}


def test_a_list_of_pods_that_share_a_label_is_left_alone() -> None:
    """`app: web` is what a policy names, and another workload carries it too."""
    twin = deployment("twin").replace("labels: {app: twin}", "labels: {app: web, tier: batch}")
    made = world(OWN, pods=f"{deployment('web', labels='tier: front')}---\n{twin}")
    drafted = draft(made, to("api.stripe.com"))
    assert drafted.after.decision(to("api.stripe.com")) == "allowed"
    assert drafted.after.decision(to("api.stripe.com"), "shop/twin") == "denied"


# --- removal


@pytest.mark.parametrize("destination", [to("api.stripe.com"), to("198.51.100.0/24", 5432), to("api.back", 80)])
def test_removal_undoes(destination: Destination) -> None:
    made = world(OWN, pods=f"{WEB}---\n{API}---\n{service('api', 'back')}")
    added = draft(made, destination).after
    assert added.decision(destination) == "allowed"
    removed = draft(added, destination, remove=True)
    assert removed.after.decision(destination) == "denied"
    assert removed.after.decision(to("api.github.com")) == "allowed"


def test_the_last_rule_leaves_the_pods_isolated() -> None:
    made = world(cnp(f"egress:\n- {names('api.stripe.com')}", "web"), cnp(egress(), "dns", select="{}"), pods=WEB)
    removed = draft(made, to("api.stripe.com"), remove=True)
    assert removed.after.decision(to("api.stripe.com")) == "denied"
    assert cilium.isolations(removed.after.index) == cilium.isolations(made.index)


def test_a_pattern_or_a_rule_for_others_stays() -> None:
    wild = draft(
        world(OWN.replace("matchName: api.github.com", 'matchPattern: "*.github.com"'), pods=WEB),
        to("api.github.com"),
        remove=True,
    )
    assert (wild.plan.edits, wild.codes) == ((), ["EGR960", "EGR962"])
    shared = draft(
        world(OWN.replace("    matchLabels:\n      app: web", "    matchLabels: {}"), pods=WEB),
        to("api.github.com"),
        remove=True,
    )
    assert (shared.plan.edits, shared.codes) == ((), ["EGR960", "EGR962"])


# --- grants


def test_a_draft_gives_exactly_the_need() -> None:
    made = world(OWN, pods=WEB)
    need = Need(made.workload(), (to("api.stripe.com"),))
    new = set(cilium.grants(draft(made, to("api.stripe.com")).after.index)) - set(cilium.grants(made.index))
    assert new == {Grant("shop pods app=web", "api.stripe.com", "443", "tcp", "network_policy")}
    assert [finding for grant in new for finding in cilium.wider(grant, need)] == []


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (("shop all pods", "api.stripe.com", "443"), "EGR902"),
        (("the whole cluster pods app=web", "api.stripe.com", "443"), "EGR902"),
        (("shop pods app=web", "*.stripe.com", "443"), "EGR903"),
        (("shop pods app=web", "the entity world", "443"), "EGR903"),
        (("shop pods app=web", "10.0.0.0/8", "443"), "EGR903"),
        (("shop pods app=web", "api.stripe.com", "every port"), "EGR904"),
        (("shop pods app=web", "api.stripe.com", "80"), "EGR904"),
        (("shop pods app=web", "api.stripe.com", "53"), "EGR904"),  # no lookup
        (("shop pods app=web", "pods k8s-app=kube-dns in namespace kube-system", "53"), "EGR874"),
    ],
)
def test_what_is_wider_is_said(grant: tuple[str, str, str], code: str) -> None:
    need = Need(world(OWN, pods=WEB).workload(), (to("api.stripe.com"),))
    found = cilium.wider(Grant(*grant, "tcp", "network_policy"), need)
    assert [item.code for item in found] == [code]


@pytest.mark.parametrize(("protocol", "codes"), [("tcp", []), ("udp", ["EGR904"])])
def test_the_same_port_of_another_protocol_is_wider(protocol: str, codes: list[str]) -> None:
    """A name that joins a list of a rule gets all of its ports."""
    need = Need(world(OWN, pods=WEB).workload(), (to("api.stripe.com"),))
    given = Grant("shop pods app=web", "api.stripe.com", "443", protocol, "network_policy")
    assert [item.code for item in cilium.wider(given, need)] == codes


def test_isolations_are_of_known_workloads() -> None:
    made = world(cnp("egress: [{}]"), cnp("egress: []", "more"), pods=WEB)
    assert [item.source for item in cilium.isolations(made.index)] == ["shop/web"]
    whole = world(cnp("egress: [{}]"), cnp("egress: [{}]", "all", select="{}"), pods=WEB)
    assert [item.source for item in cilium.isolations(whole.index)] == ["shop all pods"]
    assert cilium.isolations(world(cnp("enableDefaultDeny: {egress: false}\negress: [{}]"), pods=WEB).index) == ()


HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9](\.[a-z]{2,6}){1,3}", fullmatch=True)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(host=HOSTS, port=st.integers(1, 65535), protocol=st.sampled_from(["tcp", "udp"]))
def test_every_draft_covers_the_need_and_is_undone(host: str, port: int, protocol: str) -> None:
    made = world(OWN, pods=WEB)
    destination = to(f"{host}.example", port, protocol)
    drafted = draft(made, destination)
    assert drafted.after.decision(destination) == "allowed"
    assert draft(drafted.after, destination).plan.edits == ()
    removed = draft(drafted.after, destination, remove=True)
    assert set(cilium.grants(removed.after.index)) == set(cilium.grants(made.index))
