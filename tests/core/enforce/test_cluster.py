"""Who a name means, and what manifests say of pods, namespaces and services."""

from __future__ import annotations

import pytest

from skills.core.enforce import cluster as kube
from skills.core.model import Workload, WorkloadRef
from tests.core.kube import DENY_EGRESS, World, deployment, namespace, world, world_of

POD_LIST = """\
apiVersion: v1
kind: PodList
items:
- metadata:
    name: web-7d77fb55cc-x1
    namespace: shop
    labels: {app: web, pod-template-hash: 7d77fb55cc}
    ownerReferences: [{kind: ReplicaSet, name: web-7d77fb55cc}]
  spec: {serviceAccountName: robot, containers: [{ports: [{name: http, containerPort: 8080}]}]}
- metadata:
    name: web-7d77fb55cc-x2
    namespace: shop
    labels: {app: web, pod-template-hash: 7d77fb55cc}
    ownerReferences: [{kind: ReplicaSet, name: web-7d77fb55cc}]
  spec: {serviceAccountName: robot, containers: [{ports: [{name: http, containerPort: 8080}]}]}
"""


def find(made: World, *parts: str, **more: object) -> list[Workload]:
    return list(kube.resolve(made.cluster, WorkloadRef("/".join(parts), parts=parts, **more)))  # type: ignore[arg-type]


def names(found: list[Workload]) -> list[str]:
    return [workload.name for workload in found]


# --- expanding lists


def test_items_of_a_typed_list_take_its_kind() -> None:
    (web,) = find(world(POD_LIST), "shop", "web")
    assert (web.labels or {})["app"] == "web"
    assert (web.service_account, web.container_ports) == ("robot", {"http": 8080})
    assert web.place is not None
    assert web.place.line == 5


def test_items_of_a_plain_list_keep_their_own_kind() -> None:
    listed = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
        f"{'- ' if number == 0 else '  '}{line}\n" for number, line in enumerate(deployment("web").splitlines())
    )
    assert names(find(world(listed), "shop", "web")) == ["shop/web"]


def test_a_list_without_items_is_itself() -> None:
    assert find(world("apiVersion: v1\nkind: PodList\n"), "shop", "web") == []


# --- names


@pytest.mark.parametrize("name", ["web", "web-7d77fb55cc", "web-7d77fb55cc-x1"])
def test_a_pod_answers_to_its_owners(name: str) -> None:
    assert names(find(world(POD_LIST), "shop", name)) == [f"shop/{name}"]


def test_an_owner_of_an_owner() -> None:
    replica_set = (
        "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web-7d77fb55cc, namespace: shop, "
        "ownerReferences: [{kind: Rollout, name: shopfront}]}\nspec: {template: {metadata: {labels: {app: web}}, "
        "spec: {serviceAccountName: robot}}}\n"
    )
    assert names(find(world(POD_LIST, replica_set), "shop", "shopfront")) == ["shop/shopfront"]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Deployment", "template: {metadata: {labels: {app: x}}}"),
        ("StatefulSet", "template: {metadata: {labels: {app: x}}}"),
        ("DaemonSet", "template: {metadata: {labels: {app: x}}}"),
        ("ReplicationController", "template: {metadata: {labels: {app: x}}}"),
        ("CronJob", "jobTemplate: {spec: {template: {metadata: {labels: {app: x}}}}}"),
        ("Rollout", "template: {metadata: {labels: {app: x}}, spec: {containers: [{name: main}]}}"),
    ],
)
def test_every_kind_of_workload_has_the_labels_of_its_pods(kind: str, spec: str) -> None:
    text = f"apiVersion: x/v1\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {{{spec}}}\n"
    (found,) = find(world(text), "shop", "x")
    assert found.labels == {"app": "x"}


def test_a_job_carries_the_labels_that_its_controller_adds() -> None:
    text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: seed, namespace: shop}\nspec: {template: {spec: {}}}\n"
    (found,) = find(world(text), "shop", "seed")
    assert found.labels == {"job-name": "seed", "batch.kubernetes.io/job-name": "seed"}


def test_a_patch_without_pod_labels_is_no_workload() -> None:
    patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 3}\n"
    (found,) = find(world(deployment("web"), patch=patch), "shop", "web")
    assert found.labels == {"app": "web"}
    assert find(world(patch), "shop", "web") == []


