"""Arrows point down and the brain is pure: what import-linter's contracts can't see."""

from __future__ import annotations

import ast
import statistics
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.source import TOPS, imports, in_skills, is_within, modules, none_of, shown, tree

IMPURE_LIBRARIES = (
    "asyncio", "concurrent", "ctypes", "ftplib", "http", "importlib", "io", "logging", "multiprocessing", "os",
    "random", "secrets", "select", "shutil", "signal", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "sys",
    "tempfile", "threading", "time", "urllib.request", "aiohttp", "httpx", "requests", "urllib3",
)  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "__import__"}
CLOCKS = {"now", "utcnow", "today"}
FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "rglob"}
READS_WHAT_WE_SHIP = "skills.core.resources"

# Counted with type-only and lazy imports; rooms of at most 300 lines that share one model cost a little more than the
# examples in our style guide, whose files are larger.
IMPORTS_ON_AVERAGE = 5.0
WIRES_EVERYTHING = {"bot.app"}
IMPORTS_AT_MOST = 15


def test_no_circle_counting_lazy_and_type_only_imports() -> None:
    ours = modules()
    graph = {name: {target for target in imports(name) if target in ours and target != name} for name in ours}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail("circle: " + " -> ".join(reversed(circle.args[1])))


def test_every_folder_of_code_is_a_package() -> None:
    """Import contracts and the wheel overlook a folder without `__init__.py`."""
    none_of(shown(path) for path in modules().values() if not (path.parent / "__init__.py").is_file())


def test_no_star_imports() -> None:
    none_of(
        shown(path, node)
        for path in modules().values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    )


def test_foreign_text_meets_linear_time_expressions_only() -> None:
    """`re` backtracks (and `fnmatch` is `re`): one pasted line could stop the bot. `re2` can't."""
    none_of(name for name in modules() for target in imports(name) if is_within(target, "re"))
    none_of(name for name in modules() for target in imports(name) if is_within(target, "fnmatch"))


def test_skills_import_nothing_that_touches_the_world() -> None:
    none_of(
        f"{name} imports {target}"
        for name in in_skills()
        for target in imports(name)
        for library in IMPURE_LIBRARIES
        if is_within(target, library)
    )


def test_skills_read_no_file_and_no_clock() -> None:
    none_of(
        shown(path, node)
        for name, path in in_skills().items()
        if name != READS_WHAT_WE_SHIP
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and _touches_the_world(node)
    )


def _touches_the_world(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id in IMPURE_CALLS
    if not isinstance(call.func, ast.Attribute):
        return False
    of_time = ast.unparse(call.func.value).split(".")[-1] in {"datetime", "date"}
    return call.func.attr in FILE_METHODS or (of_time and call.func.attr in CLOCKS)


def test_only_one_file_of_skills_knows_real_paths() -> None:
    none_of(
        name
        for name, path in in_skills().items()
        if name != READS_WHAT_WE_SHIP and any(_is_real_path(node) for node in ast.walk(tree(path)))
    )


def _is_real_path(node: ast.AST) -> bool:
    pure = {"PurePath", "PurePosixPath"}
    if isinstance(node, ast.ImportFrom) and node.module == "pathlib":
        return any(alias.name not in pure for alias in node.names)
    return isinstance(node, ast.Import) and any(alias.name == "pathlib" for alias in node.names)


def test_files_import_few_of_their_siblings() -> None:
    ours = {name: sum(target.split(".")[0] in TOPS for target in imports(name)) for name in modules()}
    none_of(f"{name}: {n}" for name, n in ours.items() if n > IMPORTS_AT_MOST and name not in WIRES_EVERYTHING)
    assert statistics.mean(ours.values()) <= IMPORTS_ON_AVERAGE
