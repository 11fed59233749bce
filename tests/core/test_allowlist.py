"""Joining views into a verdict: unions inside a layer, every layer must allow, and what can't be read is never ignored."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.allowlist import Allowlist, choice_for
from skills.core.flows import read_flow
from skills.core.joining import join_layers
from skills.core.model import Finding, LayerView, Place, RuleHit
from tests.worlds import allowlist

PLACE = Place("a.yaml", 1, "rule")
ALLOW, DENY = RuleHit("allow", PLACE), RuleHit("deny", PLACE)
UNKNOWN = Finding("EGR106", {"workload": "w"})


def view(layer: str = "network_policy", default: str = "deny", half: str = "egress", **more: object) -> LayerView:
    return LayerView(layer, "p", default, half=half, **more)  # type: ignore[arg-type]


def decided(*views: LayerView) -> str:
    return join_layers(views)[1]


@pytest.mark.parametrize(
    ("views", "wanted"),
    [
        ([view()], "denied"),
        ([view(allows=(ALLOW,))], "allowed"),
        ([view(default="allow")], "allowed"),
        ([], "undecided"),
        ([view(), view(allows=(ALLOW,))], "allowed"),  # a union inside one layer
        ([view(default="allow"), view()], "denied"),  # one dialect isolates
        ([view(allows=(ALLOW,), denies=(DENY,))], "denied"),
        ([view(unknown=(UNKNOWN,))], "undecided"),
        ([view(unknown=(UNKNOWN,), allows=(ALLOW,))], "allowed"),
        ([view(default="allow", unknown=(UNKNOWN,))], "undecided"),
        ([view(unknown=(UNKNOWN,), denies=(DENY,))], "denied"),
        ([view(allows=(ALLOW,)), view("mesh")], "denied"),  # every layer must allow
        ([view(allows=(ALLOW,)), view("mesh", allows=(ALLOW,))], "allowed"),
        ([view(allows=(ALLOW,)), view("mesh", unknown=(UNKNOWN,))], "undecided"),
        ([view(), view("mesh", unknown=(UNKNOWN,))], "denied"),
        ([view(allows=(ALLOW,)), view(half="ingress")], "denied"),  # both halves of an internal connection
        ([view(), view(half="ingress", allows=(ALLOW,))], "denied"),
        ([view(allows=(ALLOW,)), view(half="ingress", allows=(ALLOW,))], "allowed"),
        ([view(allows=(ALLOW,)), view(half="ingress", unknown=(UNKNOWN,))], "undecided"),
    ],
)
def test_joining(views: list[LayerView], wanted: str) -> None:
    assert decided(*views) == wanted


VIEWS = st.builds(
    view,
    st.sampled_from(["mesh", "network_policy"]),
    st.sampled_from(["allow", "deny"]),
    st.sampled_from(["egress", "ingress"]),
    allows=st.sampled_from([(), (ALLOW,)]),
    denies=st.sampled_from([(), (), (DENY,)]),
    unknown=st.sampled_from([(), (UNKNOWN,)]),
)


@given(st.lists(VIEWS, max_size=4))
def test_the_order_of_views_does_not_matter(views: list[LayerView]) -> None:
    assert len({decided(*order) for order in itertools.permutations(views)}) == 1


@given(st.lists(VIEWS, min_size=1, max_size=4))
def test_allowed_always_stands_on_something(views: list[LayerView]) -> None:
    layers, decision = join_layers(views)
    if decision == "allowed":
        assert all(layer.rules or layer.default == "allow" for layer in layers)
        assert not any(rule.effect == "deny" for layer in layers for rule in layer.rules)


PROJECT = """
apiVersion: lowops.manifests.v1
kind: Project
metadata: {name: shop, environment: production, organizational-unit: web, organization: acme}
spec:
  allowedEgress: [api.stripe.com]
