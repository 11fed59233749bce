"""Words that people use for a host, and those that only look so."""

from __future__ import annotations

import pytest

from skills.core.allowlist import Allowlist
from skills.core.known_hosts import bare, called
from skills.core.reading import read_file

PROJECT = """
apiVersion: lowops.manifests.v1
kind: Project
metadata: {name: shop, environment: production, organizational-unit: retail, organization: bigcorp}
spec:
  allowedEgress: [api.stripe.com, hooks.slack.com, api.sendgrid.com, smtp.sendgrid.net, pay.acme.co.uk, "*.maps.com",
    10.0.0.0/8, db.ledger.internal]
"""
PATH = "organization/bigcorp/organizational-unit/retail/environment/production/project/shop.yaml"
KNOWN = Allowlist({PATH: read_file(PATH, PROJECT)}, {})


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("stripe times out", {"stripe": ("api.stripe.com",)}),
        ("can shop reach Stripe?", {"stripe": ("api.stripe.com",)}),
        ("it fails when we try to call the stripe api", {"stripe": ("api.stripe.com",)}),
        ("calls to sendgrid hang", {"sendgrid": ("api.sendgrid.com", "smtp.sendgrid.net")}),
        ("acme is down", {"acme": ("pay.acme.co.uk",)}),
        ("shop needs adyen", {"adyen": ("checkout.adyen.com",)}),
    ],
)
def test_a_word_stands_for_its_hosts(said: str, named: dict[str, tuple[str, ...]]) -> None:
    assert called(said, KNOWN, ["tls://checkout.adyen.com:443"]) == named


@pytest.mark.parametrize(
    "said",
    [
        "I told Sam on slack that it still times out",  # where it was said, not what was called
        "the stripes on the page are wrong",
        "shop is slow",  # a workload
        "production can't reach it",  # an environment
        "maps times out",  # only a wildcard
        "calls to ledger fail",  # a name inside
        "can it reach com?",
        "stripe times out " + "x" * 300,  # a paste
    ],
)
def test_any_other_word_stands_for_none(said: str) -> None:
    assert called(said, KNOWN) == {}


def test_a_destination_is_compared_by_its_host() -> None:
    assert [bare(to) for to in ("api.example.com", "api.example.com:443", "tls://api.example.com:8443")] == [
        "api.example.com"
    ] * 3
