"""An index that was brought along, commit by commit, says what one says that was compiled from all files anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skills.core.all_platforms import ALL
from skills.core.allowlist import Allowlist
from skills.core.flows import read_flow
from skills.core.reading import is_manifest, read_file
from tests.examples import examples
from tests.worlds import allowlist, files_of

HERE = Path(__file__).parent
CASES = HERE.parent / "cases" / "check"
SAMPLE = HERE.parent.parent / "bot" / "sample" / "allowlist"

KUSTOMIZATION = "resources: [allow.yaml, web.yaml]\nnamespace: {}\n"
POLICY = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{podSelector: {selector}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {{cidr: {cidr}}}}}], ports: [{{port: {port}}}]}}]}}
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\nspec: {{selector: {{app: db}}, ports: [{{port: {}}}]}}\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {0}, namespace: {1}, labels: {{app: {0}}}}}\nspec: {{serviceAccountName: {0}}}\n"
PACKAGE = """apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {{name: {namespace}, namespace: {namespace}}}
spec:
  network:
    serviceMesh: {{mode: {mode}}}
    allow:
    - {{direction: Egress, selector: {{app: web}}, remoteHost: {host}, remoteProtocol: {protocol}, port: {port}}}
    - {{direction: Egress, selector: {{app: web}}, {remote}}}
