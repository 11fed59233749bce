"""Drafts: the smallest change in every environment, and removal."""

from __future__ import annotations

import json

import pytest
import yaml

from skills.core.change import unified_diff
from tests.core.platforms.istio_repo import (
    DEPLOYMENT,
    REGISTRY_ONLY,
    check,
    codes,
    drafted,
    entry,
    repository,
    texts_of,
)
from tests.core.platforms.test_istio_values import VALUES, indented

BASE = (DEPLOYMENT, REGISTRY_ONLY)
OVERLAYS = {
    "overlays/staging/se.yaml": "# staging\n" + entry("a.com", name="a"),
    "overlays/production/se.yaml": entry("a.com", name="a"),
}


def changed(made: object) -> list[str]:
    diffs = "".join(unified_diff(edit) for edit in made.change.edits)  # type: ignore[attr-defined]
    return [row for row in diffs.splitlines() if row[:1] in "+-" and row[:3] not in ("+++", "---")]


def test_both_overlays_get_it() -> None:
    made = drafted(repository(*BASE, files=OVERLAYS), "x.com")
    assert sorted(texts_of(made)) == sorted(OVERLAYS)
    assert (made.change.proof.before, made.change.proof.after) == ("denied", "allowed")
    assert [(grant.source, grant.target, grant.ports) for grant in made.change.proof.newly_allowed] == [
        ("shop all pods (production)", "x.com", "443"),
        ("shop all pods (staging)", "x.com", "443"),
    ]
    assert made.change.proof.newly_denied == ()
    assert "EGR993" in codes(made.change.findings)
    for path, text in texts_of(made).items():
        assert text.startswith(OVERLAYS[path])


def test_new_document_is_as_people_write_it() -> None:
    made = drafted(repository(*BASE, entry("a.com", name="a")), "x.com:8443")
    assert changed(made) == [
        "+---",
        "+apiVersion: networking.istio.io/v1",
        "+kind: ServiceEntry",
        "+metadata:",
        "+  name: x-com",
        "+  namespace: shop",
        "+spec:",
        "+  hosts:",
        "+  - x.com",
        "+  exportTo:",
        '+  - "."',
        "+  location: MESH_EXTERNAL",
        "+  resolution: DNS",
        "+  ports:",
        "+  - number: 8443",
        "+    name: tls-8443",
        "+    protocol: TLS",
    ]
    assert made.change.proof.after == "allowed"


@pytest.mark.parametrize(
    ("to", "listed", "protocol", "said"),
    [
        ("x.com:8443", "TLS", "TLS", "EGR828"),
        ("x.com:8443", "HTTPS", "HTTPS", "EGR828"),
        ("x.com:9000", "HTTP", "HTTP", "EGR828"),
        ("y.com:9000", "HTTP", "TLS", "EGR828"),
        ("y.com:8080", "TLS", "HTTP", "EGR828"),
        ("x.com:22", "TLS", "TCP", "EGR994"),
        ("y.com:5432", "TLS", "TCP", "EGR994"),
        ("tcp://x.com:8443", "TLS", "TCP", "EGR994"),
        ("redis://y.com:8443", "TLS", "TCP", "EGR994"),
        ("https://x.com:8443", "TLS", "TLS", None),
        ("http://y.com:8443", "TLS", "HTTP", None),
    ],
)
def test_what_nobody_says_is_spoken_is_taken_from_the_host_or_the_port_and_said(
    to: str, listed: str, protocol: str, said: str | None
) -> None:
    """Plain TCP without addresses would take every connection to that port."""
    stands = entry("x.com", port=f"{{number: 443, name: web, protocol: {listed}}}")
    made = drafted(repository(*BASE, stands), to)
    (text,) = texts_of(made).values()
    number = to.rpartition(":")[2]
    ports = [port for each in yaml.safe_load_all(text) for port in each["spec"].get("ports", ())]
    assert [port["protocol"] for port in ports if port["number"] == int(number)] == [protocol]
    assert codes(made.change.findings) & {"EGR828", "EGR994"} == ({said} if said else set())
    assert made.change.proof.after == "allowed"


