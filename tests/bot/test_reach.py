"""What Postern itself must reach follows from its settings; deploy/ allows it, and a dialect is given the rule for it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.cli import main
from bot.reach import needed
from bot.sample import files
from bot.settings import ALL, Secret, Settings
from tests.apps import allowlist
from tests.judges import KUBERNETES
from tests.shared import ROOT

DEPLOY = ROOT / "deploy"
GITLAB = "https://gitlab.example/fincorp/allowlist.git"
SLACK = [
    "slack.com:443",
    "wss-primary.slack.com:443",
    "wss-backup.slack.com:443",
    "files.slack.com:443",
    "hooks.slack.com:443",
]


def settings(**given: Any) -> Settings:
    return replace(Settings.from_env({"HOME": "/nowhere"}), **given)


def reached(given: Settings, repository: str = GITLAB, **env: str) -> list[str]:
    return [each.to for each in needed(given, repository, env)]


def test_slack_and_the_repository_are_always_reached() -> None:
    assert reached(settings()) == [*SLACK, "gitlab.example:443"]


def test_slack_of_the_government_has_all_of_it_elsewhere() -> None:
    there = reached(settings(slack_api="https://slack-gov.com/api/"))
    assert there[:5] == [each.replace("slack.com", "slack-gov.com") for each in SLACK]


def test_over_http_slack_connects_to_us() -> None:
    assert "wss-primary.slack.com:443" not in reached(settings(slack_signing_secret=Secret("s")))
    both = settings(slack_signing_secret=Secret("s"), slack_app_token=Secret("xapp-1"))
    assert "wss-primary.slack.com:443" in reached(both)


@pytest.mark.parametrize(
    ("repository", "more"),
    [
        ("https://gitlab.example:8443/a.git", ["tcp://gitlab.example:8443"]),
        ("ssh://git@gitlab.example/a.git", ["tcp://gitlab.example:22"]),
        ("/srv/allowlist.git", []),
        ("file:///srv/allowlist.git", []),
        ("https://localhost:8443/a.git", []),
    ],
)
def test_the_repository_by_its_port(repository: str, more: list[str]) -> None:
    assert reached(settings(), repository) == [*SLACK, *more]


def test_another_address_of_gitlab_is_reached_too() -> None:
    given = settings(gitlab_token=Secret("t"), gitlab_url="https://api.gitlab.example")
    assert reached(given)[-2:] == ["gitlab.example:443", "api.gitlab.example:443"]


@pytest.mark.parametrize(
    ("database", "more"),
    [
        ("sqlite:////var/lib/postern/postern.db", []),
        ("postgresql://postern@db.example/postern", ["tcp://db.example:5432"]),
        ("postgresql+psycopg://postern@db.example:6432/postern", ["tcp://db.example:6432"]),
        ("postgresql:///postern?host=/run/postgresql", []),
    ],
)
def test_the_database(database: str, more: list[str]) -> None:
    assert reached(settings(database=Secret(database)))[6:] == more


@pytest.mark.parametrize(
    ("model", "env", "more"),
    [
        ("openai:gpt", {}, ["api.openai.com:443"]),
        ("openai:gpt", {"OPENAI_BASE_URL": "https://llm.example/v1"}, ["llm.example:443"]),
        ("anthropic:claude", {}, ["api.anthropic.com:443"]),
        ("ollama:llama", {}, []),
        ("ollama:llama", {"OLLAMA_HOST": "ollama.example:11434"}, ["tcp://ollama.example:11434"]),
        ("somebody:else", {}, []),
    ],
)
def test_the_language_model(model: str, env: dict[str, str], more: list[str]) -> None:
    assert reached(settings(model=model), **env)[6:] == more


# --- as the command says it


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ALL:
        monkeypatch.delenv(each.variable, raising=False)
    monkeypatch.setenv("POSTERN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSTERN_PERSON", "dana@fincorp.example")


def egress(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> tuple[int, str]:
    status = main(["doctor", "--egress", "--config", str(config), *words])
    return status, capsys.readouterr().out


def test_without_a_workload_it_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = egress(capsys, DEPLOY)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[:5]] == SLACK
    assert "--for" in out


def test_with_one_the_rest_is_drafted_in_its_dialect(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "allowlist.git"
    allowlist(config, files())
    status, out = egress(capsys, config, "--for", "payment-gateway")
    assert status == 0
    assert re.search(r"^denied +slack\.com:443", out, re.MULTILINE)
    assert re.search(r"^allowed +hooks\.slack\.com:443", out, re.MULTILINE)
    assert '+    - "wss-primary.slack.com"' in out and '+    - "hooks.slack.com"' not in out
    status, out = egress(capsys, config, "--for", "payment-gateway", "--json")
    data = json.loads(out)
    jsonschema.validate(data, json.loads((ROOT / "docs" / "schema" / "egress.json").read_text()))
    assert {row["to"]: row["decision"] for row in data["reaches"]}["slack.com:443"] == "denied"
    assert data["draft"]["proof"]["after"] == "allowed"


def test_a_workload_that_nobody_knows_is_asked_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "allowlist.git"
    allowlist(config, files())
    status, out = egress(capsys, config, "--for", "postren")
    assert status == 4
    assert "+++" not in out
    assert out.count("is called postren") == 1, "it is said once, not for each host"


APP = """
kind: Namespace
apiVersion: v1
metadata: {name: postern}
---
kind: Deployment
apiVersion: apps/v1
metadata: {name: postern, namespace: postern}
spec: {selector: {matchLabels: {app: postern}}, template: {metadata: {labels: {app: postern}}, spec: {containers: []}}}
---
"""
DIALECTS = {
    "infrastream": (
        "organization/acme/postern.yaml",
        "apiVersion: lowops.manifests.v1\nkind: Project\nmetadata: {name: postern, environment: production,"
        " organizational-unit: platform, organization: acme}\nspec:\n  allowedEgress:\n    - a.example.com\n",
        "acme/platform/postern",
        ("+    - slack.com",),
    ),
    "istio": (
        "postern.yaml",
        f"{APP}kind: ServiceEntry\napiVersion: networking.istio.io/v1\nmetadata: {{name: a, namespace: postern}}\n"
        "spec: {hosts: [a.example.com], exportTo: [.], location: MESH_EXTERNAL, resolution: DNS,"
        " ports: [{number: 443, name: tls, protocol: TLS}]}\n---\nkind: Sidecar\napiVersion: networking.istio.io/v1\n"
        "metadata: {name: default, namespace: postern}\nspec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}\n",
        "postern/postern",
        ("+kind: ServiceEntry", "+  - slack.com"),
    ),
    "uds": (
        "package.yaml",
        "apiVersion: uds.dev/v1alpha1\nkind: Package\nmetadata: {name: postern, namespace: postern}\nspec:\n"
        "  network:\n    allow:\n      - direction: Egress\n        selector: {app: postern}\n"
        "        remoteHost: a.example.com\n        port: 443\n",
        "postern{app=postern}",
        ("remoteHost: slack.com",),
    ),
    "network_policy": (
        "policy.yaml",
        f"{APP}kind: NetworkPolicy\napiVersion: networking.k8s.io/v1\nmetadata: {{name: deny, namespace: postern}}\n"
        "spec: {podSelector: {}, policyTypes: [Egress]}\n",
        "postern/postern",
        ("+kind: NetworkPolicy",),
    ),
    "cilium": (
        "policy.yaml",
        f"{APP}kind: CiliumNetworkPolicy\napiVersion: cilium.io/v2\nmetadata: {{name: a, namespace: postern}}\nspec:\n"
        "  endpointSelector: {matchLabels: {app: postern}}\n  egress:\n"
        "    - toFQDNs: [{matchName: a.example.com}]\n"
        '      toPorts: [{ports: [{port: "443", protocol: TCP}]}]\n',
        "postern/postern",
        ("matchName: slack.com",),
    ),
    "cloud_foundry": (
        "foundation/postern/prod/spaceConfig.yml",
        "org: postern\nspace: prod\nnamed-security-groups: []\n",
        "postern/prod",
        ("+named-security-groups: [public_networks_egress]",),
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_as_the_installation_page_says_it_in_every_dialect(
    dialect: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With the level that `init` writes: it is for teams, and nobody who sets Postern up has raised it yet."""
    path, text, workload, hears = DIALECTS[dialect]
    policy = "version: 1\nlevel: answer\ngroups: {a: [sam]}\napproval: [{paths: ['**'], groups: [a]}]\n"
    allowlist(tmp_path / "allowlist.git", {path: text.encode(), "egress-policy.yaml": policy.encode()})
    status, out = egress(capsys, tmp_path / "allowlist.git", "--for", workload, "--choose", "public")
    assert status == 0, out
    assert [words for words in hears if words not in out] == []


