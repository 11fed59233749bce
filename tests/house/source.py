"""The source of the project as the tests of the house read it: files, syntax trees, imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.shared import ROOT

TOPS = ("bot", "skills")


def none_of(found: Iterable[str]) -> None:
    """Fails with one line for each thing found."""
    lines = list(found)
    assert not lines, "\n" + "\n".join(lines)


def existing(*parts: str) -> Path:
    """A file of the plan; what asks for it is skipped by its name until it is written."""
    path = ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {'/'.join(parts)}")
    return path


@cache
def modules() -> dict[str, Path]:
    """Every module of bot and skills: dotted name to file."""
    return {_dotted(path): path for top in TOPS for path in sorted((ROOT / top).rglob("*.py"))}


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def shown(path: Path, node: ast.AST | None = None) -> str:
    """`bot/desk.py:12`, for messages."""
    where = path.relative_to(ROOT).as_posix()
    return f"{where}:{node.lineno}" if isinstance(node, ast.stmt | ast.expr | ast.excepthandler) else where


def in_skills() -> dict[str, Path]:
    return {name: path for name, path in modules().items() if name.startswith("skills")}


@cache
def imports(name: str) -> frozenset[str]:
    """What a module imports, as dotted names: at the top, inside functions and for types alike.

    `from a import b` gives `a.b` where that is one of our modules, else `a` (and `a.b` for libraries,
    so that `from urllib import request` is seen).
    """
    return frozenset(target for _, target in _imports(name))


def _imports(name: str) -> Iterator[tuple[ast.stmt, str]]:
    path = modules()[name]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(name, path, node)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                ours = base.split(".")[0] in TOPS
                yield node, full if full in modules() or not ours else base


def _base(name: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    here = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    parents = here[: len(here) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def is_within(target: str, library: str) -> bool:
    return target == library or target.startswith(library + ".")


def names_in_list(path: Path, variable: str = "ALL") -> list[str]:
    """The elements of a literal list at the top of a file, as the dotted names that they were imported by.

    Fails when the list is not a literal: it must be readable where it stands.
    """
    origin: dict[str, str] = {}
    for node in tree(path).body:
        if isinstance(node, ast.ImportFrom):
            origin |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            origin |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif _assigns(node, variable):
            value = getattr(node, "value", None)
            assert isinstance(value, ast.List | ast.Tuple), f"{shown(path)}: {variable} is not a literal list"
            return [_dotted_expression(element, origin) for element in value.elts]
    raise AssertionError(f"{shown(path)} has no {variable}")


def _assigns(node: ast.stmt, variable: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == variable for target in targets)


def _dotted_expression(node: ast.expr, origin: dict[str, str]) -> str:
    text = ast.unparse(node)
    first, _, rest = text.partition(".")
    return ".".join(part for part in (origin.get(first, first), rest) if part)
