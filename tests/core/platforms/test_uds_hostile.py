"""Whatever stands in a Package or a bundle: nothing raises, nothing is allowed by nonsense, and nothing takes long."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.messages import say
from skills.core.platforms import uds
from tests.core.platforms.uds_drafts import drafted
from tests.core.platforms.uds_support import check, index_of, package, repository
from tests.examples import examples
from tests.work import calls

MOST_CALLS = 4_000_000  # functions of one check, one audit and one list of grants; it is 2 million at most

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 70000),
    st.text(max_size=8),
    st.sampled_from(
        ["Egress", "Ingress", "Anywhere", "TLS", "UDP", "web", "api.example.com", "0.0.0.0/0", "::/0", "*"]
    ),
    st.sampled_from(["{{ .x }}", "${X}", "\u2028", "a" * 300, "https://[", "x" * 70 + ".example", "192.0.2.1/33"]),
)
_ODD = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
_FIELDS = [
    "direction",
    "selector",
    "podLabels",
    "remoteNamespace",
    "remoteSelector",
    "remoteGenerated",
    "remoteCidr",
    "remoteHost",
    "remoteProtocol",
    "port",
    "ports",
    "serviceAccount",
    "remoteServiceAccount",
    "description",
    "labels",
]
_RULE = st.dictionaries(st.sampled_from(_FIELDS), _ODD, max_size=6)
_NETWORK = st.fixed_dictionaries(
    {},
    optional={
        "serviceMesh": st.one_of(_ODD, st.fixed_dictionaries({"mode": st.sampled_from(["ambient", "sidecar", "x"])})),
        "allow": st.one_of(_ODD, st.lists(st.one_of(_RULE, _SCALARS), max_size=4)),
        "expose": st.one_of(_ODD, st.lists(st.dictionaries(st.sampled_from(["gateway", "port", "selector"]), _ODD), max_size=2)),
    },
)  # fmt: skip
_BUNDLE = st.fixed_dictionaries(
    {"kind": st.just("UDSBundle")},
    optional={
        "metadata": _ODD,
        "packages": st.one_of(
            _ODD,
            st.lists(
                st.fixed_dictionaries(
                    {"name": st.just("core")},
                    optional={"optionalComponents": _ODD, "overrides": st.fixed_dictionaries({"istio-egress-gateway": _ODD})},
                ),
                max_size=2,
            ),
        ),
    },
)  # fmt: skip


@settings(max_examples=examples(150), deadline=None)
@given(
    st.one_of(_ODD, _NETWORK, _NETWORK),
    _BUNDLE,
    st.sampled_from(["https://api.example.com", "192.0.2.1:22", "api.web:80"]),
)
def test_nothing_raises(network: object, bundle: object, to: str) -> None:
    body = {
        "apiVersion": "uds.dev/v1alpha1",
        "kind": "Package",
        "metadata": {"name": "web", "namespace": "web"},
        "spec": {"network": network},
    }
    files = repository(json.dumps(body), json.dumps(bundle))
    index = index_of(files)
    for finding in uds.audit(index):
        assert say(finding).says
    assert isinstance(uds.grants(index), list)
    assert isinstance(uds.isolations(index), list)
    verdict = check(files, "web{app=web}", to)
    for package_read in index.packages.get("web", ()):
        if index.refusals(package_read):
            assert verdict.decision != "allowed"
    for finding in verdict.findings:
        assert say(finding).says
    made = drafted(files, to)
    for finding in made.change.findings:
        assert say(finding).says
    drafted(files, to, remove=True)


@pytest.mark.parametrize(
    "rules",
    [
        "".join(f"- {{direction: Egress, remoteHost: h{n}.example.com, description: d{n}x}}\n" for n in range(4000)),
        "".join(
            f"- {{direction: Egress, selector: {{app: a{n}}}, remoteHost: h{n}.example.com}}\n"
            f"- {{direction: Egress, selector: {{app: a{n}}}, remoteGenerated: Anywhere}}\n"
            for n in range(2000)
        ),
        "- &r {direction: Egress, remoteHost: a.example.com}\n" + "- *r\n" * 20000,
        "- {direction: Egress, remoteHost: a.example.com, ports: [" + "443, " * 60000 + "]}",
        "- {direction: Egress, selector: {"
        + ", ".join(f"k{n}: v" for n in range(5000))
        + "}, remoteGenerated: Anywhere}",
        "- {direction: Egress, description: " + "x" * 500_000 + ", remoteGenerated: Anywhere}",
    ],
    ids=["many rules", "many selectors", "many aliases", "many ports", "many labels", "long description"],
)
@pytest.mark.parametrize("mode", ["ambient", "sidecar"])
def test_large_packages_stay_quick(rules: str, mode: str) -> None:
    files = repository(package(rules, mode=mode))

    def work() -> None:
        verdict = check(files, "web{app=web}", "https://other.example.net")
        assert verdict.decision in {"allowed", "denied", "undecided"}
        index = index_of(files)
        uds.audit(index)
        uds.grants(index)

    assert calls(work) < MOST_CALLS
