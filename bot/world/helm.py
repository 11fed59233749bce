"""Renders Helm charts with Helm itself, where the extra `helm` is installed. No cluster, no network, no hooks run.

Templates are programs of strangers: each chart is rendered in a process of its own, in a temporary folder, with bounds
on time, memory and output. Templates can't reach the network: Helm answers `lookup` with nothing and resolves no names.
"""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from skills.core.charts import Render, Rendered

_SECONDS = 20
_MEMORY = 4 * 1024**3
_OUTPUT = 20_000_000
_FILES = 2_000
_KEPT = 256
_MOST_STOPPED = 3  # charts that had to be stopped; a repository with more of them is not waited for

_Release = tuple[str, str, Sequence[Mapping[str, Any]]]


def renderer() -> Render | None:
    """What renders charts here; None without the extra `helm`."""
    return _Helm().render if importlib.util.find_spec("helm_python") else None


class _Helm:
    """Keeps what it rendered by everything that went into it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, list[Rendered]] = OrderedDict()
        self._stopped = 0

    def render(self, files: Mapping[str, str], releases: Sequence[_Release]) -> Sequence[Rendered]:
        asked = json.dumps([dict(files), releases], sort_keys=True, default=str).encode("utf-8", "surrogatepass")
        key = sha256(asked).hexdigest()
        if key not in self._kept:
            self._kept[key] = self._render(files, asked, len(releases))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _render(self, files: Mapping[str, str], asked: bytes, releases: int) -> list[Rendered]:
        if len(files) > _FILES:
            return _failed("it has too many files", releases)
        if self._stopped >= _MOST_STOPPED:
            return _failed(f"{self._stopped} other charts had to be stopped, so this one was not tried", releases)
        made = _in_own_process(asked, releases)
        self._stopped += made is None
        return made or _failed("Helm needed more time or memory than Postern gives it", releases)


def _failed(why: str, releases: int) -> list[Rendered]:
    return [why] * releases


def _in_own_process(asked: bytes, releases: int) -> list[Rendered] | None:
    """What each release renders; None where the process had to be stopped."""
    if not releases:
        return []
    command = [sys.executable, "-c", "from bot.world.helm import work; work()"]
    with tempfile.TemporaryDirectory(prefix="postern-chart-") as folder:
        home = {"HOME": folder, "PYTHONPATH": str(Path(__file__).parents[2]), "GOMEMLIMIT": "1GiB"}
        try:
            done = subprocess.run(
                command, input=asked, capture_output=True, timeout=_SECONDS, cwd=folder, env=home, check=False
            )
        except subprocess.TimeoutExpired:
            return None
    if done.returncode or len(done.stdout) > 2 * _OUTPUT:
        return None
    answered: list[Rendered] = json.loads(done.stdout)
    return answered


def work() -> None:
    """The other process: a chart and its releases as JSON on standard input, what they render on standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    files, releases = json.load(sys.stdin)
    json.dump([_render(files, release) for release in releases], sys.stdout)


def _render(files: Mapping[str, str], release: _Release) -> Rendered:
    import helm_python  # noqa: PLC0415 - an extra; loading it takes a quarter of a second

    name, namespace, values = release
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for path, text in files.items():
            if ".." not in PurePosixPath(path).parts and not path.startswith("/"):
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8", newline="")
        try:
            with helm_python.Chart.load(folder) as chart:
                made = chart.render(_merged(values), name=name or "release", namespace=namespace, is_install=True)
        except helm_python.HelmError as error:
            return " ".join(str(error).split())[:300]
    if sum(map(len, made.values())) > _OUTPUT:
        return "it renders more than Postern reads"
    return {path.partition("/")[2]: text for path, text in made.items()}


def _merged(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Values laid over one another as Helm does it: mappings are joined, everything else is replaced."""
    merged: dict[str, Any] = {}
    for layer in values:
        for key, value in layer.items():
            there = merged.get(key)
            if isinstance(there, Mapping) and isinstance(value, Mapping):
                merged[key] = _merged([there, value])
            else:
                merged[key] = value
    return merged
