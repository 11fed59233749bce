"""Small clusters with Cilium policies for tests: documents in, decisions and codes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Any

from skills.core.enforce import cluster as kube
from skills.core.model import Destination, LayerView, Workload, WorkloadRef
from skills.core.platforms import cilium
from skills.core.platforms.cilium.index import Index
from skills.core.yaml_text import read_documents
from tests.core.kube import deployment, half_decision

DNS = """\
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
WEB = deployment("web")
API = deployment("api", "back", ports="{name: http, containerPort: 8080}")


def cnp(body: str, name: str = "web", namespace: str = "shop", select: str = "{matchLabels: {app: web}}") -> str:
    """A CiliumNetworkPolicy for `select`; `body` is what stands in `spec` beside the selector."""
    inside = indent(dedent(body).strip("\n"), "  ")
    return (
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata:\n"
        f"  name: {name}\n  namespace: {namespace}\nspec:\n  endpointSelector: {select}\n{inside}\n"
    )


def ccnp(body: str, name: str = "all", select: str = "{}") -> str:
    text = cnp(body, name, "shop", select).replace("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy")
    return text.replace("  namespace: shop\n", "")


def egress(*rules: str, dns: bool = True) -> str:
    """An egress section of rules, each a flow map, with the DNS rule that names need."""
    items = "".join(f"- {rule}\n" for rule in rules)
    return "egress:\n" + items + (dedent(DNS) if dns else "")


def names(*hosts: str, port: str = '"443"') -> str:
    """A rule for names; a host with a star is a pattern."""
    listed = ", ".join(f'{{{"matchPattern" if "*" in host else "matchName"}: "{host}"}}' for host in hosts)
    return f"{{toFQDNs: [{listed}], toPorts: [{{ports: [{{port: {port}, protocol: TCP}}]}}]}}"


@dataclass(frozen=True)
class World:
    texts: Mapping[str, str]
    cluster: kube.Cluster
    index: Index

    def workload(self, name: str = "shop/web") -> Workload:
        found = kube.resolve(self.cluster, WorkloadRef(name, parts=tuple(name.split("/"))))
        assert len(found) == 1, (name, found)
        return found[0]

    def views(self, destination: Destination, who: str | Workload = "shop/web") -> Sequence[LayerView]:
        sender = self.workload(who) if isinstance(who, str) else who
        return cilium.decide(self.index, sender, destination)

    def decision(self, destination: Destination, who: str | Workload = "shop/web") -> str:
        halves = [_decision(view) for view in self.views(destination, who)]
        return next((word for word in ("denied", "undecided") if word in halves), "allowed" if halves else "none")

    def near(self, destination: Destination, who: str = "shop/web") -> list[str]:
        return [miss.finding.code for view in self.views(destination, who) for miss in view.near]

    def unknown(self, destination: Destination, who: str = "shop/web") -> list[str]:
        return [item.code for view in self.views(destination, who) for item in view.unknown]

    def findings(self, destination: Destination, who: str = "shop/web") -> list[str]:
        return [item.code for view in self.views(destination, who) for item in view.findings]

    def audit(self) -> list[str]:
        return [item.code for item in cilium.audit(self.index)]


def _decision(view: LayerView) -> str:
    return "denied" if view.denies else half_decision(view)


def world(*documents: str, **files: str) -> World:
    """Documents of one file `policies.yaml`, and more files by keyword."""
    texts = {"policies.yaml": "---\n".join(documents)} if documents else {}
    return world_of({**texts, **{f"{name}.yaml": text for name, text in files.items()}})


def world_of(texts: Mapping[str, str]) -> World:
    facts: list[Any] = []
    entries: list[Any] = []
    for path, text in texts.items():
        for document in read_documents(path, text)[0]:
            for item in kube.expand(document):
                facts += kube.read(item)
                entries += cilium.read(item)
    cluster = kube.compile_cluster(facts)
    return World(texts, cluster, cilium.compile(entries, cluster))
