"""A namespace denied by default: nothing that a rule gave is lost, nothing is opened, and a second time changes nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skills.all_skills import by_name
from skills.core.errors import AskUnclear
from skills.core.model import Need, Workload
from skills.core.platform_base import Sources
from skills.core.platforms import network_policy
from tests.core.enforce.random_clusters import manifests
from tests.core.enforce.test_kube_properties import flows
from tests.core.kube import DENY_EGRESS, World, deployment, half_decision, policy, to, world, world_of
from tests.examples import examples
from tests.worlds import world as asked


def isolate(made: World, namespace: str, reason: str = "") -> tuple[World, list[str]]:
    """The world after the draft, and the codes of what it says."""
    workload = Workload("k8s", "kubernetes", namespace, namespace, namespace=namespace)
    plan = network_policy.edit(made.index, Sources(made.texts), Need(workload, (), reason, isolate=True))
    after = world_of({**made.texts, **{edit.path: edit.new_text for edit in plan.edits}})
    return after, [item.code for item in plan.findings]


def test_a_namespace_that_nothing_names_is_no_workload_that_is_not_found() -> None:
    draft, there = by_name("draft"), asked({"web.yaml": deployment("web")})
    with pytest.raises(AskUnclear) as refused:
        draft.run(draft.Ask.model_validate({"default_deny": "vault"}), there)
    assert (refused.value.code, dict(refused.value.facts)) == ("EGR682", {"namespace": "vault"})
    nearly = draft.run(draft.Ask.model_validate({"default_deny": "shpo"}), there)  # a slip of the pen is asked about
    assert [question.choices for question in nearly.questions] == [("shop",)]


def changed(made: World, after: World) -> bool:
    return after.texts != made.texts


# --- what it says

INGRESS = policy(
    "podSelector: {matchLabels: {app: api}}\npolicyTypes: [Ingress]\ningress:\n"
    "- from: [{podSelector: {matchLabels: {app: web}}}]\n  ports: [{port: 8080}]",
    "api-in",
)
WEB, API = deployment("web"), deployment("api", ports="{name: http, containerPort: 8080}")


def test_what_an_ingress_rule_expects_stays_open() -> None:
    made = world(INGRESS, pods=f"{WEB}---\n{API}")
    after, codes = isolate(made, "shop")
    assert after.decision("shop/web", to("workload://shop/api", 8080)) == "allowed"
    assert after.decision("shop/web", to("workload://shop/api", 9090)) == "denied"
    assert after.decision("shop/api", to("198.51.100.7")) == "denied"
    assert "EGR364" in codes  # api has no rule of its own
    assert "EGR360" not in codes  # the Ingress policy says nothing of Egress that could be meant
    assert after.texts["policies.yaml"].startswith(INGRESS)


def test_pods_on_the_host_network_are_not_among_those_without_a_rule() -> None:
    host = API.replace("    spec:\n", "    spec:\n      hostNetwork: true\n")
    dns = policy("podSelector: {}\npolicyTypes: [Ingress]", "closed")
    assert "EGR364" not in isolate(world(dns, pods=host), "shop")[1]
    assert "EGR364" in isolate(world(dns, pods=API), "shop")[1]


def test_what_is_denied_today_is_not_opened() -> None:
    dns = policy("podSelector: {}\npolicyTypes: [Egress]\negress:\n- ports: [{port: 53, protocol: UDP}]", "dns")
    made = world(DENY_EGRESS, dns, INGRESS, pods=f"{WEB}---\n{API}")
    after, codes = isolate(made, "shop")
    assert not changed(made, after)
    assert "EGR363" in codes


def test_rules_that_policy_types_leave_out_wake_only_where_they_open_nothing() -> None:
    ignored = policy(
        "podSelector: {matchLabels: {app: web}}\npolicyTypes: [Ingress]\negress:\n"
        "- to: [{ipBlock: {cidr: 198.51.100.0/24}}]\n  ports: [{port: 443}]",
        "web",
    )
    free = world(ignored, pods=WEB)
    after, codes = isolate(free, "shop")
    assert after.decision("shop/web", to("198.51.100.7")) == "allowed"
    assert "EGR360" in codes
    refused = ignored.replace("port: 443", "port: 0")
    after, codes = isolate(world(refused, pods=WEB), "shop")
    assert "EGR360" not in codes
    assert after.texts["policies.yaml"].startswith(refused)
    closed = world(ignored, DENY_EGRESS, pods=WEB)
    after, codes = isolate(closed, "shop")
    assert after.decision("shop/web", to("198.51.100.7")) == "denied"
    assert "EGR360" not in codes


def test_all_pods_of_a_namespace_may_call_each_other_still() -> None:
    same = policy("podSelector: {}\npolicyTypes: [Ingress]\ningress:\n- from: [{podSelector: {}}]", "same-namespace")
    after, _ = isolate(world(same, pods=f"{WEB}---\n{API}"), "shop")
    assert after.decision("shop/web", to("workload://shop/api", 8080)) == "allowed"
    assert after.decision("shop/web", to("198.51.100.7")) == "denied"


def test_pods_that_may_not_go_there_today_are_not_let_out_by_a_rule_for_all() -> None:
    """They are among "all pods" of an ingress rule, and have an egress policy of their own already."""
    same = policy("podSelector: {}\npolicyTypes: [Ingress]\ningress:\n- from: [{podSelector: {}}]", "same-namespace")
    own = policy("podSelector: {matchLabels: {app: web}}\npolicyTypes: [Egress]", "web-egress")
    made = world(same, own, pods=f"{WEB}---\n{API}")
    after, codes = isolate(made, "shop")
    assert after.decision("shop/web", to("workload://shop/api", 8080)) == "denied"
    assert "EGR399" in codes


def test_anybody_who_is_let_in_is_nobody_in_particular() -> None:
    public = policy(
        "podSelector: {matchLabels: {app: api}}\npolicyTypes: [Ingress]\ningress:\n- from: [{namespaceSelector: {}}]",
        "public",
        "back",
    )
    made = world(public, deny=DENY_EGRESS.replace("shop", "back"), pods=f"{WEB}---\n{deployment('api', 'back')}")
    after, _ = isolate(made, "shop")
    assert after.decision("shop/web", to("workload://back/api", 8080)) == "denied"


def test_a_namespace_without_any_file_is_not_drafted() -> None:
    made = world("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: shop}\n")
    after, codes = isolate(made, "shop")
    assert (changed(made, after), codes) == (False, ["EGR365"])


@pytest.mark.parametrize("reason", ["x\n---\nkind: Pod", "{{ .Values.x }} ${HOME}", "\u202e#" * 200])
def test_a_reason_never_leaves_its_comment(reason: str) -> None:
    made = world(INGRESS, pods=f"{WEB}---\n{API}")
    plain, hostile = isolate(made, "shop")[0], isolate(made, "shop", reason)[0]
    assert [e.policy.name for e in plain.index.entries] == [e.policy.name for e in hostile.index.entries]
    assert "{{" not in hostile.texts["policies.yaml"]


# --- whatever the policies are


@given(st.integers(1, 1_000_000))
@example(2282)
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_rules_give_is_lost_nothing_is_opened_and_twice_is_once(seed: int) -> None:
    items = manifests(seed)
    texts = {f"{number:03}.yaml": json.dumps(item) for number, item in enumerate(items)}
    made = world_of(texts)
    source = flows(items)[0][0]
    home = source.partition("/")[0]
    after, _ = isolate(made, home)
    again, _ = isolate(after, home)
    assert not changed(after, again)
    for sender, where in flows(items):
        before, now = made.views(sender, where)[0], after.views(sender, where)[0]
        if before.allows:
            assert half_decision(now) == "allowed", (sender, where)
        dns = where.ports is not None and where.ports.first == 53
        if half_decision(before) == "denied" and not dns:
            assert half_decision(now) == "denied", (sender, where)
    assert after.decision(source, to("192.0.2.1", 9)) in {made.decision(source, to("192.0.2.1", 9)), "denied"}
    bare = after.views(Workload("k8s", "kubernetes", home, home, namespace=home, labels={}), to("192.0.2.1", 9))[0]
    assert bare.default == "deny"
