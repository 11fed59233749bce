"""Mutations drawn by lot over the code that decides: for each one some test of its area must turn red.

    python -m tests.mutations --count 100 --seed 1                 a sample over platforms/, enforce/, hcl/ and hosts
    python -m tests.mutations --only skills/core/platforms/uds     a sample below one folder
    python -m tests.mutations --at skills/core/hosts.py:42         every mutation of one line

Two processes, each with a copy of the checkout. A mutation is one changed operator, constant, condition or
result. First the tests must pass without any; how long they take then says when a mutation counts as timed out,
which proves nothing: an endless loop, or a machine that was busy. Survivors are printed with file, line and both
texts; those that change nothing (equivalent, or only the order of messages) are explained in docs/MUTANTS.md,
the rest get a test.
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
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue

from tests.mutants import LEFT_OUT, ROOT

AREAS = ("skills/core/platforms", "skills/core/enforce", "skills/core/hcl", "skills/core/hosts.py")
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


class Outcome(StrEnum):
    """What the tests said of one mutation."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "SURVIVED"


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
    platforms = _tests("tests/core/platforms", "test_*.py")
    if "platforms" in parts:
        own = _tests("tests/core/platforms", f"test_{parts[3]}*.py")
    elif "enforce" in parts:
        own = _tests("tests/core/enforce", "test_*.py") + platforms
    elif "hcl" in parts:
        own = ["tests/core/test_hcl.py", *_tests("tests/core/platforms", "test_cloud_foundry*.py")]
    else:
        own = ["tests/core/test_hosts.py", *platforms]
    near = [test for test in own if f"_{Path(path).stem}" in test]
    far = [test for test in own if test not in near]
    return [*near, *far, "tests/core/test_indexes.py", "tests/core/properties", "tests/test_cases.py"]


def _tests(folder: str, pattern: str) -> list[str]:
    return sorted(map(_relative, (ROOT / folder).glob(pattern)))


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def all_mutations(only: Sequence[str]) -> list[Mutation]:
    files = [
        path for area in AREAS for path in ([ROOT / area] if area.endswith(".py") else (ROOT / area).rglob("*.py"))
    ]
    named = sorted(_relative(path) for path in files)
    wanted = [path for path in named if not only or path.startswith(tuple(only))]
    return [each for path in wanted for each in mutations(path, (ROOT / path).read_text(encoding="utf-8"))]


def judged(mutation: Mutation, checkout: Path, tests: Sequence[str], seconds: float) -> Outcome:
    """What the tests say of one mutation, within so many seconds. The checkout is as it was afterwards."""
    file = checkout / mutation.path
    raw = file.read_bytes()
    file.write_bytes(raw[: mutation.start] + mutation.new.encode() + raw[mutation.end :])
    try:
        return Outcome.SURVIVED if _pytest(checkout, tests, seconds).returncode == 0 else Outcome.KILLED
    except subprocess.TimeoutExpired:
        return Outcome.TIMED_OUT
    finally:
        file.write_bytes(raw)


def green(checkout: Path, tests: Sequence[str]) -> float:
    """The seconds that the tests take without any mutation.

    Raises:
        SystemExit: a test is red without one, so that a red one would prove nothing. Names it.
    """
    started = time.monotonic()
    done = _pytest(checkout, tests, None)
    if done.returncode != 0:
        last = [line for line in (done.stdout + done.stderr).decode(errors="replace").splitlines() if line.strip()]
        red = [line for line in last if line.startswith(("FAILED ", "ERROR ", "ERROR:"))] or last[-1:]
        raise SystemExit(f"The tests are red without any mutation, so mend this first: {' '.join(red[:1])}")
    return time.monotonic() - started


def _pytest(checkout: Path, tests: Sequence[str], seconds: float | None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=checkout, capture_output=True, check=False, timeout=seconds)


def run(chosen: Sequence[Mutation], processes: int) -> list[Outcome]:
    """What became of each, in order."""
    free: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        checkouts = [_checkout(Path(folder) / str(number)) for number in range(processes)]
        quiet = green(checkouts[0], sorted({test for each in chosen for test in tests_for(each.path)}))
        print(f"green without a mutation in {quiet:.0f} s", flush=True)
        for checkout in checkouts:
            free.put(checkout)

        def one(mutation: Mutation) -> Outcome:
            checkout, started = free.get(), time.monotonic()
            outcome = judged(mutation, checkout, tests_for(mutation.path), 60 + 3 * quiet)
            free.put(checkout)
            print(f"{outcome:9} {time.monotonic() - started:4.0f} s  {mutation}", flush=True)
            return outcome

        with ThreadPoolExecutor(processes) as pool:
            return list(pool.map(one, chosen))


def _checkout(folder: Path) -> Path:
    copied = folder / "checkout"
    shutil.copytree(ROOT, copied, ignore=LEFT_OUT, symlinks=True)
    shared = ROOT.parent / "shared"
    if shared.is_dir():
        (folder / "shared").symlink_to(shared.resolve())
    return copied


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
    outcomes = run(chosen, said.processes) if chosen else []
    counted = ", ".join(f"{outcomes.count(outcome)} {outcome.lower()}" for outcome in Outcome)
    print(f"{counted}; {len(chosen)} drawn of {len(everything)}")
    for each, outcome in zip(chosen, outcomes, strict=True):
        if outcome is not Outcome.KILLED:
            print(f"  {outcome:9} {each}")
    return 0 if all(outcome is Outcome.KILLED for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
