"""Rules of a group that Terraform defines: one more in its list or behind its blocks, or one less."""

from __future__ import annotations

import json

from skills.core.hcl import Block, Expression, append_block, append_element, remove_block, remove_element
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
    """One rule more at the end. False where the group has neither a list nor blocks of its own."""
    path, block = _block_of(desk, group)
    listed, blocks = _list_of(block), _rule_blocks(block)
    text = desk.texts.get(path, "")
    if listed is not None:
        desk.write(path, append_element(path, text, listed, _written(text, listed, rule)))
        return True
    if not blocks:
        return False
    rows = [f"  {key.ljust(_WIDTH)} = {_quoted(value)}" for key, value in rule.items()]
    desk.write(path, append_block(path, text, blocks[-1], "\n".join(["rule {", *rows, "}"])))
    return True


def drop_rule(desk: Desk, group: Group, position: int) -> bool:
    """The group without the rule at a position, as they are counted when it is read: blocks first."""
    path, block = _block_of(desk, group)
    listed, others = _list_of(block), block.body.blocks if block else ()
    if position < len(others) and others[position].kind == "rule":
        desk.write(path, remove_block(path, desk.texts[path], others[position]))
        return True
    if listed is None or not 0 <= position - len(others) < len(listed.items):
        return False
    desk.write(path, remove_element(path, desk.texts[path], listed, position - len(others)))
    return True


def _block_of(desk: Desk, group: Group) -> tuple[str, Block | None]:
    """The file and the block of the resource that defines the group."""
    path = group.place.path
    files = read_terraform(path, desk.texts[path])[0] if path in desk.texts else ()
    for file in files:
        for block in file.body.all("resource"):
            name = block.get("name")
            if block.labels[0] in GROUP_TYPES and name is not None and name.value == group.name:
                return path, block
    return path, None


def _list_of(block: Block | None) -> Expression | None:
    rules = block.get("rules") if block else None
    return rules if rules is not None and rules.kind == "list" else None


def _rule_blocks(block: Block | None) -> list[Block]:
    return [each for each in block.body.blocks if each.kind == "rule"] if block else []


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
