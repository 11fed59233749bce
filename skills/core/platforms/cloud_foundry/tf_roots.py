"""Spaces that several roots of Terraform name: where they are one space, and where each root has its own foundation.

A space is created once on a foundation. Where one root creates it and others look it up, all mean the same space; roots
that each create one of the same name are run for different foundations. Where none creates it, nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from skills.core.platforms.cloud_foundry.commands import Command
from skills.core.platforms.cloud_foundry.terraform import Made, Whole


@dataclass(frozen=True, slots=True)
class Roots:
    """By organisation and space in lower case: the roots that create it, those that only look it up, and the lists that
    are all that it binds."""

    makers: Mapping[str, set[str]]
    lookers: Mapping[str, set[str]]
    wholes: Mapping[str, Sequence[Whole]]

    def home(self, root: str, scope: str) -> str:
        """The root that a space counts for."""
        makers = self.makers.get(scope, set())
        return next(iter(makers)) if len(makers) == 1 else root

    def all(self, root: str, scope: str) -> frozenset[str]:
        """Every root that means the space of this one."""
        named = self.makers.get(scope, set()) | self.lookers.get(scope, set())
        return frozenset({root, *(other for other in named if self.home(other, scope) == root)})

    def about(self, command: Command, root: str, scope: str) -> Command | None:
        """The command as it counts for the space of a root: as it is, unsure, or not at all."""
        there, makers = command.root, self.makers.get(scope, set())
        if there is None:
            return command
        if root not in makers | self.lookers.get(scope, set()) or there in self.all(root, scope):
            return self._fought_over(command, root, scope)
        if {there, root} <= makers:
            return None
        run = f"the foundation for which {there or 'the Terraform here'} is run"
        return replace(command, unsure=command.unsure or run)

    def _fought_over(self, command: Command, root: str, scope: str) -> Command:
        """Unsure where another block says all that the space binds, and not this."""
        mine = self.all(root, scope)
        against = (each for each in self.wholes.get(scope, ()) if each.root in mine and each.phase == command.phase)
        fight = not command.unsure and any(command.group not in each.groups for each in against)
        return replace(command, unsure="which of two blocks for the space is the last to run") if fight else command


def roots_of(made: Made) -> Roots:
    makers: dict[str, set[str]] = {}
    lookers: dict[str, set[str]] = {}
    wholes: dict[str, list[Whole]] = {}
    for each in made.spaces:
        (makers if each.makes else lookers).setdefault(f"{each.org}/{each.space}".casefold(), set()).add(each.root)
    for whole in made.wholes:
        wholes.setdefault(whole.scope, []).append(whole)
    return Roots(makers, lookers, wholes)
