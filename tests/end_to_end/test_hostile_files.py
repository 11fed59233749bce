"""One bad file never takes the others with it: it is named, the rest is answered, and time and memory stay bounded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.core.kube import DENY_EGRESS, deployment, policy
from tests.end_to_end.test_bad_input import postern

OPEN = policy("podSelector: {}\npolicyTypes: [Egress]\negress:\n- to: [{ipBlock: {cidr: 198.51.100.0/24}}]", "out")
MARK = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: shop}\n"
BOMB = (
    MARK
    + "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
)
CYCLE = MARK + "spec: &s\n  egress: [*s]\n"
TWICE = MARK + "spec:\n  egress: []\n  egress: [{}]\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in (("web", deployment("web")), ("deny", DENY_EGRESS), ("open", OPEN)):
        (folder / f"{name}.yaml").write_text(text)
    return folder


def asked(shop: Path, at: Path, to: str) -> tuple[int, set[str], str]:
    status, out, _ = postern("check", "--config", str(shop), "--for", "shop/web", "--to", to, "--json", at=at)
    answer = json.loads(out)
    return status, {finding["code"] for finding in answer["findings"]}, out


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("bomb.yaml", BOMB.encode(), "EGR511"),
        ("cycle.yaml", CYCLE.encode(), "EGR508"),
        ("twice.yaml", TWICE.encode(), "EGR505"),
        ("latin.yaml", MARK.encode() + b"# caf\xe9\n", "EGR502"),
        ("deep.yaml", MARK.encode() + b"spec: " + b"[" * 5000 + b"]" * 5000, "EGR510"),
        ("large.yaml", MARK.encode() + b"# padding\n" * 5_300_000, "EGR556"),
        ("line\nbreak.yaml", MARK.encode(), "EGR558"),
        ("templates/t.yaml", b"{{ if .x }}\n" + MARK.encode() + b"spec: {egress: [{}]}\n{{ end }}\n", "EGR591"),
        ("kustomization.yaml", b"resources: [open.yaml]\nnamePrefix: a-\npatches: [{path: gone.yaml}]\n", "EGR515"),
    ],
    ids=lambda value: value.encode("unicode_escape").decode() if isinstance(value, str) else "",
)
def test_a_bad_file_is_named_and_the_rest_answered(
    shop: Path, tmp_path: Path, name: str, text: bytes, code: str
) -> None:
    (shop / name).parent.mkdir(exist_ok=True)
    (shop / name).write_bytes(text)
    status, codes, _ = asked(shop, tmp_path, "192.0.2.1:443")
    assert status == 4, "a rule in it could allow this, so it is not denied for certain"
    assert code in codes
    if name != "kustomization.yaml":  # that one holds the rule that allows
        assert asked(shop, tmp_path, "198.51.100.7:443")[0] == 0, "what another file allows is allowed all the same"


def test_without_a_bad_file_the_answer_is_certain(shop: Path, tmp_path: Path) -> None:
    assert asked(shop, tmp_path, "192.0.2.1:443")[0] == 3
