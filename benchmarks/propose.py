"""Opening a merge request, against servers on loopback, beside its floor: the same requests by plain git and requests.

    python -m benchmarks.propose [MANIFESTS [PROPOSALS]]      default 10,000 and 60

The server is the tests' own GitLab with git's `http-backend` behind TLS, in a process of its own. A proposal is: bring
the warm mirror up to date, draw the commit, push, open the merge request. The floor pushes a commit that was made
before and opens a merge request of the same size.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import requests

from benchmarks.check_path import percentile, say, timed
from benchmarks.manifests import manifests
from bot.world.config_repo import ConfigRepo, new_repository
from bot.world.config_repo.running import network
from bot.world.gitlab import Calls, GitLabForge, Project, authorization
from bot.world.snapshots import wanted
from skills.core.model import Edit, OpenMergeRequest
from tests.fakes.gitlab_server import PROJECT, TOKEN, certificate, serving

WARM_UP = 3


def serve(repository: Path, keys: tuple[Path, Path], told: Connection) -> None:
    with serving(repository, keys) as gitlab:
        told.send((gitlab.url, gitlab.clone))
        while told.recv() != "end":
            told.send((len(gitlab.calls), len(gitlab.git_calls)))


def effect(base: str, number: int, depth: int) -> OpenMergeRequest:
    key = f"EG-{depth}X{number}"
    folder = "/".join(f"level{each}" for each in range(depth - 1))
    return OpenMergeRequest(
        request_key=key,
        base=base,
        branch=f"egress/{key}",
        target="main",
        edits=(Edit(f"{folder}/{key}.yaml", None, f"a: {number}\n"),),
        digest="d",
        title=f"Let {key} reach api.twilio.com:443",
        body="Because of SMS.\n" * 40,
        labels=("egress::needs-approval",),
        reviewers=("sam",),
        author="dana@fincorp.example",
        created_at="2026-03-01T09:00:00Z",
    )


class Bench:
    def __init__(self, folder: Path, count: int) -> None:
        self.repository = folder / "server" / "allowlist.git"
        self.repository.parent.mkdir()
        new_repository(self.repository, dict(manifests(count)), message="big", date="2026-01-05T08:00:00+00:00")
        for words in (("config", "http.receivepack", "true"), ("gc", "--quiet")):
            subprocess.run(["git", *words], cwd=self.repository, check=True)
        keys = certificate(folder)
        self.pipe, theirs = multiprocessing.Pipe()
        multiprocessing.get_context("spawn").Process(
            target=serve, args=(self.repository, keys, theirs), daemon=True
        ).start()
        self.url, self.clone = self.pipe.recv()
        self.ca = str(keys[0])
        repo = ConfigRepo.open(self.clone, home=folder / "home", authorization=authorization(TOKEN), ca=self.ca)
        self.forge = GitLabForge(repo, Calls(Project(self.url, PROJECT, TOKEN, self.ca)))
        self.source = self.forge.source(wanted, None)
        self.snapshot = self.source()
        self.session = requests.Session()
        self.session.headers["PRIVATE-TOKEN"] = TOKEN
        self.session.verify, self.session.trust_env = self.ca, False

    def propose(self, number: int, depth: int) -> None:
        self.snapshot = self.source(self.snapshot)
        assert self.forge.open_or_update(effect(self.snapshot.commit or "", number, depth)).created

    def floor(self, commit: str, number: int) -> None:
        env = {**os.environ, **network("https", self.clone, authorization(TOKEN), self.ca)}
        branch = f"floor/{number}"
        for words in (("ls-remote", self.clone), ("push", "--quiet", self.clone, f"{commit}:refs/heads/{branch}")):
            subprocess.run(["git", *words], cwd=self.repository, env=env, check=True, capture_output=True)
        at = f"{self.url}/api/v4/projects/{PROJECT.replace('/', '%2F')}"
        for path in (f"merge_requests?source_branch={branch}", "members/all"):
            self.session.get(f"{at}/{path}", timeout=20).raise_for_status()
        fields = {"source_branch": branch, "target_branch": "main", "title": "t", "description": "x" * 600}
        self.session.post(f"{at}/merge_requests", json=fields, timeout=20).raise_for_status()

    def prepared(self, number: int) -> str:
        tree = self._git("rev-parse", "main^{tree}")
        who = ("-c", "user.name=x", "-c", "user.email=x@y.example")
        return self._git(*who, "commit-tree", tree, "-p", "main", "-m", f"floor {number}")

    def requests(self) -> tuple[int, int]:
        self.pipe.send("count")
        rest, git = self.pipe.recv()
        return rest, git

    def end(self) -> None:
        self.pipe.send("end")

    def _git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.repository, check=True, capture_output=True, text=True)
        return done.stdout.strip()


def measure(count: int, depth: int, proposals: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), count)
        figures, floors, processor = [], [], []
        rest, git = bench.requests()
        for number in range(proposals):
            before = os.times()
            figures.append(timed(bench.propose, number, depth))
            processor.append(sum(os.times()[:4]) - sum(before[:4]))
        after = bench.requests()
        for number in range(proposals):
            floors.append(timed(bench.floor, bench.prepared(number), number))
        bench.end()
    del figures[:WARM_UP], floors[:WARM_UP]
    name = f"proposal, {count:,} manifests, {depth} folders deep"
    print(f"{name}: {(after[1] - git) / proposals:.1f} Git requests, {(after[0] - rest) / proposals:.1f} REST calls")
    for share, aim in ((0.5, "-"), (0.95, "250 ms")):
        ours, floor = percentile(figures, share), percentile(floors, share)
        say(f"{name}, p{share * 100:.0f} / plain git and requests", ours, floor, aim)
    print(f"    processor time of Postern and its git: {sorted(processor)[len(processor) // 2] * 1e3:.0f} ms each")


def main(count: int, proposals: int) -> None:
    for manifests_, depth in ((count // 10, 3), (count, 3), (count, 9)):
        measure(manifests_, depth, proposals)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]), *(10_000, 60)[len(sys.argv) - 1 :])
