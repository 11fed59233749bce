"""A value that a tool still has to fill in is neither this nor that: undecided, in every dialect and in every field."""

from __future__ import annotations

import pytest

from skills.core.flows import read_flow
from tests.core.kube import DENY_EGRESS, deployment
from tests.worlds import allowlist

VALUES = ("${V}", "{{ .Values.v }}", "$(V)", "###ZARF_VAR_V###")
NETWORK = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: "NAMESPACE"}
spec:
  podSelector: {matchLabels: {app: "APP"}}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: "CIDR"}}]}]
"""
PACKAGE = """\
apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {name: web, namespace: "NAMESPACE"}
spec:
  network:
    allow: [{direction: Egress, selector: {app: "APP"}, remoteHost: "HOST", port: 443}]
"""
CILIUM = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: "NAMESPACE"}
spec:
  endpointSelector: {matchLabels: {app: "APP"}}
  egress:
  - toFQDNs: [{matchName: "HOST"}]
  - toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system, k8s-app: kube-dns}}]
    toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*"}]}}]
"""
ENTRY = """\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a, namespace: "NAMESPACE"}
spec:
  hosts: ["HOST"]
  location: MESH_EXTERNAL
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
"""
REAL = {"NAMESPACE": "shop", "APP": "web", "CIDR": "198.51.100.0/24", "HOST": "api.example.com"}
DIALECTS = {"network_policy": NETWORK, "uds": PACKAGE, "cilium": CILIUM, "istio": ENTRY}


def decided(text: str, values: dict[str, str], pods: str = "web") -> str:
    for hole, value in values.items():
        text = text.replace(hole, value)
    web = deployment("web").replace("app: web", f'app: "{pods}"')
    made = allowlist({"web.yaml": web, "rules.yaml": text, **({"deny.yaml": DENY_EGRESS} if "CIDR" in values else {})})
    return read_flow(made, "shop/web", ("api.example.com:443",), ("198.51.100.7",)).verdicts(made)[0].decision


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_with_real_values_it_is_allowed(dialect: str) -> None:
    used = {hole: value for hole, value in REAL.items() if hole in DIALECTS[dialect]}
    assert decided(DIALECTS[dialect], used) == "allowed"


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    ("dialect", "hole"), [(name, hole) for name, text in sorted(DIALECTS.items()) for hole in REAL if hole in text]
)
def test_with_a_hole_it_is_undecided(dialect: str, hole: str, value: str) -> None:
    used = {each: known for each, known in REAL.items() if each in DIALECTS[dialect]} | {hole: value}
    assert decided(DIALECTS[dialect], used) == "undecided"


@pytest.mark.parametrize("value", VALUES)
def test_pods_whose_labels_nobody_says(value: str) -> None:
    assert decided(NETWORK, {key: known for key, known in REAL.items() if key != "HOST"}, value) == "undecided"
