"""Kustomize decides namespaces: of workloads, services and policies alike."""

from __future__ import annotations

from skills.core.enforce import cluster as kube
from skills.core.enforce.kustomize import Kustomization, homes
from skills.core.model import Need
from skills.core.platform_base import Sources
from skills.core.platforms import network_policy
from tests.core.kube import DENY_EGRESS, deployment, to, world_of

BARE_WEB = deployment("web").replace(", namespace: shop", "")
BARE_DENY = DENY_EGRESS.replace("  namespace: shop\n", "")
KUSTOMIZATION = "namespace: shop\nresources: [web.yaml, ./deny.yaml]\n"


def test_a_kustomization_gives_its_namespace() -> None:
    texts = {
        "apps/shop/kustomization.yaml": KUSTOMIZATION,
        "apps/shop/web.yaml": BARE_WEB,
        "apps/shop/deny.yaml": BARE_DENY,
    }
    made = world_of(texts)
    assert made.decision("shop/web", to("example.com")) == "denied"
    assert "EGR953" not in made.findings("shop/web", to("example.com"))
    assert not [name for name in kube.names(made.cluster) if name.startswith("default/")]


def test_a_file_that_it_does_not_name_stays_where_it_was() -> None:
    texts = {"shop/kustomization.yaml": "namespace: shop\nresources: [web.yaml]\n", "shop/deny.yaml": BARE_DENY}
    assert world_of({**texts, "shop/web.yaml": BARE_WEB}).decision("shop/web", to("example.com")) == "allowed"


def test_the_outermost_namespace_wins_and_a_base_stands_in_each() -> None:
    texts = {
        "base/kustomization.yaml": "kind: Kustomization\nnamespace: nowhere\nresources: [web.yaml, deny.yaml]\n",
        "base/web.yaml": deployment("web", "ignored"),
        "base/deny.yaml": BARE_DENY,
        "dev/kustomization.yaml": "namespace: shop-dev\nresources: [../base]\n",
        "prod/kustomization.yaml": "namespace: shop-prod\nbases: [../base]\n",
    }
    made = world_of(texts)
    assert made.decision("shop-dev/web", to("example.com")) == "denied"
    assert made.decision("shop-prod/web", to("example.com")) == "denied"
    assert set(kube.names(made.cluster)).isdisjoint({"nowhere", "ignored", "nowhere/web"})
    for name, paths, codes in (
        ("shop-dev/web", ["dev/kustomization.yaml", "dev/network-policies.yaml"], []),
        ("shop-prod/web", ["base/deny.yaml"], ["EGR902"]),  # no list in that overlay: the other one gets it too
    ):
        need = Need(made.workload(name), (to("198.51.100.7"),))
        edits = network_policy.edit(made.index, Sources(texts), need).edits
        assert [edit.path for edit in edits] == paths
        assert "namespace:" not in edits[-1].new_text
        after = world_of({**texts, **{edit.path: edit.new_text for edit in edits}})
        gained = set(network_policy.grants(after.index)) - set(network_policy.grants(made.index))
        wider = [item.code for grant in sorted(gained, key=str) for item in network_policy.wider(grant, need)]
        assert wider == codes


def test_circles_and_paths_out_of_the_repository_are_no_trouble() -> None:
    circle = [Kustomization("a", "x", ("../b", "f.yaml")), Kustomization("b", "y", ("../a",))]
    assert homes(circle) == {}
    root = Kustomization("a", "x", ("../../etc/passwd", "https://example.com/x?ref=1", "././/f.yaml"))
    assert homes([root])["a/f.yaml"] == ("x",)
    assert homes([Kustomization("", "x", ("f.yaml", "."))]) == {}


def test_of_more_files_than_anyone_lists_nothing_is_known() -> None:
    many = tuple(f"{number}.yaml" for number in range(200_001))
    assert homes([Kustomization("a", "x", many[:2])]) == {"a/0.yaml": ("x",), "a/1.yaml": ("x",)}
    assert homes([Kustomization("a", "x", many)]) == {}
