"""Patches: strategic merge as Kustomize does it, and JSON 6902."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skills.core.enforce.kube_objects import mapping_of, sequence_of, text_of
from skills.core.enforce.overlay.objects import CannotBuild, copied
from skills.core.yaml_text import Map, Seq

# Lists of built-in kinds whose items are merged by a key; all other lists are replaced.
# Source: patchMergeKey in the Kubernetes API types.
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "secrets": "name",
    "volumeMounts": "mountPath",
    "hostAliases": "ip",
}
_BUILT_IN = ("v1", "apps/", "batch/", "extensions/", "networking.k8s.io/", "policy/", "autoscaling/")
_DIRECTIVE = "$patch"


def merge(base: Map, patch: Map, version: str) -> bool:
    """Lays `patch` over `base`. False: the patch deletes it. Raises CannotBuild on what we don't work out."""
    directive = patch.get(_DIRECTIVE)
    if directive == "delete":
        return False
    if directive == "replace":
        base.clear()
        base.lines.clear()
    elif directive not in {None, "merge"}:
        raise CannotBuild("EGR516", field=f"$patch: {text_of(directive)}")
    for key, value in patch.items():
        if key == _DIRECTIVE:
            continue
        if isinstance(key, str) and key.startswith("$"):
            raise CannotBuild("EGR516", field=key)
        _merge_key(base, key, value, patch.lines[key], version)
    return True


def _merge_key(base: Map, key: Any, value: Any, line: int, version: str) -> None:
    there = base.get(key)
    if value is None:
        base.pop(key, None)
        base.lines.pop(key, None)
        return
    if isinstance(value, Map) and isinstance(there, Map):
        if merge(there, value, version):
            return
        base.pop(key)
        base.lines.pop(key)
        return
    merge_key = _merge_key_of(str(key), there, value) if version.startswith(_BUILT_IN) else None
    if merge_key and isinstance(value, Seq) and isinstance(there, Seq):
        _merge_items(there, value, merge_key, version)
        return
    base[key] = _without_nulls(copied(value))
    base.lines[key] = line


def _merge_key_of(key: str, there: Any, value: Any) -> str | None:
    if key == "ports":  # of containers and of Services
        items = [*sequence_of(there), *sequence_of(value)]
        return "containerPort" if any("containerPort" in mapping_of(item) for item in items) else "port"
    return _KEYS.get(key)


def _merge_items(there: Seq, items: Seq, key: str, version: str) -> None:
    for at, item in enumerate(items):
        if not isinstance(item, Map) or (key not in item and _DIRECTIVE not in item):
            raise CannotBuild("EGR516", field=f"a patch of a list without {key}")
        if item.get(_DIRECTIVE) == "replace":
            raise CannotBuild("EGR516", field="$patch: replace")
        found = [n for n, known in enumerate(there) if mapping_of(known).get(key) == item.get(key)]
        if found and not merge(there[found[0]], item, version):
            del there[found[0]], there.lines[found[0]]
        elif not found and item.get(_DIRECTIVE) != "delete":
            there.append(_without_nulls(copied(item)))
            there.lines.append(items.lines[at])


def _without_nulls(node: Any) -> Any:
    """What a patch adds is taken without the keys that it only deletes."""
    if isinstance(node, Map):
        if any(isinstance(key, str) and key.startswith("$") for key in node):
            raise CannotBuild("EGR516", field="$patch inside a new value")
        for key in [key for key, value in node.items() if value is None]:
            del node[key], node.lines[key]
        for value in node.values():
            _without_nulls(value)
    elif isinstance(node, Seq):
        for item in node:
            _without_nulls(item)
    return node


def apply_operations(data: Map, operations: Seq) -> None:
    """Runs a JSON patch (RFC 6902). Raises CannotBuild where Kustomize would refuse it."""
    for at, item in enumerate(operations):
        operation, line = mapping_of(item), operations.lines[at]
        _apply(data, text_of(operation.get("op")), operation, line)


def _apply(data: Map, name: str, operation: Any, line: int) -> None:
    steps = _steps(operation.get("path"))
    if name == "test":
        if _value_at(data, steps) != operation.get("value"):
            raise CannotBuild("EGR517", why=f"the test of {text_of(operation.get('path'))} fails")
    elif name == "add":
        _add(data, steps, copied(operation.get("value")), line)
    elif name == "replace":
        _value_at(data, steps)
        _remove(data, steps)
        _add(data, steps, copied(operation.get("value")), line)
    elif name == "remove":
        _remove(data, steps)
    elif name in {"move", "copy"}:
        value = copied(_value_at(data, source := _steps(operation.get("from"))))
        if name == "move":
            _remove(data, source)
        _add(data, steps, value, line)
    else:
        raise CannotBuild("EGR517", why=f"{name or 'nothing'} is no operation")


def _steps(pointer: Any) -> list[str]:
    text = text_of(pointer)
    if not text.startswith("/"):
        raise CannotBuild("EGR517", why=f"{text or 'nothing'} is no path")
    return [step.replace("~1", "/").replace("~0", "~") for step in text[1:].split("/")]


def _value_at(node: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(node, Map) and step in node:
            node = node[step]
        elif isinstance(node, Seq):
            node = node[_index(step, len(node) - 1)]
        else:
            raise CannotBuild("EGR517", why=f"there is no /{'/'.join(steps)}")
    return node


def _index(step: str, last: int) -> int:
    if not (step.isascii() and step.isdigit() and len(step) < 8 and int(step) <= last):
        raise CannotBuild("EGR517", why=f"there is no item {step}")
    return int(step)


def _add(data: Map, steps: Sequence[str], value: Any, line: int) -> None:
    parent, step = _value_at(data, steps[:-1]), steps[-1]
    if isinstance(parent, Map):
        parent[step], parent.lines[step] = value, line
    elif isinstance(parent, Seq):
        at = len(parent) if step == "-" else _index(step, len(parent))
        parent.insert(at, value)
        parent.lines.insert(at, line)
    else:
        raise CannotBuild("EGR517", why=f"nothing can be added at /{'/'.join(steps)}")


def _remove(data: Map, steps: Sequence[str]) -> None:
    parent, step = _value_at(data, steps[:-1]), steps[-1]
    if isinstance(parent, Map) and step in parent:
        del parent[step]
        parent.lines.pop(step, None)
    elif isinstance(parent, Seq):
        at = _index(step, len(parent) - 1)
        del parent[at], parent.lines[at]
    else:
        raise CannotBuild("EGR517", why=f"there is no /{'/'.join(steps)}")
