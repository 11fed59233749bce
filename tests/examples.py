"""How many examples a property of the default suite is tried on: enough to be red soon, all of them in `make slow`."""

from __future__ import annotations

import os

ALL = os.environ.get("POSTERN_ALL_EXAMPLES") == "1"
_SHARE, _LEAST = 4, 5


def examples(full: int) -> int:
    """A quarter of `full`, unless all are asked for. Other draws come with every run, so that none is left out for good."""
    return full if ALL else max(_LEAST, full // _SHARE)