# --- deploy/


def manifests() -> list[dict[str, Any]]:
    return [*yaml.safe_load_all((DEPLOY / "postern.yaml").read_text())]


def container() -> dict[str, Any]:
    (deployment,) = (each for each in manifests() if each["kind"] == "Deployment")
    (made,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(made)


def test_what_is_deployed_may_reach_what_it_must(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own judgement over our own manifests, with GitLab and a model on the internet."""
    monkeypatch.setenv("POSTERN_MODEL", "openai:gpt")
    monkeypatch.setenv("POSTERN_GITLAB_TOKEN", "t")
    monkeypatch.setenv("POSTERN_GITLAB_URL", "https://gitlab.example")
    status, out = egress(capsys, DEPLOY, "--for", "postern/postern", "--json")
    data = json.loads(out)
    assert status == 0
    assert [row["to"] for row in data["reaches"]] == [*SLACK, "gitlab.example:443", "api.openai.com:443"]
    assert {row["decision"] for row in data["reaches"]} == {"allowed"}
    assert data["draft"]["files"] == []


@pytest.mark.parametrize("to", ["10.0.0.7:443", "169.254.169.254:80", "slack.com:8443", "tcp://db.example:5432"])
def test_and_nothing_of_ones_own_networks(capsys: pytest.CaptureFixture[str], to: str) -> None:
    assert main(["check", "--config", str(DEPLOY), "--for", "postern/postern", "--to", to]) == 3


@pytest.mark.needs("kubernetes_validate")
def test_kubernetes_would_take_every_manifest() -> None:
    import kubernetes_validate

    for manifest in manifests():
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    assert len(manifests()) == 5


def test_it_runs_without_any_right_that_it_does_not_need() -> None:
    (deployment,) = (each for each in manifests() if each["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] == 10001
    safe = container()["securityContext"]
    assert (safe["readOnlyRootFilesystem"], safe["allowPrivilegeEscalation"]) == (True, False)
    assert safe["capabilities"] == {"drop": ["ALL"]}


def test_what_it_writes_to_lies_on_a_volume_and_its_probes_are_those_of_the_service() -> None:
    made = container()
    home = next(each["value"] for each in made["env"] if each["name"] == "POSTERN_HOME")
    assert {home, "/tmp"} == {each["mountPath"] for each in made["volumeMounts"]}
    assert "USER 10001:10001" in (ROOT / "Dockerfile").read_text()
    assert made["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert made["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert made["args"][0] == "serve"
    known = {each.variable for each in ALL} | {"HOME"}
    assert {each["name"] for each in made["env"]} <= known
