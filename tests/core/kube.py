"""A small cluster from manifests written in a test, and the answer to one flow in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skills.core.enforce import cluster as kube
from skills.core.model import Destination, LayerView, Ports, Workload, WorkloadRef
from skills.core.platforms import network_policy
from skills.core.yaml_text import read_documents

DENY_EGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny-egress
  namespace: shop
spec:
  podSelector: {}
  policyTypes:
  - Egress
"""


def policy(spec: str, name: str = "allow", namespace: str = "shop") -> str:
    """A NetworkPolicy document; `spec` is YAML, two spaces deep or not at all."""
    lines = "\n".join(f"  {line}" for line in spec.strip("\n").split("\n"))
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n"
        f"  name: {name}\n  namespace: {namespace}\nspec:\n{lines}\n"
    )


def deployment(name: str, namespace: str = "shop", ports: str = "", labels: str = "") -> str:
    """A Deployment whose pods carry `app: NAME`; `ports` is a flow list of container ports."""
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n"
        f"  template:\n    metadata:\n      labels: {{app: {name}{', ' + labels if labels else ''}}}\n"
        f"    spec:\n      containers: [{{name: main, image: example, ports: [{ports}]}}]\n"
    )


def service(name: str, namespace: str = "shop", port: int = 80, target: str = "8080", extra: str = "") -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n"
        f"  selector: {{app: {name}}}\n  ports: [{{port: {port}, targetPort: {target}}}]\n{extra}"
    )


def namespace(name: str, /, **labels: str) -> str:
    written = ", ".join(f"{key}: {value}" for key, value in labels.items())
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{written}}}}}\n"


@dataclass(frozen=True)
class World:
    texts: Mapping[str, str]
    cluster: kube.Cluster
    index: Any

    def workload(self, name: str, **labels: str) -> Workload:
        """`shop/web`, a bare namespace, or a namespace with asserted labels."""
        said = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()} or None
        found = kube.resolve(self.cluster, WorkloadRef(name, parts=tuple(name.split("/")), labels=said))
        assert len(found) == 1, (name, [workload.name for workload in found])
        return found[0]

    def views(self, workload: Workload | str, destination: Destination) -> Sequence[LayerView]:
        sender = self.workload(workload) if isinstance(workload, str) else workload
        return network_policy.decide(self.index, sender, destination)

    def decision(self, workload: Workload | str, destination: Destination) -> str:
        """Both halves must allow."""
        halves = [half_decision(view) for view in self.views(workload, destination)]
        return next((word for word in ("denied", "undecided") if word in halves), "allowed" if halves else "none")

    def near(self, workload: Workload | str, destination: Destination) -> list[str]:
        return [miss.finding.code for view in self.views(workload, destination) for miss in view.near]

    def unknown(self, workload: Workload | str, destination: Destination) -> list[str]:
        return [item.code for view in self.views(workload, destination) for item in view.unknown]

    def findings(self, workload: Workload | str, destination: Destination) -> list[str]:
        return [item.code for view in self.views(workload, destination) for item in view.findings]

    def audit(self) -> list[str]:
        return [item.code for item in network_policy.audit(self.index)]


def half_decision(view: LayerView) -> str:
    if view.allows:
        return "allowed"
    if view.unknown:
        return "undecided"
    return "denied" if view.default == "deny" else "allowed"


def world(*documents: str, **files: str) -> World:
    """Documents of one file `policies.yaml`, and more files by keyword (`other=...` is `other.yaml`)."""
    texts = {"policies.yaml": "---\n".join(documents)} if documents else {}
    texts |= {f"{name}.yaml": text for name, text in files.items()}
    return world_of(texts)


def world_of(texts: Mapping[str, str]) -> World:
    facts: list[Any] = []
    entries: list[Any] = []
    for path, text in texts.items():
        for document in read_documents(path, text)[0]:
            for item in kube.expand(document):
                facts += kube.read(item)
                entries += network_policy.read(item)
    cluster = kube.compile_cluster(facts)
    return World(texts, cluster, network_policy.compile(entries, cluster))


def to(where: str, port: int | str | None = 443, protocol: str = "tcp", ips: Sequence[str] = ()) -> Destination:
    """A destination from its name: a host, an address, a CIDR, or `workload://namespace/name`."""
    ports = None
    if port is not None:
        first, _, last = str(port).partition("-")
        ports = Ports(int(first), int(last or first))
    written = f"{where}:{port}"
    if where.startswith("workload://"):
        return Destination(written, workload=where.removeprefix("workload://"), ports=ports, protocol=protocol)
    try:
        network = ipaddress.ip_network(where)
    except ValueError:
        speaks = {443: "tls", 80: "http"}.get(port) if protocol == "tcp" and isinstance(port, int) else None
        given = tuple(ips)
        return Destination(written, host=where, ports=ports, protocol=protocol, application=speaks, addresses=given)
    single = str(network.network_address) if network.num_addresses == 1 else None
    return Destination(written, ip=single, network=str(network), ports=ports, protocol=protocol)
