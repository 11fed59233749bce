"""Security groups of Terraform: `rules` of the official provider, `rule` blocks of the community provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from skills.core.hcl import Block
from skills.core.model import Place
from skills.core.platforms.cloud_foundry.documents import Group
from skills.core.platforms.cloud_foundry.rules import Rule, read_rule, unresolved_rule
from skills.core.platforms.cloud_foundry.tf_data import File, Value
from skills.core.platforms.cloud_foundry.tf_values import Ref

GROUP_TYPES = frozenset({"cloudfoundry_security_group", "cloudfoundry_asg"})
_PHASES = ("running", "staging")
_MOST_RULES = 5000


def group_of(ref: Ref, file: File, root: str) -> Group | None:
    """The group that a resource defines; None where its name is not known."""
    name = ref.get("name")
    if name.text is None:
        return None
    rules = list(_rules(ref, file))
    phases = tuple(phase for phase in _PHASES if ref.get(f"globally_enabled_{phase}").data is True)
    place = name.place if name.place.path else file.place(ref.block.line)
    return Group(name.text, tuple(rules[:_MOST_RULES]), place, "loose", root, globally=phases, terraform=True)


def _rules(ref: Ref, file: File) -> Iterator[Rule]:
    position = 0
    for block in ref.block.body.blocks:
        if block.kind == "rule":
            data = {key: ref.scope.value(written, file, each=ref.key) for key, written in block.body.attributes}
            yield _rule(data, file.place(block.line), position)
        elif block.kind == "dynamic":
            yield unresolved_rule(file.place(block.line), position, "a dynamic block")
        position += 1
    listed = ref.get("rules")
    if listed.unknown or (ref.block.get("rules") is not None and not isinstance(listed.data, tuple)):
        yield unresolved_rule(_at(listed, file, ref.block), position, listed.unknown or "rules")
    for item in listed.values:
        at = _at(item, file, ref.block)
        if isinstance(item.data, dict):
            yield _rule(item.data, at, position)
        else:
            yield unresolved_rule(at, position, item.unknown or "a rule")
        position += 1


def _at(value: Value, file: File, block: Block) -> Place:
    return value.place if value.place.path else file.place(block.line)


def _rule(data: dict[str, Value], place: Place, position: int) -> Rule:
    """The rule; one whose destination, protocol or ports only Terraform knows opens nothing for certain."""
    plain: dict[str, Any] = {key: each.data for key, each in data.items() if isinstance(each.data, (str, int))}
    if isinstance(plain.get("ports"), int):
        plain["ports"] = str(plain["ports"])  # Terraform turns numbers into the text that the provider wants
    unknown = next((each.unknown for each in data.values() if each.unknown), "")
    if unknown:
        return unresolved_rule(place, position, unknown, plain)
    destination = data.get("destination")
    at = destination.place if destination and destination.place.path else place
    return read_rule(plain, at, position)
