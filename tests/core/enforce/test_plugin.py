"""Signs that Cilium runs: what installs it is sure, what is only written for it is not."""

from __future__ import annotations

import pytest

from skills.core.enforce.plugin import read_plugin
from skills.core.yaml_text import read_documents
from tests.worlds import allowlist

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config, namespace: kube-system}\n"
POLICY = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {}\n"


def signs(text: str) -> list[bool]:
    return [sign.sure for document in read_documents("a.yaml", text)[0] for sign in read_plugin(document)]


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        (CONFIG, [True]),
        (CONFIG.replace("cilium-config", "cilium-notes"), []),
        (CONFIG.replace("ConfigMap", "Secret"), []),
        (POLICY, [False]),
        (POLICY.replace("NetworkPolicy", "ClusterwideNetworkPolicy"), [True]),
        (POLICY.replace("NetworkPolicy", "LoadBalancerIPPool"), [True]),
        (POLICY.replace("NetworkPolicy", "CIDRGroup"), [False]),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {source: {chart: cilium}}\n", [True]),
        ("apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec: {sources: [{chart: tetragon}]}\n", []),
        ("apiVersion: helm.cattle.io/v1\nkind: HelmChart\nspec: {chart: https://charts.example/cilium}\n", [True]),
        ("apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: rke2-cilium}\n", [True]),
        ("apiVersion: helm.cattle.io/v1\nkind: HelmChartConfig\nmetadata: {name: rke2-canal}\n", []),
        ("helmCharts: [{name: cilium, version: 1.16.0}]\n", [True]),
        ("apiVersion: v2\nname: net\ndependencies: [{name: cilium, version: 1.16.0}]\n", [True]),
        ("apiVersion: v2\nname: cilium-policies\ndependencies: [{name: common, version: 1.0.0}]\n", []),
        ("cilium: {kubeProxyReplacement: true}\n", [True]),
        ("kubeProxyReplacement: strict\nhubble: {enabled: true}\n", [True]),
        ("cilium: {enabled: false}\n", []),
        ("- cilium\n", []),
    ],
)
def test_signs_of_cilium(text: str, sure: list[bool]) -> None:
    assert signs(text) == sure


def test_signs_come_and_go_with_their_files() -> None:
    files = {"b.yaml": POLICY, "c.yaml": CONFIG, "d.yaml": POLICY.replace("shop", "bank")}
    whole = allowlist(files)
    assert [sign.sure for sign in whole.indexes.cluster.plugins] == [True, False, False]
    for path, text in (("c.yaml", "a: 1\n"), ("b.yaml", f"---\n{POLICY}"), ("e.yaml", CONFIG)):
        files[path] = text
        fresh = allowlist(files)
        whole = whole.after({path: fresh.readings[path]}, {path: text}, commit=None, dirty=False)
        assert whole.indexes.cluster.plugins == fresh.indexes.cluster.plugins
