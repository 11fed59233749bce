"""The sample allowlist is what the demo says it is, and every file is valid for its platform."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from bot.sample import files
from tests.judges import judged

BUILT_IN = {"Deployment", "StatefulSet", "Service", "ServiceAccount", "Namespace", "NetworkPolicy"}
WELL_KNOWN = {
    "*.googleapis.com",
    "api.data.gov",
    "api.sendgrid.com",
    "api.stripe.com",
    "api.twilio.com",
    "hooks.slack.com",
    "smtp.sendgrid.net",
}
HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]+")
PROJECTS = "organization/fincorp/organizational-unit/retail-banking/environment/{}/project/{}.yaml"


def manifests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every manifest of the sample with its path; lists are opened."""
    for path, data in files().items():
        if not path.endswith(".yaml") or path == "egress-policy.yaml":
            continue
        for document in yaml.safe_load_all(data):
            for manifest in document["items"] if document["kind"] == "List" else [document]:
                yield path, manifest


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [manifest for _, manifest in manifests() if manifest["kind"] in kinds]


def egress(environment: str, project: str) -> list[str]:
    entries: list[str] = yaml.safe_load(files()[PROJECTS.format(environment, project)])["spec"]["allowedEgress"]
    return entries


def pods(namespace: str) -> list[dict[str, Any]]:
    owners = of_kind("Deployment", "StatefulSet")
    return [owner["spec"]["template"] for owner in owners if owner["metadata"]["namespace"] == namespace]


def test_paths_are_plain_and_relative() -> None:
    assert len(files()) >= 25
    assert all(not path.startswith("/") and "\\" not in path and ".." not in path for path in files())


# --- Infrastream


def test_payment_gateway_stands_in_production_only() -> None:
    found = [path for path, m in manifests() if m["kind"] == "Project" and m["metadata"]["name"] == "payment-gateway"]
    assert found == [PROJECTS.format("production", "payment-gateway")]
    assert egress("production", "payment-gateway") == [
        "api.stripe.com",
        "hooks.slack.com",
        "smtp.sendgrid.net",
        "*.googleapis.com",
    ]
    assert b'- "api.stripe.com"      # Payment processor API' in files()[found[0]]


@pytest.mark.parametrize("project", ["ledger", "notifications"])
def test_the_other_projects_have_two_lists_that_differ(project: str) -> None:
    assert set(egress("staging", project)) != set(egress("production", project))


def test_infrastream_entries_are_names_or_ranges() -> None:
    for project in of_kind("Project"):
        for entry in project["spec"]["allowedEgress"]:
            if not HOST.fullmatch(entry):
                ipaddress.ip_network(entry)


def test_infrastream_manifests_agree_with_their_paths() -> None:
    for path, manifest in manifests():
        if not path.startswith("organization/"):
            continue
        metadata = manifest["metadata"]
        assert manifest["apiVersion"] == "lowops.manifests.v1"
        assert f"/{metadata.get('organization', metadata['name'])}/" in path
        if "environment" in metadata:
            assert f"/environment/{metadata['environment']}/" in path
        if manifest["kind"] == "Project":
            assert path.endswith(f"/project/{metadata['name']}.yaml")


def test_applications_belong_to_projects_that_exist() -> None:
    projects = {project["metadata"]["name"] for project in of_kind("Project")}
    assert {application["spec"]["project"] for application in of_kind("Application")} <= projects


# --- Kubernetes


@pytest.mark.needs("kubernetes_validate")
def test_kubernetes_manifests_fit_their_schema() -> None:
    import kubernetes_validate

    checked = 0
    for manifest in of_kind(*BUILT_IN):
        kubernetes_validate.validate(manifest, "1.30", strict=True)
        checked += 1
    assert checked >= 25


def test_deployments_select_their_own_pods_and_their_accounts_exist() -> None:
    accounts = {(a["metadata"]["namespace"], a["metadata"]["name"]) for a in of_kind("ServiceAccount")}
    for owner in of_kind("Deployment"):
        pod = owner["spec"]["template"]
        assert owner["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        account = pod["spec"].get("serviceAccountName")
        assert account is None or (owner["metadata"]["namespace"], account) in accounts


def test_data_platform_is_closed_by_default_and_may_ask_for_names_and_vault() -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind("NetworkPolicy")}
    assert policies["default-deny-egress"] == {"podSelector": {}, "policyTypes": ["Egress"]}
    ports = policies["allow-dns-egress"]["egress"][0]["ports"]
    assert {(port["protocol"], port["port"]) for port in ports} == {("UDP", 53), ("TCP", 53)}
    peer = policies["allow-vault-egress"]["egress"][0]["to"][0]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "vault-prod"}