def test_a_json_file_never_gets_a_second_document() -> None:
    listed = json.dumps(yaml.safe_load(entry("a.com", name="a")))
    beside = drafted(repository(*BASE, files={"se.json": listed}), "x.com")
    assert "se.json" not in texts_of(beside)
    assert beside.change.proof.after == "allowed"
    closed = json.dumps(yaml.safe_load(REGISTRY_ONLY))
    alone = drafted(repository(DEPLOYMENT, files={"se.json": listed, "sidecar.json": closed}), "x.com")
    assert texts_of(alone) == {}
    assert "EGR991" in codes(alone.change.findings)
    longer = drafted(repository(*BASE, files={"se.json": listed}), "a.com:8443")
    assert [port["number"] for port in json.loads(texts_of(longer)["se.json"])["spec"]["ports"]] == [443, 8443]


def test_only_the_overlay_that_lacks_it() -> None:
    files = {**OVERLAYS, "overlays/staging/se.yaml": entry("x.com", name="x")}
    made = drafted(repository(*BASE, files=files), "x.com")
    assert list(texts_of(made)) == ["overlays/production/se.yaml"]
    assert made.change.proof.after == "allowed"


def test_base_serves_all() -> None:
    files = {"base/se.yaml": entry("a.com", name="a"), "overlays/staging/s.yaml": REGISTRY_ONLY}
    made = drafted(repository(*BASE, files=files), "x.com")
    assert list(texts_of(made)) == ["base/se.yaml"]


def test_overlay_without_a_file_gets_one_and_names_it() -> None:
    listing = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- ../../base\n"
    files = {
        "overlays/staging/se.yaml": entry("a.com", name="a"),
        "overlays/staging/kustomization.yaml": listing + "- se.yaml\n",
        "overlays/prod/kustomization.yaml": listing,
    }
    made = drafted(repository(*BASE, files=files), "x.com")
    assert sorted(texts_of(made)) == [
        "overlays/prod/kustomization.yaml",
        "overlays/prod/se.yaml",
        "overlays/staging/se.yaml",
    ]
    assert texts_of(made)["overlays/prod/kustomization.yaml"] == listing + "- se.yaml\n"
    assert made.change.proof.after == "allowed"


def test_port_on_a_present_entry() -> None:
    made = drafted(repository(*BASE, entry("x.com")), "tls://x.com:8443")
    assert changed(made) == ["+  - {number: 8443, name: tls-8443, protocol: TLS}"]
    assert made.change.proof.after == "allowed"


def test_other_protocol_on_the_same_port_is_no_edit() -> None:
    made = drafted(repository(*BASE, entry("x.com")), "http://x.com:443")
    assert texts_of(made) == {}
    assert "EGR989" in codes(made.change.findings)


def test_route_in_values_of_both_environments() -> None:
    files = {
        "chart/values.yaml": VALUES,
        "chart/values-staging.yaml": "routes:\n  outbound:\n    s:\n      enabled: true\n      hosts: [s.com]\n",
        "chart/values-production.yaml": "routes:\n  outbound:\n    s:\n      enabled: true\n      hosts: [p.com]\n",
    }
    made = drafted(repository(DEPLOYMENT, files=files), "x.com")
    assert sorted(texts_of(made)) == ["chart/values-production.yaml", "chart/values-staging.yaml"]
    assert texts_of(made)["chart/values-staging.yaml"] == files["chart/values-staging.yaml"] + (
        "    x-com:\n      enabled: true\n      hosts: [x.com]\n"
    )
    assert made.change.proof.after == "allowed"


def test_route_that_sleeps_is_switched_on() -> None:
    made = drafted(repository(DEPLOYMENT, files={"chart/values.yaml": VALUES}), "asleep.example.com")
    assert changed(made) == ["+      enabled: true"]
    assert made.change.proof.after == "allowed"