"""


def verdict(made: Allowlist, to: str) -> str:
    return read_flow(made, "shop", (to,)).verdicts(made)[0].decision


@pytest.mark.parametrize("code", ["EGR556", "EGR557", "EGR558", "EGR559"])
def test_a_manifest_that_was_left_out_makes_a_denial_undecided(code: str) -> None:
    made = allowlist({"a.yaml": PROJECT})
    assert verdict(made, "api.example.com") == "denied"
    for path, wanted in (("b.yaml", "undecided"), ("b.png", "denied")):
        left_out = Finding(code, {"path": path, "limit": 5, "says": "why"})
        part = Allowlist(made.readings, made.texts, commit="c", findings=[left_out])
        assert verdict(part, "api.example.com") == wanted
        assert verdict(part, "api.stripe.com") == "allowed", "a rule that allows is not undone by what was not read"


def test_a_choice_means_exactly_its_workload() -> None:
    made = allowlist({"a.yaml": PROJECT, "b.yaml": PROJECT.replace("production", "staging")})
    workloads = read_flow(made, "shop", ("api.stripe.com",)).resolution.workloads
    assert len(workloads) == 2
    for workload in workloads:
        again = read_flow(made, choice_for(workload), ("api.stripe.com",)).resolution.workloads
        assert [str(found) for found in again] == [str(workload)]


def test_a_choice_of_environment_is_never_a_longer_name() -> None:
    made = allowlist({"a.yaml": PROJECT.replace("production", "production-dr")})
    assert read_flow(made, "production:shop", ("api.stripe.com",)).verdicts(made)[0].decision == "undecided"


def test_what_could_deny_makes_an_allowance_undecided() -> None:
    doubt = Finding("EGR106", {"workload": "w"})
    assert decided(view(allows=(ALLOW,), doubts=(doubt,))) == "undecided"
    assert decided(view(denies=(DENY,), doubts=(doubt,))) == "denied"


PACKAGE = """
apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {name: web}
spec: {network: {allow: []}}
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: any, namespace: elsewhere}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {metadata: {labels: {app: web}}}}
"""


def test_a_package_stands_where_its_kustomization_puts_it() -> None:
    files = {"base/p.yaml": PACKAGE, "base/w.yaml": WEB, "policy.yaml": POLICY}
    files["base/kustomization.yaml"] = "namespace: prod\nresources: [p.yaml, w.yaml]\n"
    made = allowlist(files)
    assert read_flow(made, "prod/web", ("evil.example",)).verdicts(made)[0].decision == "denied"


def test_a_package_without_a_namespace_is_in_default() -> None:
    made = allowlist({"p.yaml": PACKAGE, "w.yaml": WEB, "policy.yaml": POLICY})
    assert read_flow(made, "default/web", ("evil.example",)).verdicts(made)[0].decision == "denied"


def test_pods_of_an_environment_are_told_by_its_folder() -> None:
    """What stands in another environment's folder neither allows nor denies here."""
    closed = POLICY.replace("namespace: elsewhere", "namespace: default").replace(", egress: [{}]", "")
    opened = POLICY.replace("namespace: elsewhere", "namespace: default")
    made = allowlist({"base/w.yaml": WEB, "staging/n.yaml": closed, "prod/n.yaml": opened})

    def asked(for_: str) -> str:
        return read_flow(made, for_, ("evil.example",)).verdicts(made)[0].decision

    assert asked("staging:default/web") == "denied"
    assert asked("prod:default/web") == "allowed"
    assert asked("production:default/web") == "allowed"
    for unknown in ("prdo:default/web", "qa:default/web"):
        verdict = read_flow(made, unknown, ("evil.example",)).verdicts(made)[0]
        assert verdict.decision == "undecided"
        assert "EGR168" in {finding.code for finding in verdict.findings}


def test_asserted_labels_add_to_what_is_known_and_never_contradict_it() -> None:
    made = allowlist({"w.yaml": WEB})
    assert read_flow(made, "default/web{tier=front}", ("a.example",)).workload is not None
    assert read_flow(made, "default/web{app=web}", ("a.example",)).workload is not None
    assert read_flow(made, "default/web{app=wbe}", ("a.example",)).workload is None


def test_an_unread_package_of_the_same_namespace_could_deny() -> None:
    opened = POLICY.replace("namespace: elsewhere", "namespace: default")
    broken = "apiVersion: uds.dev/v1alpha1\nkind: Package\nmetadata:\n  name: web\n  namespace: default\nspec: [\n"
    made = {"w.yaml": WEB, "n.yaml": opened}
    for text, wanted in ((broken, "undecided"), (broken.replace("default", "other"), "allowed")):
        read = allowlist({**made, "p.yaml": text})
        assert read_flow(read, "default/web", ("evil.example",)).verdicts(read)[0].decision == wanted
