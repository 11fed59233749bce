"""The check path against its floors: reading an allowlist, reading it again after a commit, one explained verdict.

    python -m benchmarks.check_path [MANIFESTS]      default 10,000

Each figure is the median of several rounds, beside the floor of the same round (plain git, two dict look-ups).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.world.config_repo import ConfigRepo, new_repository
from bot.world.snapshots import Snapshots, at_commit
from skills.core.flows import read_flow
from tests.fakes.git_repos import commit

ROUNDS = 3


def manifests(count: int) -> Iterator[tuple[str, bytes]]:
    """Projects, Packages with their Deployments, and NetworkPolicies, in the proportions of a mixed organisation."""
    for number in range(count):
        kind = number % 3
        if kind == 0:
            yield f"organization/o/project/p{number}.yaml", _project(number).encode()
        elif kind == 1:
            yield f"uds/p{number}.yaml", _package(number).encode()
        else:
            yield f"k8s/n{number}.yaml", _policy(number).encode()


def _project(number: int) -> str:
    hosts = "\n".join(f"    - api{i}.partner{number}.example  # ticket {i}" for i in range(12))
    return f"""apiVersion: lowops.manifests.v1
kind: Project
metadata: {{name: p{number}, environment: production, organizational-unit: u{number % 50}, organization: o}}
spec:
  description: "Project {number}"
  allowedEgress:
{hosts}
"""


def _package(number: int) -> str:
    rules = "\n".join(
        f"""      - direction: Egress
        selector: {{app: web}}
        remoteHost: svc{i}.remote{number}.example
        remoteProtocol: TLS
        port: 443
        description: "Remote {i} a"
"""
        for i in range(4)
    )
    return f"""apiVersion: uds.dev/v1alpha1
kind: Package
metadata: {{name: p{number}, namespace: ns{number}}}
spec:
  network:
    serviceMesh: {{mode: ambient}}
    allow:
{rules}---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: ns{number}}}
spec: {{template: {{metadata: {{labels: {{app: web}}}}}}}}
"""


def _policy(number: int) -> str:
    return f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: allow-{number}, namespace: ns{number - 1}}}
spec:
  podSelector: {{matchLabels: {{app: web}}}}
  policyTypes: [Egress]
  egress:
  - to:
    - ipBlock: {{cidr: 10.{number % 250}.0.0/16}}
    - ipBlock: {{cidr: 198.51.{number % 250}.0/24, except: [198.51.{number % 250}.128/25]}}
    ports: [{{port: 5432}}, {{port: 443}}]
"""


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def plain_git(repository: Path) -> None:
    names = subprocess.run(
        ["git", "ls-tree", "-r", "main"], cwd=repository, capture_output=True, check=True
    ).stdout.splitlines()
    feed = b"\n".join(line.split()[2] for line in names) + b"\n"
    batch = ["git", "cat-file", "--batch", "--buffer"]
    subprocess.run(batch, cwd=repository, input=feed, capture_output=True, check=True)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "big.git"
        new_repository(repository, dict(manifests(count)), message="big", date="2026-01-05T08:00:00+00:00")
        subprocess.run(["git", "gc", "--quiet"], cwd=repository, check=True)
        repo = ConfigRepo.open(str(repository), home=Path(folder) / "home")
        rounds = [one_round(repository, repo, number) for number in range(ROUNDS)]
    names = (
        "cold index, one process / plain git",
        "index after a commit of three files / git diff-tree",
        "explained verdict / two dict probes",
    )
    for name, pairs in zip(names, zip(*rounds, strict=True), strict=True):
        show(name, [figure for figure, _ in pairs], [floor for _, floor in pairs])


def one_round(repository: Path, repo: ConfigRepo, number: int) -> list[tuple[float, float]]:
    """Figure and floor of each measure, all in the same moment."""
    snapshots = Snapshots()

    def index() -> object:
        return snapshots.read(at_commit(repo)).allowlist.indexes

    cold = (timed(index), timed(lambda: plain_git(repository)))
    commit(repository, {f"organization/o/project/p{i * 3}.yaml": _project(i * 3 + number + 7) for i in range(3)})
    again = (timed(index), timed(lambda: diff_tree(repository)))
    allowlist = snapshots.read(at_commit(repo)).allowlist
    flow = read_flow(allowlist, "k8s/ns1/web", ("svc1.remote1.example",))
    table = {f"svc{i}.example": i for i in range(100_000)}
    verdict = timed(lambda: [flow.verdicts(allowlist) for _ in range(100)]) / 100
    probe = timed(lambda: [(table.get("svc7.example"), table.get("x")) for _ in range(10_000)]) / 10_000
    return [cold, again, (verdict, probe)]


def diff_tree(repository: Path) -> None:
    subprocess.run(["git", "diff-tree", "-r", "main~1", "main"], cwd=repository, capture_output=True, check=True)


def show(name: str, figures: list[float], floors: list[float]) -> None:
    ratio = statistics.median(figure / floor for figure, floor in zip(figures, floors, strict=True))
    print(
        f"{name}: {statistics.median(figures) * 1000:.3g} ms / {statistics.median(floors) * 1000:.3g} ms = {ratio:.1f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
