"""The reader of proofs itself: it must not find a flow named where nobody named it."""

from __future__ import annotations

import pytest

from tests.core.properties.words import end_of, isolates, names

WEB = "shop/web"


@pytest.mark.parametrize(
    ("source", "target", "ports", "protocol", "to"),
    [
        ("shop pods app=web", "198.51.100.0/24", "443", "tcp", "198.51.100.7:443"),
        ("shop pods app In (web, job)", "everything", "8000-9000", "any", "198.51.100.7:8443"),
        ("the whole cluster pods tier=front that are shop/web", "*.acme.example", "443", "tls", "api.acme.example:443"),
        ("all pods in namespace shop", "ingress of back pods app=api", "8080", "tcp", "workload://back/api:8080"),
        ("every namespace", "api.acme.example", "443", "tls", "api.acme.example:443"),
    ],
)
def test_what_is_named_is_found(source: str, target: str, ports: str, protocol: str, to: str) -> None:
    assert names(source, target, ports, protocol, WEB, end_of(to))


@pytest.mark.parametrize(
    ("source", "target", "ports", "protocol", "to"),
    [
        ("shop pods app=job", "198.51.100.0/24", "443", "tcp", "198.51.100.7:443"),
        ("back all pods", "198.51.100.0/24", "443", "tcp", "198.51.100.7:443"),
        ("shop all pods", "198.51.100.0/24 except 198.51.100.0/28", "443", "tcp", "198.51.100.7:443"),
        ("shop all pods", "198.51.100.0/24", "8443", "tcp", "198.51.100.7:443"),
        ("shop all pods", "198.51.100.0/24", "443", "udp", "198.51.100.7:443"),
        ("shop all pods", "*.acme.example", "443", "tls", "acme.example:443"),
        ("shop all pods", "ingress of back pods app=db", "8080", "tcp", "workload://back/api:8080"),
        ("shop all pods", "pods app=api in namespace shop", "8080", "tcp", "workload://back/api:8080"),
    ],
)
def test_what_is_next_to_it_is_not(source: str, target: str, ports: str, protocol: str, to: str) -> None:
    assert not names(source, target, ports, protocol, WEB, end_of(to))


def test_an_isolation_names_its_pods_on_their_side() -> None:
    to = end_of("workload://back/api:8080")
    assert isolates("shop all pods", WEB, to)
    assert isolates("ingress of back/api", WEB, to)
    assert not isolates("ingress of back/db", WEB, to)
    assert not isolates("shop/job", WEB, to)
