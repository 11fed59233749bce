"""All documents of a commit, compiled: which groups are in force for a space, and what each opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from skills.core.enforce.spans import Region
from skills.core.model import Finding, Place, RuleHit, Workload
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.commands import Command, Policy
from skills.core.platforms.cloud_foundry.documents import (
    App,
    Group,
    Named,
    Settings,
    SpaceConfig,
)
from skills.core.platforms.cloud_foundry.known import KnownGroup
from skills.core.platforms.cloud_foundry.proxy import Proxy
from skills.core.platforms.cloud_foundry.rules import Rule
from skills.core.platforms.cloud_foundry.terraform import ENDINGS, Home
from skills.core.platforms.cloud_foundry.tf_data import File


@dataclass(frozen=True, slots=True)
class Piece:
    """What one rule opens, and where that stands. `rule` is None for what is only known of the platform's groups."""

    protocol: str
    version: int
    region: Region
    place: Place
    rule: Rule | None = None

    def speaks(self, protocol: str) -> bool:
        return self.protocol in (protocol, "all")


@dataclass(frozen=True, slots=True)
class Bound:
    """A group in force: `place` is where it is bound; `group` is the repository's definition, `known` ours."""

    name: str
    place: Place
    group: Group | None = None
    known: KnownGroup | None = None
    everywhere: bool = False
    stated: bool = True

    @property
    def refused(self) -> Rule | None:
        """The rule for which the platform refuses the repository's definition."""
        return self.group.fault if self.group else None

    @property
    def undefined(self) -> bool:
        return self.group is None and self.known is None

    def pieces(self, *, leniently: bool = False) -> list[Piece]:
        """What it opens; nothing where the platform refuses the definition, unless read leniently."""
        if self.group is not None:
            if self.group.fault and not leniently:
                return []
            rules = (rule for rule in self.group.rules if rule.addresses)
            return [Piece(rule.protocol, rule.version, rule.region, rule.place, rule) for rule in rules]
        if self.known is not None:
            return [Piece(protocol, 4, region, self.place) for protocol, region in self.known.regions]
        return []


@dataclass(frozen=True, slots=True)
class Space:
    """A space of one foundation, which is one folder of cf-mgmt's configuration.

    `configs` are the files that configure it; none where only a list of spaces or a command names it. `commands`
    are those of pipelines that bind groups to it.
    """

    org: str
    space: str
    root: str
    place: Place
    configs: tuple[SpaceConfig, ...]
    defaults: SpaceConfig | None = None
    commands: tuple[Command, ...] = ()
    homes: tuple[Home, ...] = ()
    stated: bool = False
    unsure: tuple[Command, ...] = ()  # those that may bind a group to it; nobody knows before they run
    roots: frozenset[str] = frozenset()  # every Terraform root that means this space

    def means(self, root: str | None) -> bool:
        """Whether what a Terraform root makes is about this space; what no root makes is about all."""
        return root is None or root == self.root or root in self.roots

    @property
    def is_of_terraform(self) -> bool:
        """Whether it is Terraform that names it."""
        return self.place.path.endswith(ENDINGS)

    @property
    def is_configured(self) -> bool:
        """Whether any file says what is bound."""
        return bool(self.configs or self.commands or self.stated)

    @property
    def scope(self) -> str:
        return f"{self.org}/{self.space}"

    @property
    def own_group(self) -> str:
        return f"{self.org}-{self.space}"

    @property
    def named(self) -> tuple[Named, ...]:
        """The groups that its files bind; a file that does not say takes the defaults."""
        defaults = (self.defaults.groups if self.defaults else None) or ()
        lists = [config.groups if config.groups is not None else defaults for config in self.configs]
        lists.append(tuple(Named(each.group, each.place, 0) for each in self.commands if each.phase == "running"))
        return tuple({name.name: name for names in lists for name in names}.values())

    @property
    def enabled(self) -> bool:
        default = self.defaults.enabled if self.defaults else None
        return any((default if each.enabled is None else each.enabled) for each in self.configs)

    @property
    def unassigns(self) -> bool:
        default = self.defaults.unassigns if self.defaults else None
        return any((default if each.unassigns is None else each.unassigns) for each in self.configs)

    @property
    def list_place(self) -> Place:
        """Where a group would be bound."""
        homes = [home.file.place(home.listed.line) for home in self.homes]
        return next(
            (each.groups_place for each in self.configs if each.groups_place), homes[0] if homes else self.place
        )

    @property
    def for_staging(self) -> tuple[Command, ...]:
        return tuple(each for each in self.commands if each.phase == "staging")

    def __str__(self) -> str:
        return self.scope