def test_route_port_keeps_the_default() -> None:
    made = drafted(
        repository(DEPLOYMENT, files={"chart/values.yaml": VALUES}), "tls://kms.us-gov-west-1.amazonaws.com:8443"
    )
    new = texts_of(made)["chart/values.yaml"]
    assert "number: 443" in new.split("aws-kms")[1]
    assert "number: 8443" in new.split("aws-kms")[1]
    assert made.change.proof.after == "allowed"
    assert made.change.proof.newly_denied == ()


def test_item_of_a_list_in_values() -> None:
    values = VALUES.split("routes:")[0]
    made = drafted(repository(DEPLOYMENT, files={"chart/values.yaml": values}), "x.com")
    new = texts_of(made)["chart/values.yaml"]
    assert new.startswith(values)
    assert "- name: x-com" in new
    assert made.change.proof.after == "allowed"


def test_values_inside_a_configmap() -> None:
    held = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: common}\ndata:\n  values.yaml: |\n    packages:\n      shop:\n        values:\n"
    text = held + indented(VALUES, 10)
    made = drafted(repository(files={"base/configmap.yaml": text}), "x.com", for_="shop")
    assert changed(made)
    assert all(row.startswith("+          ") for row in changed(made))
    assert made.change.proof.after == "allowed"


def test_addresses_make_a_tcp_entry() -> None:
    made = drafted(repository(*BASE, entry("a.com", name="a")), "198.51.100.0/24:5432")
    new = texts_of(made)["app.yaml"]
    assert "198.51.100.0/24" in new
    assert "resolution: NONE" in new
    assert made.change.proof.after == "allowed"


def test_encrypted_files_are_left_alone() -> None:
    sealed = VALUES + "sops:\n  mac: ENC[AES256_GCM,data:x]\n"
    made = drafted(repository(DEPLOYMENT, files={"chart/values.yaml": sealed}), "x.com")
    assert texts_of(made) == {}
    assert "EGR992" in codes(made.change.findings)


def test_twice_changes_nothing_more() -> None:
    allowed = repository(*BASE, files=OVERLAYS)
    made = drafted(allowed, "x.com")
    again = drafted(allowed.with_edits(made.change.edits), "x.com")
    assert again.change.edits == ()


@pytest.mark.parametrize("files", [OVERLAYS, {"chart/values.yaml": VALUES}], ids=["manifests", "values"])
def test_removal_undoes_an_addition(files: dict[str, str]) -> None:
    allowed = repository(*BASE, files=files)
    after = allowed.with_edits(drafted(allowed, "x.com").change.edits)
    assert check(after, "x.com").decision == "allowed"
    undone = after.with_edits(drafted(after, "x.com", remove=True).change.edits)
    assert {path: undone.texts[path] for path in files} == dict(files)


def test_removal_of_one_host_of_several() -> None:
    allowed = repository(*BASE, entry("x.com", "y.com"))
    made = drafted(allowed, "x.com", remove=True)
    assert changed(made) == ["-  - x.com"]
    after = allowed.with_edits(made.change.edits)
    assert [check(after, host).decision for host in ("x.com", "y.com")] == ["denied", "allowed"]


def test_removal_of_one_port_of_several() -> None:
    port = "{number: 443, name: tls, protocol: TLS}\n  - {number: 8443, name: tls-8443, protocol: TLS}"
    made = drafted(repository(*BASE, entry("x.com", port=port)), "tls://x.com:8443", remove=True)
    assert changed(made) == ["-  - {number: 8443, name: tls-8443, protocol: TLS}"]


def test_what_a_wildcard_covers_stays_and_is_said() -> None:
    allowed = repository(*BASE, entry("*.x.com", extra="resolution: NONE"))
    made = drafted(allowed, "a.x.com", remove=True)
    assert texts_of(made) == {}
    assert "EGR967" in codes(made.change.findings)


