"""What one manifest says of pods, namespaces, services and service accounts: plain values for one document.

Typed lists carry the kind of their items only in their own name, so `expand` gives it back to them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeGuard

from skills.core.enforce.kustomize import Kustomization, is_kustomization
from skills.core.enforce.selectors import label_text
from skills.core.model import Place
from skills.core.yaml_text import Document, Map, Seq

DEFAULT_NAMESPACE = "default"

_POD_TEMPLATES = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")
_UNLABELLED = ("Pod", "Job", "CronJob")
_VIRTUAL_MACHINES = ("VirtualMachine", "VirtualMachineInstance")
_MOST_ADDRESSES = 16
_BRIEF = 60
_MOST_PORTS = 1000  # a pod with more named ports than this is no pod that anyone runs


NO_PORTS: Mapping[str, tuple[str, int]] = {}


class PodFacts(NamedTuple):
    """A pod, or the pods that a workload's template makes.

    `owners` are (kind, name) of the controllers above it. `named_ports` maps a port's name to protocol
    and number. `addresses` are pod addresses that an export states.
    """

    kind: str
    name: str
    namespace: str
    labels: Mapping[str, str]
    service_account: str
    place: Place
    owners: tuple[tuple[str, str], ...] = ()
    named_ports: Mapping[str, tuple[str, int]] = NO_PORTS
    host_network: bool = False
    addresses: tuple[str, ...] = ()
    assumed_namespace: bool = False


class NamespaceFacts(NamedTuple):
    name: str
    labels: Mapping[str, str]
    place: Place


@dataclass(frozen=True, slots=True)
class ServicePort:
    """`target` is a port number, a port name, or None for the service port itself."""

    port: int
    protocol: str = "tcp"
    name: str = ""
    target: int | str | None = None


class ServiceFacts(NamedTuple):
    """`selector` None: the endpoints are made by hand. `external_name` is set for an ExternalName service."""

    name: str
    namespace: str
    place: Place
    selector: Mapping[str, str] | None = None
    ports: tuple[ServicePort, ...] = ()
    external_name: str | None = None
    headless: bool = False
    addresses: tuple[str, ...] = ()


class EndpointFacts(NamedTuple):
    """Endpoints or an EndpointSlice that somebody wrote for the service `name`.

    `pods` are (namespace, name) of the pods that it points to, `addresses` all others; `ports` have the names of the
    service's ports. `complete` is False where an address is none that can be read.
    """

    name: str
    namespace: str
    place: Place
    addresses: tuple[str, ...] = ()
    pods: tuple[tuple[str, str], ...] = ()
    ports: tuple[ServicePort, ...] = ()
    complete: bool = True


class ServiceAccountFacts(NamedTuple):
    name: str
    namespace: str
    place: Place


class Mention(NamedTuple):
    """Some other object lives in this namespace."""

    namespace: str
    place: Place


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """A sign of Cilium. `sure`: it is installed; otherwise policies of its kind merely stand here."""

    place: Place
    sure: bool


Facts = (
    PodFacts
    | NamespaceFacts
    | ServiceFacts
    | EndpointFacts
    | ServiceAccountFacts
    | Mention
    | Kustomization
    | PluginFacts
)
_SERVICE_NAME = "kubernetes.io/service-name"


def expand(document: Document) -> Sequence[Document]:
    """A `List` or a typed list (`PodList`) as its items, each with its `way`; any other document as itself."""
    data = document.data
    kind = text_of(data.get("kind")) if isinstance(data, Mapping) else ""
    items = data.get("items") if isinstance(data, Mapping) else None
    if not kind.endswith("List") or not isinstance(items, Seq):
        return (document,)
    item_kind, version = kind.removesuffix("List"), text_of(data.get("apiVersion"))
    maps = ((at, _typed(item, item_kind, version)) for at, item in enumerate(items) if isinstance(item, Map))
    return tuple(
        Document(document.path, document.index, item, item.line, document.rows, ("items", at)) for at, item in maps
    )


def _typed(item: Map, kind: str, version: str) -> Map:
    """The item of a typed list with the kind that its list's name implies; it stands on the item's own line."""
    if not kind or item.get("kind"):
        return item
    typed = Map(item)
    typed.line = item.line
    typed.lines = {"kind": item.line, "apiVersion": item.line, **item.lines}
    typed["kind"] = kind
    if not typed.get("apiVersion"):
        typed["apiVersion"] = version
    return typed


def read(document: Document) -> Sequence[Facts]:
    """What the document says of pods and names; nothing if it is no Kubernetes object."""
    data = document.data
    if not isinstance(data, Mapping):
        return ()
    if is_kustomization(document.path, text_of(data.get("kind")), text_of(data.get("apiVersion"))):
        return (_kustomization(document),)
    if not text_of(data.get("kind")) or not text_of(data.get("apiVersion")):
        return ()
    kind, metadata = text_of(data["kind"]), mapping_of(data.get("metadata"))
    name = text_of(metadata.get("name"))
    if kind == "Namespace" and data.get("apiVersion") == "v1":
        return (NamespaceFacts(name, labels_of(metadata.get("labels")), _name_place(document)),) if name else ()
    namespace, assumed = namespace_of(metadata)
    if kind == "Service" and data.get("apiVersion") == "v1":
        return (_service(document, name, namespace),)
    if kind in {"Endpoints", "EndpointSlice"}:
        return _endpoints(document, metadata, namespace)
    if kind == "ServiceAccount":
        return (ServiceAccountFacts(name, namespace, _name_place(document)),)
    template = _pod_template(kind, data)
    if template is not None and name:
        pod = _pod(document, kind, template, assumed)
        # A controller without pod labels is a patch that some overlay lays over the real one.
        if pod.labels or kind in _UNLABELLED:
            return (pod,)
    return (Mention(namespace, _name_place(document)),)


def _kustomization(document: Document) -> Kustomization:
    folder = document.path.rpartition("/")[0]
    resources = [*sequence_of(document.data.get("resources")), *sequence_of(document.data.get("bases"))]
    namespace = text_of(document.data.get("namespace"))
    names = tuple(filter(None, map(text_of, resources)))
    known = "" if templated(namespace) else namespace
    return Kustomization(folder, known, names, document.path, document.data, document.rows)


def namespace_of(metadata: Mapping[str, Any]) -> tuple[str, bool]:
    """The object's namespace, and whether it was assumed because the manifest names none."""
    namespace = text_of(metadata.get("namespace"))
    return (namespace, False) if namespace else (DEFAULT_NAMESPACE, True)


