"""`cf` commands of pipelines and scripts: which groups they bind, which rules files they make into groups, and which
network policies they add."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from skills.core.hosts import shown
from skills.core.model import Place
from skills.core.platforms.cloud_foundry.shell import Call, calls
from skills.core.yaml_text import Document, Map, Seq

_BINDS = {"bind-security-group": False, "unbind-security-group": True}
_GLOBAL = {
    f"{verb}bind-{phase}-security-group": (phase, bool(verb)) for verb in ("", "un") for phase in ("running", "staging")
}
_FILES = frozenset({"create-security-group", "update-security-group"})
_POLICIES = {"add-network-policy": False, "remove-network-policy": True}
_SIGNS = ("security-group", "network-policy")
_CHOOSES = ("target", "login")
_VARIABLES = frozenset({"env", "variables", "params", "vars"})
_RUNS = ("command", "cf_command")  # where a step has both, its action runs the first and ends
_SHORT = "/cf-cli-action"  # a family of actions whose `command` is what stands behind `cf`
_JOINED = "how the action joins the rows of its command"
_PARTED = ("&", "|", ";", "(", "{")
_SWITCHES = frozenset({"-f", "--force"})
_MOST = 500


@dataclass(frozen=True, slots=True)
class Command:
    """A binding that a command or Terraform makes.

    `space` is empty for a whole organisation, which means the spaces that exist when it runs; `everywhere` for all
    of the foundation. `unsure` is the part that is only known at run time. `phase` is running or staging.
    """

    group: str
    org: str
    space: str
    phase: str
    unbinds: bool
    unsure: str
    place: Place
    everywhere: bool = False
    terraform: bool = False
    root: str | None = None  # the Terraform root that makes it; None: a script's

    @property
    def names_space(self) -> bool:
        """Whether it says for certain which space it is about, or which organisation."""
        return not _unknown(self.org) and not _unknown(self.space)

    @property
    def names_group(self) -> bool:
        return not _unknown(self.group)


@dataclass(frozen=True, slots=True)
class Created:
    """A group that a command makes from a file of rules."""

    group: str
    file: str
    place: Place


@dataclass(frozen=True, slots=True)
class Policy:
    """A network policy: `source` and `target` are apps, `ports` as it is written. `unsure` as for commands.

    `org` and `space` are those of the source, as `cf target` chose them; `there` is the target's space. Empty where
    nothing says it.
    """

    source: str
    target: str
    protocol: str
    ports: str
    place: Place
    removes: bool = False
    unsure: str = ""
    root: str | None = None  # the Terraform root that makes it; None: a script's
    org: str = ""
    space: str = ""
    there: str = ""


Act = Command | Created | Policy


def read_commands(document: Document, data: Mapping[str, Any]) -> Sequence[Act]:
    """The commands of a document, in their order. Kubernetes objects are never searched."""
    if "apiVersion" in data:
        return ()
    texts = list(_strings(data))
    if not any(sign in text for text, *_ in texts for sign in _SIGNS):
        return ()
    given = _given(data)
    found: list[Act] = []
    shell, session = 0, _Session()
    for text, line, inside, doubt in texts:
        if inside != shell:
            shell, session = inside, _Session()
        if any(sign in text for sign in (*_SIGNS, *_CHOOSES)):
            rows = text.split("\n")
            made = (replace(call, unsure=doubt or call.unsure) for call in calls(text, given))
            found += session.acts((call, _place(document, rows, call, line)) for call in made)
        if len(found) >= _MOST:
            break
    return found[:_MOST]


def read_script(path: str, text: str) -> Sequence[Act]:
    """The commands of a shell script."""
    if not any(sign in text for sign in _SIGNS):
        return ()
    rows = text.split("\n")
    found = (
        (call, Place(path, call.row + 1, rows[call.row].strip().rstrip("\\").strip()[:200])) for call in calls(text)
    )
    return list(_Session().acts(found))[:_MOST]


@dataclass(slots=True)
class _Session:
    """What one shell goes through: `cf target` says in which space the network policies behind it are made.

    A loop chooses several, one after the other. Each is an organisation, a space, and what is not sure of it.
    """

    homes: list[tuple[str, str, str]] = field(default_factory=lambda: [("", "", "")])
    row: int = -1

    def acts(self, found: Iterable[tuple[Call, Place]]) -> Iterator[Act]:
        for call, place in found:
            if call.words and call.words[0] in _CHOOSES:
                self._choose(call)
            for act in _act(call, place):
                if isinstance(act, Policy):
                    for org, space, doubt in self.homes:
                        # Without a space of its own the target is looked for in the chosen one.
                        yield replace(act, org=org, space=space, there=act.there or space, unsure=act.unsure or doubt)
                else:
                    yield act

    def _choose(self, call: Call) -> None:
        _, flags = _arguments(call.words[1:], "-o", "-s", "-a", "-u", "-p", "--origin")
        org, space = shown(flags.get("-o", "")), shown(flags.get("-s", ""))
        if org or space:
            home = (org or self.homes[-1][0], space, shown(call.unsure))
            self.homes = [*self.homes, home] if call.row == self.row else [home]
            self.row = call.row


def _given(data: Any) -> dict[str, str]:
    """Variables that a pipeline sets to one literal value wherever it sets them."""
    found: dict[str, str | None] = {}
    waiting: list[Any] = [data]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Map):
            for key, value in node.items():
                waiting.append(value)
                for name, text in value.items() if key in _VARIABLES and isinstance(value, Map) else ():
                    if isinstance(name, str):
                        same = isinstance(text, str) and found.get(name, text) == text
                        found[name] = text if same else None
        elif isinstance(node, Seq):
            waiting += node
    return {name: text for name, text in found.items() if text is not None}


def _strings(data: Any) -> Iterator[tuple[str, int, int, str]]:
    """Every text of the document in its order, with the line of its key or item, a number that only the items of one
    list share, which one shell runs, and why nobody knows whether it is run at all."""
    waiting: list[tuple[Any, int, int, str]] = [(data, 1, 0, "")]
    count = 0
    while waiting:
        node, line, inside, doubt = waiting.pop()
        doubt = doubt or (_never(node) if isinstance(node, Map) else "")
        count += 1
        if isinstance(node, str):
            yield node, line, inside or count, doubt
        elif isinstance(node, Map) and (script := _of_action(node)):
            given = node["with"]
            at = next((given.lines[key] for key in _RUNS if key in given.lines), given.line)
            yield script[0], at, count, doubt or script[1]
        elif isinstance(node, Map):
            waiting += [(value, node.lines.get(key, node.line), 0, doubt) for key, value in reversed(node.items())]
        elif isinstance(node, Seq):
            waiting += [(value, at, count, doubt) for value, at in reversed(list(zip(node, node.lines, strict=False)))]


def _never(step: Map) -> str:
    """What keeps a job or a step of a pipeline from ever being run: GitHub's `if: false`, GitLab's `when: never`."""
    if "".join(str(step.get("if")).split()).lower() in ("false", "${{false}}"):
        return "if: false"
    return "when: never" if step.get("when") == "never" else ""


def _of_action(step: Map) -> tuple[str, str] | None:
    """What a step of an action for `cf` runs, as a script, and why not all of it may run: it targets its `cf_org` and
    `cf_space` first, then runs `command`, or calls `cf` with `cf_command`. None for other steps.

    The one family hands `command` to `sh -c`, row by row. The other hands it to `eval` without quotes.

    Source: https://github.com/cloud-gov/cg-cli-tools, action.yml and entrypoint.sh (at 37d58fc1), and
    https://github.com/citizen-of-planet-earth/cf-cli-action, action.yml and entrypoint.sh (at 045154c5).
    """
    given = step.get("with")
    if not isinstance(given, Map) or not isinstance(step.get("uses"), str):
        return None
    org, space, whole, own = (
        text.strip() if isinstance(text := given.get(key), str) else "" for key in ("cf_org", "cf_space", *_RUNS)
    )
    short = _SHORT in step["uses"]
    run = (whole and f"cf {whole}") if short else whole or (own and f"cf {own}")
    if not run or not (short or org or space):
        return None
    chosen = "".join(f" {flag} {shlex.quote(name)}" for flag, name in (("-o", org), ("-s", space)) if name)
    run, doubt = (run, "") if short else _joined(run)
    return f"cf target{chosen}\n{run}", doubt


def _joined(text: str) -> tuple[str, str]:
    """The one row that `eval` makes of these. What begins there as a command of its own is none then, but more words of
    the one above, which is wrong with them; a backslash at the end of a row hides the blank behind it."""
    rows = [row.strip() for row in text.split("\n") if row.strip()]
    whole = all(
        above.endswith(_PARTED) or (row.startswith((*_PARTED, "-")) and not above.endswith("\\"))
        for above, row in pairwise(rows)
    )
    return (" ".join(rows), "") if whole else (text, _JOINED)


def _act(call: Call, place: Place) -> Iterator[Act]:
    if not call.words:
        return
    verb, words = call.words[0], call.words[1:]
    if verb in _BINDS:
        names, flags = _arguments(words, "--space", "--lifecycle")
        if len(names) >= 2:
            space = flags.get("--space") or (names[2] if len(names) > 2 else "")
            phase = "staging" if flags.get("--lifecycle") == "staging" else "running"
            yield Command(
                shown(names[0]), shown(names[1]), shown(space), phase, _BINDS[verb], shown(call.unsure), place
            )
    elif verb in _GLOBAL and words:
        phase, unbinds = _GLOBAL[verb]
        yield Command(shown(words[0]), "", "", phase, unbinds, shown(call.unsure), place, everywhere=True)
    elif verb in _FILES and len(words) >= 2:
        yield Created(shown(words[0]), words[1][:500], place)
    elif verb in _POLICIES:
        yield from _policy(verb, words, call, place)


def _policy(verb: str, words: Sequence[str], call: Call, place: Place) -> Iterator[Policy]:
    names, flags = _arguments(words, "--destination-app", "--protocol", "--port", "-s", "-o")
    target = flags.get("--destination-app") or (names[1] if len(names) > 1 else "")
    if names and target:
        protocol, ports = flags.get("--protocol") or "tcp", flags.get("--port") or "8080"
        yield Policy(
            shown(names[0]),
            shown(target),
            shown(protocol),
            shown(ports),
            place,
            _POLICIES[verb],
            shown(call.unsure),
            there=shown(flags.get("-s", "")),
        )


def _arguments(words: Sequence[str], *with_value: str) -> tuple[list[str], dict[str, str]]:
    """Names in their order, and flags that take a value."""
    names: list[str] = []
    flags: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if flag in with_value:
            flags[flag] = value if equals else next(rest, "")
        elif word in ("<", ">", ">>", "2"):
            break
        elif not word.startswith("-") and word not in _SWITCHES:
            names.append(word)
    return names, flags


def _unknown(name: str) -> bool:
    return any(sign in name for sign in ("$", "{{", "((", "`"))


def _place(document: Document, rows: Sequence[str], call: Call, line: int) -> Place:
    """The line on which the command stands: at its key or below."""
    wanted = rows[call.row].strip().rstrip("\\").strip()
    start = " ".join(wanted.split()[:4])
    for at in range(max(line, 1), min(len(document.rows), line + 5000) + 1):
        here = document.rows[at - 1]
        if start in " ".join(here.split()):
            return Place(document.path, at, here.strip()[:200])
    return Place(document.path, line, document.rows[line - 1].strip()[:200] if line <= len(document.rows) else "")
