"""The lock files as the tests of the house read them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from packaging.markers import Marker

from tests.shared import ROOT

LOCKS = ("core", "slack", "server", "dev")
PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\]+))?(?: \\)?")


@dataclass(frozen=True, order=True)
class Pin:
    """One pinned package. `applies` says whether any of our platforms installs it."""

    name: str
    version: str
    applies: bool = True


def lines(lock: str) -> list[str]:
    return (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").splitlines()


@cache
def pins(lock: str) -> tuple[Pin, ...]:
    """The packages of requirements/<lock>.txt."""
    found = [match for line in lines(lock) if (match := PIN.fullmatch(line))]
    return tuple(Pin(match["name"], match["version"], _applies(match["marker"])) for match in found)


def _applies(marker: str | None) -> bool:
    return not marker or any(Marker(marker.strip()).evaluate(each) for each in _environments())


def _environments() -> Iterator[dict[str, str]]:
    """CPython 3.11 to 3.13 on Linux and macOS."""
    for system, minor in itertools.product(("linux", "darwin"), (11, 12, 13)):
        version = {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}
        yield {"sys_platform": system, "platform_python_implementation": "CPython", **version}
