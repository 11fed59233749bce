"""Terraform for Cloud Foundry: the official and the community provider, and Cloud.gov's modules.

Files are read one by one (`read_terraform`); `evaluate` puts the folders together as Terraform would and says which
groups, spaces, bindings, network policies and proxies they make.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from skills.core.hcl import Block, Body, Broken, Expression, parse, parse_json
from skills.core.hosts import shown
from skills.core.model import Finding, Place
from skills.core.platforms.cloud_foundry import tf_proxies
from skills.core.platforms.cloud_foundry.commands import Command, Policy
from skills.core.platforms.cloud_foundry.documents import Group
from skills.core.platforms.cloud_foundry.proxy import Proxy
from skills.core.platforms.cloud_foundry.tf_data import SETS_VALUES, File, Value
from skills.core.platforms.cloud_foundry.tf_folders import called, roots, with_overrides
from skills.core.platforms.cloud_foundry.tf_groups import GROUP_TYPES, group_of
from skills.core.platforms.cloud_foundry.tf_values import Ref, Scope, space_of
from skills.core.yaml_text import Unreadable

ENDINGS = (".tf", ".tf.json", *SETS_VALUES)
_BROKEN = "EGR571"
_KINDS = frozenset({"resource", "data", "module", "variable", "locals", "output"})
SPACE_MODULE = "cg_space"
SPACE_LISTS = ("security_group_names", "asg_names", "asgs")
_COMMUNITY = "cloudfoundry_space_asgs"
_WHOLE = ("cloudfoundry_space", _COMMUNITY)
_OFFICIAL = "cloudfoundry_security_group_space_bindings"


@dataclass(frozen=True, slots=True)
class Home:
    """A list in which a binding stands or could stand: names or references of groups, or spaces of one group.

    `group` is the group whose spaces are listed; empty where the list holds groups.
    """

    file: File
    listed: Expression
    values: tuple[Value, ...]
    group: str = ""
    me: str = ""  # how the space is written in a list of spaces


@dataclass(frozen=True, slots=True)
class TfSpace:
    org: str
    space: str
    root: str
    place: Place
    homes: tuple[Home, ...] = ()
    stated: bool = False  # whether the files say all that is bound
    makes: bool = False  # whether this root creates the space, and does not only look it up


@dataclass(frozen=True, slots=True)
class Whole:
    """A list that is all that a space binds, for whoever runs it: what it lacks is taken away."""

    scope: str
    root: str
    phase: str
    groups: frozenset[str]


@dataclass(slots=True)
class Made:
    """What all Terraform of a commit makes."""

    spaces: list[TfSpace] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    wholes: list[Whole] = field(default_factory=list)
    overrun: dict[str, Place] = field(default_factory=dict)  # roots that could not be followed to their end
    binders: dict[str, list[tuple[str, Place]]] = field(default_factory=dict)  # scope -> kinds of block that bind


def read_terraform(path: str, text: str) -> tuple[Sequence[File], Sequence[Unreadable]]:
    """One file; blocks that can't matter are left out."""
    try:
        body = parse_json(text) if path.endswith(".json") else parse(text)
    except Broken as broken:
        facts: dict[str, str | int | float | bool | None] = {"path": path, "line": broken.line, "why": broken.why}
        return (), (Unreadable(path, broken.line, Finding(_BROKEN, facts)),)
    blocks = tuple(block for block in body.blocks if block.kind in _KINDS and _matters(block))
    attributes = body.attributes if path.endswith(SETS_VALUES) else ()
    if not blocks and not attributes:
        return (), ()
    return (File(path, path.rpartition("/")[0], Body(attributes, blocks), tuple(text.split("\n"))),), ()


def _matters(block: Block) -> bool:
    return block.kind not in ("resource", "data") or "".join(block.labels[:1]).startswith("cloudfoundry_")


