"""`make fuzz`: changes bytes, lines and words of real texts and hands them to every reader, for as long as is given.

What breaks a reader, or takes it longer than `_SECONDS`, is kept below tests/cases_fuzz/READER/; `make test` replays it.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from tests.fuzz.readers import TARGETS
from tests.shared import shared_folder

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests" / "cases_fuzz"

_SECONDS = 10.0
_LARGEST = 60_000
_WORDS = (
    "{{ .Values.x }}", "{{- if .a }}", "{{- end }}", "{{/*", "}}", "${VAR}", "${VAR:=a}", "$${", "&a ", "*a", "<<: *a",
    "---", "...", "%TAG ! x", "!!binary ", "|", ">-", "? ", "[", "]", "{", "}", "- ", ": ", "#", "'", '"', "\t", "\r\n",
    "\r", "\ufeff", "\x00", "\x85", "\u2028", "\ud800", "0x", "1e999", ".nan", "~", "$patch: delete", "\n%%% ",
    "namespace: shop", "kind: List", "items:", "kind: Component", "patches:", "components:", "namePrefix: a",
    "resources: [../base]", "op: add", "path: /spec/-", "*.example.com", "0.0.0.0/0", "::/0", "65536", "-1",
)  # fmt: skip


class Slow(Exception):
    """A reader took too long."""


def seeds() -> list[str]:
    """Real manifests and reports: the golden cases, and the shared corpus where it is there."""
    folders = [ROOT / "tests" / "cases", ROOT / "bot" / "sample", KEPT]
    shared = shared_folder()
    if shared is not None:
        folders += [shared / "platforms" / "corpus", shared / "errors"]
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size <= _LARGEST:
                found.append(path.read_bytes().decode("utf-8", "surrogateescape"))
    return found


def mutated(text: str, others: Sequence[str], chance: random.Random) -> str:
    """A few changes, each of one of these kinds: bytes, words, lines moved or doubled, a part of another text."""
    for _ in range(chance.choice((1, 1, 2, 3, 5, 8))):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + chance.choice((0, 1, 1, 2, 8, 40, 400)))
        kind = chance.randrange(7)
        if kind == 0:
            text = text[:at] + text[to:]
        elif kind == 1:
            text = text[:at] + chance.choice(_WORDS) + text[to:]
        elif kind == 2:
            text = text[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0x10FFFF)))) + text[to:]
        elif kind == 3:
            text = text[:at] + text[at:to] * chance.choice((2, 2, 3, 50)) + text[to:]
        elif kind == 4:
            rows = text.split("\n")
            rows.insert(chance.randrange(len(rows)), chance.choice(rows))
            text = "\n".join(rows)
        elif kind == 5:
            other = chance.choice(others)
            start = chance.randrange(len(other) + 1)
            text = text[:at] + other[start : start + chance.choice((20, 200, 2000))] + text[to:]
        else:
            text = text + "\n%%% " + chance.choice(others)
    return text[:_LARGEST]


def broken(name: str, text: str) -> str | None:
    """How a reader breaks on a text: the exception and where, `slow`, or None."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Slow

    # Time on the processor: a crowded machine makes nothing slow.
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        TARGETS[name](text)
    except Slow:
        return "slow"
    except (Exception, RecursionError) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return None


def smaller(name: str, text: str, how: str) -> str:
    """The same break from less text: parts are taken out while it breaks alike."""
    size, end = len(text) // 2, time.monotonic() + 60
    while size and time.monotonic() < end:
        at = 0
        while at < len(text) and time.monotonic() < end:
            shorter = text[:at] + text[at + size :]
            if broken(name, shorter) == how:
                text = shorter
            else:
                at += size
        size //= 2
    return text


def rounds(minutes: float, seed: int) -> Iterator[tuple[str, str, str]]:
    chance, texts = random.Random(seed), seeds()
    end, tried = time.monotonic() + 60 * minutes, Counter[str]()
    said: set[tuple[str, str]] = set()
    while time.monotonic() < end:
        text = mutated(chance.choice(texts), texts, chance)
        name = chance.choice(list(TARGETS))
        tried[name] += 1
        how = broken(name, text)
        if how and (name, how) not in said:
            said.add((name, how))
            yield name, how, text
    print("tried:", ", ".join(f"{name} {count}" for name, count in sorted(tried.items())), f"seeds: {len(texts)}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    count = 0
    for name, how, text in rounds(asked.minutes, asked.seed):
        count += 1
        less = smaller(name, text, how) if how != "slow" else text
        raw = less.encode("utf-8", "surrogatepass")
        path = KEPT / name / f"{hashlib.sha256(raw).hexdigest()[:12]}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        print(f"{name}: {how}, kept as {path.relative_to(ROOT)}", flush=True)
    print(f"found: {count}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
