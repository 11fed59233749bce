"""Egress proxies by their Caddyfile, and the files of hosts that it names.

Semantics: Caddy's forwardproxy. The first line of `acl` that matches decides; a file holds one entry a line. Our
model has deny lists before allow lists, as cg-egress-proxy writes them; another order is said to be unsure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import re2

from skills.core.enforce.spans import Span, merged
from skills.core.hosts import shown
from skills.core.model import Place
from skills.core.platforms.cloud_foundry.proxy import HTTPS, Listed, Proxy

ENDING, NAME = ".acl", "Caddyfile"
_MOST = 5000
_DEFAULT = re2.compile(r"\{\$[A-Za-z_]\w*:([^}]*)\}")


@dataclass(frozen=True, slots=True)
class AclFile:
    """The entries of a file, one a line."""

    path: str
    entries: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Caddy:
    """One `forward_proxy`: the steps of its `acl` as verb, words and place, and its ports."""

    folder: str
    steps: tuple[tuple[str, tuple[str, ...], Place], ...]
    ports: tuple[str, ...]
    place: Place


def reads(path: str) -> bool:
    return path.endswith(ENDING) or path.rpartition("/")[2] == NAME


def read_caddy(path: str, text: str) -> Sequence[AclFile | Caddy]:
    rows = text.split("\n")[:_MOST]
    if path.endswith(ENDING):
        words = [(at, row.partition("#")[0].strip()) for at, row in enumerate(rows)]
        return (
            AclFile(
                path, tuple(Listed(shown(word).lower(), Place(path, at + 1, word[:200])) for at, word in words if word)
            ),
        )
    return tuple(_proxies(path, rows))


def _proxies(path: str, rows: Sequence[str]) -> Iterator[Caddy]:
    """Every `forward_proxy { ... }`, by its braces."""
    opened: list[str] = []
    steps: list[tuple[str, tuple[str, ...], Place]] = []
    ports: tuple[str, ...] = ()
    start = 1
    for at, raw in enumerate(rows):
        row = _DEFAULT.sub(r"\1", raw.partition("#")[0]).strip()
        words = row.split()
        if row.endswith("{"):
            opened.append(words[0])
            if words[0] == "forward_proxy":
                steps, ports, start = [], (), at + 1
        elif row == "}" and opened:
            if opened.pop() == "forward_proxy":
                yield Caddy(
                    path.rpartition("/")[0], tuple(steps), ports, Place(path, start, rows[start - 1].strip()[:200])
                )
        elif words and opened[-1:] == ["acl"]:
            steps.append((words[0], tuple(words[1:]), Place(path, at + 1, raw.strip()[:200])))
        elif words and words[0] == "ports" and opened[-1:] == ["forward_proxy"]:
            ports = tuple(words[1:])


def caddy_proxies(found: Sequence[object], apps: Sequence[tuple[str, str, tuple[str, ...]]]) -> Iterator[Proxy]:
    """Proxies whose lists stand in the repository. `apps` are folder of the manifest, name, and internal routes."""
    files = {each.path: each for each in found if isinstance(each, AclFile)}
    for caddy in (each for each in found if isinstance(each, Caddy)):
        lists = {"allow": list[Listed](), "deny": list[Listed]()}
        unsure, home = "", ""
        for verb, words, place in caddy.steps:
            kind = verb.removesuffix("_file")
            if kind not in lists or (kind == "deny" and words == ("all",)):
                continue
            unsure = unsure or ("the order of its acl" if kind == "deny" and lists["allow"] else "")
            if verb.endswith("_file"):
                path = f"{caddy.folder}/{words[0]}".lstrip("/") if words else ""
                if path not in files:
                    unsure = unsure or f"the file {path}"
                    continue
                lists[kind] += files[path].entries
                home = path if kind == "allow" else home
            else:
                lists[kind] += [Listed(shown(word).lower(), place) for word in words]
        if lists["allow"]:
            name, host = _app(caddy.folder, apps)
            place = lists["allow"][0].place
            ports = merged(_ports(caddy.ports)) or HTTPS
            yield Proxy(
                name,
                host,
                tuple(lists["deny"]),
                tuple(lists["allow"]),
                place,
                -1,
                ports,
                unsure=shown(unsure),
                acl=home,
            )


def _ports(words: Sequence[str]) -> list[Span]:
    return [(int(word), int(word)) for word in words if word.isdecimal() and 0 < int(word[:6]) < 65536]


def _app(folder: str, apps: Sequence[tuple[str, str, tuple[str, ...]]]) -> tuple[str, str]:
    """Name and host of the app that the manifest beside or above the Caddyfile pushes."""
    around = [(name, routes) for where, name, routes in apps if where in (folder, folder.rpartition("/")[0])]
    if len(around) == 1:
        name, routes = around[0]
        return shown(name), routes[0] if routes else name.lower()
    return shown(folder.rpartition("/")[2] or "proxy"), ""


def with_line(text: str, entry: str) -> str:
    """The file with one entry more: where its order wants it, else behind the last."""
    rows = text.split("\n")
    filled = [at for at, row in enumerate(rows) if row.partition("#")[0].strip()]
    words = [rows[at].strip() for at in filled]
    after = filled[-1] if filled else -1
    if len(words) > 2 and words == sorted(words):
        after = next((at - 1 for at in filled if rows[at].strip() > entry), after)
    end = "\r" if "\r\n" in text else ""
    rows.insert(after + 1, entry + end)
    return "\n".join(rows)


def without_line(text: str, entry: str) -> str | None:
    """The file without a line that says exactly this; None where there is none."""
    rows = text.split("\n")
    at = next((at for at, row in enumerate(rows) if row.partition("#")[0].strip().lower() == entry), None)
    if at is None:
        return None
    del rows[at]
    return "\n".join(rows)
