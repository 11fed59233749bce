"""Small UDS repositories for tests: texts in, verdicts and findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import dedent, indent

from skills.core.allowlist import Allowlist
from skills.core.flows import read_flow
from skills.core.model import Decision, Finding, LayerVerdict, Verdict
from skills.core.platforms import uds
from skills.core.platforms.uds.index import Index, compile_index
from skills.core.platforms.uds.versions import NEWEST, Version
from tests.worlds import allowlist


def package(rules: str, *, name: str = "web", namespace: str = "web", mode: str | None = "ambient") -> str:
    """A Package with the items of `allow` as written (any indentation)."""
    head = f"apiVersion: uds.dev/v1alpha1\nkind: Package\nmetadata:\n  name: {name}\n  namespace: {namespace}\n"
    mesh = f"    serviceMesh:\n      mode: {mode}\n" if mode else ""
    items = indent(dedent(rules).strip("\n"), "      ")
    return f"{head}spec:\n  network:\n{mesh}    allow:{' []' if not items else ''}\n{items}\n"


def deployment(name: str, *, namespace: str = "web", labels: Mapping[str, str] | None = None, account: str = "") -> str:
    """A Deployment whose pods carry `app: NAME` unless `labels` say otherwise."""
    carried = ", ".join(f"{key}: {value}" for key, value in (labels or {"app": name}).items())
    pods = f"      serviceAccountName: {account}\n" if account else ""
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec:\n  selector: {{matchLabels: {{{carried}}}}}\n  template:\n"
        f"    metadata: {{labels: {{{carried}}}}}\n    spec:\n{pods}      containers: [{{name: main, image: none}}]\n"
    )


def repository(*texts: str, **named: str) -> Allowlist:
    """Texts as files `0.yaml`, `1.yaml` ...; keywords as files of that name."""
    files = {f"{number}.yaml": text for number, text in enumerate(texts)}
    return allowlist({**files, **{f"{name}.yaml": text for name, text in named.items()}})


def index_of(allowed: Allowlist, rules: Version = NEWEST) -> Index:
    entries = [entry for path in sorted(allowed.readings) for entry in allowed.readings[path].entries.get("uds", ())]
    return compile_index(entries, allowed.cluster, rules)


def check(allowed: Allowlist, for_: str, to: str, *, account: str | None = None, ip: Sequence[str] = ()) -> Verdict:
    return read_flow(allowed, for_, [to], ip, account).verdicts(allowed)[0]


def layer(verdict: Verdict, name: str) -> LayerVerdict | None:
    return next((item for item in verdict.layers if item.layer == name), None)


def near_codes(verdict: Verdict) -> set[str]:
    return {miss.finding.code for item in verdict.layers for miss in item.near_misses}


def codes(findings: Sequence[Finding]) -> set[str]:
    return {item.code for item in findings}


def audit_codes(*texts: str) -> set[str]:
    """What is wrong; that rules are wide is a remark and has tests of its own."""
    return codes(uds.audit(index_of(repository(*texts)))) - {"EGR1301"}


def decisions(*texts: str, for_: str = "web{app=web}", to: str, account: str | None = None) -> Decision:
    return check(repository(*texts), for_, to, account=account).decision


def payments(rules: str) -> str:
    return package(rules, name="payments", namespace="payments")


# --- manifests

STRIPE = """
- direction: Egress
  selector: {app: web}
  remoteHost: api.stripe.com
  port: 443
  description: Stripe
"""
ANYWHERE = """
- direction: Egress
  selector: {app: web}
  remoteGenerated: Anywhere
"""
WEB_OUT = """
- direction: Egress
  selector: {app: web}
  remoteNamespace: payments
  remoteSelector: {app: api}
  port: 8080
"""
API_IN = """
- direction: Ingress
  selector: {app: api}
  remoteNamespace: web
  remoteSelector: {app: web}
  port: 8080
"""
API_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: api, namespace: payments}
spec:
  selector: {app: api}
  ports: [{port: 80, targetPort: 8080}]
"""
BUNDLE = """
kind: UDSBundle
metadata: {name: prod}
packages:
  - name: core
    repository: registry.example/packages/uds/core
    ref: 0.60.0
    optionalComponents: [%s]
    overrides:
      istio-egress-gateway:
        gateway:
          values: [%s]
"""
PORTS = "{path: service.ports, value: [{port: 15021}, {port: 80}, {port: 443}, {port: 9200}]}"
