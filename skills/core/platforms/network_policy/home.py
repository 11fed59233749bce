"""Where the policies of a namespace stand, or where the first one would: as the repository does it elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from skills.core.enforce.policy_files import file_for
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.manifest import indents_lists
from skills.core.platforms.network_policy.workspace import Workspace

_YAML = (".yaml", ".yml")
_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml")
_FILE = "network-policies.yaml"


@dataclass(frozen=True, slots=True)
class Home:
    """A file, whether its policies say their namespace, and whether its people indent the items of lists."""

    path: str
    named: bool = True
    indented: bool = False


def home_of(workspace: Workspace, namespace: str) -> Home | None:
    """The file that holds most of the namespace's policies; else the place that the other namespaces' files suggest;
    else beside the manifests of the namespace. None where the repository shows nothing of the kind."""
    entries = [entry for entry in workspace.index.entries if _is_whole_yaml(workspace, entry)]
    own = [entry for entry in entries if entry.policy.namespace == namespace]
    if own:
        paths = [entry.policy.place.path for entry in own]
        return _like(workspace, max(sorted(set(paths)), key=paths.count), own)
    path = file_for(namespace, [(entry.policy.namespace, entry.policy.place.path) for entry in entries])
    if path:
        return _like(workspace, path, entries)
    beside = _beside_manifests(workspace, namespace)
    return Home(beside) if beside else None


def _is_whole_yaml(workspace: Workspace, entry: PolicyEntry) -> bool:
    """A document of its own in a YAML file, so that another can stand after it."""
    plain = entry.policy.place.path.lower().endswith(_YAML) and workspace.holds(entry)
    return plain and workspace.find(entry)[1] == ()


def _like(workspace: Workspace, path: str, entries: list[PolicyEntry]) -> Home:
    there = [entry for entry in entries if entry.policy.place.path == path]
    named = not there or not all(entry.assumed_namespace for entry in there)
    return Home(path, named, indents_lists(workspace.find((there or entries)[-1])[0]))


def _beside_manifests(workspace: Workspace, namespace: str) -> str | None:
    cluster = workspace.index.cluster
    places = [cluster.declared[namespace]] if namespace in cluster.declared else []
    places += [pod.place for pod in cluster.pods.get(namespace, ())]
    folders = Counter(place.path.rpartition("/")[0] for place in places)
    if not folders:
        return None
    folder = folders.most_common(1)[0][0]
    return f"{folder}/{_FILE}" if folder else _FILE


def list_in_kustomization(workspace: Workspace, path: str) -> None:
    """A new file in a folder that Kustomize builds counts only when it is listed."""
    folder, _, name = path.rpartition("/")
    for file in _KUSTOMIZATIONS:
        there = f"{folder}/{file}" if folder else file
        if workspace.text(there) is not None:
            workspace.append_resource(there, name)
            return
