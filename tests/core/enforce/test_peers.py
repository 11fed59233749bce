"""What a destination means to a workload: pods and their ports, addresses, or a name outside."""

from __future__ import annotations

import pytest

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.peers import Peers, peers
from skills.core.enforce.spans import PUBLIC_V4
from skills.core.model import Destination, Ports
from tests.core.kube import World, deployment, namespace, service, to, world

API = deployment("api", "back", ports="{name: http, containerPort: 8080}")


def far(made: World, destination: Destination, sender: str = "shop/web") -> Peers:
    return peers(made.cluster, made.workload(sender), destination)


def cluster(*more: str) -> World:
    return world(deployment("web"), API, *more)


def only(found: Peers) -> Pods:
    (pods,) = found.pods
    return pods


@pytest.mark.parametrize(
    "name", ["api.back", "api.back.svc", "api.back.svc.cluster.local", "api-0.api.back.svc.cluster.local"]
)
def test_every_spelling_of_a_service(name: str) -> None:
    pods = only(far(cluster(service("api", "back")), to(name, 80)))
    assert (pods.namespace, pods.labels, pods.ports) == ("back", {"app": "api"}, Ports(8080, 8080))


def test_a_service_of_another_kind_of_api_is_no_kubernetes_service() -> None:
    knative = service("api", "back").replace("apiVersion: v1", "apiVersion: serving.knative.dev/v1")
    assert only(far(cluster(knative), to("api.back", 80))).labels is None
    assert only(far(cluster(service("api", "back")), to("api.back", 80))).labels == {"app": "api"}


def test_a_bare_name_is_a_service_of_the_own_namespace() -> None:
    made = cluster(service("web"), service("api", "back"))
    assert only(far(made, to("web", 80))).namespace == "shop"
    undeclared = only(far(made, to("api", 80)))
    assert (undeclared.namespace, undeclared.labels, undeclared.ports) == ("shop", None, None)


@pytest.mark.parametrize(
    ("target", "ports"), [("8080", Ports(8080, 8080)), ("http", Ports(8080, 8080)), ('"8080"', Ports(8080, 8080))]
)
def test_the_target_port(target: str, ports: Ports) -> None:
    assert only(far(cluster(service("api", "back", target=target)), to("api.back", 80))).ports == ports


def test_a_target_port_that_no_container_names_is_unknown() -> None:
    pods = only(far(cluster(service("api", "back", target="grpc")), to("api.back", 80)))
    assert (pods.ports, pods.port_name) == (None, "grpc")


def test_a_headless_service_does_not_translate_ports() -> None:
    headless = service("api", "back", extra="  clusterIP: None\n")
    assert only(far(cluster(headless), to("api.back", 8080))).ports == Ports(8080, 8080)
    assert only(far(cluster(headless), to("api.back", 80))).ports == Ports(80, 80)


@pytest.mark.parametrize(
    ("name", "internal"),
    [
        ("web-0.web", True),
        ("api-0.api.back", True),
        ("api-0.api", False),  # that Service stands in another namespace
        ("web-0.plain", False),  # only a headless Service names its pods
        ("a.web-0.web", False),
        ("www.api.com", False),
    ],
)
def test_a_pod_of_a_headless_service_has_a_name_of_its_own(name: str, internal: bool) -> None:
    extra = "  clusterIP: None\n"
    made = cluster(service("web", extra=extra), service("api", "back", extra=extra), service("plain"))
    assert far(made, to(name, 80)).internal is internal


def test_a_port_that_the_service_lacks() -> None:
    found = far(cluster(service("api", "back")), to("api.back", 443))
    assert [item.code for item in found.unknown] == ["EGR919"]
    udp = far(cluster(service("api", "back")), to("api.back", 80, "udp"))
    assert [item.code for item in udp.unknown] == ["EGR919"]


def test_pods_that_no_file_declares_have_at_least_the_labels_of_the_selector() -> None:
    pods = only(far(cluster(service("db", "back")), to("db.back", 80)))
    assert (pods.labels, pods.partial, pods.ports) == ({"app": "db"}, True, Ports(8080, 8080))


def test_an_external_name_leads_outside_and_never_in_circles() -> None:
    alias = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: back}\n"
        "spec: {type: ExternalName, externalName: %s}\n"
    )
    outside = far(cluster(alias % "db.example.com."), to("db.back", 5432)).outside
    assert [there.name for there in outside] == ["db.example.com"]
    inside = far(cluster(alias % "api.back.svc.cluster.local", service("api", "back")), to("db.back", 80))
    assert only(inside).labels == {"app": "api"}
    circle = far(cluster(alias % "db.back.svc.cluster.local"), to("db.back", 80))
    assert [item.code for item in circle.unknown] == ["EGR915"]


def test_a_service_without_selector_may_end_anywhere() -> None:
    manual = "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: back}\nspec: {ports: [{port: 5432}]}\n"
    (there,) = far(cluster(manual), to("db.back", 5432)).outside
    assert there.named


