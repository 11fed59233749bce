"""What a gateway may reach in the pods that a Package exposes: the port of the pods, which `targetPort` says."""

from __future__ import annotations

import pytest

from tests.core.platforms.uds_support import decisions, deployment, package

GATEWAY = deployment("gateway", namespace="istio-tenant-gateway", labels={"app": "tenant-ingressgateway"})
ADMIN = GATEWAY.replace("tenant", "admin")


def exposed(ports: str, more: str = "") -> str:
    item = f"{{service: web, selector: {{app: web}}, host: shop, {ports}{more}}}"
    return package("") + f"    expose: [{item}]\n"


@pytest.mark.parametrize(
    ("item", "to", "wanted"),
    [
        (exposed("port: 8080"), 8080, "allowed"),
        (exposed("port: 443, targetPort: 8080"), 8080, "allowed"),
        (exposed("port: 443, targetPort: 8080"), 443, "denied"),
        (exposed("port: 8080", ", gateway: admin"), 8080, "denied"),
        (exposed("port: 8080", ", protocol: UDP, gateway: tenant"), 8080, "denied"),
        (exposed("port: 8080", ", protocol: HTTP"), 8080, "allowed"),
    ],
)
def test_the_gateway_reaches_the_port_of_the_pods(item: str, to: int, wanted: str) -> None:
    who = "istio-tenant-gateway/gateway"
    assert decisions(item, GATEWAY, deployment("web"), for_=who, to=f"workload://web/web:{to}") == wanted


def test_another_gateway_is_named() -> None:
    item, who = exposed("port: 8080", ", gateway: admin"), "istio-admin-gateway/gateway"
    assert decisions(item, ADMIN, deployment("web"), for_=who, to="workload://web/web:8080") == "allowed"