def test_the_package_mirror_policy_has_the_known_trap() -> None:
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind("NetworkPolicy")}
    policy = policies["allow-package-mirrors-spark-driver"]
    assert policy["egress"][0]["to"] == [{"namespaceSelector": {}}], "opens the cluster, not the internet it speaks of"
    assert any(pod["metadata"]["labels"].get("spark-role") == "driver" for pod in pods("data-platform"))
    assert b"python-index.example" in files()["k8s/data-platform/network-policies.yaml"]


# --- UDS


def allow_rules(package: dict[str, Any]) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = package["spec"]["network"]["allow"]
    return rules


def generated_name(package: dict[str, Any], rule: dict[str, Any]) -> str:
    """The name of the NetworkPolicy that the UDS operator makes of a rule with a description or one plain remote."""
    base = rule.get("description") or f"{rule.get('selector', 'all pods')}-{rule.get('remoteGenerated')}"
    name = re.sub("[^a-z0-9]+", "-", f"allow-{package['metadata']['name']}-{rule['direction']}-{base}".lower())
    return re.sub("^[^a-z]+|[^a-z]+$", "", name[:250])


def test_packages_have_the_shape_that_admission_wants() -> None:
    packages = of_kind("Package")
    assert len(packages) == 3
    assert len({package["metadata"]["namespace"] for package in packages}) == 3, "one package per namespace"
    for package in packages:
        assert package["apiVersion"] == "uds.dev/v1alpha1"
        ambient = package["spec"]["network"]["serviceMesh"]["mode"] == "ambient"
        names = Counter(generated_name(package, rule) for rule in allow_rules(package))
        assert max(names.values()) == 1, "a second rule of the same generated name is refused"
        for rule in allow_rules(package):
            check_rule(rule, ambient)


def check_rule(rule: dict[str, Any], ambient: bool) -> None:
    families = [{"remoteGenerated"}, {"remoteNamespace", "remoteSelector"}, {"remoteCidr"}, {"remoteHost"}]
    assert sum(bool(family & rule.keys()) for family in families) == 1, rule
    assert rule["direction"] in {"Ingress", "Egress"}
    assert not {"port", "ports"} <= rule.keys()
    if "remoteHost" in rule:
        assert rule["direction"] == "Egress"
        assert HOST.fullmatch(rule["remoteHost"])
        assert "*" not in rule["remoteHost"]
        assert rule.get("remoteProtocol", "TLS") in {"TLS", "HTTP"}
    else:
        assert rule.get("remoteProtocol", "TCP") in {"TCP", "UDP"}
    if "remoteCidr" in rule:
        ipaddress.ip_network(rule["remoteCidr"])
    if "serviceAccount" in rule:
        assert ambient
        assert "remoteHost" in rule or rule["remoteGenerated"] == "Anywhere"


def test_every_selector_of_a_package_finds_pods_with_the_account_it_names() -> None:
    for package in of_kind("Package"):
        for rule in allow_rules(package):
            selector = rule.get("selector", {})
            found = [
                pod
                for pod in pods(package["metadata"]["namespace"])
                if selector.items() <= pod["metadata"]["labels"].items()
            ]
            assert found, rule
            if "serviceAccount" in rule:
                assert {pod["spec"]["serviceAccountName"] for pod in found} == {rule["serviceAccount"]}


def test_claims_runs_with_sidecars_two_remote_hosts_and_the_gateway_of_the_bundle() -> None:
    (package,) = [p for p in of_kind("Package") if p["spec"]["network"]["serviceMesh"]["mode"] == "sidecar"]
    assert package["metadata"] == {"name": "claims", "namespace": "claims"}
    hosts = [rule["remoteHost"] for rule in allow_rules(package) if "remoteHost" in rule]
    assert hosts == ["api.stripe.com", "hooks.slack.com"]
    assert not any(rule.get("remoteGenerated") == "Anywhere" or "remoteCidr" in rule for rule in allow_rules(package))
    (bundle,) = of_kind("UDSBundle")
    assert "istio-egress-gateway" in bundle["packages"][0]["optionalComponents"]


