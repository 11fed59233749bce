"""Terraform for Cloud Foundry: the official and the community provider, and Cloud.gov's modules.

Files are read one by one (`read_terraform`); `evaluate` puts the folders together as Terraform would and says which
groups, spaces, bindings, network policies and proxies they make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from skills.core.hcl import Block, Body, Broken, Expression, parse
from skills.core.hosts import shown
from skills.core.model import Finding, Place
from skills.core.platforms.cloud_foundry import tf_proxies
from skills.core.platforms.cloud_foundry.commands import Command, Policy
from skills.core.platforms.cloud_foundry.documents import Group
from skills.core.platforms.cloud_foundry.proxy import Proxy
from skills.core.platforms.cloud_foundry.tf_data import File, Value
from skills.core.platforms.cloud_foundry.tf_groups import GROUP_TYPES, group_of
from skills.core.platforms.cloud_foundry.tf_values import Ref, Scope, space_of
from skills.core.yaml_text import Unreadable

ENDINGS = (".tf", ".tfvars")
_BROKEN = "EGR571"
_MOST_DEPTH = 6
_KINDS = frozenset({"resource", "data", "module", "variable", "locals", "output"})
SPACE_MODULE = "cg_space"
SPACE_LISTS = ("security_group_names", "asg_names", "asgs")
_COMMUNITY = "cloudfoundry_space_asgs"
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


@dataclass(slots=True)
class Made:
    """What all Terraform of a commit makes."""

    spaces: list[TfSpace] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    proxies: list[Proxy] = field(default_factory=list)
    binders: dict[str, list[tuple[str, Place]]] = field(default_factory=dict)  # scope -> kinds of block that bind


def read_terraform(path: str, text: str) -> tuple[Sequence[File], Sequence[Unreadable]]:
    """One file; blocks that can't matter are left out."""
    try:
        body = parse(text)
    except Broken as broken:
        facts: dict[str, str | int | float | bool | None] = {"path": path, "line": broken.line, "why": broken.why}
        return (), (Unreadable(path, broken.line, Finding(_BROKEN, facts)),)
    blocks = tuple(block for block in body.blocks if block.kind in _KINDS and _matters(block))
    attributes = body.attributes if path.endswith(".tfvars") else ()
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
    made = Made()
    ours = [file for file in files if any(_is_ours(block) for block in file.body.blocks)]
    if not ours:
        return made
    called = {target for folder in folders for target in _called(folder, folders)}
    for folder in sorted(folders):
        if folder not in called and any(not file.sets_values for file in folders[folder]):
            for scope in _roots(folder, folders):
                _Maker(made, scope).run()
    return made


def _is_ours(block: Block) -> bool:
    source = block.get("source")
    where = source.value if source and source.kind == "text" else ""
    return block.labels[:1] != () and (
        block.labels[0].startswith("cloudfoundry_")
        or (block.kind == "module" and (SPACE_MODULE in where or tf_proxies.runs_proxy(where)))
    )


def _called(folder: str, folders: Mapping[str, Sequence[File]]) -> Iterator[str]:
    for file in folders[folder]:
        for block in file.body.all("module"):
            source = block.get("source")
            if source and source.kind == "text" and source.value.startswith("."):
                yield _joined(folder, source.value)


def _joined(folder: str, way: str) -> str:
    """A folder by a relative way from another."""
    steps = folder.split("/") if folder else []
    for step in way.split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


def _roots(folder: str, folders: Mapping[str, Sequence[File]]) -> Iterator[Scope]:
    """A root as it is run: once, or once for each file of values that the command line may name."""
    code = tuple(file for file in folders[folder] if not file.sets_values)
    values = [file for file in folders[folder] if file.sets_values]
    below = [
        file
        for other, found in folders.items()
        if all(each.sets_values for each in found) and _runs_with(other, folders) == folder
        for file in found
    ]
    auto = [file for file in values if f"/{file.path}".endswith(("/terraform.tfvars", ".auto.tfvars"))]
    chosen = [file for file in (*values, *below) if file not in auto]
    variants: list[File | None] = [*chosen] or [None]
    for variant in variants:
        given: dict[str, Value] = {}
        for file in (*auto, *((variant,) if variant else ())):
            plain = Scope((file,), {}, folder, _no_module)
            given.update({name: plain.value(written, file) for name, written in file.body.attributes})
        root = folder
        if variant is not None and len(chosen) > 1:
            stem = variant.path.rpartition("/")[2].removesuffix(".tfvars")
            root = f"{folder}/{stem}" if folder else stem
        yield Scope(code, given, root, _module_finder(folders))


def _runs_with(values: str, folders: Mapping[str, Sequence[File]]) -> str | None:
    """The folder whose code a folder of values is for: the nearest above it that has any."""
    while values:
        values = values.rpartition("/")[0]
        if any(not file.sets_values for file in folders.get(values, ())):
            return values
    return None


def _no_module(scope: Scope, block: Block, key: Value | None) -> Scope | None:  # noqa: ARG001 - files of values call none
    return None


Finder = Callable[[Scope, Block, Value | None], Scope | None]


def _module_finder(folders: Mapping[str, Sequence[File]]) -> Finder:
    known: dict[tuple[int, int, int], Scope | None] = {}

    def find(scope: Scope, block: Block, each: Value | None) -> Scope | None:
        """The module that an instance of a block calls, with what it is given; None where it does not stand here."""
        key = (id(scope), id(block), id(each))
        if key not in known:
            known[key] = None  # what a module is given may not lead through the module itself
            known[key] = _module(scope, block, each, folders, find)
        return known[key]

    return find


def _module(
    scope: Scope, block: Block, each: Value | None, folders: Mapping[str, Sequence[File]], find: Finder
) -> Scope | None:
    source = scope.attribute(block, "source").text or ""
    folder = _joined(scope.file_of(block).folder, source) if source.startswith(".") else ""
    if not source.startswith(".") or folder not in folders or scope.depth >= _MOST_DEPTH:
        return None
    file = scope.file_of(block)
    given = {name: scope.value(written, file, each=each) for name, written in block.body.attributes}
    code = tuple(one for one in folders[folder] if not one.sets_values)
    return Scope(code, given, scope.root, find, scope.depth + 1, scope.spent)


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
        for file, block in self._scope.blocks("resource"):
            for key, doubt in self._scope.instances(block):
                self._resource(file, block, key, self._doubt or doubt)
        for file, block in self._scope.blocks("module"):
            for key, doubt in self._scope.instances(block):
                inner = self._scope.modules(self._scope, block, key)
                if inner is not None:
                    _Maker(self._made, inner, self._doubt or doubt).run()
                else:
                    self._module(file, block, key, self._doubt or doubt)

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
                self._made.binders.setdefault(f"{org}/{space}".casefold(), []).append((kind, file.place(written.line)))
        if not why:
            stated = ref.type == "module" or any(name and ref.block.get(name) is not None for name in lists)
            self._declare(org, space, place, homes, stated=stated)

    def _declare(self, org: str, space: str, place: Place, homes: Sequence[Home], *, stated: bool) -> None:
        self._made.spaces.append(TfSpace(shown(org), shown(space), self._scope.root, place, tuple(homes), stated))

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
            Command(shown(group), shown(org), shown(space), phase, False, shown(doubt), place, terraform=True)
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
