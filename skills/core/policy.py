"""Who approves what: `egress-policy.yaml`, always from the target branch and never from the change's own branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from skills.core.errors import AskUnclear
from skills.core.globs import path_matches
from skills.core.yaml_text import read_documents

PATH = "egress-policy.yaml"
TEMPLATE = "egress-merge-request.md.j2"
"""Where a team may keep a text of its own for merge requests, beside the policy."""


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """Files that match one of `paths` need `needed` approvals of people in `groups`."""

    paths: tuple[str, ...]
    groups: tuple[str, ...]
    needed: int = 1


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy as it stands. Without a file there are no approvers, and so nobody can approve."""

    groups: Mapping[str, tuple[str, ...]]
    approval: tuple[ApprovalRule, ...]
    present: bool = True

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
    _refuse_unknown(data, {"version", "groups", "approval", "uds_core"})
    groups = {str(name): _names(data, members, f"groups.{name}") for name, members in _map(data, "groups").items()}
    rules = data.get("approval") or []
    if not isinstance(rules, list):
        raise _wrong(data, "approval", "`approval` must be a list")
    return Policy(groups, tuple(_rule(data, rule, groups) for rule in rules))


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
