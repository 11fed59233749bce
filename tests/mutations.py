"""Mutations drawn by lot over the code that decides: for each one some test of its area must turn red.

    python -m tests.mutations --count 100 --seed 1                 a sample over platforms/, enforce/ and hosts
    python -m tests.mutations --only skills/core/platforms/uds     a sample below one folder
    python -m tests.mutations --at skills/core/hosts.py:42         every mutation of one line

Two processes, each with a copy of the checkout. A mutation is one changed operator, constant, condition or
result. Survivors are printed with file, line and both texts; those that change nothing (equivalent, or only the
order of messages) are explained in docs/MUTANTS.md, the rest get a test.
"""

from __future__ import annotations

import argparse
import ast
import copy
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.mutants import LEFT_OUT, ROOT

AREAS = ("skills/core/platforms", "skills/core/enforce", "skills/core/hosts.py")
_SECONDS = 240
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_WORDS = {"deny": "allow", "allow": "deny", "allowed": "denied", "denied": "allowed", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutation:
    """`old`, between two offsets of the file's text, becomes `new`."""

    path: str
    line: int
    start: int
    end: int
    old: str
    new: str

    def __str__(self) -> str:
        shown = [" ".join(text.split()) for text in (self.old, self.new)]
        return f"{self.path}:{self.line}  {shown[0]}  ->  {shown[1]}"


def mutations(path: str, text: str) -> Iterator[Mutation]:
    """Every mutation of one file, in the order of its text."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    raw = text.encode()
    for node in _code(ast.parse(text)):
        for changed in _changes(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
            new = ast.unparse(changed)
            if isinstance(node, ast.expr):
                new = f"({new})"
            yield Mutation(path, node.lineno, start, end, raw[start:end].decode(), new)


def _code(tree: ast.AST) -> Iterator[ast.expr | ast.Return]:
    """Expressions and results that run: no annotations, no docstrings, no constants of f-strings."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.JoinedStr) or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            continue
        if isinstance(child, ast.expr | ast.Return):
            yield child
        if isinstance(child, ast.AnnAssign):
            yield from _code(ast.Module([ast.Expr(child.value)] if child.value else [], []))
        elif isinstance(child, ast.FunctionDef):
            yield from _code(ast.Module([*child.body], []))
        elif not isinstance(child, ast.arg):
            yield from _code(child)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            yield _with(node, ops=[_COMPARISONS[type(op)]()])
        case ast.BoolOp(op=op):
            yield _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            yield from (_with(node, values=node.values[:n] + node.values[n + 1 :]) for n in range(len(node.values)))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value) if value in _WORDS:
            yield ast.Constant(_WORDS[value])
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.BitOr() | ast.BitAnd()):
            yield node.left
        case ast.Call(func=ast.Name(id="any" | "all" as name)):
            yield _with(node, func=ast.Name("all" if name == "any" else "any"))
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.GeneratorExp(generators=[one]) | ast.ListComp(generators=[one]) if one.ifs:
            yield _with(node, generators=[_with(one, ifs=one.ifs[1:])])


def _with(node: ast.AST, **fields: object) -> ast.AST:
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def tests_for(path: str) -> list[str]:
    """The tests of an area, the quick and near ones first; all golden cases last."""
    parts = Path(path).parts
    if "platforms" in parts:
        own = sorted(map(_relative, (ROOT / "tests/core/platforms").glob(f"test_{parts[3]}*.py")))
    elif "enforce" in parts:
        own = sorted(map(_relative, (ROOT / "tests/core/enforce").glob("test_*.py")))
        own += sorted(map(_relative, (ROOT / "tests/core/platforms").glob("test_*.py")))
    else:
        own = ["tests/core/test_hosts.py", *sorted(map(_relative, (ROOT / "tests/core/platforms").glob("test_*.py")))]
    near = [test for test in own if f"_{Path(path).stem}" in test]
    return [*near, *(test for test in own if test not in near), "tests/core/properties", "tests/test_cases.py"]


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def all_mutations(only: Sequence[str]) -> list[Mutation]:
    files = [
        path for area in AREAS for path in ([ROOT / area] if area.endswith(".py") else (ROOT / area).rglob("*.py"))
    ]
    named = sorted(_relative(path) for path in files)
    wanted = [path for path in named if not only or path.startswith(tuple(only))]
    return [each for path in wanted for each in mutations(path, (ROOT / path).read_text(encoding="utf-8"))]


def survives(mutation: Mutation, checkout: Path) -> bool:
    file = checkout / mutation.path
    raw = file.read_bytes()
    file.write_bytes(raw[: mutation.start] + mutation.new.encode() + raw[mutation.end :])
    tests = [test for test in tests_for(mutation.path) if (checkout / test).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return False  # an endless loop is noticed
    finally:
        file.write_bytes(raw)
    return done.returncode == 0


def run(chosen: Sequence[Mutation], processes: int) -> list[Mutation]:
    """Survivors, in order."""
    free: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(processes):
            checkout = Path(folder) / str(number) / "checkout"
            shutil.copytree(ROOT, checkout, ignore=LEFT_OUT, symlinks=True)
            shared = ROOT.parent / "shared"
            if shared.is_dir():
                (checkout.parent / "shared").symlink_to(shared.resolve())
            free.put(checkout)

        def one(mutation: Mutation) -> bool:
            checkout, started = free.get(), time.monotonic()
            survived = survives(mutation, checkout)
            free.put(checkout)
            words = "SURVIVED" if survived else "killed  "
            print(f"{words} {time.monotonic() - started:4.0f} s  {mutation}", flush=True)
            return survived

        with ThreadPoolExecutor(processes) as pool:
            return [mutation for mutation, alive in zip(chosen, pool.map(one, chosen), strict=True) if alive]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], help="a file or folder below the areas")
    parser.add_argument("--at", help="path:line")
    said = parser.parse_args(arguments)
    everything = all_mutations([said.at.partition(":")[0]] if said.at else said.only)
    if said.at:
        chosen = [each for each in everything if str(each.line) == said.at.partition(":")[2]]
    else:
        chosen = random.Random(said.seed).sample(everything, min(said.count, len(everything)))
    survivors = run(chosen, said.processes)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} killed, of {len(everything)} possible; survivors:")
    for each in survivors:
        print(f"  {each}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
