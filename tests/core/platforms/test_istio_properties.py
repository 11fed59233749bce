"""Drafts in repositories of many shapes: what is asked is allowed afterwards, nothing else changes, removal undoes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.core.platforms.istio_repo import DEPLOYMENT, REGISTRY_ONLY, check, drafted, entry, repository, texts_of
from tests.core.platforms.test_istio_values import VALUES, indented
from tests.examples import examples
from tests.judges import judged, worse

BASE = {"base/app.yaml": DEPLOYMENT + "---\n" + REGISTRY_ONLY}
NETWORK = (
    "networkPolicies:\n  enabled: true\n  egress:\n    from:\n      web:\n        podSelector:\n          matchLabels: {app: web}\n"
    "        to:\n          cidr:\n            198.51.100.0/24:443: true # the old partner\n"
)
CONFIGMAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: common}\ndata:\n  values.yaml: |\n    packages:\n      shop:\n        values:\n"
SPACED = entry("a.com", name="a").replace("  - a.com", "    - a.com   # first").replace("\n", "\r\n")
SHAPES: Mapping[str, Mapping[str, str]] = {
    "one file": {"base/se.yaml": entry("a.com", name="a")},
    "both overlays": {f"overlays/{name}/se.yaml": entry("a.com", name="a") for name in ("staging", "production")},
    "line ends of Windows": {"base/se.yaml": SPACED},
    "a list of hosts": {"base/se.yaml": entry("a.com", "b.org", name="https-out", extra='exportTo: ["."]')},
    "values": {"chart/values.yaml": VALUES},
    "values and network": {"chart/values.yaml": VALUES + NETWORK},
    "values of two environments": {
        "chart/values.yaml": VALUES + NETWORK,
        "chart/values-staging.yaml": "routes:\n  outbound:\n    s: {enabled: true, hosts: [s.com]}\n",
        "chart/values-production.yaml": "routes:\n  outbound:\n    s: {enabled: true, hosts: [p.com]}\n",
    },
    "a ConfigMap": {"bigbang/configmap.yaml": CONFIGMAP + indented(VALUES, 10)},
    "a HelmRelease": {
        "release.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
        "metadata: {name: web, namespace: shop}\nspec:\n  values:\n" + indented(VALUES, 4)
    },
}
HOSTS = st.sampled_from(["x.com", "api.partner.org", "deep.a.b.example", "a.com", "kms.us-gov-west-1.amazonaws.com"])
PORTS = st.sampled_from(["https://{}", "https://{}:8443", "http://{}", "http://{}:8080", "tls://{}:6443", "{}:5432"])
ADDRESSES = ("203.0.113.77",)


@settings(max_examples=examples(60), deadline=None)
@given(st.sampled_from(sorted(SHAPES)), HOSTS, PORTS)
def test_a_draft_does_what_is_asked_and_removal_undoes_it(shape: str, host: str, port: str) -> None:
    files = {**BASE, **SHAPES[shape]}
    allowed = repository(files=files)
    to = port.format(host)
    before = check(allowed, to, ip=ADDRESSES)
    assume(before.decision == "denied")
    made = drafted(allowed, to, ip=ADDRESSES)
    if not made.change.edits:
        assert made.change.findings, "without a change somebody must say why"
        return
    after = allowed.with_edits(made.change.edits)
    assert check(after, to, ip=ADDRESSES).decision == "allowed"
    assert made.change.proof.newly_denied == ()
    for path, text in texts_of(made).items():
        assert worse(files.get(path, ""), text) == []
        assert kept(files.get(path, ""), text)
    assert drafted(after, to, ip=ADDRESSES).change.edits == ()
    undone = after.with_edits(drafted(after, to, remove=True, ip=ADDRESSES).change.edits)
    assert check(undone, to, ip=ADDRESSES).decision == "denied"
    if not port_of_a_present_host(host):
        assert {path: undone.texts[path] for path in files} == files


def port_of_a_present_host(host: str) -> bool:
    """A route that had its default port in mind has a list of its own afterwards, and keeps it."""
    return host in {"a.com", "kms.us-gov-west-1.amazonaws.com"}


def kept(old: str, new: str) -> bool:
    """Every line that stood there still does, in its order; a key of ports may have grown."""
    rows = iter(new.split("\n"))
    return all(any(row.rstrip("\r") == line.rstrip("\r") for row in rows) for line in old.split("\n"))


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_what_is_drafted_is_valid_for_others(shape: str) -> None:
    made = drafted(repository(files={**BASE, **SHAPES[shape]}), "https://x.com", ip=ADDRESSES)
    said = [line for text in texts_of(made).values() for _, lines in judged(text) for line in lines]
    assert made.change.edits
    assert said == []


def test_the_judges_refuse_what_istio_would() -> None:
    """Without this the test above would prove nothing."""
    broken = entry("x.com").replace("location:", "locatoin:")
    assert any(lines for _, lines in judged(broken))


@pytest.mark.parametrize(
    ("present", "to", "key"),
    [
        ("203.0.113.77/32:443", "https://x.com:8443", "203.0.113.77/32:[443,8443]"),
        ("203.0.113.77/32:[443,8080]", "https://x.com:8443", "203.0.113.77/32:[443,8080,8443]"),
    ],
)
def test_a_port_joins_the_key_of_its_address(present: str, to: str, key: str) -> None:
    values = VALUES + NETWORK.replace("198.51.100.0/24:443", present)
    files = {**BASE, "chart/values.yaml": values}
    made = drafted(repository(files=files), to, ip=ADDRESSES)
    new = texts_of(made)["chart/values.yaml"]
    assert f"            {key}: true # the old partner\n" in new
    assert made.change.proof.after == "allowed"
    after = repository(files=files).with_edits(made.change.edits)
    undone = after.with_edits(drafted(after, to, remove=True, ip=ADDRESSES).change.edits)
    assert undone.texts["chart/values.yaml"] == values