def test_an_item_of_a_list_takes_no_neighbour_with_it() -> None:
    listed = [entry(host, name=host[0]).rstrip("\n").replace("\n", "\n  ") for host in ("x.com", "y.com")]
    items = "".join(f"- {text}\n" for text in listed)
    allowed = repository(*BASE, files={"list.yaml": f"apiVersion: v1\nkind: List\nitems:\n{items}"})
    assert check(allowed, "x.com").decision == "allowed"
    made = drafted(allowed, "x.com", remove=True)
    left = f"apiVersion: v1\nkind: List\nitems:\n- {listed[1]}\n"
    assert (texts_of(made), made.change.proof.after) == ({"list.yaml": left}, "denied")


def test_a_closed_mesh_without_any_place_for_an_entry_is_said() -> None:
    mesh = "meshConfig:\n  outboundTrafficPolicy:\n    mode: REGISTRY_ONLY\n"
    made = drafted(repository(DEPLOYMENT, files={"mesh.yaml": mesh}), "x.com")
    assert texts_of(made) == {}
    assert "EGR990" in codes(made.change.findings)


# --- one environment alone


def _tree(*environments: str, listed: str = "") -> dict[str, str]:
    """A base that overlays of these names build; the first one registers `listed` too."""
    shared = DEPLOYMENT + "---\n" + REGISTRY_ONLY + "---\n" + entry("base.com", name="base")
    files = {"base/app.yaml": shared, "base/kustomization.yaml": "resources: [app.yaml]\n"}
    for at, name in enumerate(environments):
        more = listed and not at
        files[f"overlays/{name}/kustomization.yaml"] = f"resources:\n- ../../base\n{'- own.yaml' if more else ''}\n"
        if more:
            files[f"overlays/{name}/own.yaml"] = entry(listed, name="own")
    return files


@pytest.mark.parametrize("names", [("staging", "production"), ("il4", "il5"), ("integration", "prod")])
def test_overlays_of_any_name_are_apart(names: tuple[str, str]) -> None:
    allowed = repository(files=_tree(*names, listed="x.com"))
    assert check(allowed, "x.com").decision == "undecided"
    assert check(allowed, "x.com", for_=f"{names[0]}:shop/web").decision == "allowed"
    assert check(allowed, "x.com", for_=f"{names[1]}:shop/web").decision == "denied"
    assert check(allowed, "base.com").decision == "allowed"


@pytest.mark.parametrize("names", [("staging", "production"), ("il4", "il5")])
def test_what_one_environment_asks_for_goes_into_its_overlay(names: tuple[str, str]) -> None:
    files = _tree(*names)
    made = drafted(repository(files=files), "y.com", for_=f"{names[1]}:shop/web")
    home = f"overlays/{names[1]}"
    assert sorted(texts_of(made)) == [f"{home}/egress.yaml", f"{home}/kustomization.yaml"]
    (said,) = [item for item in made.change.findings if item.code == "EGR993"]
    assert (said.facts["environments"], made.change.proof.after) == (names[1], "allowed")
    after = repository(files={**files, **texts_of(made)})
    assert check(after, "y.com", for_=f"{names[0]}:shop/web").decision == "denied"
    assert texts_of(drafted(after, "y.com", for_=f"{names[1]}:shop/web")) == {}


def test_a_base_serves_all_and_says_so() -> None:
    made = drafted(repository(files=_tree("staging", "production")), "y.com")
    assert list(texts_of(made)) == ["base/app.yaml"]
    (said,) = [item for item in made.change.findings if item.code == "EGR993"]
    assert said.facts["environments"] == "production and staging"
    assert "EGR586" not in codes(made.change.findings)


def test_nothing_is_taken_out_of_a_base_for_one_environment() -> None:
    allowed = repository(files=_tree("staging", "production"))
    made = drafted(allowed, "base.com", for_="production:shop/web", remove=True)
    assert (texts_of(made), "EGR1312" in codes(made.change.findings)) == ({}, True)
    gone = drafted(allowed, "base.com", remove=True)
    assert (list(texts_of(gone)), gone.change.proof.after) == (["base/app.yaml"], "denied")


