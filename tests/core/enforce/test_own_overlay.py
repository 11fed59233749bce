"""Where a change for one namespace or environment stands when a base serves others too."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from skills.core.enforce.own_overlay import Overlays, listed

FILE = "base/netpol.yaml"


def tree(**folders: str) -> dict[str, str]:
    """Kustomizations by folder (`__` for `/`), each with a namespace, or `-` for none, before what it names."""
    texts = {}
    for folder, said in folders.items():
        namespace, *resources = said.split()
        head = f"namespace: {namespace}\n" if namespace != "-" else ""
        listed = "".join(f"- {each}\n" for each in resources)
        texts[f"{folder.replace('__', '/')}/kustomization.yaml"] = f"{head}resources:\n{listed}"
    return texts


BASE = "- netpol.yaml"
TWO = tree(base=BASE, o__staging="shop-s ../../base", o__production="shop-p ../../base")
SAME = tree(base=BASE, o__staging="shop ../../base", o__production="shop ../../base")
DEEP = tree(
    base=BASE,
    apps__staging="shop-s ../../base",
    apps__prod="shop-p ../../base",
    clusters__staging="- ../../apps/staging",
    clusters__prod="- ../../apps/prod",
)


@pytest.mark.parametrize(
    ("texts", "namespace", "environment", "folder"),
    [
        (TWO, "shop-s", None, "o/staging"),
        (TWO, "shop-p", None, "o/production"),
        (TWO, "other", None, None),
        (SAME, "shop", None, None),  # both are meant
        (SAME, "shop", "staging", "o/staging"),
        (SAME, "shop", "test", None),
        (DEEP, "shop-s", None, "apps/staging"),  # the one nearest to the base, not the list of a cluster's apps
        (tree(base=BASE, only="shop ../base"), "shop", None, None),  # nobody else uses the base
        (tree(base="shop netpol.yaml"), "shop", None, None),
        ({}, "shop", None, None),
    ],
)
def test_the_overlay_that_nobody_else_builds(
    texts: Mapping[str, str], namespace: str, environment: str | None, folder: str | None
) -> None:
    found = Overlays(texts).own(FILE, namespace, environment)
    assert (found.folder if found else None) == folder


def test_of_an_environment_alone_only_its_own_files_are_there() -> None:
    apart = {path: text for path, text in SAME.items() if "production" not in path}
    found = Overlays(apart).own(FILE, "shop", "staging")
    assert found is not None
    assert (found.folder, found.sets_namespace) == ("o/staging", True)
    assert Overlays(apart).own(FILE, "shop", None) is None


def test_a_new_file_counts_as_its_neighbours_do() -> None:
    there = {**TWO, FILE: "kind: NetworkPolicy"}
    for texts in (there, TWO):
        found = Overlays(texts).own("base/new.yaml", "shop-s", None)
        assert found is not None
        assert found.folder == "o/staging"
    by_hand = tree(o__staging="shop-s ../../base/web.yaml", o__production="shop-p ../../base/web.yaml")
    by_file = Overlays(by_hand).own("base/new.yaml", "shop-p", None)
    assert by_file is not None
    assert by_file.folder == "o/production"
    assert Overlays(by_hand).own("elsewhere/new.yaml", "shop-p", None) is None


def test_an_overlay_without_a_namespace_leaves_it_to_the_manifest() -> None:
    texts = tree(base=BASE, o__staging="- ../../base", o__production="- ../../base")
    found = Overlays(texts).own(FILE, "shop", "staging")
    assert found is not None
    assert not found.sets_namespace


def test_a_base_without_resources_and_a_circle_are_no_trouble() -> None:
    bare = {**TWO, "o/x/kustomization.yaml": "bases: [../../base]\nnamespace: shop-x\n"}
    assert Overlays(bare).own(FILE, "shop-x", None) is None
    assert Overlays(tree(a="- ../b ../base/netpol.yaml", b="- ../a")).own(FILE, "shop", None) is None


RESOURCES = "resources:\n- pol/a.json\n"


@pytest.mark.parametrize(
    ("path", "neighbour", "found"),
    [
        ("k8s/pol/b.json", "k8s/pol/a.json", RESOURCES + "- pol/b.json\n"),
        ("k8s/pol/b.json", "k8s/pol/other.json", None),  # its neighbour counts otherwise, and so will it
        ("k8s/pol/b.yaml", None, None),
        ("k8s/b.json", None, RESOURCES + "- b.json\n"),
        ("k8s/pol/a.json", "k8s/pol/a.json", None),
        ("other/b.yaml", None, None),
    ],
)
def test_a_new_file_is_listed_where_its_neighbour_is(path: str, neighbour: str | None, found: str | None) -> None:
    assert listed({"k8s/kustomization.yaml": RESOURCES}.get, path, neighbour) == (
        ("k8s/kustomization.yaml", found) if found else None
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("namespace: shop\n", "namespace: shop\nresources:\n- b.yaml\n"),
        ("kind: Component\n", "kind: Component\nresources:\n- b.yaml\n"),
        ("apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n", None),  # what Flux applies, no list
        ("resources:\n", None),
    ],
)
def test_a_kustomization_without_a_list_gets_one(text: str, found: str | None) -> None:
    listing = listed({"k8s/kustomization.yaml": text}.get, "k8s/b.yaml")
    assert listing == (("k8s/kustomization.yaml", found) if found else None)
    assert listed({"k8s/kustomization.yaml": text}.get, "k8s/b.json", "k8s/a.json") is None


def test_a_file_is_listed_where_manifests_of_its_folder_are() -> None:
    texts = {"k8s/kustomization.yaml": "resources:\n- shop/web.yaml\n- bank\n"}
    assert listed(texts.get, "k8s/shop/b.yaml") == (
        "k8s/kustomization.yaml",
        "resources:\n- shop/web.yaml\n- bank\n- shop/b.yaml\n",
    )
    assert listed(texts.get, "k8s/bank/b.yaml") is None  # that folder has a kustomization of its own
