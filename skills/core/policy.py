"""Who approves what, which diagrams are kept and where tickets go: `egress-policy.yaml`.

It is always read from the target branch and never from the change's own branch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from skills.core.errors import AskUnclear
from skills.core.globs import path_matches
from skills.core.yaml_text import read_documents

PATH = "egress-policy.yaml"
TEMPLATE = "egress-merge-request.md.j2"
"""Where a team may keep a text of its own for merge requests, beside the policy."""
PLATFORMS = ("cilium", "cloud_foundry", "infrastream", "istio", "network_policy", "uds")
"""The dialects' names, as a policy writes them."""
_GROUP_AND_PROJECT = 2
_WORKING_WEEK = 5
_MOST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Files that match one of `paths` need `needed` approvals of people in `groups`."""

    paths: tuple[str, ...]
    groups: tuple[str, ...]
    needed: int = 1


@dataclass(frozen=True, slots=True)
class DiagramSetting:
    """Where a team keeps its architecture diagram: the Markdown file `path`, in `repository` (None: in this one).

    `workloads` are globs over names as `namespace/name`, `org/unit/project` or `org/space`.
    """

    workloads: tuple[str, ...]
    path: str
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class HelpDesk:
    """The project in which a platform wants a ticket for each request, and the labels that it puts on them."""

    project: str
    platforms: tuple[str, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timers:
    """How long things may take, in days; `escalate_days` are working days. All may be set under `timers`.

    `request_days`: open without a decision before it is closed, `warn_days` of them after that was announced;
    `settle_days`: without a word after the merge until it counts as in force; `notice_days`: before a last day.
    """

    reminders: int = 4
    escalate_days: int = 5
    request_days: int = 30
    warn_days: int = 7
    settle_days: int = 7
    notice_days: int = 14

    def gap(self, number: int) -> int:
        """Working days before the reminder of that number, counted from 1: after a day, after three, then weekly."""
        return (1, 3)[number - 1] if number <= 2 else _WORKING_WEEK


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy as it stands. Without a file there are no approvers, and so nobody can approve."""

    groups: Mapping[str, tuple[str, ...]]
    approval: tuple[ApprovalRule, ...]
    present: bool = True
    diagrams: tuple[DiagramSetting, ...] = ()
    help_desk: HelpDesk | None = None
    timers: Timers = Timers()
    delegates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def rules_for(self, paths: Iterable[str]) -> list[ApprovalRule | None]:
        """For each changed file the first rule whose paths match it; None where none does."""
        return [next((rule for rule in self.approval if _matches(rule, path)), None) for path in paths]

    def members(self, rule: ApprovalRule) -> set[str]:
        return {member.casefold() for group in rule.groups for member in self.groups.get(group, ())}

    def approvers(self, paths: Iterable[str]) -> set[str]:
        """People who may approve at least one of these files."""
        return {member for rule in self.rules_for(paths) if rule for member in self.members(rule)}

    def groups_for(self, paths: Iterable[str]) -> list[str]:
        return sorted({group for rule in self.rules_for(paths) if rule for group in rule.groups})

    def stand_ins(self, paths: Iterable[str], asked: Iterable[str]) -> tuple[str, ...]:
        """Who is told when the groups of these files stay silent, but nobody in `asked`. It gives them no right."""
        known = {name.casefold() for name in asked}
        found = (name for group in self.groups_for(paths) for name in self.delegates.get(group, ()))
        return tuple(name for name in dict.fromkeys(found) if name.casefold() not in known)


NO_POLICY = Policy({}, (), present=False)


def read_policy(text: str | None) -> Policy:
    """Reads the file. A policy that can't be understood is refused: guessing who may approve is not an option."""
    if text is None:
        return NO_POLICY
    documents, unreadable = read_documents(PATH, text)
    if unreadable:
        raise AskUnclear("EGR420", path=PATH, line=unreadable[0].line)
    if not documents or documents[0].data is None:
        return NO_POLICY
    data = documents[0].data
    if len(documents) > 1 or not isinstance(data, Mapping):
        raise AskUnclear("EGR421", path=PATH, line=1, what="it must be one map with `groups` and `approval`")
    _refuse_unknown(data, {"version", "groups", "approval", "uds_core", "diagrams", "help_desk", "timers", "delegates"})
    groups = {str(name): _names(data, members, f"groups.{name}") for name, members in _map(data, "groups").items()}
    rules = data.get("approval") or []
    if not isinstance(rules, list):
        raise _wrong(data, "approval", "`approval` must be a list")
    approval = tuple(_rule(data, rule, groups) for rule in rules)
    return Policy(
        groups,
        approval,
        diagrams=_diagrams(data),
        help_desk=_help_desk(data),
        timers=_timers(data),
        delegates=_delegates(data, groups),
    )


def _timers(data: Any) -> Timers:
    entry = data.get("timers") or {}
    if not isinstance(entry, Mapping):
        raise _wrong(data, "timers", "`timers` must be a map of numbers of days")
    known = {each.name for each in fields(Timers)}
    _refuse_unknown(entry, known)
    for name, value in entry.items():
        least = 0 if name == "reminders" else 1
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST_DAYS:
            raise _wrong(data, "timers", f"`{name}` must be a number from {least} to {_MOST_DAYS}")
    made = Timers(**entry)
    if made.warn_days >= made.request_days:
        raise _wrong(data, "timers", "`warn_days` must be less than `request_days`")
    return made


