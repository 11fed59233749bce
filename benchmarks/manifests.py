"""Manifests of a mixed organisation, as many as are asked for: always the same for the same number."""

from __future__ import annotations

from collections.abc import Iterator


def manifests(count: int) -> Iterator[tuple[str, bytes]]:
    """Projects, Packages with their Deployments, and NetworkPolicies."""
    for number in range(count):
        path, text = (project, package, policy)[number % 3](number)
        yield path, text.encode()


def project(number: int, change: str = "") -> tuple[str, str]:
    hosts = "\n".join(f"    - api{i}.partner{number}.example  # ticket {i}" for i in range(12))
    return (
        f"organization/o/project/p{number}.yaml",
        f"""apiVersion: lowops.manifests.v1
kind: Project
metadata: {{name: p{number}, environment: production, organizational-unit: u{number % 50}, organization: o}}
spec:
  description: "Project {number}"
  allowedEgress:
{hosts}
{f"    - {change}.example" if change else ""}
""",
    )


def package(number: int, change: str = "svc0") -> tuple[str, str]:
    rules = "".join(
        f"""      - direction: Egress
        selector: {{app: web}}
        remoteHost: {name}.remote{number}.example
        remoteProtocol: TLS
        port: 443
        description: "Remote {name} a"
"""
        for name in (change, "svc1", "svc2", "svc3")
    )
    return (
        f"uds/p{number}.yaml",
        f"""apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {{name: p{number}, namespace: ns{number}}}
spec:
  network:
    serviceMesh: {{mode: ambient}}
    allow:
{rules}---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: ns{number}}}
spec: {{template: {{metadata: {{labels: {{app: web}}}}}}}}
""",
    )


def policy(number: int, port: int = 443) -> tuple[str, str]:
    return (
        f"k8s/n{number}.yaml",
        f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: allow-{number}, namespace: ns{number - 1}}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  policyTypes: [Egress]
  egress:
  - to:
    - ipBlock: {{cidr: 10.{number % 250}.0.0/16}}
    - ipBlock: {{cidr: 198.51.{number % 250}.0/24, except: [198.51.{number % 250}.128/25]}}
    ports: [{{port: 5432}}, {{port: {port}}}]
""",
    )


def cluster(policies: int) -> dict[str, str]:
    """Namespaces with one Deployment and one NetworkPolicy each, for what reads clusters only."""
    files = {}
    for number in range(policies):
        files[f"n{number}.yaml"] = f"""apiVersion: v1
kind: Namespace
metadata: {{name: ns{number}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: web, namespace: ns{number}, labels: {{app: web}}}}
spec: {{containers: [{{name: web, image: web}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: allow, namespace: ns{number}}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  policyTypes: [Egress]
  egress:
  - to: [{{ipBlock: {{cidr: 203.0.113.{number % 250}/32}}}}, {{podSelector: {{matchLabels: {{app: db}}}}}}]
    ports: [{{port: 443}}, {{port: {5000 + number}}}]
"""
    return files
