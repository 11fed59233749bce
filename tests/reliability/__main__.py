"""The soak: `python -m tests.reliability --requests 200 --seed 7 --database postgres`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.reliability.soak import soak


def main() -> int:
    reading = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    reading.add_argument("--requests", type=int, default=200)
    reading.add_argument("--seed", type=int, default=7)
    reading.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    reading.add_argument("--history", type=Path, help="where to write what happened")
    given = reading.parse_args()
    with tempfile.TemporaryDirectory(prefix="postern-soak-") as folder:
        outcome = soak(Path(folder), given.requests, given.seed, given.database, told=print)
    if given.history:
        given.history.write_text(f"{outcome.history}\n", encoding="utf-8")
    print(outcome)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
