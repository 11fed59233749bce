"""Small Istio repositories for tests: texts in, verdicts, drafts and findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skills.core.allowlist import Allowlist
from skills.core.change import Draft, draft
from skills.core.flows import read_flow
from skills.core.model import Decision, Finding, Need, Verdict
from skills.core.platforms import istio
from tests.worlds import allowlist

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: example}]}
"""
REGISTRY_ONLY = """\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: shop
spec:
  outboundTrafficPolicy:
    mode: REGISTRY_ONLY
"""


def entry(
    *hosts: str,
    port: str = "{number: 443, name: tls, protocol: TLS}",
    name: str = "partner",
    namespace: str = "shop",
    extra: str = "resolution: DNS",
) -> str:
    listed = "".join(f'  - "{host}"\n' if host.startswith("*") else f"  - {host}\n" for host in hosts)
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  hosts:\n{listed}"
        f"  location: MESH_EXTERNAL\n  {extra}\n  ports:\n  - {port}\n"
    )


def repository(*texts: str, files: Mapping[str, str] | None = None) -> Allowlist:
    """Texts as documents of `app.yaml`, beside other files."""
    return allowlist({"app.yaml": "---\n".join(texts), **(files or {})})


def check(allowed: Allowlist, to: str, for_: str = "shop/web", ip: Sequence[str] = ()) -> Verdict:
    return read_flow(allowed, for_, [to], ip).verdicts(allowed)[0]


def decision(*texts: str, to: str, for_: str = "shop/web", files: Mapping[str, str] | None = None) -> Decision:
    return check(repository(*texts, files=files), to, for_).decision


def near(verdict: Verdict) -> list[str]:
    return [miss.finding.code for layer in verdict.layers for miss in layer.near_misses]


def codes(findings: Sequence[Finding]) -> set[str]:
    return {item.code for item in findings}


def audit(*texts: str, files: Mapping[str, str] | None = None) -> set[str]:
    return codes(istio.audit(repository(*texts, files=files).indexes[istio.NAME]))


def drafted(
    allowed: Allowlist, *to: str, for_: str = "shop/web", remove: bool = False, ip: Sequence[str] = ()
) -> Draft:
    flow = read_flow(allowed, for_, to, ip)
    workload = flow.resolution.workloads[0]
    return draft(allowed, Need(workload, flow.destinations, remove=remove))


def texts_of(made: Draft) -> dict[str, str]:
    return {edit.path: edit.new_text for edit in made.change.edits}
