"""NetworkPolicies from values, against the renderings of bb-common's own unit tests."""

from __future__ import annotations

import pytest
import yaml

from tests.core.platforms.istio_repo import (
    DEPLOYMENT,
    audit,
    check,
    decision,
    drafted,
    repository,
    texts_of,
)

VALUES = """\
networkPolicies:
  enabled: true
  egress:
    from:
      web:
        podSelector: {matchLabels: {app: web}}
        to:
          cidr:
            203.0.113.10/32:443: true
            198.51.100.0/24:[5432,5433]: true
"""


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("203.0.113.10:443", "allowed"),
        ("203.0.113.10:8443", "denied"),
        ("198.51.100.7:5433", "allowed"),
        ("198.51.101.7:5433", "denied"),
    ],
)
def test_values_isolate_and_open(to: str, wanted: str) -> None:
    assert decision(DEPLOYMENT, to=to, files={"chart/values.yaml": VALUES}) == wanted


def test_switched_off_they_say_nothing() -> None:
    off = VALUES.replace("enabled: true", "enabled: false", 1)
    assert not check(repository(DEPLOYMENT, files={"chart/values.yaml": off}), "203.0.113.10:443").layers


@pytest.mark.parametrize("bad", ["1.2.3.4:443", "x.com:443", "2001:db8::/32:443"])
def test_a_key_that_breaks_the_grammar_is_said(bad: str) -> None:
    assert "EGR540" in audit(DEPLOYMENT, files={"v/values.yaml": VALUES.replace("203.0.113.10/32:443", f'"{bad}"')})
    assert "EGR540" not in audit(DEPLOYMENT, files={"v/values.yaml": VALUES})


@pytest.mark.parametrize("value", ["null", '"true"', "false", "{enabled: false}"])
def test_what_is_not_true_is_skipped(value: str) -> None:
    skipped = VALUES.replace("203.0.113.10/32:443: true", f"203.0.113.10/32:443: {value}")
    assert decision(DEPLOYMENT, to="203.0.113.10:443", files={"chart/values.yaml": skipped}) == "denied"


MESHED = "istio:\n  enabled: true\n  sidecar: {enabled: true}\nroutes:\n  outbound:\n    a:\n      enabled: true\n      hosts: [a.com]\n"


def test_both_layers_are_drafted() -> None:
    files = {"chart/values.yaml": MESHED + VALUES}
    made = drafted(repository(DEPLOYMENT, files=files), "x.com", ip=["203.0.113.77"])
    new = texts_of(made)["chart/values.yaml"]
    assert "            203.0.113.77/32:443: true\n" in new
    assert "hosts: [x.com]" in new
    assert (made.change.proof.before, made.change.proof.after) == ("denied", "allowed")
    assert {grant.target for grant in made.change.proof.newly_allowed} == {"x.com", "203.0.113.77/32"}


def test_without_addresses_the_internet_is_opened_and_said() -> None:
    made = drafted(repository(DEPLOYMENT, files={"chart/values.yaml": MESHED + VALUES}), "x.com")
    assert "0.0.0.0/0:443: true" in texts_of(made)["chart/values.yaml"]
    assert [question.id for question in made.change.questions] == ["addresses"]
    assert "EGR987" in {item.code for item in made.change.proof.wider_than_asked}


def test_internal_service_needs_only_the_network() -> None:
    api = DEPLOYMENT.replace("web", "api").replace("shop", "pay")
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: pay}\nspec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}\n"
    files = {"chart/values.yaml": MESHED + VALUES, "chart/Chart.yaml": "name: shop\nversion: 1.0.0\n"}
    made = drafted(repository(DEPLOYMENT, api, service, files=files), "http://api.pay.svc.cluster.local")
    new = texts_of(made)["chart/values.yaml"]
    assert "pay/api:8080:" in new
    assert "x.com" not in new
    assert made.change.proof.after == "allowed"


NAMED = DEPLOYMENT.replace("labels: {app: web}", "labels: {app.kubernetes.io/name: web}")
OTHER = DEPLOYMENT.replace("web", "other")
OF_OTHERS = VALUES.replace("{app: web}", "{app: other}")
SELECTOR = "        podSelector: {{matchLabels: {{{}: web}}}}\n"


@pytest.mark.parametrize(
    ("pods", "values", "added"),
    [
        (DEPLOYMENT, VALUES, ""),
        (DEPLOYMENT, VALUES.replace("      web:", "      front:"), ""),
        (DEPLOYMENT, OF_OTHERS.replace("      web:", "      other:"), "      web:\n" + SELECTOR.format("app")),
        (NAMED, OF_OTHERS.replace("      web:", "      other:"), "      web:\n"),
        (DEPLOYMENT, OF_OTHERS, "      web-2:\n" + SELECTOR.format("app")),
        (NAMED, OF_OTHERS, "      web-2:\n" + SELECTOR.format("app.kubernetes.io/name")),
    ],
    ids=["own key", "by selector", "new key", "new key by name", "key of others", "key by name of others"],
)
def test_a_key_is_written_for_the_pods_that_asked_and_for_no_others(pods: str, values: str, added: str) -> None:
    made = drafted(repository(pods, OTHER, files={"chart/values.yaml": values}), "203.0.113.77:443")
    new = texts_of(made)["chart/values.yaml"]
    remote = "        to:\n          cidr:\n            203.0.113.77/32:443: true\n"
    assert new == values + (f"{added}{remote}" if added else "            203.0.113.77/32:443: true\n")
    assert (made.change.proof.before, made.change.proof.after) == ("denied", "allowed")
    assert made.change.proof.wider_than_asked == ()
    assert decision(OTHER, to="203.0.113.77:443", for_="shop/other", files={"chart/values.yaml": new}) == "denied"


PAY = """\
networkPolicies:
  enabled: true
  ingress:
    to:
      KEY
        podSelector: {matchLabels: {app: OF}}
        from:
          k8s:
            audit/audit: true
"""
API = DEPLOYMENT.replace("web", "api").replace("shop", "pay")
API_SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: pay}\n"
    "spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}\n"
)


@pytest.mark.parametrize(
    ("key", "of", "written"),
    [
        ("api:8080:", "api", "api:8080"),  # the key of just these pods and this port
        ("api:9090:", "api", "api:8080"),  # of another port, which the sender does not need
        ("api:8080:", "other", "api-2:8080"),  # of other pods
    ],
)
def test_the_far_side_opens_the_port_of_its_pods(key: str, of: str, written: str) -> None:
    values = PAY.replace("KEY", key).replace("OF", of)
    files = {"pay/chart/values.yaml": values, "pay/chart/Chart.yaml": "name: pay\nversion: 1.0.0\n"}
    files |= {"shop/chart/values.yaml": VALUES, "shop/chart/Chart.yaml": "name: shop\nversion: 1.0.0\n"}
    allowed = repository(DEPLOYMENT, API, API_SERVICE, files=files)
    made = drafted(allowed, "http://api.pay.svc.cluster.local")
    assert (made.change.proof.before, made.change.proof.after) == ("denied", "allowed")
    new = yaml.safe_load(texts_of(made)["pay/chart/values.yaml"])["networkPolicies"]["ingress"]["to"]
    assert "shop/web" in str(new[written]["from"]["k8s"])
    assert [name for name in new if "shop/web" in str(new[name])] == [written]
