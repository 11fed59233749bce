"""Where the policies of a namespace stand, or where the first one would: as the repository does it elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from skills.core.enforce.kube_policy import Pods
from skills.core.enforce.own_overlay import Overlay
from skills.core.enforce.policy_files import JSON, POLICIES, YAML, file_for, indents_lists
from skills.core.model import Role
from skills.core.platforms.network_policy.entries import PolicyEntry
from skills.core.platforms.network_policy.manifest import policy_text
from skills.core.platforms.network_policy.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Home:
    """A file, whether its policies say their namespace, and whether its people indent the items of lists."""

    path: str
    named: bool = True
    indented: bool = False


def home_of(workspace: Workspace, namespace: str) -> Home | None:
    """The file that holds most of the namespace's policies; else the place that the repository suggests for the first
    one. None where it shows nothing of the kind."""
    entries = _standing(workspace, workspace.index.entries)
    whole = [entry for entry in entries if _is_yaml(entry) and workspace.find(entry)[1] == ()]
    own = [[entry for entry in part if entry.policy.namespace == namespace] for part in (whole, entries)]
    if found := own[0] or [entry for entry in own[1] if not _is_yaml(entry)]:
        return _fullest(workspace, namespace, found, [])
    known = [(entry.policy.namespace, entry.path) for entry in whole]
    path = file_for(namespace, known, workspace.index.cluster)
    if path is None:
        return None
    home, overlay = _like(workspace, path, whole), workspace.overlay(path, namespace)
    return _in(overlay, home.indented) if overlay else home


def home_for(workspace: Workspace, namespace: str, near: Pods) -> Home | None:
    """The file that holds the policies of these pods, else most of the namespace's; JSON only where no YAML does."""
    entries = _standing(workspace, workspace.index.entries_of(namespace))
    yaml = [entry for entry in entries if _is_yaml(entry)]
    plain = [entry for entry in yaml if workspace.find(entry)[1] == ()]
    found = plain or yaml or entries
    own = [entry for entry in found if workspace.names(entry, near)]
    return _fullest(workspace, namespace, found, own) if found else None


def _fullest(workspace: Workspace, namespace: str, entries: list[PolicyEntry], best: list[PolicyEntry]) -> Home:
    """The file of the most such policies, `best` ones first. What a base holds for others too is no place for these:
    then a file of the overlay is."""
    shared = {path: workspace.overlay(path, namespace) for path in {entry.path for entry in entries}}
    own = [entry for entry in entries if shared[entry.path] is None]
    counted, first = ([entry.path for entry in part] for part in (own or entries, best))
    path = max(sorted(set(counted)), key=lambda path: (first.count(path), counted.count(path)))
    overlay = shared[path]
    if overlay is None:
        return _like(workspace, path, own)
    return _in(overlay, _like(workspace, path, entries).indented)


def _in(overlay: Overlay, indented: bool) -> Home:
    return Home(overlay.file(POLICIES), not overlay.sets_namespace, indented)


def _standing(workspace: Workspace, entries: Iterable[PolicyEntry]) -> list[PolicyEntry]:
    """Policies that stand in their files as they were read, and not in a template."""
    return [e for e in entries if e.path.lower().endswith((*YAML, JSON)) and workspace.holds(e)]


def _is_yaml(entry: PolicyEntry) -> bool:
    return entry.path.lower().endswith(YAML)


def _like(workspace: Workspace, path: str, entries: list[PolicyEntry]) -> Home:
    there = [entry for entry in entries if entry.path == path]
    named = not there or not all(entry.assumed_namespace for entry in there)
    if not entries:
        return Home(path)
    document, _ = workspace.find((there or entries)[-1])
    return Home(path, named, indents_lists(document))


def add_policy(workspace: Workspace, home: Home, policy: Mapping[str, Any], comment: str, role: Role) -> None:
    """Writes a policy where it belongs. JSON has no comments.

    Raises:
        CannotEdit: what would come of it can't be proved.
    """
    if home.path.lower().endswith(JSON):
        workspace.add_json(home.path, policy, role)
    else:
        workspace.add_document(home.path, policy_text(policy, comment, indent_lists=home.indented), role)