def templated(text: str) -> bool:
    """Whether a tool still has to fill this value in, so that nobody knows it yet."""
    if "$" in text and ("${" in text or "$(" in text):
        return True
    return "{{" in text or "###ZARF_" in text


def known_labels(labels: Mapping[str, str]) -> Mapping[str, str] | None:
    """The labels, or None where a tool still has to fill one of them in: then nobody says them."""
    return None if any(map(templated, (*labels, *labels.values()))) else labels


def _pod_template(kind: str, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The mapping that holds the pods' `metadata` and `spec`."""
    spec = mapping_of(data.get("spec"))
    if kind in {"Pod", "VirtualMachineInstance"}:
        return data
    if kind == "CronJob":
        spec = mapping_of(mapping_of(spec.get("jobTemplate")).get("spec"))
    template = mapping_of(spec.get("template"))
    if kind in _POD_TEMPLATES or kind in _VIRTUAL_MACHINES or kind == "CronJob":
        return template
    # Other controllers (Argo Rollout, Knative Service) are known by a template that holds containers.
    return template if isinstance(mapping_of(template.get("spec")).get("containers"), list) else None


def _pod(document: Document, kind: str, template: Mapping[str, Any], assumed: bool) -> PodFacts:
    data = document.data
    metadata, spec = mapping_of(data.get("metadata")), mapping_of(template.get("spec"))
    status = mapping_of(data.get("status"))
    addresses = [status.get("podIP")]
    addresses += [mapping_of(item).get("ip") for item in sequence_of(status.get("podIPs"))[:_MOST_ADDRESSES]]
    name = text_of(metadata.get("name"))
    return PodFacts(
        kind,
        name,
        namespace_of(metadata)[0],
        {**labels_of(mapping_of(template.get("metadata")).get("labels")), **_controller_labels(kind, name)},
        text_of(spec.get("serviceAccountName")) or text_of(spec.get("serviceAccount")) or "default",
        _name_place(document),
        _owners(metadata),
        _named_ports(spec),
        spec.get("hostNetwork") is True,
        _addresses(addresses),
        assumed,
    )


def _controller_labels(kind: str, name: str) -> dict[str, str]:
    """Labels that the Job controller puts on pods by itself."""
    return {"job-name": name, "batch.kubernetes.io/job-name": name} if kind == "Job" else {}


def _addresses(written: Iterable[Any]) -> tuple[str, ...]:
    """Only what is an address, in canonical form."""
    found = []
    for text in filter(None, map(text_of, written)):
        try:
            found.append(str(ipaddress.ip_address(text)))
        except ValueError:
            continue
    return tuple(dict.fromkeys(found))


def _owners(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    owners = [mapping_of(item) for item in sequence_of(metadata.get("ownerReferences"))]
    pairs = [(text_of(owner.get("kind")), text_of(owner.get("name"))) for owner in owners if owner.get("name")]
    return tuple(pairs)


def _named_ports(spec: Mapping[str, Any]) -> dict[str, tuple[str, int]]:
    """Container ports that have a name. A sidecar started as an init container can listen as well."""
    ports: dict[str, tuple[str, int]] = {}
    containers = [*sequence_of(spec.get("containers")), *sequence_of(spec.get("initContainers"))]
    for container in containers[:_MOST_PORTS]:
        for item in sequence_of(mapping_of(container).get("ports"))[:_MOST_PORTS]:
            port = mapping_of(item)
            name, number = text_of(port.get("name")), port.get("containerPort")
            if name and is_port(number):
                ports.setdefault(name, (text_of(port.get("protocol")).lower() or "tcp", number))
    return ports


def _service(document: Document, name: str, namespace: str) -> ServiceFacts:
    spec = mapping_of(document.data.get("spec"))
    cluster_ip = text_of(spec.get("clusterIP"))
    external = spec.get("type") == "ExternalName"
    selector = spec.get("selector")
    return ServiceFacts(
        name,
        namespace,
        _name_place(document),
        labels_of(selector) if isinstance(selector, Mapping) and selector and not external else None,
        tuple(_service_ports(spec)),
        text_of(spec.get("externalName")).rstrip(".").lower() or None if external else None,
        cluster_ip == "None",
        _addresses([cluster_ip]),
    )


def _service_ports(spec: Mapping[str, Any]) -> list[ServicePort]:
    ports = []
    for item in sequence_of(spec.get("ports"))[:_MOST_PORTS]:
        port = mapping_of(item)
        number, target = port.get("port"), port.get("targetPort")
        if not is_port(number):
            continue
        if isinstance(target, str) and target.isdecimal():
            target = int(target[:6])
        protocol = text_of(port.get("protocol")).lower() or "tcp"
        known = target if isinstance(target, (int, str)) and not isinstance(target, bool) else None
        ports.append(ServicePort(number, protocol, text_of(port.get("name")), known))
    return ports


def _endpoints(document: Document, metadata: Mapping[str, Any], namespace: str) -> Sequence[EndpointFacts]:
    """One for each set of addresses that listens on the same ports."""
    data, found = document.data, []
    sliced = data.get("kind") == "EndpointSlice"
    name = labels_of(metadata.get("labels")).get(_SERVICE_NAME, "") if sliced else text_of(metadata.get("name"))
    for item in [data] if sliced else sequence_of(data.get("subsets"))[:_MOST_PORTS]:
        part = mapping_of(item)
        ends = [mapping_of(end) for end in sequence_of(part.get("endpoints" if sliced else "addresses"))[:_MOST_PORTS]]
        written, pods = [], []
        for end in ends:
            target = mapping_of(end.get("targetRef"))
            if target.get("kind") == "Pod" and target.get("name"):
                pods.append((text_of(target.get("namespace")) or namespace, text_of(target.get("name"))))
            written += [text_of(each) for each in (sequence_of(end.get("addresses")) if sliced else [end.get("ip")])]
        addresses = _addresses(written)
        ports = tuple(_service_ports(part))
        complete = bool(addresses) and len(set(written)) == len(addresses)
        found.append(EndpointFacts(name, namespace, _name_place(document), addresses, tuple(pods), ports, complete))
    return found


def _name_place(document: Document) -> Place:
    return document.place_of("metadata", "name")


def labels_of(data: Any) -> dict[str, str]:
    if not isinstance(data, (dict, Mapping)):
        return {}
    return {str(key): value if value.__class__ is str else label_text(value) for key, value in data.items()}


def mapping_of(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, (dict, Mapping)) else {}  # a dict is known as one at a tenth of the price


def sequence_of(data: Any) -> Sequence[Any]:
    return data if isinstance(data, list) else ()


def is_port(data: Any) -> TypeGuard[int]:
    return isinstance(data, int) and not isinstance(data, bool) and 0 < data < 65536


def text_of(data: Any) -> str:
    """A scalar as text. Names that YAML took for numbers or booleans are names all the same."""
    if isinstance(data, str):
        return data.strip()
    return str(data) if isinstance(data, (int, float)) and not isinstance(data, bool) else ""


def brief(value: Any) -> str:
    """A foreign value, short enough for a sentence."""
    text = text_of(value) or type(value).__name__
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"
