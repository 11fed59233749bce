"""Hosts that leave through an egress gateway: a new one goes the same way, or a person is told what to write."""

from __future__ import annotations

import pytest

from tests.core.platforms.istio_repo import DEPLOYMENT, REGISTRY_ONLY, codes, drafted, entry, repository, texts_of

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: istio-system}
spec:
  selector: {istio: egressgateway}
  servers:
  - port: {number: 443, name: tls, protocol: TLS}
    tls: {mode: PASSTHROUGH}
    hosts: [HOSTS]
"""
ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: x-com-out
  namespace: HOME
spec:
  hosts: [x.com]
  gateways: [mesh, istio-system/out]
  tls:
  # the partner's own
  - match: [{gateways: [mesh], port: 443, sniHosts: [x.com]}]
    route: [{destination: {host: istio-egressgateway.istio-system.svc.cluster.local, port: {number: 443}}}]
  - match: [{gateways: [istio-system/out], port: 443, sniHosts: [x.com]}]
    route: [{destination: {host: x.com, port: {number: 443}}}]
"""


def way(home: str = "shop", hosts: str = "x.com", name: str = "x-com") -> tuple[str, str, str]:
    listed = entry("x.com", name=name, namespace=home)
    return listed, ROUTE.replace("HOME", home), GATEWAY.replace("HOSTS", hosts)


@pytest.mark.parametrize(
    ("home", "hosts"), [("shop", "x.com"), ("shop", "'*'"), ("shop", "shop/x.com"), ("istio-system", "x.com")]
)
def test_a_new_host_goes_the_way_of_its_neighbours(home: str, hosts: str) -> None:
    """Those of its own namespace, or those that the gateway's namespace keeps for everybody."""
    made = drafted(repository(DEPLOYMENT, REGISTRY_ONLY, *way(home, hosts)), "api.y.com")
    assert made.change.proof.after == "allowed"
    assert "EGR525" in codes(made.after[0].findings)
    text = texts_of(made)["app.yaml"]
    assert "name: api-y-com-out" in text
    assert "partner's own" not in text.partition("name: api-y-com-out")[2]
    assert ("shop/api.y.com" in text) is (hosts == "shop/x.com")


def test_the_host_of_another_team_is_not_copied() -> None:
    made = drafted(repository(DEPLOYMENT, REGISTRY_ONLY, *way("elsewhere")), "api.y.com")
    assert (made.change.edits, "EGR578" in codes(made.change.findings)) == ((), True)


@pytest.mark.parametrize("to", ["http://api.y.com", "tcp://api.y.com:5432", "203.0.113.7:443"])
def test_what_no_neighbour_shows_is_left_to_a_person(to: str) -> None:
    made = drafted(repository(DEPLOYMENT, REGISTRY_ONLY, *way()), to)
    assert (made.change.edits, "EGR578" in codes(made.change.findings)) == ((), True)


def test_a_name_within_another_name_is_not_copied() -> None:
    """`x.com` stands in `cdn.x.com` too: nobody knows what becomes of that."""
    listed, route, gateway = way()
    made = drafted(
        repository(DEPLOYMENT, REGISTRY_ONLY, listed, route.replace("name: x-com-out", "name: cdn.x.com"), gateway),
        "api.y.com",
    )
    assert (made.change.edits, "EGR578" in codes(made.change.findings)) == ((), True)


def test_one_host_that_leaves_directly_makes_it_no_rule() -> None:
    made = drafted(repository(DEPLOYMENT, REGISTRY_ONLY, *way(), entry("z.com", name="z")), "api.y.com")
    assert made.change.proof.after == "allowed"
    assert "VirtualService" not in texts_of(made)["app.yaml"].rpartition("z.com")[2]
    assert "EGR578" not in codes(made.change.findings)
