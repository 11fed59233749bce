"""What came close to a rule that would have allowed it."""

from __future__ import annotations

import pytest

from tests.core.platforms.uds_support import (
    API_IN,
    API_SERVICE,
    STRIPE,
    WEB_OUT,
    check,
    deployment,
    near_codes,
    package,
    payments,
    repository,
)


@pytest.mark.parametrize(
    ("rule", "to", "code"),
    [
        ("remoteHost: www.stripe.com", "https://stripe.com", "EGR150"),
        ("remoteHost: stripe.com", "https://www.stripe.com", "EGR150"),
        ("remoteHost: stripe.com", "https://api.stripe.com", "EGR151"),
        ("remoteHost: files.stripe.com", "https://api.stripe.com", "EGR151"),
        ("remoteHost: api.strpie.com", "https://api.stripe.com", "EGR152"),
        ("remoteHost: api.stripe.com, port: 8443", "https://api.stripe.com", "EGR153"),
        ("remoteHost: api.stripe.com, remoteProtocol: HTTP, port: 443", "https://api.stripe.com", "EGR154"),
        ("remoteHost: API.Stripe.com", "https://api.stripe.com", "EGR159"),
        ("remoteHost: 'https://api.stripe.com/v1'", "https://api.stripe.com", "EGR159"),
        ("remoteGenerated: Anywhere, port: 80", "https://api.stripe.com", "EGR160"),
        ("remoteGenerated: Anywhere, remoteProtocol: UDP", "https://api.stripe.com", "EGR161"),
        ("remoteHost: api.example.org", "https://api.stripe.com", None),
    ],
)
def test_what_came_close_is_named(rule: str, to: str, code: str | None) -> None:
    verdict = check(repository(package(f"- {{direction: Egress, selector: {{app: web}}, {rule}}}")), "web{app=web}", to)
    assert verdict.decision == "denied"
    assert near_codes(verdict) == ({code} if code else set())


def test_an_address_as_a_host_never_matches() -> None:
    verdict = check(
        repository(package("- {direction: Egress, remoteHost: 192.0.2.7}")), "web{app=web}", "192.0.2.7:443"
    )
    assert verdict.decision == "denied"
    assert near_codes(verdict) == {"EGR825"}


@pytest.mark.parametrize(
    ("out", "into", "code"),
    [
        (WEB_OUT.replace("{app: web}", "{app: batch}"), API_IN, "EGR155"),
        (WEB_OUT.replace("app: api", "app: db"), API_IN, "EGR162"),
        (WEB_OUT.replace("8080", "80"), API_IN, "EGR163"),
        (WEB_OUT, API_IN.replace("app: web", "app: batch"), "EGR164"),
        (WEB_OUT, API_IN.replace("8080", "80"), "EGR165"),
        (WEB_OUT, API_IN + "  remoteServiceAccount: other\n", "EGR166"),
        (WEB_OUT.replace("payments", "shop"), API_IN, None),
    ],
)
def test_what_came_close_inside_the_cluster(out: str, into: str, code: str | None) -> None:
    texts = (package(out), payments(into), deployment("api", namespace="payments"), API_SERVICE)
    verdict = check(repository(*texts), "web{app=web}", "api.payments.svc:80", account="web")
    assert verdict.decision == "denied"
    assert near_codes(verdict) == ({code} if code else set())


def test_a_selector_that_differs_and_another_package_are_named() -> None:
    other = package("- {direction: Egress, remoteHost: api.stripe.com}", name="pay", namespace="pay")
    verdict = check(repository(package(STRIPE)), "web{app=batch}", "https://api.stripe.com")
    assert verdict.decision == "denied"
    alone = check(repository(package(""), other), "web{app=web}", "https://api.stripe.com")
    assert "EGR157" in near_codes(alone)
    assert "EGR157" not in near_codes(check(repository(package(STRIPE)), "web{app=batch}", "https://api.stripe.com"))
