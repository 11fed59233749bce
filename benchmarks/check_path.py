"""The check path against its floors, each measured in the same moment, as ratios.

    python -m benchmarks.check_path [MANIFESTS]      default 10,000

The floors: plain `git cat-file --batch` of the same blobs; plain `git diff-tree` of the same commit; two probes of a
dictionary of 100,000 keys with keys that were just built, as a question's are. Every figure is the best of its rounds
(what the machine can do, others let it), every percentile is over many different questions.
"""

from __future__ import annotations

import gc
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.manifests import cluster, manifests, package, policy, project
from bot.world.config_repo import ConfigRepo, Source, new_repository
from bot.world.snapshots import Snapshots, at_commit
from skills.core.allowlist import Allowlist
from skills.core.flows import read_flow
from skills.core.reading import read_file
from tests.fakes.git_repos import commit

ROUNDS = 5
QUESTIONS = 2_000
RULES = 100_000
ANALYSER = Path(".venv/oracle")


def timed(work: Callable[..., object], *given: object) -> float:
    """What is made is kept until the clock stands still, as its user keeps it: to throw it away is no part of it."""
    started = time.perf_counter()
    made = work(*given)
    took = time.perf_counter() - started
    del made
    return took


def cpu(work: Callable[[], object], rounds: int) -> float:
    """Processor time of this process and of those that it waited for: what a busy machine distorts least.

    It is counted in steps of 10 ms, so that what takes less is done often enough.
    """
    before = os.times()
    made = None
    for _ in range(rounds):
        made = work()
    after = os.times()
    del made
    return (sum(after[:4]) - sum(before[:4])) / rounds


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    return min(timed(work) for _ in range(rounds))


def say(name: str, figure: float, floor: float, aim: str) -> None:
    print(f"{name}: {_over(figure, floor)}   (aim: {aim})", flush=True)


def _over(figure: float, floor: float) -> str:
    return f"{_span(figure)} / {_span(floor)} = {figure / floor:.1f}" if floor else f"{_span(figure)} / not measurable"