def evaluate(files: Sequence[File]) -> Made:
    """All roots; a folder that another one calls as a module is no root of its own."""
    folders: dict[str, list[File]] = {}
    for file in files:
        folders.setdefault(file.folder, []).append(file)
    folders = {folder: with_overrides(found) for folder, found in folders.items()}
    made = Made()
    ours = [file for file in files if any(_is_ours(block) for block in file.body.blocks)]
    if not ours:
        return made
    modules = {target for folder in folders for target in called(folder, folders)}
    for folder in sorted(folders):
        if folder not in modules and any(not file.sets_values for file in folders[folder]):
            for scope in roots(folder, folders):
                _Maker(made, scope).run()
                if scope.budget.overrun:
                    made.overrun[scope.root] = scope.files[0].place(1)
    return made


def _is_ours(block: Block) -> bool:
    source = block.get("source")
    where = source.value if source and source.kind == "text" else ""
    return block.labels[:1] != () and (
        block.labels[0].startswith("cloudfoundry_")
        or (block.kind == "module" and (SPACE_MODULE in where or tf_proxies.runs_proxy(where)))
    )


class _Maker:
    """Goes through the blocks of one scope, and of the modules that it calls. `doubt` is why nobody knows whether the
    scope itself is made."""

    def __init__(self, made: Made, scope: Scope, doubt: str = "") -> None:
        self._made = made
        self._scope = scope
        self._doubt = doubt

    def run(self) -> None:
        for _, block in self._scope.blocks("data"):
            if block.labels[:1] == ("cloudfoundry_space",):
                self._known_space(block)
        for kind, make in (("resource", self._resource), ("module", self._call)):
            for file, block in self._scope.blocks(kind):
                with self._scope.budget.share():
                    for key, doubt in self._scope.instances(block):
                        if self._scope.budget.take():
                            make(file, block, key, self._doubt or doubt)

    def _call(self, file: File, block: Block, key: Value | None, doubt: str) -> None:
        inner = self._scope.modules(self._scope, block, key)
        if inner is not None:
            _Maker(self._made, inner, doubt).run()
        else:
            self._module(file, block, key, doubt)

    def _known_space(self, block: Block) -> None:
        """A space that the files look up: it is there, whatever binds groups to it."""
        for key, _ in self._scope.instances(block):
            org, space, why = space_of(Ref(self._scope, block, key))
            if not why:
                self._declare(org, space, self._scope.file_of(block).place(block.line), (), stated=False)

    def _resource(self, file: File, block: Block, key: Value | None, doubt: str) -> None:
        kind, ref = block.labels[0], Ref(self._scope, block, key)
        if kind in GROUP_TYPES:
            group = group_of(ref, file, self._scope.root)
            if group is not None:
                self._made.groups.append(group)
                self._spaces_of(file, ref, group.name, doubt)
        elif kind == "cloudfoundry_space":
            self._space(file, ref, ("asgs", "staging_asgs"), ref, doubt)
        elif kind == _COMMUNITY:
            space = ref.get("space").data
            self._space(file, ref, ("running_asgs", "staging_asgs"), space, doubt)
        elif kind == _OFFICIAL:
            name, unknown = _group_name(ref.get("security_group"))
            self._spaces_of(file, ref, name, doubt or unknown)
        elif kind == "cloudfoundry_network_policy":
            self._made.policies += tf_proxies.policies(ref, file, doubt, self._scope.root)

    def _module(self, file: File, block: Block, key: Value | None, doubt: str) -> None:
        ref = Ref(self._scope, block, key)
        source = ref.get("source").text or ""
        if SPACE_MODULE in source:
            name = next((each for each in SPACE_LISTS if block.get(each) is not None), SPACE_LISTS[0])
            self._space(file, ref, (name, ""), ref, doubt)
        elif tf_proxies.runs_proxy(source):
            self._made.proxies += (
                replace(each, root=self._scope.root, unsure=each.unsure or doubt)
                for each in tf_proxies.proxies(ref, file)
            )

    # --- spaces and what is bound to them

    def _space(self, file: File, ref: Ref, lists: tuple[str, str], target: object, doubt: str) -> None:
        """A space, and the groups that two lists of the block bind to it: for running and for staging."""
        place = file.place(ref.block.line)
        org, space, why = space_of(target)
        homes = []
        for name, phase in zip(lists, ("running", "staging"), strict=True):
            written = ref.block.get(name) if name else None
            value = ref.get(name) if written is not None else Value(())
            if phase == "running" and written is not None:
                homes += _home(value)
            self._bind_all(value, org, space, phase, doubt or why, file.place(written.line) if written else place)
            if written is not None and not why:
                kind = ref.type if ref.type != "module" else SPACE_MODULE
                scope = f"{org}/{space}".casefold()
                self._made.binders.setdefault(scope, []).append((kind, file.place(written.line)))
                self._whole(ref, value, scope, phase)
        if not why:
            stated = ref.type == "module" or any(name and ref.block.get(name) is not None for name in lists)
            self._declare(org, space, place, homes, stated=stated, makes=target is ref)

    def _declare(
        self, org: str, space: str, place: Place, homes: Sequence[Home], *, stated: bool, makes: bool = False
    ) -> None:
        self._made.spaces.append(
            TfSpace(shown(org), shown(space), self._scope.root, place, tuple(homes), stated, makes)
        )

    def _whole(self, ref: Ref, value: Value, scope: str, phase: str) -> None:
        named = [_group_name(item) for item in value.values]
        if ref.type in _WHOLE and isinstance(value.data, tuple) and not any(unknown for _, unknown in named):
            groups = frozenset(shown(name) for name, _ in named)
            self._made.wholes.append(Whole(scope, self._scope.root, phase, groups))

    def _bind_all(self, value: Value, org: str, space: str, phase: str, doubt: str, place: Place) -> None:
        if value.unknown:
            name = f"${{{value.unknown}}}"
            self._bind(name, org, space, phase, value.unknown, place)
        for item in value.values:
            name, unknown = _group_name(item)
            at = item.place if item.place.path else place
            self._bind(name, org, space, phase, doubt or unknown, at)

    def _bind(self, group: str, org: str, space: str, phase: str, doubt: str, place: Place) -> None:
        self._made.commands.append(
            Command(
                shown(group),
                shown(org),
                shown(space),
                phase,
                False,
                shown(doubt),
                place,
                terraform=True,
                root=self._scope.root,
            )
        )

    def _spaces_of(self, file: File, ref: Ref, group: str, doubt: str) -> None:
        """The spaces that a block lists for one group."""
        for name, phase in (("running_spaces", "running"), ("staging_spaces", "staging")):
            written = ref.block.get(name)
            value = ref.get(name) if written is not None else Value(())
            if written is not None and value.unknown:
                self._bind(group, "${org}", f"${{{value.unknown}}}", phase, value.unknown, file.place(written.line))
            for item in value.values:
                org, space, why = space_of(item.data)
                at = item.place if item.place.path else file.place(ref.block.line)
                self._bind(group, org, space, phase, doubt or why, at)
                if not why:
                    homes = _home(value, group, item) if phase == "running" else []
                    self._declare(org, space, at, homes, stated=True)
                    self._made.binders.setdefault(f"{org}/{space}".casefold(), []).append((ref.type, at))


def _home(value: Value, group: str = "", me: Value | None = None) -> list[Home]:
    if value.file is None or value.written is None or value.written.kind != "list":
        return []
    words = ""
    if me is not None and me.written is not None:
        words = _text_of(value.file, me.written)
    return [Home(value.file, value.written, value.values, group, words)]


def _text_of(file: File, written: Expression) -> str:
    return "\n".join(file.rows)[written.start : written.end]


def _group_name(value: Value) -> tuple[str, str]:
    """The name of a group, and what is not known of it."""
    if value.text is not None:
        return value.text, ""
    if isinstance(value.data, Ref) and value.data.type in GROUP_TYPES:
        name = value.data.get("name")
        if name.text is not None:
            return name.text, ""
        return f"${{{name.unknown or 'name'}}}", name.unknown or "name"
    words = value.unknown or "a group"
    return f"${{{words}}}", words
