"""Edits of scripts and pipelines: one `cf bind-security-group` more, in the form of its neighbour and behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import re2

from skills.core.platforms.cloud_foundry import cli
from skills.core.platforms.cloud_foundry.binding import Desk
from skills.core.platforms.cloud_foundry.commands import Act, Command, read_commands, read_script
from skills.core.platforms.cloud_foundry.texts import reads
from skills.core.yaml_text import Map, read_documents

_REMARK = re2.compile(r"\s+#[^\"']*?(\r?)$")


def bind_in_script(desk: Desk, group: str) -> bool:
    """A new line that binds the group as the line above it binds another. False where no such line can be written."""
    for each in reversed(desk.space.commands):
        path = each.place.path
        if each.terraform or not each.space or path not in desk.texts or each.phase != "running":
            continue
        text = desk.texts[path]
        rows = text.split("\n")
        row = rows[each.place.line - 1]
        _, bare = front_of(row)
        if not bare.startswith("cf ") or row.count(each.group) != 1 or row.rstrip("\r").endswith("\\"):
            continue
        # A remark at the end of the row is about the neighbour's group.
        rows.insert(each.place.line, _REMARK.sub(r"\1", row).replace(each.group, cli.quoted(group)))
        new = "\n".join(rows)
        if _adds_just(path, text, new, (group, each.org, each.space)):
            desk.write(path, new)
            return True
    return False


def unbind_in_script(desk: Desk, group: str, path: str, line: int) -> bool:
    """Without one line, if it binds this group to this space and does nothing else."""
    each = next(
        (each for each in desk.space.commands if (each.place.path, each.place.line, each.group) == (path, line, group)),
        None,
    )
    if each is None or each.terraform or not each.space or path not in desk.texts:
        return False
    text = desk.texts[path]
    rows = text.split("\n")
    row, near = rows[line - 1], rows[max(line - 2, 0) : line + 1]
    _, bare = front_of(row)
    alone = bare.startswith("cf ") and group in row and each.space in row and not set(bare) & set(";&|\\")
    new = without_row(text, line)
    if not alone or new is None or any(other.rstrip("\r").endswith("\\") for other in near):
        return False
    gone = _bindings(path, text) - _bindings(path, new)
    if list(gone.elements()) != [(group, each.org, each.space, "running", False, "")]:
        return False
    desk.write(path, new)
    return True


def front_of(row: str) -> tuple[str, str]:
    """What stands before the command, as margin and the sign of a list; then the command."""
    bare = row.strip().removeprefix("- ").lstrip()
    return row[: row.find(bare)] if bare else "", bare


def without_row(text: str, line: int) -> str | None:
    """The text without a row; None unless it is beside one of the same form: what is left of the list or block is not
    empty then."""
    rows, at = text.split("\n"), line - 1
    front, _ = front_of(rows[at])
    around = [*rows[max(at - 1, 0) : at], *rows[at + 1 : at + 2]]
    if not any(front_of(other)[0] == front and other.strip() for other in around):
        return None
    return "\n".join([*rows[:at], *rows[at + 1 :]])


def _adds_just(path: str, old: str, new: str, wanted: tuple[str, str, str]) -> bool:
    """Whether the new text makes all bindings of the old one, and this one."""
    before, after = _bindings(path, old), _bindings(path, new)
    more = after - before
    return not before - after and list(more.elements()) == [(*wanted, "running", False, "")]


def _bindings(path: str, text: str) -> Counter[tuple[str, str, str, str, bool, str]]:
    return Counter(
        (act.group, act.org, act.space, act.phase, act.unbinds, act.unsure)
        for act in acts_of(path, text)
        if isinstance(act, Command)
    )


def acts_of(path: str, text: str) -> Sequence[Act]:
    """What the `cf` commands of a script or a pipeline do."""
    if reads(path):
        return read_script(path, text)
    documents = read_documents(path, text)[0]
    return [act for each in documents if isinstance(each.data, Map) for act in read_commands(each, each.data)]
