"""A policy beside the allowlist that it is about: what is wrong in it, and what does nothing there."""

from __future__ import annotations

from skills.contract import World
from skills.core.messages import level
from skills.core.model import Finding
from skills.core.policy import PATH, read_policy
from skills.core.policy.lint import lint
from skills.levels import all_names


def linted(world: World, text: str | None = None) -> list[Finding]:
    """Of `text`, else of the file that stands there; ends with a summary where nothing is a fault."""
    listed = world.allowlist
    written = text if text is not None else listed.texts.get(PATH) or world.file(PATH)
    names = {name: all_names(world, name) for name in listed.names()}
    found = lint(written, list(listed.readings), names, listed.environments, world.now)
    if any(level(each) == "error" for each in found):
        return found
    policy = read_policy(written)
    counts = {"groups": len(policy.groups), "teams": len(policy.teams), "rules": len(policy.approval)}
    return [*found, Finding("EGR1567", {"path": PATH, **counts, "denied": len(policy.deny)})]
