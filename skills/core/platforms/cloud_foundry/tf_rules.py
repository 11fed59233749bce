"""Rules of a group that Terraform defines: one object more in its list, or one less."""

from __future__ import annotations

import json

from skills.core.hcl import Expression, append_element, remove_element
from skills.core.hosts import shown
from skills.core.platforms.cloud_foundry.binding import Desk
from skills.core.platforms.cloud_foundry.documents import Group
from skills.core.platforms.cloud_foundry.terraform import read_terraform
from skills.core.platforms.cloud_foundry.tf_edit import made_now
from skills.core.platforms.cloud_foundry.tf_groups import GROUP_TYPES

_WIDTH = len("description")


def rules_now(desk: Desk, group: Group) -> Group | None:
    """The group as its text stands now."""
    found = (each for each in made_now(desk).groups if each.name == group.name and each.folder == group.folder)
    return next(found, None)


def add_rule(desk: Desk, group: Group, rule: dict[str, str]) -> bool:
    """One rule more at the end. False where the group has no list of its own."""
    path, listed = _list_of(desk, group)
    if listed is None:
        return False
    text = desk.texts[path]
    desk.write(path, append_element(path, text, listed, _written(text, listed, rule)))
    return True


def drop_rule(desk: Desk, group: Group, position: int) -> bool:
    """The list without the rule at a position."""
    path, listed = _list_of(desk, group)
    if listed is None or position >= len(listed.items):
        return False
    desk.write(path, remove_element(path, desk.texts[path], listed, position))
    return True


def _list_of(desk: Desk, group: Group) -> tuple[str, Expression | None]:
    """The file and the literal list of rules of the resource that defines the group."""
    path = group.place.path
    files = read_terraform(path, desk.texts[path])[0] if path in desk.texts else ()
    for file in files:
        for block in file.body.all("resource"):
            name, rules = block.get("name"), block.get("rules")
            if block.labels[0] in GROUP_TYPES and name is not None and name.value == group.name and rules is not None:
                return path, rules if rules.kind == "list" else None
    return path, None


def _written(text: str, listed: Expression, rule: dict[str, str]) -> str:
    """The rule as an object: over several rows where the last one is, with its signs in one column."""
    last = listed.items[-1] if listed.items else None
    if last is None or "\n" not in text[last.start : last.end]:
        inner = ", ".join(f"{key} = {_quoted(value)}" for key, value in rule.items())
        return f"{{ {inner} }}"
    row = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    margin = row[: len(row) - len(row.lstrip())]
    end = "\r\n" if "\r\n" in text else "\n"
    rows = [f"{margin}  {key.ljust(_WIDTH)} = {_quoted(value)}" for key, value in rule.items()]
    return end.join(["{", *rows, margin + "}"])


def _quoted(value: str) -> str:
    """A text of HCL: what looks like a template is a text all the same."""
    return json.dumps(shown(value), ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