def _span(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def plain_git(repository: Path) -> None:
    names = subprocess.run(
        ["git", "ls-tree", "-r", "main"], cwd=repository, capture_output=True, check=True
    ).stdout.splitlines()
    feed = b"\n".join(line.split()[2] for line in names) + b"\n"
    batch = ["git", "cat-file", "--batch", "--buffer"]
    subprocess.run(batch, cwd=repository, input=feed, capture_output=True, check=True)


def diff_tree(repository: Path) -> None:
    subprocess.run(["git", "diff-tree", "-r", "main~1", "main"], cwd=repository, capture_output=True, check=True)


def index_of(snapshots: Snapshots, source: Source) -> Allowlist:
    """The allowlist with every index made."""
    allowlist = snapshots.read(source).allowlist
    dict(allowlist.indexes)
    return allowlist


def measure_indexes(count: int, *, again: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "big.git"
        new_repository(repository, dict(manifests(count)), message="big", date="2026-01-05T08:00:00+00:00")
        subprocess.run(["git", "gc", "--quiet"], cwd=repository, check=True)
        repo = ConfigRepo.open(str(repository), home=Path(folder) / "home")
        source = at_commit(repo)
        cold = best(lambda: index_of(Snapshots(), source), 3)
        say(f"cold index of {count:,}, two processes / git cat-file", cold, best(lambda: plain_git(repository)), "8")
        ours = min(cpu(lambda: index_of(Snapshots(), source), 1) for _ in range(3))
        git = cpu(lambda: plain_git(repository), max(1, 30_000 // count))
        print(f"    processor time, both processes together: {_over(ours, git)}", flush=True)
        if again:
            _measure_again(repository, source)


def _measure_again(repository: Path, source: Source) -> None:
    """After a commit of three files, one of each kind, whose rules are others now."""
    snapshots = Snapshots()
    index_of(snapshots, source)
    figures, own, floors = [], [], []
    for number in range(3 * ROUNDS):
        touched = (project(3, f"new{number}"), package(4, f"new{number}"), policy(5, 1000 + number))
        commit(repository, dict(touched))
        gc.collect()
        started = time.process_time()
        figures.append(timed(lambda: index_of(snapshots, source)))
        own.append(time.process_time() - started)
        floors.append(timed(lambda: diff_tree(repository)))
    say("index after a commit of three files / git diff-tree", min(figures), min(floors), "1.5 and 1 ms")
    more = (min(figures) - min(floors)) * 1e3
    print(f"    that is {more:.2f} ms more than git diff-tree; our own processor time is {_span(min(own))}", flush=True)


# --- questions


def measure_questions() -> None:
    """In a process that has read nothing before, so that its memory tells."""
    gc.disable()
    before = _memory()
    allowlist = _hundred_thousand_rules()
    between = _memory()
    dict(allowlist.indexes)
    entries, indexes = between - before, _memory() - between
    print(
        f"memory of {RULES:,} rules: indexes {indexes:.0f} MiB (aim: 40), and {entries:.0f} MiB of entries", flush=True
    )
    gc.freeze()
    gc.enable()
    floor = percentile(_probes(), 0.99)
    lookups = _timed_each(lambda number: _listed(allowlist, number))
    say("look-up among 100,000 rules, p99 / two dict probes, p99", percentile(lookups, 0.99), floor, "5")
    flows = [read_flow(allowlist, *_question(number)) for number in _numbers()]
    answers = [timed(flow.verdicts, allowlist) for flow in flows]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        say(f"explained verdict, {name} / two dict probes, p99", percentile(answers, share), floor, "100")
    again = [best(partial(flow.verdicts, allowlist), 7) for flow in flows]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        say(f"the same, each the best of seven, {name} / two dict probes, p99", percentile(again, share), floor, "100")
    whole = _timed_each(lambda number: read_flow(allowlist, *_question(number)).verdicts(allowlist))
    say("from words to explained verdict, p50 / two dict probes, p99", percentile(whole, 0.5), floor, "-")


def _hundred_thousand_rules() -> Allowlist:
    """Rules in the proportions of the manifests: 12 of a project, 4 of a package, 4 of a policy."""
    readings = {path: read_file(path, raw) for path, raw in manifests(RULES * 3 // 20)}
    return Allowlist(readings, {})


def _numbers() -> list[int]:
    return random.Random(8).sample(range(0, RULES * 3 // 20 - 6, 3), QUESTIONS)


def _question(number: int) -> tuple[str, tuple[str]]:
    """Listed and unlisted hosts of projects and Packages, and addresses of policies."""
    kind = number % 5
    if kind == 0:
        return f"infra/p{number}", (f"api3.partner{number}.example",)
    if kind == 1:
        return f"infra/p{number}", (f"api3.partner{number + 3}.example",)
    if kind == 2:
        return f"k8s/ns{number + 1}/web", (f"svc1.remote{number + 1}.example",)
    if kind == 3:
        return f"k8s/ns{number + 1}/web", (f"svc1.remote{number + 4}.example",)
    return f"k8s/ns{number + 1}/web", (f"10.{(number + 2) % 250}.0.7:5432",)


def _listed(allowlist: Allowlist, number: int) -> object:
    """What a verdict looks up first: the project and who of its unit lists the host; the host's registrations."""
    if number % 2:
        index = allowlist.indexes["infrastream"]
        (own,) = index.projects[f"o/u{number % 50}/p{number}", "production"]
        return index.listing(own, f"api3.partner{number}.example")
    index = allowlist.indexes["uds"]
    return index.packages[f"ns{number + 1}"], index.at_host("ambient", f"svc1.remote{number + 1}.example")


def _probes() -> list[float]:
    table = {f"svc{number}.remote.example": number for number in range(RULES)}
    return _timed_each(lambda number: (table.get(f"svc{number}.remote.example"), table.get(f"x{number}.example")))


def _timed_each(work: Callable[[int], object]) -> list[float]:
    return [timed(work, number) for number in _numbers()]


def percentile(figures: Sequence[float], share: float) -> float:
    return sorted(figures)[min(len(figures) - 1, int(len(figures) * share))]


def _memory() -> float:
    """MiB of this process that are really in memory."""
    pages = Path("/proc/self/statm")
    if pages.exists():
        return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


# --- a peer


def measure_analyser(folder: str) -> None:
    """Its map of all connections, beside reading, compiling and one explained verdict for each pod here.

    A map is more than that: a verdict for every pair of pods, each with its reasons, is measured as well.
    """
    for policies in (10, 50, 100):
        files = cluster(policies)
        theirs = _analyser(Path(folder) / str(policies), files)
        if theirs is None:
            print(f"network-config-analyzer is not in {ANALYSER}")
            break
        name = f"{policies} NetworkPolicies, network-config-analyzer / read, compiled, a verdict for each pod"
        say(name, theirs, min(timed(_each, files) for _ in range(2)), "100 at 100")
        say(f"{policies} NetworkPolicies, network-config-analyzer / every pair", theirs, timed(_every_pair, files), "-")
    for policies in (1_000, 3_000, 10_000):
        took = timed(_each, cluster(policies))
        print(f"{policies:,} NetworkPolicies read, compiled, a verdict for each pod: {_span(took)}", flush=True)


def _compiled(files: dict[str, str]) -> Allowlist:
    return Allowlist({path: read_file(path, text) for path, text in files.items()}, {})


def _every_pair(files: dict[str, str]) -> None:
    """Read, compile, and a verdict for each pair of pods."""
    allowlist = _compiled(files)
    targets = [f"workload://ns{number}/web:443" for number in range(len(files))]
    for number in range(len(files)):
        for start in range(0, len(targets), 50):
            read_flow(allowlist, f"k8s/ns{number}/web", targets[start : start + 50]).verdicts(allowlist)


def _each(files: dict[str, str]) -> None:
    allowlist = _compiled(files)
    for number in range(len(files)):
        read_flow(allowlist, f"k8s/ns{number}/web", (f"203.0.113.{number % 250}:443",)).verdicts(allowlist)


def _analyser(folder: Path, files: dict[str, str]) -> float | None:
    if not ANALYSER.is_dir():
        return None
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "nca", "--connectivity", "--resource_list", str(folder)]
    started = time.perf_counter()
    path = {**os.environ, "PYTHONPATH": str(ANALYSER.resolve())}
    subprocess.run(command, env=path, capture_output=True, check=False, timeout=900)
    return time.perf_counter() - started


def main(count: int) -> None:
    measure_questions()
    for each in sorted({count // 10, count * 3 // 10}):
        measure_indexes(each, again=False)
    measure_indexes(count, again=True)
    with tempfile.TemporaryDirectory() as folder:
        measure_analyser(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
