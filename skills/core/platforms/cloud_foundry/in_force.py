"""Which bindings that commands and Terraform make are in force for a space, and which of them nobody can know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from skills.core.platforms.cloud_foundry.commands import Command
from skills.core.platforms.cloud_foundry.documents import SpaceConfig


def bindings_of(
    commands: Sequence[Command], org: str, space: str, about: Callable[[Command], Command | None]
) -> tuple[tuple[Command, ...], tuple[Command, ...]]:
    """Those of a space and of its whole organisation that are in force; then those that may be. `about` says how a
    command counts for it.

    In one file the later command wins. Where one file binds and another unbinds, nobody knows which runs last.
    """
    mine: dict[tuple[str, str], list[Command]] = {}
    for each in commands:
        named = not each.everywhere and _may_mean(each.org, org) and (not each.space or _may_mean(each.space, space))
        counts = about(each) if named else None
        if counts is not None:
            mine.setdefault((each.group, each.phase), []).append(counts)
    return _in_force(mine)


def everywhere_of(commands: Sequence[Command]) -> tuple[tuple[Command, ...], tuple[Command, ...]]:
    """The same for commands that bind for the whole foundation."""
    mine: dict[tuple[str, str], list[Command]] = {}
    for each in commands:
        if each.everywhere:
            mine.setdefault((each.group, each.phase), []).append(each)
    return _in_force(mine)


def _in_force(mine: Mapping[tuple[str, str], list[Command]]) -> tuple[tuple[Command, ...], tuple[Command, ...]]:
    sure: list[Command] = []
    unsure: list[Command] = []
    for found in mine.values():
        binds = [each for each in found if not each.unbinds]
        if not binds:
            continue
        files = {each.place.path for each in found}
        last = next((each for each in reversed(found) if not each.unsure), None)
        doubtful = next((each for each in reversed(found) if each.unsure), None)
        contested = len(files) > 1 and any(each.unbinds for each in found)
        if last is None or contested or (last.unbinds and not all(each.unbinds for each in found if each.unsure)):
            unsure += [each for each in binds if _says_something(each)][:1]
        elif not last.unbinds and (doubtful is None or not doubtful.unbinds):
            sure.append(next(each for each in reversed(binds) if not each.unsure))
        elif not last.unbinds:
            unsure.append(last)
    return tuple(sure), tuple(unsure)


def without_unlisted(
    sure: Sequence[Command], unsure: Sequence[Command], configs: Sequence[SpaceConfig]
) -> tuple[tuple[Command, ...], tuple[Command, ...]]:
    """Where cf-mgmt unbinds what its file does not list, a command's binding holds until its next run at most."""
    listed = {named.name for config in configs for named in config.groups or ()}
    gone = [each for each in sure if not each.terraform and each.group not in listed and each.phase == "running"]
    doubtful = (replace(each, unsure="enable-unassign-security-group") for each in gone)
    return tuple(each for each in sure if each not in gone), (*unsure, *doubtful)


def _says_something(command: Command) -> bool:
    """Not a helper script, in which group and space are both parameters."""
    return command.names_group or command.names_space


def _may_mean(written: str, name: str) -> bool:
    """Whether a name is meant; one that only the run knows may mean any, and so may one that no file says."""
    return (
        "?" in (written, name)
        or "$" in written
        or "{{" in written
        or "((" in written
        or written.casefold() == name.casefold()
    )