@pytest.mark.parametrize("name", ["api.stripe.com", "stripe.com", "back.com", "example.dev"])
def test_a_name_outside(name: str) -> None:
    (there,) = far(cluster(namespace("dev")), to(name)).outside
    assert (there.name, there.expected) == (name, PUBLIC_V4)


def test_a_public_ending_is_a_namespace_only_for_declared_services() -> None:
    assert far(cluster(service("example", "dev")), to("example.dev", 80)).internal


@pytest.mark.parametrize("name", ["git.corp", "git.internal", "printer.local"])
def test_a_private_name_may_be_anywhere(name: str) -> None:
    (there,) = far(cluster(), to(name)).outside
    assert there.expected != PUBLIC_V4


def test_known_addresses_are_pods_and_services() -> None:
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: db-0, namespace: back, labels: {app: db}}\n"
        "spec: {containers: []}\nstatus: {podIP: 10.1.2.3}\n"
    )
    addressed = service("api", "back", extra="  clusterIP: 10.96.0.7\n")
    made = cluster(pod, addressed)
    assert only(far(made, to("10.1.2.3", 5432))).labels == {"app": "db"}
    assert only(far(made, to("10.96.0.7", 80))).labels == {"app": "api"}
    assert not far(made, to("10.1.2.4", 5432)).internal


@pytest.mark.parametrize("name", ["kubernetes", "kubernetes.default", "kubernetes.default.svc.cluster.local"])
def test_the_api_server(name: str) -> None:
    found = far(cluster(), to(name), "shop/web" if "." in name else "default")
    assert found.api_server
    assert not found.internal


def test_the_pods_of_a_workload() -> None:
    found = far(cluster(), to("workload://back/api", 9000))
    assert (only(found).labels, only(found).ports) == ({"app": "api"}, Ports(9000, 9000))


def test_what_is_no_place_in_a_cluster() -> None:
    found = far(cluster(), Destination("cf-service://rds", service="rds"))
    assert [item.code for item in found.unknown] == ["EGR915"]


MANUAL = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: back}\nspec: {ports: [{port: 5432, name: sql}]}\n"
)
ENDPOINTS = """\
apiVersion: v1
kind: Endpoints
metadata: {name: db, namespace: back}
subsets:
- addresses: [{ip: 198.51.100.7}, {ip: 198.51.100.8}]
  ports: [{port: 15432, name: sql}]
"""
SLICE = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: back, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [198.51.100.7]}, {addresses: [198.51.100.8]}]
ports: [{port: 15432, name: sql, protocol: TCP}]
"""


@pytest.mark.parametrize("written", [ENDPOINTS, SLICE])
def test_endpoints_say_where_a_service_without_selector_leads(written: str) -> None:
    found = far(cluster(MANUAL, written), to("db.back", 5432))
    assert [there.name for there in found.outside] == ["back/db (198.51.100.7/32)", "back/db (198.51.100.8/32)"]
    assert {there.ports for there in found.outside} == {Ports(15432, 15432)}
    assert not found.unknown
    assert found.unsaid is None
    headless = MANUAL.replace("spec: {", "spec: {clusterIP: None, ")
    assert far(cluster(headless, written), to("db.back", 15432)).outside[0].ports == Ports(15432, 15432)


@pytest.mark.parametrize("written", [ENDPOINTS, SLICE])
def test_endpoints_of_another_service_or_of_one_with_a_selector_say_nothing(written: str) -> None:
    assert far(cluster(MANUAL, written.replace("back", "shop")), to("db.back", 5432)).unsaid is not None
    assert far(cluster(service("db", "back"), written), to("db.back", 80)).internal


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("198.51.100.8", "'${DB}'"),
        ("198.51.100.8", "db.example.com"),
        ("name: sql", "name: web"),
        ("{ip: 198.51.100.8}", "{ip: 10.0.0.1, targetRef: {kind: Pod, name: gone}}"),
    ],
)
def test_endpoints_that_do_not_say_it_in_full(old: str, new: str) -> None:
    found = far(cluster(MANUAL, ENDPOINTS.replace(old, new)), to("db.back", 5432))
    assert [item.code for item in found.unknown] == ["EGR1202"]
    assert not found.outside


def test_endpoints_may_be_pods() -> None:
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: db-0, namespace: back, labels: {app: db}}\n"
        "spec: {containers: []}\nstatus: {podIP: 10.1.2.3}\n"
    )
    for address in ("{ip: 10.1.2.3}", "{ip: 10.9.9.9, targetRef: {kind: Pod, name: db-0}}"):
        written = ENDPOINTS.replace("{ip: 198.51.100.7}, {ip: 198.51.100.8}", address)
        found = far(cluster(MANUAL, pod, written), to("db.back", 5432))
        assert (only(found).labels, only(found).ports) == ({"app": "db"}, Ports(15432, 15432))
        assert not found.outside