@dataclass(frozen=True, slots=True)
class Reach:
    """What groups say of a destination: the rules that open it, and what would have to be known."""

    hits: tuple[RuleHit, ...] = ()
    unknown: tuple[Finding, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Index:
    spaces: Mapping[tuple[str, str], Space]  # by folder and scope in lower case
    groups: tuple[Group, ...]
    settings: Mapping[str, Settings]
    apps: tuple[App, ...]
    commands: tuple[Command, ...] = ()
    policies: tuple[Policy, ...] = ()
    proxies: tuple[Proxy, ...] = ()
    terraform: tuple[File, ...] = ()
    binders: Mapping[str, list[tuple[str, Place]]] = field(default_factory=dict)
    everywhere: tuple[Command, ...] = ()  # those of the commands that bind for all spaces for sure
    overrun: Mapping[str, Place] = field(default_factory=dict)  # roots of Terraform that have no end

    @cached_property
    def labels(self) -> Mapping[str, str | None]:
        """The environment of each foundation's workloads: its folder's name, where there is more than one."""
        roots = sorted({root for root, _ in self.spaces})
        if len(roots) < 2:
            return dict.fromkeys(roots)
        names = [_label(root, roots) for root in roots]
        unique = len(set(names)) == len(names)
        return {
            root: name if unique else root.replace("/", "-") or "top" for root, name in zip(roots, names, strict=True)
        }

    @cached_property
    def _called(self) -> Mapping[str, tuple[Space, ...]]:
        found: dict[str, list[Space]] = {}
        for space in self.spaces.values():
            for name in (space.space, space.scope):
                found.setdefault(name.casefold(), []).append(space)
        return {name: tuple(spaces) for name, spaces in found.items()}

    def called(self, *parts: str) -> tuple[Space, ...]:
        """The spaces of a name, or of an organisation's and a space's."""
        found = self._called.get("/".join(parts).casefold(), ())
        return found or (self._called.get(f"?/{parts[-1]}".casefold(), ()) if len(parts) == 2 else ())

    @cached_property
    def app_names(self) -> frozenset[str]:
        return frozenset(app.name.casefold() for app in self.apps)

    @cached_property
    def _scopes(self) -> Mapping[tuple[str | None, str], Space]:
        return {(self.labels[root], scope): space for (root, scope), space in self.spaces.items()}

    def of(self, workload: Workload) -> Space | None:
        if workload.kind != "cf":
            return None
        return self._scopes.get((workload.environment, workload.scope.casefold()))

    @cached_property
    def _defined(self) -> Mapping[str, tuple[Group, ...]]:
        found: dict[str, list[Group]] = {}
        for group in self.groups:
            found.setdefault(group.name, []).append(group)
        return {name: tuple(groups) for name, groups in found.items()}

    def definition(self, name: str, root: str) -> Group | None:
        """The repository's definition of a group: the foundation's own before one that stands anywhere else."""
        found = [group for group in self._defined.get(name, ()) if group.role != "space"]
        own = [group for group in found if group.folder == root]
        loose = [group for group in found if group.role == "loose"]
        if own or not loose:
            return next(iter(own), None)
        same = all([str(rule) for rule in group.rules] == [str(rule) for rule in loose[0].rules] for group in loose)
        return loose[0] if same else None  # several say different things: nobody knows which one is meant

    def group_names(self, root: str) -> set[str]:
        """Names of groups that a space of this foundation could bind."""
        named = {g.name for g in self.groups if g.role == "loose" or (g.role != "space" and g.folder == root)}
        return named | set(known.GROUPS)

    def own_group(self, space: Space) -> Group | None:
        """What stands in the space's security-group.json."""
        folders = {config.place.path.rpartition("/")[0] for config in space.configs}
        return next((self._own[folder] for folder in sorted(folders) if folder in self._own), None)

    @cached_property
    def _own(self) -> Mapping[str, Group]:
        """Groups of single spaces by their folder."""
        return {group.folder: group for group in self.groups if group.role == "space"}

    def manifests(self, app: str) -> Iterator[App]:
        """Those of an app, whose name is the same in upper and lower case."""
        return (each for each in self.apps if each.name.casefold() == app.casefold())

    @cached_property
    def _global(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.globally)

    def _is_global_for(self, group: Group, root: str) -> bool:
        """Not where Terraform makes it in another root that has spaces of its own: that may be another foundation."""
        elsewhere = group.terraform and group.folder != root
        return not elsewhere or not any(other == group.folder for other, _ in self.spaces)

    def globally_listed(self, root: str, name: str) -> Named | None:
        """Where cf-mgmt.yml lists the group for all spaces; cf-mgmt refuses to bind such a group to a space."""
        settings = self.settings.get(root)
        listed = (*(settings.running or ()), *(settings.staging or ())) if settings else ()
        return next((each for each in listed if each.name == name), None)

    def says_what_is_global(self, root: str) -> bool:
        """Whether any file says which groups are in force for every space: Terraform, a command, or cf-mgmt's files.

        A list that cf-mgmt's files don't have is an empty one.
        """
        if root in self.settings or any(
            "running" in group.globally and self._is_global_for(group, root) for group in self._global
        ):
            return True
        if any(space.root == root and space.configs for space in self.spaces.values()):
            return True
        return any(each.everywhere and each.phase == "running" for each in self.commands)

    def bound(self, space: Space, phase: str = "running") -> tuple[Bound, ...]:
        """The groups in force for a phase, each once: those of the platform, then those of the space."""
        found = list(self._everywhere(space, phase))
        if phase == "running":
            found += [self.bind(named.name, named.place, space.root) for named in space.named]
            own = self.own_group(space)
            if space.enabled and own is not None:
                found.append(Bound(space.own_group, own.place, own))
        else:
            found += [self.bind(each.group, each.place, space.root) for each in space.for_staging]
        unique: dict[str, Bound] = {}
        for each in found:
            if each.name not in unique or (each.stated and not unique[each.name].stated):
                unique[each.name] = each
        return tuple(unique.values())

    def _everywhere(self, space: Space, phase: str) -> Iterator[Bound]:
        settings = self.settings.get(space.root)
        stated = (settings.running if phase == "running" else settings.staging) if settings else None
        for named in stated or ():
            yield self.bind(named.name, named.place, space.root, everywhere=True)
        for each in self.everywhere:
            if each.phase == phase:
                yield self.bind(each.group, each.place, space.root, everywhere=True)
        for group in self._global:
            if phase in group.globally and self._is_global_for(group, space.root):
                yield Bound(group.name, group.place, group, everywhere=True)
        if stated is None:
            for name in known.GLOBAL_RUNNING if phase == "running" else known.GLOBAL_STAGING:
                yield self.bind(name, space.place, space.root, everywhere=True, stated=False)

    def bind(self, name: str, place: Place, root: str, *, everywhere: bool = False, stated: bool = True) -> Bound:
        return Bound(name, place, self.definition(name, root), known.GROUPS.get(name), everywhere, stated)


def _label(root: str, roots: Sequence[str]) -> str:
    """The last folder of a foundation's path that is not the same in all of them."""
    parts = root.split("/")
    for back in range(1, len(parts) + 1):
        if len({other.split("/")[-back] if len(other.split("/")) >= back else "" for other in roots}) > 1:
            return parts[-back] or "top"
    return parts[-1] or "top"
