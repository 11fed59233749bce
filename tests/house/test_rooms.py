"""Rooms are small, and one place in the house catches everything."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

from tests.house.source import modules, none_of, shown, tree

FILE_MOST, FILE_P95, FUNCTION_MOST = 400, 300, 40
GUARD = "bot/desk.py"
EVERYTHING = {"Exception", "BaseException"}


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_400_lines() -> None:
    none_of(f"{shown(path)}: {_lines(path)}" for path in modules().values() if _lines(path) > FILE_MOST)


def test_95_of_100_files_have_at_most_300_lines() -> None:
    sizes = [_lines(path) for path in modules().values() if path.stat().st_size]
    assert statistics.quantiles(sizes, n=20)[-1] <= FILE_P95


def test_no_function_is_longer_than_40_lines() -> None:
    none_of(
        f"{shown(path, node)} {node.name}: {length}"
        for path in modules().values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_MOST
    )


def test_every_module_says_what_it_is_for() -> None:
    written = [path for path in modules().values() if path.stat().st_size]
    none_of(shown(path) for path in written if not ast.get_docstring(tree(path)))


def test_one_guard_catches_everything_and_it_is_the_desks() -> None:
    found = [shown(path, node) for path in modules().values() for node in _catch_alls(path)]
    none_of(where for where in found if not where.startswith(GUARD + ":"))
    assert len(found) == 1


def _catch_alls(path: Path) -> Iterator[ast.AST]:
    """Handlers that catch everything, also those that raise again: cleaning up is what `finally` is for."""
    for node in ast.walk(tree(path)):
        handles = isinstance(node, ast.ExceptHandler) and (node.type is None or _names(node.type) & EVERYTHING)
        if handles or (isinstance(node, ast.Call) and _suppresses_everything(node)):
            yield node


def _suppresses_everything(call: ast.Call) -> bool:
    return ast.unparse(call.func).split(".")[-1] == "suppress" and any(_names(each) & EVERYTHING for each in call.args)


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