def test_other_kinds_with_a_template_are_no_workloads() -> None:
    pool = (
        "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: pool}\nspec: {template: {spec: {taints: []}}}\n"
    )
    assert find(world(pool), "default", "pool") == []


def test_a_bare_namespace_is_all_its_pods_with_unknown_labels() -> None:
    (found,) = find(world(deployment("web")), "shop")
    assert (found.name, found.labels, found.service_account) == ("shop", None, None)


def test_asserted_labels_are_taken_at_their_word() -> None:
    (found,) = find(world(DENY_EGRESS), "shop", labels={"b": "2", "a": "1"})
    assert (found.name, found.labels) == ("shop{a=1,b=2}", {"a": "1", "b": "2"})
    assert find(world(DENY_EGRESS), "shap", labels={"a": "1"}) == []


def test_a_bare_workload_name() -> None:
    assert names(find(world(deployment("web")), "web")) == ["shop/web"]
    two = world(deployment("web"), deployment("web", "back"))
    assert names(find(two, "web")) == ["back/web", "shop/web"]


def test_a_typo_is_nobody() -> None:
    made = world(deployment("web"))
    assert find(made, "shop", "wep") == []
    assert find(made, "shap", "web") == []
    assert find(made, "shap") == []


def test_a_namespace_is_known_from_any_object_in_it_and_never_from_a_template() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: vault}\n"
    assert names(find(world(secret), "vault")) == ["vault"]
    templated = secret.replace("vault", "'{{ .Release.Namespace }}'")
    assert "{{ .Release.Namespace }}" not in kube.names(world(templated).cluster)


def test_built_in_namespaces_always_exist() -> None:
    assert names(find(world(), "kube-system")) == ["kube-system"]


@pytest.mark.parametrize(("kind", "count"), [(None, 1), ("k8s", 1), ("cf", 0), ("infra", 0)])
def test_a_forced_kind(kind: str | None, count: int) -> None:
    assert len(find(world(deployment("web")), "shop", "web", kind=kind)) == count


def test_a_service_account_from_the_asker_wins() -> None:
    (found,) = find(world(POD_LIST), "shop", "web", service_account="other")
    assert found.service_account == "other"
    (plain,) = find(world(deployment("web")), "shop", "web")
    assert plain.service_account == "default"


def test_copies_of_one_workload_are_one_and_different_ones_are_told_apart() -> None:
    same = world(deployment("web"), other=deployment("web"))
    assert names(find(same, "shop", "web")) == ["shop/web"]
    different = world(deployment("web"), other=deployment("web", labels="track: canary"))
    assert names(find(different, "shop", "web")) == ["shop{app=web}", "shop{app=web,track=canary}"]


def test_folders_tell_environments_apart() -> None:
    texts = {"dev/web.yaml": deployment("web"), "prod/web.yaml": deployment("web", labels="tier: gold")}
    (found,) = find(world_of(texts), "shop", "web", environment="prod")
    assert (found.labels or {})["tier"] == "gold"


def test_names_for_did_you_mean() -> None:
    found = kube.names(world(POD_LIST, namespace("empty")).cluster)
    assert {"shop", "shop/web", "empty"} <= set(found)


# --- labels of namespaces


def test_a_namespace_always_carries_its_name() -> None:
    labels = world(namespace("shop", team="blue")).cluster.labels_of("shop")
    assert labels == {"team": "blue", "kubernetes.io/metadata.name": "shop"}
    assert world().cluster.labels_of("nowhere") == {"kubernetes.io/metadata.name": "nowhere"}


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Pod\nmetadata: [1, 2]\nspec: nonsense\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: [a]}\nspec: {containers: {}}\nstatus: {podIP: no}\n",
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [1, {port: true}], selector: 3}\n",
        "apiVersion: v1\nkind: Namespace\nmetadata: {labels: {a: [1]}}\n",
        "apiVersion: v1\nkind: List\nitems: {a: 1}\n",
        "apiVersion: v1\nkind: List\nitems: [1, null, {kind: 5}]\n",
        "kind: 7\napiVersion: []\n",
    ],
)
def test_nonsense_is_no_trouble(text: str) -> None:
    made = world(text, deployment("web"))
    assert names(find(made, "shop", "web")) == ["shop/web"]
