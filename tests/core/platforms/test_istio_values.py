"""Environments by path, and what Big Bang and bb-common values render."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from skills.core.platforms import istio
from skills.core.platforms.istio.overlays import overlay_of
from skills.core.reading import read_file
from tests.core.platforms.istio_repo import (
    DEPLOYMENT,
    REGISTRY_ONLY,
    audit,
    check,
    codes,
    decision,
    drafted,
    entry,
    near,
    repository,
    texts_of,
)

VALUES = """\
istio:
  enabled: true
  sidecar:
    enabled: true
  serviceEntries:
    custom:
      - name: repo1
        enabled: false
        spec:
          hosts:
            - repo1.dso.mil
          location: MESH_EXTERNAL
          resolution: DNS
          ports:
            - number: 443
              protocol: TLS
              name: https
routes:
  outbound:
    aws-kms:
      enabled: true
      hosts:
        - kms.us-gov-west-1.amazonaws.com
    asleep:
      hosts:
        - asleep.example.com
"""


def indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("path", "environment"),
    [
        ("overlays/staging/se.yaml", "staging"),
        ("apps/shop/prod/se.yaml", "production"),
        ("chart/values-production.yaml", "production"),
        ("values.staging.yaml", "staging"),
        ("chart/values.yaml", None),
        ("products/production-line/x.yaml", None),
        ("reproduce/stages.yaml", None),
    ],
)
def test_environments_stand_in_paths(path: str, environment: str | None) -> None:
    assert overlay_of(path).environment == environment


def test_only_one_overlay_has_it() -> None:
    files = {"overlays/staging/se.yaml": entry("x.com"), "overlays/production/se.yaml": entry("y.com", name="y")}
    verdict = check(repository(DEPLOYMENT, REGISTRY_ONLY, files=files), "x.com")
    assert verdict.decision == "undecided"
    assert "EGR101" in near(verdict)
    assert "EGR979" in codes(verdict.findings)
    files["overlays/production/se.yaml"] = entry("x.com")
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="x.com", files=files) == "allowed"
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="z.com", files=files) == "denied"


def test_an_overlay_without_any_entry_counts_too() -> None:
    kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../../base]\n"
    files = {"overlays/staging/se.yaml": entry("x.com"), "overlays/production/kustomization.yaml": kustomization}
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="x.com", files=files) == "undecided"


def test_base_is_for_all_overlays_and_a_patch_replaces_its_lists() -> None:
    files = {"base/se.yaml": entry("x.com"), "overlays/staging/other.yaml": entry("y.com", name="y")}
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="x.com", files=files) == "allowed"
    patch = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: partner, namespace: shop}\n"
    files["overlays/staging/se.yaml"] = patch + "spec: {hosts: [new.com]}\n"
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="new.com", files=files) == "allowed"
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="x.com", files=files) == "denied"


@pytest.mark.parametrize(("export", "wanted"), [("\n  exportTo: ['.']", "denied"), ("", "allowed")])
def test_what_a_patch_leaves_out_stays(export: str, wanted: str) -> None:
    """A patch of the hosts alone shows an entry to nobody new, and its port stays."""
    patch = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: partner, namespace: far}\n"
    files = {
        "base/se.yaml": entry("x.com", namespace="far", extra=f"resolution: DNS{export}"),
        "overlays/staging/se.yaml": patch + "spec: {hosts: [new.com]}\n",
    }
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="new.com", files=files) == wanted
    assert decision(DEPLOYMENT, REGISTRY_ONLY, to="new.com:8443", files=files) == "denied"


def test_workload_of_one_overlay_is_judged_there() -> None:
    files = {
        "overlays/staging/web.yaml": DEPLOYMENT + "---\n" + REGISTRY_ONLY,
        "overlays/staging/se.yaml": entry("x.com"),
        "overlays/production/se.yaml": entry("y.com", name="y"),
    }
    assert decision(to="x.com", files=files) == "allowed"
    assert decision(to="y.com", files=files) == "denied"


def test_values_of_a_chart() -> None:
    files = {"chart/values.yaml": VALUES}
    assert decision(DEPLOYMENT, to="kms.us-gov-west-1.amazonaws.com", files=files) == "allowed"
    assert decision(DEPLOYMENT, to="repo1.dso.mil", files=files) == "allowed"
    assert decision(DEPLOYMENT, to="x.com", files=files) == "denied"
    verdict = check(repository(DEPLOYMENT, files=files), "asleep.example.com")
    assert (verdict.decision, near(verdict)) == ("denied", ["EGR100"])
    place = check(repository(DEPLOYMENT, files=files), "repo1.dso.mil").layers[0].rules[0].place
    assert (place.path, place.line, place.text) == ("chart/values.yaml", 11, "- repo1.dso.mil")


def test_a_route_without_ports_is_https() -> None:
    files = {
        "chart/values.yaml": VALUES.replace(
            "      hosts:\n        - kms", "      ports: []\n      hosts:\n        - kms"
        )
    }
    assert decision(DEPLOYMENT, to="kms.us-gov-west-1.amazonaws.com", files=files) == "allowed"
    assert decision(DEPLOYMENT, to="kms.us-gov-west-1.amazonaws.com:8443", files=files) == "denied"


def test_what_the_chart_does_not_read_is_said() -> None:
    found = audit(DEPLOYMENT, files={"chart/values.yaml": VALUES})
    assert {"EGR974", "EGR100"} <= found


def test_istio_off_renders_nothing() -> None:
    files = {"chart/values.yaml": VALUES.replace("enabled: true", "enabled: false", 1)}
    verdict = check(repository(DEPLOYMENT, REGISTRY_ONLY, files=files), "repo1.dso.mil")
    assert (verdict.decision, near(verdict)) == ("denied", ["EGR100"])


def test_overlay_values_lie_over_the_base() -> None:
    production = "routes:\n  outbound:\n    asleep:\n      enabled: true\n    aws-kms:\n      enabled: false\n"
    files = {
        "chart/values.yaml": VALUES,
        "chart/values-production.yaml": production,
    }
    for staging in ("a: 1\n", "istio:\n  enabled: true\n"):
        files["chart/values-staging.yaml"] = staging
        assert decision(DEPLOYMENT, to="asleep.example.com", files=files) == "undecided"
    assert decision(DEPLOYMENT, to="aws-kms.example.com", files=files) == "denied"


def test_umbrella_values_and_their_namespaces() -> None:
    umbrella = (
        "istiod:\n  enabled: true\n  values:\n    hardened:\n      enabled: true\npackages:\n  shop:\n    values:\n"
        + indented(VALUES, 6)
    )
    files = {"bigbang/values.yaml": umbrella}
    assert decision(to="repo1.dso.mil", for_="shop", files=files) == "allowed"
    assert decision(to="x.com", for_="shop", files=files) == "denied"
    assert decision(to="x.com", for_="shoop", files=files) == "undecided"


def test_legacy_keys_turn_the_registry_on() -> None:
    legacy = (
        "addons:\n  vault:\n    values:\n      istio:\n        hardened:\n          enabled: true\n"
        "          customServiceEntries:\n          - name: kms\n            spec:\n              hosts: [kms.example.com]\n"
        "              ports: [{number: 443, name: https, protocol: TLS}]\n              resolution: DNS\n"
    )
    files = {"dev/configmap.yaml": legacy}
    assert decision(to="kms.example.com", for_="vault", files=files) == "allowed"
    assert decision(to="x.com", for_="vault", files=files) == "denied"


def test_values_inside_a_configmap_keep_their_lines() -> None:
    held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: common}\ndata:\n  values.yaml: |\n    packages:\n      shop:\n        values:\n"
    files = {"base/configmap.yaml": held + indented(VALUES, 10)}
    verdict = check(repository(files=files), "repo1.dso.mil", "shop")
    place = verdict.layers[0].rules[0].place
    assert (verdict.decision, place.text) == ("allowed", "- repo1.dso.mil")


def test_a_plain_istio_switch_says_nothing_of_egress() -> None:
    allowed = repository(DEPLOYMENT, files={"chart/values.yaml": "istio:\n  enabled: true\n"})
    verdict = check(allowed, "x.com")
    assert not verdict.layers
    assert verdict.workload is not None
    assert verdict.workload.platform != istio.NAME


def test_environment_of_a_namespace_that_only_values_name() -> None:
    umbrella = "packages:\n  shop:\n    values:\n" + indented(VALUES, 6)
    files = {"staging/values.yaml": umbrella, "prod/values.yaml": umbrella.replace("repo1.dso.mil", "repo2.dso.mil")}
    assert decision(to="repo1.dso.mil", for_="shop", files=files) == "undecided"
    assert decision(to="repo1.dso.mil", for_="staging:shop", files=files) == "allowed"
    assert decision(to="repo1.dso.mil", for_="production:shop", files=files) == "denied"


def test_generic_package_with_a_namespace_of_its_own() -> None:
    head = "packages:\n  tracker:\n    namespace: {name: shop}\n    values:\n      bb-common:\n"
    files = {"bigbang/values.yaml": head + indented(VALUES, 8)}
    assert decision(to="repo1.dso.mil", for_="shop", files=files) == "allowed"
    assert decision(to="x.com", for_="shop", files=files) == "denied"


def test_helm_release_values() -> None:
    release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: shop}\nspec:\n  values:\n"
    files = {"release.yaml": release + indented(VALUES, 4)}
    assert decision(DEPLOYMENT, to="repo1.dso.mil", files=files) == "allowed"
    assert decision(DEPLOYMENT, to="x.com", files=files) == "denied"


def test_entry_without_spec_is_refused() -> None:
    bad = VALUES.replace(
        "        spec:\n          hosts:\n            - repo1.dso.mil\n",
        "        hosts: [repo1.dso.mil]\n        spec:\n",
    )
    assert "EGR970" in audit(DEPLOYMENT, files={"chart/values.yaml": bad.split("          location")[0]})


@pytest.mark.parametrize(
    "hostile",
    [
        "istio: {serviceEntries: {custom: [1, null, {spec: 3}, {spec: {hosts: 1, ports: [null, {number: x}]}}]}}",
        "routes: {outbound: {a: null, b: [], c: {enabled: yes, hosts: {}}}}",
        "istio: {hardened: true, sidecar: [1]}\nmeshConfig: {outboundTrafficPolicy: 3}",
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: 3\nspec: []",
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\nspec: {egress: [{hosts: 4}, 2], workloadSelector: 1}",
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nspec: {targetRefs: [1, {kind: ServiceEntry}], rules: 3}",
        'apiVersion: v1\nkind: ConfigMap\ndata: {values.yaml: "a: [\\n", mesh: "b\\n"}',
    ],
)
def test_hostile_shapes_never_crash(hostile: str) -> None:
    allowed = repository(DEPLOYMENT, REGISTRY_ONLY, hostile)
    check(allowed, "x.com")
    index = allowed.indexes[istio.NAME]
    istio.audit(index)
    istio.grants(index)
    istio.isolations(index)


def test_the_whole_corpus_is_read(shared: Path) -> None:
    """188 files when this was written; each alone, then all of them as one repository."""
    corpus = shared / "platforms/corpus/a_party_bus"
    files = [path for path in sorted(corpus.rglob("*")) if path.suffix in {".yaml", ".yml", ".json"}]
    texts = {path.relative_to(corpus).as_posix(): path.read_text(errors="surrogateescape") for path in files}
    readings = [read_file(path, text) for path, text in texts.items()]
    ours = [reading.entries[istio.NAME] for reading in readings if istio.NAME in reading.entries]
    assert len(files) == len(readings) > 180
    assert len(ours) > 60
    assert pickle.loads(pickle.dumps(ours)) == ours
    whole = repository(DEPLOYMENT, REGISTRY_ONLY, files=texts)
    index = whole.indexes[istio.NAME]
    assert check(whole, "not-there.example.com").decision != "allowed"
    assert istio.grants(index)
    assert istio.isolations(index)
    assert istio.audit(index)


# --- environments that only names of values files tell apart

_COMMON = "istio:\n  enabled: true\n  sidecar: {enabled: true}\n"
_ROUTE = "routes:\n  outbound:\n    sandbox: {enabled: true, hosts: [sandbox.com]}\n"
_NAMED = {
    "chart/Chart.yaml": "name: shop\nversion: 1.0.0\ndependencies: [{name: bb-common, version: 0.14.1}]\n",
    "chart/values.yaml": _COMMON,
    "chart/values-staging.yaml": _ROUTE,
}


@pytest.mark.parametrize(
    ("more", "other"),
    [({}, None), ({"chart/values-production.yaml": "replicas: 3\n"}, "production")],
)
def test_what_one_values_file_opens_is_not_open_elsewhere(more: dict[str, str], other: str | None) -> None:
    """The common values alone are what another environment has, whether it has a file of its own or none."""
    allowed = repository(DEPLOYMENT, files={**_NAMED, **more})
    assert check(allowed, "sandbox.com").decision == "undecided"
    assert check(allowed, "sandbox.com", for_="staging:shop/web").decision == "allowed"
    assert check(allowed, "x.com").decision == "denied"
    if other:
        assert check(allowed, "sandbox.com", for_=f"{other}:shop/web").decision == "denied"
    made = drafted(allowed, "x.com")
    assert (list(texts_of(made)), made.change.proof.after) == (["chart/values.yaml"], "allowed")


def test_values_of_both_environments_are_asked() -> None:
    both = {**_NAMED, "chart/values-production.yaml": _ROUTE}
    assert check(repository(DEPLOYMENT, files=both), "sandbox.com").decision == "allowed"


def test_addresses_that_were_asked_for_are_no_surprise_in_any_environment() -> None:
    policies = (
        "networkPolicies:\n  enabled: true\n  egress:\n    from:\n      web:\n"
        "        podSelector: {matchLabels: {app: web}}\n        to: {cidr: {192.0.2.0/24:443: true}}\n"
    )
    files = {**_NAMED, "chart/values.yaml": _COMMON + policies, "chart/values-production.yaml": "replicas: 3\n"}
    made = drafted(repository(DEPLOYMENT, files=files), "x.com", ip=["198.51.100.4"])
    assert made.change.proof.after == "allowed"
    assert "EGR987" not in codes(made.change.proof.wider_than_asked)