def _delegates(data: Any, groups: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    found = {str(name): _names(data, people, f"delegates.{name}") for name, people in _map(data, "delegates").items()}
    strange = [name for name in found if name not in groups]
    if strange:
        raise _wrong(data, "delegates", f"group `{strange[0][:60]}` is not declared under `groups`")
    return found


def _rule(data: Any, rule: Any, groups: Mapping[str, tuple[str, ...]]) -> ApprovalRule:
    if not isinstance(rule, Mapping):
        raise _wrong(data, "approval", "each entry of `approval` must be a map with `paths` and `groups`")
    _refuse_unknown(rule, {"paths", "groups", "needed"})
    names = _names(data, rule.get("groups"), "approval")
    for name in names:
        if name not in groups:
            raise _wrong(data, "approval", f"group `{name}` is not declared under `groups`")
    needed = rule.get("needed", 1)
    if not isinstance(needed, int) or isinstance(needed, bool) or needed < 1:
        raise _wrong(data, "approval", "`needed` must be a number from 1 up")
    paths = _names(data, rule.get("paths"), "approval")
    if not paths or not names:
        raise _wrong(data, "approval", "each entry of `approval` needs `paths` and `groups`")
    return ApprovalRule(paths, names, needed)


def _diagrams(data: Any) -> tuple[DiagramSetting, ...]:
    listed = data.get("diagrams") or []
    if not isinstance(listed, list):
        raise _wrong(data, "diagrams", "`diagrams` must be a list")
    found = tuple(_diagram(data, entry) for entry in listed)
    for entry in found:
        if sum((entry.repository, entry.path) == (other.repository, other.path) for other in found) > 1:
            raise _wrong(data, "diagrams", f"`{entry.path[:60]}` stands twice, and a file holds one diagram")
    return found


def _diagram(data: Any, entry: Any) -> DiagramSetting:
    if not isinstance(entry, Mapping):
        raise _wrong(data, "diagrams", "each entry of `diagrams` must be a map with `workloads` and `path`")
    _refuse_unknown(entry, {"workloads", "path", "repository"})
    workloads = _names(data, entry.get("workloads"), "diagrams")
    path, repository = _text(data, entry, "path", "diagrams"), _text(data, entry, "repository", "diagrams")
    if not workloads or path is None:
        raise _wrong(data, "diagrams", "each entry of `diagrams` needs `workloads` and `path`")
    parts = path.split("/")
    if not path.casefold().endswith((".md", ".markdown")) or not path.isprintable() or "\\" in path:
        raise _wrong(data, "diagrams", f"`{path[:60]}` is no Markdown file, whose name ends in .md")
    if {"", ".", "..", ".git"} & {part.casefold() for part in parts}:
        raise _wrong(data, "diagrams", f"`{path[:60]}` must be a path inside the repository, without . and ..")
    if repository and "://" in repository:
        where = urlsplit(repository)
        if where.scheme != "https" or not where.hostname or "@" in where.netloc or where.query or where.fragment:
            raise _wrong(data, "diagrams", "`repository` must be a plain https address without a user name, or a path")
    return DiagramSetting(workloads, path, repository)


def _help_desk(data: Any) -> HelpDesk | None:
    entry = data.get("help_desk")
    if entry is None:
        return None
    if not isinstance(entry, Mapping):
        raise _wrong(data, "help_desk", "`help_desk` must be a map with `project` and `platforms`")
    _refuse_unknown(entry, {"project", "platforms", "labels"})
    project = (_text(data, entry, "project", "help_desk") or "").strip("/")
    platforms = _names(data, entry.get("platforms"), "help_desk")
    strange = [name for name in platforms if name not in PLATFORMS]
    if strange:
        raise _wrong(data, "help_desk", f"`{strange[0][:60]}` is no platform; known are {', '.join(PLATFORMS)}")
    parts = project.split("/")
    if len(parts) < _GROUP_AND_PROJECT or not all(_is_plain(part) for part in parts):
        raise _wrong(data, "help_desk", "`project` must be the path of a project, as `group/help-desk`")
    if not platforms:
        raise _wrong(data, "help_desk", "`help_desk` needs `platforms`, those whose changes need a ticket")
    labels = _names(data, entry.get("labels"), "help_desk")
    if any("," in label for label in labels):
        raise _wrong(data, "help_desk", "a label has no comma in it")
    return HelpDesk(project, platforms, labels)


def _is_plain(part: str) -> bool:
    return part not in {"", ".", ".."} and all(sign.isalnum() or sign in "._-" for sign in part)


def _text(data: Any, entry: Mapping[str, Any], key: str, section: str) -> str | None:
    value = entry.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise _wrong(data, section, f"`{key}` must be a text")
    return value.strip()


def _refuse_unknown(entry: Mapping[str, Any], known: set[str]) -> None:
    """A misspelt key would quietly weaken the policy."""
    strange = sorted(str(key) for key in entry if key not in known)
    if strange:
        line = getattr(entry, "lines", {}).get(strange[0], 1)
        raise AskUnclear("EGR421", path=PATH, line=line, what=f"`{strange[0][:60]}` is no key that I know here")


def _map(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise _wrong(data, key, f"`{key}` must be a map")
    return value


def _names(data: Any, value: Any, key: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise _wrong(data, key.split(".", maxsplit=1)[0], f"`{key}` must be a list of names")
    return tuple(item.strip() for item in value)


def _wrong(data: Any, key: str, what: str) -> AskUnclear:
    return AskUnclear("EGR421", path=PATH, line=getattr(data, "lines", {}).get(key, 1), what=what)


def _matches(rule: ApprovalRule, path: str) -> bool:
    return any(path_matches(pattern, path) for pattern in rule.paths)