"""
CILIUM = """apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {{name: web, namespace: {namespace}}}
spec: {{endpointSelector: {{matchLabels: {{app: web}}}}, egress: [{{toCIDR: [{cidr}]}}], egressDeny: [{{toCIDR: [{denied}]}}]}}
"""
ENTRY = """apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{hosts: [{host}], ports: [{{number: {port}, name: tls, protocol: {protocol}}}], resolution: DNS, exportTo: ["{to}"]}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {{name: default, namespace: {namespace}}}
spec: {{outboundTrafficPolicy: {{mode: {mode}}}}}
"""
PROJECT = """apiVersion: lowops.manifests.v1
kind: Project
metadata: {{name: {name}, environment: {environment}, organizational-unit: u, organization: o}}
spec: {{allowedEgress: [{host}, "*.{host}", {cidr}]}}
"""
APPLICATION = """apiVersion: lowops.manifests.v1
kind: Application
metadata: {{name: {name}, organizational-unit: u, organization: o}}
spec: {{project: {project}}}
"""

# The resources of these two get one name.
HOST, TWIN = "api.example.com", "api-example.com"
UNFILLED = '"${NS}"'  # quoted: in a flow mapping a brace begins another one
NAMESPACES = st.sampled_from(["shop", "pay", "default", UNFILLED])
HOSTS = st.sampled_from([HOST, TWIN, "www.example.com", "example.org"])
CIDRS = st.sampled_from(["203.0.113.0/24", "203.0.113.7/32", "10.0.0.0/8"])
PORTS = st.sampled_from([443, 80, 5432])

TEXTS = st.one_of(
    st.builds(
        POLICY.format,
        name=st.sampled_from(["a", "b"]),
        namespace=NAMESPACES,
        selector=st.sampled_from(["{}", "{matchLabels: {app: web}}", "{matchLabels: {app: db}}"]),
        cidr=CIDRS,
        port=PORTS,
    ),
    st.builds(KUSTOMIZATION.format, st.sampled_from(["shop", "pay"])),
    st.builds(SERVICE.format, PORTS),
    st.builds(POD.format, st.sampled_from(["web", "db"]), NAMESPACES),
    st.builds(
        "kind: Namespace\napiVersion: v1\nmetadata: {{name: {}, labels: {{team: {}}}}}\n".format, NAMESPACES, HOSTS
    ),
    st.builds(
        PACKAGE.format,
        namespace=NAMESPACES,
        mode=st.sampled_from(["ambient", "sidecar"]),
        host=HOSTS,
        protocol=st.sampled_from(["TLS", "HTTP"]),
        port=PORTS,
        remote=st.sampled_from(["remoteGenerated: Anywhere", "remoteCidr: 203.0.113.0/24", "remoteHost: '*'"]),
    ),
    st.builds(CILIUM.format, namespace=NAMESPACES, cidr=CIDRS, denied=CIDRS),
    st.builds(
        ENTRY.format,
        name=st.sampled_from(["a", "b"]),
        namespace=NAMESPACES,
        host=HOSTS,
        port=PORTS,
        protocol=st.sampled_from(["TLS", "HTTP", "TCP"]),
        to=st.sampled_from([".", "*", "shop"]),
        mode=st.sampled_from(["REGISTRY_ONLY", "ALLOW_ANY"]),
    ),
    st.builds(
        PROJECT.format,
        name=st.sampled_from(["p", "q"]),
        environment=st.sampled_from(["production", "staging"]),
        host=HOSTS,
        cidr=CIDRS,
    ),
    st.builds(APPLICATION.format, name=st.sampled_from(["app", "p"]), project=st.sampled_from(["p", "q"])),
    st.just("kind: NetworkPolicy\nspec: {{ .Values.spec }}\n"),
)
# Folders of environments, of a kustomization, and plain ones; few paths, so that a commit meets what stands.
PATHS = st.sampled_from(
    ["a/allow.yaml", "a/kustomization.yaml", "a/web.yaml", "b/one.yaml", "b/two.yaml", "prod/x.yaml", "staging/x.yaml"]
)
COMMITS = st.lists(st.dictionaries(PATHS, st.lists(TEXTS, max_size=3), min_size=1, max_size=3), min_size=1, max_size=6)

FLOWS = [
    ("shop/web", "api.example.com:443"),
    ("shop", "203.0.113.7:5432"),
    ("web", "example.org"),
    ("prod:shop/web", "203.0.113.7:443"),
    ("pay/web", "db.shop.svc.cluster.local:5432"),
    ("infra/app", "www.example.com"),
    ("infra/p", "www.example.com"),
    ("production:p", "203.0.113.7:443"),
    ("nobody", "example.com"),
    ("default/web", "api.example.com:443"),
    ("pay/web", "api.example.com:443"),
]


def moved(old: Allowlist, files: Mapping[str, str | None]) -> Allowlist:
    readings = {
        path: None if text is None else read_file(path, text) for path, text in files.items() if is_manifest(path)
    }
    return old.after(readings, files, commit="next", dirty=False)


def said(what: Allowlist) -> dict[str, object]:
    """All that can be asked of an allowlist. What is a set is compared as one."""
    flows = [read_flow(what, workload, (to,)) for workload, to in FLOWS]
    return {
        "verdicts": [flow.verdicts(what) for flow in flows],
        "resolutions": [flow.resolution for flow in flows],
        "audit": sorted(map(str, what.audit())),
        "grants": {grant for platform in ALL for grant in platform.grants(what.indexes[platform.NAME])},
        "isolations": {scope for platform in ALL for scope in platform.isolations(what.indexes[platform.NAME])},
        "names": what.names(),
        "environments": what.environments,
        "blind": what.blind,
        "texts": dict(what.texts),
    }


@settings(max_examples=examples(60), deadline=None)
@given(COMMITS)
def test_brought_along_is_compiled_anew(commits: list[dict[str, list[str]]]) -> None:
    files: dict[str, str] = {}
    along = allowlist({})
    said(along)  # every index is made, so that every one must be brought along
    for commit in commits:
        changes = {path: "---\n".join(texts) if texts else None for path, texts in commit.items()}
        files |= {path: text for path, text in changes.items() if text is not None}
        files = {path: text for path, text in files.items() if changes.get(path, "") is not None}
        along = moved(along, changes)
        assert said(along) == said(allowlist(files, commit="next"))


def package(namespace: str, host: str, remote: str = "remoteGenerated: Anywhere", mode: str = "ambient") -> str:
    return PACKAGE.format(namespace=namespace, mode=mode, host=host, protocol="TLS", port=443, remote=remote)


REFUSED = "remoteHost: '*'"
SIDECAR = package("shop", HOST, mode="sidecar")
MORE = f"    - {{direction: Egress, {REFUSED}}}\n"


@pytest.mark.parametrize(
    "commits",
    [
        [{"a.yaml": package("shop", HOST), "b.yaml": package("pay", "example.org")}],
        [{"a.yaml": package(UNFILLED, HOST), "b.yaml": package("shop", HOST)}, {"b.yaml": None}, {"a.yaml": None}],
        [
            {"a.yaml": package("shop", HOST, REFUSED)},
            {"b.yaml": package("pay", HOST)},
            {"a.yaml": package("shop", HOST)},
        ],
        [{"a.yaml": package("shop", HOST)}, {"a.yaml": package("shop", HOST, REFUSED)}, {"a.yaml": None}],
        # What one Package registers, the sidecars of another one know as well.
        [{"a.yaml": SIDECAR}, {"b.yaml": package("pay", "example.org", mode="sidecar")}, {"a.yaml": SIDECAR + MORE}],
        # Two hosts whose resources get one name, of which the first, the second or both are in a refused Package.
        [
            {"a.yaml": package("shop", HOST)},
            {"b.yaml": package("pay", TWIN, REFUSED)},
            {"b.yaml": package("pay", TWIN)},
        ],
        [{"a.yaml": package("shop", HOST, REFUSED)}, {"b.yaml": package("pay", TWIN)}, {"a.yaml": None}],
        [{"a.yaml": package("shop", HOST), "b.yaml": package("pay", TWIN)}, {"a.yaml": package("shop", HOST, REFUSED)}],
    ],
    ids=[
        "two at once",
        "namespace of a template",
        "refused, then not",
        "not, then refused",
        "sidecars",
        "twin refused",
        "first refused",
        "twins",
    ],
)
def test_packages_come_change_and_go(commits: list[dict[str, str | None]]) -> None:
    workloads = {f"{name}.yaml": POD.format("web", name) for name in ("shop", "pay", "default")}
    files = dict(workloads)
    along = allowlist(files)
    said(along)
    for commit in commits:
        files = {path: text for path, text in {**files, **commit}.items() if text is not None}
        along = moved(along, commit)
        assert said(along) == said(allowlist(files, commit="next"))


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in CASES.glob("*/config")))
def test_each_case_file_by_file(folder: str) -> None:
    """Files of the golden cases come one at a time and go in the same order."""
    files = {path: raw.decode("utf-8", "replace") for path, raw in files_of(CASES / folder / "config").items()}
    along, present = allowlist({}), dict[str, str]()
    said(along)
    for path in sorted(files):
        present[path] = files[path]
        along = moved(along, {path: files[path]})
        assert said(along) == said(allowlist(present, commit="next"))
    for path in sorted(files):
        del present[path]
        along = moved(along, {path: None})
    assert said(along) == said(allowlist({}, commit="next"))


def test_an_edit_of_the_sample_and_back() -> None:
    files = {path: raw.decode() for path, raw in files_of(SAMPLE).items()}
    along = allowlist(files)
    said(along)
    for path in sorted(files):
        if is_manifest(path):
            along = moved(moved(along, {path: None}), {path: files[path]})
    assert said(along) == said(allowlist(files, commit="next"))