def test_the_other_environment_takes_nothing_from_the_first() -> None:
    files = {**OVERLAYS, "overlays/staging/se.yaml": OVERLAYS["overlays/staging/se.yaml"] + "---\n" + entry("x.com")}
    made = drafted(repository(*BASE, files=files), "x.com")
    assert list(texts_of(made)) == ["overlays/production/se.yaml"]
    assert (made.change.proof.newly_denied, made.change.proof.lost) == ((), ())


def test_a_kustomization_without_a_list_gets_one() -> None:
    files = _tree("staging", "production", listed="x.com")
    files["overlays/production/kustomization.yaml"] = "bases:\n- ../../base\n"
    texts = texts_of(drafted(repository(files=files), "y.com"))
    assert yaml.safe_load(texts["overlays/production/kustomization.yaml"])["resources"] == ["own.yaml"]


def test_a_name_that_istio_refuses_is_not_drafted() -> None:
    made = drafted(repository(*BASE), "my_host.x.com")
    assert (texts_of(made), "EGR1313" in codes(made.change.findings)) == ({}, True)


def test_a_question_is_no_word_that_all_is_well() -> None:
    made = drafted(repository(*BASE), "x.com:8000-8100")
    assert [question.code for question in made.change.questions] == ["EGR839"]
    assert "EGR995" not in codes(made.change.findings)


# --- an entry among the items of a List

_LIST = """\
apiVersion: v1
kind: List
items:
- apiVersion: networking.istio.io/v1
  kind: Sidecar
  metadata: {name: default, namespace: shop}
  spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
# the partner
- apiVersion: networking.istio.io/v1
  kind: ServiceEntry
  metadata: {name: partner, namespace: shop}
  spec:
    hosts: [x.com]
    exportTo: ["."]
    resolution: DNS
    ports:
    - {number: 443, name: tls, protocol: TLS}
"""


def test_an_entry_in_a_list_is_changed_where_it_stands() -> None:
    files = {"list.yaml": _LIST}
    made = drafted(repository(DEPLOYMENT, files=files), "x.com:8443")
    assert changed(made) == ["+    - {number: 8443, name: tls-8443, protocol: TLS}"]
    gone = drafted(repository(DEPLOYMENT, files={"list.yaml": texts_of(made)["list.yaml"]}), "x.com:8443", remove=True)
    assert texts_of(gone) == files
    whole = drafted(repository(DEPLOYMENT, files=files), "x.com", remove=True)
    left = yaml.safe_load(texts_of(whole)["list.yaml"])
    assert ([item["kind"] for item in left["items"]], whole.change.proof.after) == (["Sidecar"], "denied")


def test_what_is_patched_for_one_environment_is_left_and_its_overlay_gets_the_new_one() -> None:
    files = _tree("staging", "production")
    patch = "patches:\n- target: {kind: ServiceEntry}\n  patch: '[{op: add, path: /spec/hosts/-, value: more.com}]'\n"
    files["overlays/production/kustomization.yaml"] += patch
    made = drafted(repository(files=files), "y.com", for_="production:shop/web")
    assert sorted(texts_of(made)) == ["overlays/production/egress.yaml", "overlays/production/kustomization.yaml"]
    assert made.change.proof.after == "allowed"


@pytest.mark.parametrize(
    ("for_", "sources"),
    [
        ("production:shop/web", ["every namespace"]),
        ("shop/web", ["shop all pods (production)", "shop all pods (staging)"]),
    ],
)
def test_what_each_environment_builds_otherwise_is_named_all_the_same(for_: str, sources: list[str]) -> None:
    files = _tree("staging", "production")
    patch = (
        "patches:\n- target: {kind: ServiceEntry}\n  patch: '[{op: replace, path: /spec/resolution, value: NONE}]'\n"
    )
    files["overlays/production/kustomization.yaml"] += patch
    made = drafted(repository(files=files), "base.com:8443", for_=for_)
    opened = [(grant.source, grant.target, grant.ports) for grant in made.change.proof.newly_allowed]
    assert opened == [(source, "base.com", "8443") for source in sources]
    assert ("EGR599" in codes(made.change.proof.wider_than_asked)) is (len(sources) == 1)
