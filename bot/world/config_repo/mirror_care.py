"""What keeps a mirror in order over time: when its remote answered last, and that it does not grow without end."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from bot.world.config_repo.running import FETCH_SECONDS, GitDir

MOST_LOOSE = 2_000  # loose objects
MOST_PACKS = 20
_PAUSE = 600.0  # seconds between two attempts to tidy, in case one could not do much
_FOLDERS = 256  # Git spreads loose objects over so many


class Asked:
    """Counts how often a remote was asked and has answered, over all processes that share a mirror.

    Numbers instead of times tell whose question was the later one, since clocks jump. Whoever writes holds the lock.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def begun(self) -> float:
        """The number of the last question; more than every number when that can't be read."""
        return float(self._told().get("begun", float("inf") if self._file.exists() else 0))

    def answered(self) -> int:
        """The number of the last question that was answered."""
        return int(self._told().get("answered", 0))

    def at(self) -> float | None:
        """When the last question that was answered had been asked, in seconds since 1970."""
        found = self._told().get("at")
        return float(found) if found else None

    def begin(self) -> int:
        told = self._told()
        number = int(told.get("begun", 0)) + 1
        self._tell({**told, "begun": number, "now": time.time()})
        return number

    def end(self, number: int) -> None:
        self._tell({"begun": number, "answered": number, "at": self._told().get("now", 0)})

    def _told(self) -> dict[str, float]:
        try:
            found = json.loads(self._file.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {name: value for name, value in found.items() if isinstance(value, int | float)}

    def _tell(self, told: dict[str, float]) -> None:
        with suppress(OSError):  # a full disk keeps nobody from reading; everybody then asks for themselves
            written = self._file.with_suffix(".writing")
            written.write_text(json.dumps(told), "utf-8")
            written.replace(self._file)


def tidy(git: GitDir, stamp: Path) -> None:
    """Pack what proposals and fetches have left; only the holder of the lock may.

    Objects that nothing refers to are kept for an hour: somebody may be about to push them. A killed fetch leaves its
    pack behind under a temporary name.
    """
    now = time.time()
    for left in (git.path / "objects" / "pack").glob("tmp_*"):
        with suppress(OSError):
            if now - left.stat().st_mtime > FETCH_SECONDS:
                left.unlink()
    if not _untidy(git.path / "objects") or now - _time_of(stamp) < _PAUSE:
        return
    with suppress(OSError):
        stamp.touch()
    git.attempt("-c", "gc.cruftPacks=true", "gc", "--quiet", "--prune=1.hour.ago")


def _untidy(objects: Path) -> bool:
    """As Git guesses it: names are digests, so one folder tells of all."""
    with suppress(OSError):
        if len(list((objects / "17").iterdir())) * _FOLDERS > MOST_LOOSE:
            return True
    return len(list((objects / "pack").glob("*.pack"))) > MOST_PACKS


def _time_of(stamp: Path) -> float:
    try:
        return stamp.stat().st_mtime
    except OSError:
        return 0.0


def span(seconds: float) -> str:
    """A length of time in the largest unit that fits, in whole numbers."""
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a minute"
