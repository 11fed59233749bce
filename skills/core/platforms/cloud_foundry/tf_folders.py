"""Folders of Terraform: which are roots, with which values each is run, and the modules that they call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from skills.core.hcl import Block, Body, Expression
from skills.core.platforms.cloud_foundry.tf_data import File, Value
from skills.core.platforms.cloud_foundry.tf_values import Scope

_MOST_DEPTH = 6
_INSIDE = "{"  # before the kind of a block inside a block
_OF_ITSELF = ("/terraform.tfvars", ".auto.tfvars")  # read without being named
_MODULE = 20  # expressions that a call weighs at least


def with_overrides(files: Sequence[File]) -> list[File]:
    """The files of a folder without those that override others, which Terraform merges into them attribute by
    attribute: what they set anew is not known of the blocks that they name."""
    code = [file for file in files if not _overrides(file)]
    anew: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for file in files:
        for block in file.body.blocks if _overrides(file) else ():
            inside = (_INSIDE + each.kind for each in block.body.blocks)
            names = (name for name, _ in block.body.attributes)
            anew.setdefault((block.kind, block.labels), set()).update(names, inside)
    return [replace(file, body=_doubted(file.body, anew)) for file in code] if anew else code


def _overrides(file: File) -> bool:
    name = file.path.rpartition("/")[2].removesuffix(".json")
    return name == "override.tf" or name.endswith("_override.tf")


def _doubted(body: Body, anew: Mapping[tuple[str, tuple[str, ...]], set[str]]) -> Body:
    blocks = []
    for block in body.blocks:
        names = anew.get((block.kind, block.labels), set())
        kept = [(name, value) for name, value in block.body.attributes if name not in names]
        unsaid = Expression("other", None, block.line, block.start, block.start)
        lost = [(name, unsaid) for name in sorted(names) if not name.startswith(_INSIDE)]
        nested = [replace(each, kind="dynamic") if _INSIDE + each.kind in names else each for each in block.body.blocks]
        blocks.append(replace(block, body=Body((*kept, *lost), tuple(nested))) if names else block)
    return replace(body, blocks=tuple(blocks))


def called(folder: str, folders: Mapping[str, Sequence[File]]) -> Iterator[str]:
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


def roots(folder: str, folders: Mapping[str, Sequence[File]]) -> Iterator[Scope]:
    """A root as it is run: once, or once for each file of values that the command line may name."""
    code = tuple(file for file in folders[folder] if not file.sets_values)
    values = [file for file in folders[folder] if file.sets_values]
    below = [
        file
        for other, found in folders.items()
        if all(each.sets_values for each in found) and _runs_with(other, folders) == folder
        for file in found
    ]
    auto = [file for file in values if f"/{file.path.removesuffix('.json')}".endswith(_OF_ITSELF)]
    chosen = [file for file in (*values, *below) if file not in auto]
    variants: list[File | None] = [*chosen] or [None]
    for variant in variants:
        given: dict[str, Value] = {}
        for file in (*auto, *((variant,) if variant else ())):
            plain = Scope((file,), {}, folder, _no_module)
            given.update({name: plain.value(written, file) for name, written in file.body.attributes})
        root = folder
        if variant is not None and len(chosen) > 1:
            stem = variant.path.rpartition("/")[2].removesuffix(".json").removesuffix(".tfvars")
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
    scope.budget.take(_MODULE)
    file = scope.file_of(block)
    given = {name: scope.value(written, file, each=each) for name, written in block.body.attributes}
    code = tuple(one for one in folders[folder] if not one.sets_values)
    return Scope(code, given, scope.root, find, scope.depth + 1, scope.budget)