def test_no_host_is_registered_with_two_protocols_on_one_port() -> None:
    seen: dict[tuple[str, str, int], str] = {}
    for package in of_kind("Package"):
        mode = package["spec"]["network"]["serviceMesh"]["mode"]
        for rule in (rule for rule in allow_rules(package) if "remoteHost" in rule):
            for port in rule.get("ports", [rule.get("port", 443)]):
                protocol = rule.get("remoteProtocol", "TLS")
                assert seen.setdefault((mode, rule["remoteHost"], port), protocol) == protocol


# --- Party Bus


def test_mission_tracker_is_closed_by_the_mesh_in_both_overlays() -> None:
    (sidecar,) = of_kind("Sidecar")
    assert sidecar["spec"] == {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    entries = [(path, m) for path, m in manifests() if m["kind"] == "ServiceEntry"]
    assert {path.split("/")[3] for path, _ in entries} == {"staging", "production"}
    assert [m["spec"]["hosts"] for _, m in entries] == [["jira.dsop.example", "tiles.maps.example"]] * 2
    assert not any("unifieddatalibrary" in data.decode() for data in files().values())


def test_mission_tracker_is_valid_for_istio() -> None:
    for path, data in files().items():
        if path.startswith("party-bus/") and path.endswith(".yaml"):
            assert [(name, lines) for name, lines in judged(data.decode()) if lines] == [], path


# --- the whole


def test_a_bare_name_means_one_thing() -> None:
    apps = {m["metadata"]["name"] for m in of_kind("Application")}
    projects = {m["metadata"]["name"] for m in of_kind("Project")}
    owners = Counter(m["metadata"]["name"] for m in of_kind("Deployment", "StatefulSet"))
    namespaces = {m["metadata"]["name"] for m in of_kind("Namespace")}
    assert max(owners.values()) == 1
    assert not apps & projects
    assert not (apps | projects) & (owners.keys() | namespaces)
    assert not owners.keys() & namespaces


def test_the_policy_names_approvers_and_the_requester_is_none_of_them() -> None:
    policy = yaml.safe_load(files()["egress-policy.yaml"])
    assert policy["version"] == 1
    assert {"sam@fincorp.example", "ines@fincorp.example"} == set(policy["groups"]["platform-security"])
    assert all(set(entry["groups"]) <= set(policy["groups"]) for entry in policy["approval"])
    first = policy["approval"][0]
    assert first == {"paths": ["organization/**/environment/production/**"], "groups": ["platform-security"]}
    assert "dana@fincorp.example" not in {member for group in policy["groups"].values() for member in group}


def test_hosts_are_examples_or_well_known() -> None:
    named = {entry for p in of_kind("Project") for entry in p["spec"]["allowedEgress"] if HOST.fullmatch(entry)}
    named |= {r["remoteHost"] for p in of_kind("Package") for r in allow_rules(p) if "remoteHost" in r}
    text = b"\n".join(files().values()).decode()
    named |= set(re.findall(r"(?:https?|oci)://([^/\s\"']+)", text))
    named |= {image.split("/")[0] for image in re.findall(r"image: \"?(\S+)", text)}
    assert {name for name in named if not name.endswith(".example")} <= WELL_KNOWN


def test_the_files_are_as_people_leave_them() -> None:
    every = files()
    crlf = [path for path, data in every.items() if b"\r\n" in data]
    assert crlf == [PROJECTS.format("production", "notifications")]
    assert every[crlf[0]].count(b"\n") == every[crlf[0]].count(b"\r\n"), "line ends are not mixed"
    assert [path for path, data in every.items() if not data.endswith(b"\n")] == [
        PROJECTS.format("staging", "notifications")
    ]
    assert b"allowedEgress: [" in every[PROJECTS.format("staging", "ledger")]
    assert re.search(rb"matchLabels: \*\w", every["uds/claims/workloads.yaml"])
    assert every["k8s/data-platform/network-policies.yaml"].count(b"\n---\n") == 5
