"""Which fields of a file a change touches, so that a policy can say who approves them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from skills.core.model import Edit
from skills.core.yaml_text import read_documents

_YAML = (".yaml", ".yml", ".json")


def touched(edits: Iterable[Edit]) -> dict[str, tuple[str, ...]]:
    """For each file its changed fields as `spec.network.allow`: lists are one field, whatever changed in them.

    A file that is no YAML, or can't be read, has none, and then every entry that may be meant counts.
    """
    return {edit.path: _fields(edit) for edit in edits if edit.role != "architecture"}


def _fields(edit: Edit) -> tuple[str, ...]:
    if not edit.path.endswith(_YAML):
        return ()
    old, unread = read_documents(edit.path, edit.old_text or "")
    new, unread_now = read_documents(edit.path, edit.new_text)
    if unread or unread_now:
        return ()
    was, now = ({_name(doc.data, at): doc.data for at, doc in enumerate(docs)} for docs in (old, new))
    found = {field for name in {**was, **now} for field in _differing(was.get(name), now.get(name), "")}
    return tuple(sorted(found))


def _name(data: Any, index: int) -> tuple[Any, ...]:
    """A document is the same one as long as its kind and name are."""
    metadata = data.get("metadata") if isinstance(data, Mapping) else None
    if not isinstance(metadata, Mapping) or not metadata.get("name"):
        return (index,)
    return str(data.get("kind")), str(metadata.get("namespace")), str(metadata["name"])


def _differing(was: Any, now: Any, at: str) -> Iterator[str]:
    if was == now:
        return
    if not any(isinstance(side, Mapping) and side for side in (was, now)):
        yield at.removeprefix(".")
        return
    old, new = (side if isinstance(side, Mapping) else {} for side in (was, now))
    for key in {**old, **new}:
        yield from _differing(old.get(key), new.get(key), f"{at}.{key}")
