"""Reads documents: groups with their rules, cf-mgmt's settings, organisations and spaces, and app manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skills.core.enforce.selectors import label_text
from skills.core.model import Place
from skills.core.platforms.cloud_foundry.caddy import AclFile, Caddy
from skills.core.platforms.cloud_foundry.commands import Act, read_commands
from skills.core.platforms.cloud_foundry.proxy import Proxy, around_of, is_plain_only, proxy_of, read_proxy
from skills.core.platforms.cloud_foundry.rules import Rule, is_rule, read_rule
from skills.core.platforms.cloud_foundry.tf_data import File
from skills.core.yaml_text import Document, Seq

NAME = "cloud_foundry"
LAYER = "security_group"
SPACE_GROUP_FILE = "security-group.json"
_NAMED, _ENABLED, _UNASSIGN = "named-security-groups", "enable-security-group", "enable-unassign-security-group"
_RUNNING, _STAGING = "running-security-groups", "staging-security-groups"
_MOST_RULES = 5000
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class Group:
    """A group's rules. `role` is `named` (cf-mgmt's asgs), `default`, `space` (one space's own) or `loose`.

    `globally` are the phases for which the definition itself binds the group everywhere.
    """

    name: str
    rules: tuple[Rule, ...]
    place: Place
    role: str
    folder: str
    document: int = 0
    path: tuple[str | int, ...] = ()
    globally: tuple[str, ...] = ()
    terraform: bool = False

    @property
    def unresolved(self) -> Rule | None:
        """The first rule that only Terraform's run knows."""
        return next((rule for rule in self.rules if rule.unresolved), None)

    @property
    def fault(self) -> Rule | None:
        """The first rule for which the platform refuses the group."""
        return next((rule for rule in self.rules if rule.fault), None)


@dataclass(frozen=True, slots=True)
class Named:
    """A group's name in a list, with its place."""

    name: str
    place: Place
    position: int


@dataclass(frozen=True, slots=True)
class SpaceConfig:
    """One spaceConfig.yml; as `spaceDefaults.yml` it has neither org nor space.

    `groups`, `enabled` and `unassigns` are None where the file does not say. `place` is the space's name.
    """

    org: str
    space: str
    place: Place
    root: str
    groups: tuple[Named, ...] | None
    groups_place: Place | None
    enabled: bool | None
    enabled_place: Place | None
    unassigns: bool | None
    document: int


@dataclass(frozen=True, slots=True)
class SpaceList:
    """An organisation and the spaces that its spaces.yml lists."""

    org: str
    spaces: tuple[Named, ...]
    root: str


@dataclass(frozen=True, slots=True)
class Settings:
    """cf-mgmt.yml. A list is None where the file does not say."""

    root: str
    running: tuple[Named, ...] | None
    staging: tuple[Named, ...] | None
    unassigns: bool
    place: Place


@dataclass(frozen=True, slots=True)
class App:
    """An app of a manifest, the services that it binds, and the host of the proxy that its environment names."""

    name: str
    services: tuple[str, ...]
    place: Place
    proxy: str = ""
    routes: tuple[str, ...] = ()  # hosts of its internal routes, without the domain
    around: tuple[str, ...] = ()  # what its `no_proxy` names
    plain: bool = False  # whether the proxy is named for plain HTTP alone


Entry = AclFile | Caddy | File | Group | SpaceConfig | SpaceList | Settings | App | Act | Proxy


def read(document: Document) -> Sequence[Entry]:
    """The entries of one document; none if it is not Cloud Foundry's."""
    data, file = document.data, _file(document.path)
    if isinstance(data, Seq):
        return _rule_list(document, data)
    if not isinstance(data, Mapping):
        return ()
    if isinstance(data.get("rules"), Seq) and _text(data.get("name")):
        return _defined(document, data, ())
    if isinstance(data.get("resources"), Seq):
        return _export(document, data["resources"])
    if file == "cf-mgmt" or _RUNNING in data or _STAGING in data:
        return (_settings(document, data),)
    if file in ("spaceConfig", "spaceDefaults") or (_NAMED in data and "space" in data):
        return _space(document, data, defaults=file == "spaceDefaults")
    if file == "spaces" and "org" in data:
        org, spaces = _text(data.get("org")), _named(document, data, "spaces")
        return (SpaceList(org, spaces or (), _above(document.path, 2)),) if org else ()
    if isinstance(data.get("applications"), Seq):
        return _apps(document, data["applications"])
    return read_proxy(document, data) or read_commands(document, data)


def _file(path: str) -> str:
    """The file's name without its ending."""
    return path.rpartition("/")[2].rpartition(".")[0]


def _above(path: str, steps: int) -> str:
    """The folder so many steps above a file (1 is its own); empty at the top."""
    return "/".join(path.split("/")[:-steps])


def _text(value: Any) -> str:
    """A scalar as text; names that YAML took for numbers or booleans are names all the same."""
    if isinstance(value, str):
        return "".join(sign if sign.isprintable() else " " for sign in value[:_LONGEST_NAME]).strip()
    return label_text(value) if isinstance(value, (int, float)) else ""


# --- groups


def _rule_list(document: Document, data: Seq) -> Sequence[Entry]:
    file, folder = document.path.rpartition("/")[2], _above(document.path, 1)
    role = {"asgs": "named", "default_asgs": "default"}.get(folder.rpartition("/")[2], "loose")
    if role != "loose" and not file.endswith(".json"):
        return ()  # cf-mgmt looks for no others
    if file == SPACE_GROUP_FILE:
        role = "space"
    if not any(is_rule(item) for item in data) and (data or role == "loose"):
        return ()
    root = _above(document.path, {"space": 3, "loose": 1}.get(role, 2))
    name = "-".join(folder.split("/")[-2:]) if role == "space" else _file(document.path)
    where = folder if role == "space" else root
    return (Group(name, _rules(document, data), document.place(), role, where, document.index),)


def _rules(document: Document, data: Seq) -> tuple[Rule, ...]:
    return tuple(
        read_rule(item, document.place(data, position), position)
        for position, item in enumerate(data[:_MOST_RULES])
        if isinstance(item, Mapping)
    )


def _defined(document: Document, data: Mapping[str, Any], path: tuple[str | int, ...]) -> Sequence[Entry]:
    """A group as the API speaks of it: name, rules, globally_enabled."""
    written = data["rules"]
    if written and not any(is_rule(item) for item in written):
        return ()
    if not written and not isinstance(data.get("globally_enabled"), Mapping):
        return ()
    flags = data.get("globally_enabled")
    phases = tuple(phase for phase in ("running", "staging") if isinstance(flags, Mapping) and flags.get(phase) is True)
    place = document.place_of(*path, "name")
    return (
        Group(
            _text(data["name"]),
            _rules(document, written),
            place,
            "loose",
            _above(document.path, 1),
            document.index,
            (*path, "rules"),
            phases,
        ),
    )


def _export(document: Document, resources: Seq) -> Sequence[Entry]:
    """What `cf curl /v3/security_groups` printed."""
    return tuple(
        entry
        for position, item in enumerate(resources)
        if isinstance(item, Mapping) and isinstance(item.get("rules"), Seq) and _text(item.get("name"))
        for entry in _defined(document, item, ("resources", position))
    )


# --- cf-mgmt


def _settings(document: Document, data: Mapping[str, Any]) -> Settings:
    return Settings(
        _above(document.path, 1),
        _named(document, data, _RUNNING),
        _named(document, data, _STAGING),
        data.get("enable-unassign-security-groups") is True,
        document.place(),
    )


def _space(document: Document, data: Mapping[str, Any], *, defaults: bool) -> Sequence[Entry]:
    org, space = ("", "") if defaults else (_text(data.get("org")), _text(data.get("space")))
    if not defaults and not (org and space):
        return ()
    return (
        SpaceConfig(
            org,
            space,
            document.place() if defaults else document.place_of("space"),
            _above(document.path, 1 if defaults else 3),
            _named(document, data, _NAMED),
            document.place_of(_NAMED) if _NAMED in data else None,
            _flag(data.get(_ENABLED)),
            document.place_of(_ENABLED) if _ENABLED in data else None,
            _flag(data.get(_UNASSIGN)),
            document.index,
        ),
    )


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _named(document: Document, data: Mapping[str, Any], key: str) -> tuple[Named, ...] | None:
    """The names of a list; an empty value is an empty list, and None means that the key is not there."""
    if key not in data:
        return None
    written = data[key]
    if not isinstance(written, Seq):
        name = _text(written)
        return (Named(name, document.place_of(key), 0),) if name else ()
    pairs = enumerate(_text(item) for item in written)
    return tuple(Named(name, document.place(written, at), at) for at, name in pairs if name)


def _apps(document: Document, applications: Seq) -> Sequence[Entry]:
    found = []
    for position, item in enumerate(applications):
        name = _text(item.get("name")) if isinstance(item, Mapping) else ""
        if name:
            place = document.place_of("applications", position, "name")
            routes = _routes(item.get("routes"))
            env, services = item.get("env"), _services(item.get("services"))
            found.append(App(name, services, place, proxy_of(env), routes, around_of(env), is_plain_only(env)))
    return found


def _routes(written: Any) -> tuple[str, ...]:
    if not isinstance(written, Seq):
        return ()
    routes = (_text(item.get("route")) for item in written if isinstance(item, Mapping))
    return tuple(route.partition(".")[0].lower() for route in routes if route.endswith(".apps.internal"))


def _services(written: Any) -> tuple[str, ...]:
    if not isinstance(written, Seq):
        return ()
    names = (_text(item.get("name") if isinstance(item, Mapping) else item) for item in written)
    return tuple(name for name in names if name)
