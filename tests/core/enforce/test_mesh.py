"""Istio's view of a flow that leaves the mesh."""

from __future__ import annotations

import pytest

from skills.core.enforce.mesh import Family, Principal, carries, family_of, spoken
from skills.core.enforce.selectors import Match
from skills.core.flow_text import destination
from skills.core.model import Place


@pytest.mark.parametrize(
    ("protocol", "family"),
    [("TLS", "tls"), ("https", "tls"), ("HTTP", "http"), ("grpc-web", "http"), ("Mongo", "tcp"), ("", "tcp")],
)
def test_families(protocol: str, family: Family) -> None:
    assert family_of(protocol) == family


@pytest.mark.parametrize(
    ("family", "application", "passes"),
    [
        ("tls", "tls", True),
        ("tls", "http", False),
        ("http", "tls", False),
        ("http", None, True),
        ("tcp", "tls", True),
    ],
)
def test_what_a_port_carries(family: Family, application: str | None, passes: bool) -> None:
    assert carries(family, application) is passes


def test_who_is_admitted() -> None:
    everyone, payer = (Principal("shop", account, Place("p.yaml")) for account in (None, "payer"))
    assert everyone.admits("shop", None) is Match.YES
    assert everyone.admits("pay", "payer") is Match.NO
    assert payer.admits("shop", "payer") is Match.YES
    assert payer.admits("shop", "other") is Match.NO
    assert payer.admits("shop", None) is Match.UNKNOWN


@pytest.mark.parametrize(
    ("words", "passes"),
    [
        ("postgres://db.example.com/x", False),
        ("smtp://mail.example.com:587", False),
        ("rediss://cache.example.com", True),
        ("https://db.example.com:5432", True),
        ("db.example.com:5432", True),  # nobody said what it speaks
    ],
)
def test_a_databases_own_protocol_is_no_tls(words: str, passes: bool) -> None:
    found, _ = destination(words)
    assert carries("tls", spoken(found)) is passes
    assert carries("tcp", spoken(found))
