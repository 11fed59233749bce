"""Puts the entries of a commit together: which spaces there are, and what binds groups to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from skills.core.model import Place
from skills.core.platforms.cloud_foundry.caddy import caddy_proxies
from skills.core.platforms.cloud_foundry.commands import Command, Created, Policy
from skills.core.platforms.cloud_foundry.documents import App, Entry, Group, Settings, SpaceConfig, SpaceList
from skills.core.platforms.cloud_foundry.in_force import bindings_of, everywhere_of, without_unlisted
from skills.core.platforms.cloud_foundry.index import Index, Space
from skills.core.platforms.cloud_foundry.proxy import Proxy
from skills.core.platforms.cloud_foundry.terraform import TfSpace, evaluate
from skills.core.platforms.cloud_foundry.tf_data import File
from skills.core.platforms.cloud_foundry.tf_roots import Roots, roots_of

Key = tuple[str, str]
"""The folder of a foundation; organisation and space in lower case."""


def compile_index(entries: Sequence[Entry]) -> Index:
    defaults = {e.root: e for e in entries if isinstance(e, SpaceConfig) and not e.space}
    configs, places = _of_cf_mgmt(entries)
    files = tuple(entry for entry in entries if isinstance(entry, File))
    made = evaluate(files)
    commands = (*made.commands, *(entry for entry in entries if isinstance(entry, Command)))
    declared: dict[Key, list[TfSpace]] = {}
    roots = roots_of(made)
    for each in made.spaces:
        scope = f"{each.org}/{each.space}".casefold()
        key = (roots.home(each.root, scope), scope)
        declared.setdefault(key, []).append(each)
        places.setdefault(key, (each.org, each.space, each.place))
    _place_commands(places, commands)
    apps = [(app.place.path.rpartition("/")[0], app.name, app.routes) for app in entries if isinstance(app, App)]
    created = [entry for entry in entries if isinstance(entry, Created)]
    everywhere, perhaps = everywhere_of(commands)
    return Index(
        {
            key: _space(
                key, place, (configs.get(key, ()), declared.get(key, ())), defaults, commands, roots, perhaps=perhaps
            )
            for key, place in places.items()
        },
        (*(_renamed(entry, created) for entry in entries if isinstance(entry, Group)), *made.groups),
        {entry.root: entry for entry in entries if isinstance(entry, Settings)},
        tuple(entry for entry in entries if isinstance(entry, App)),
        commands,
        (*made.policies, *(entry for entry in entries if isinstance(entry, Policy))),
        (*made.proxies, *(entry for entry in entries if isinstance(entry, Proxy)), *caddy_proxies(entries, apps)),
        files,
        made.binders,
        everywhere,
        made.overrun,
    )


def _of_cf_mgmt(entries: Sequence[Entry]) -> tuple[dict[Key, list[SpaceConfig]], dict[Key, tuple[str, str, Place]]]:
    """The files of each space, and where each is named first: in its own file before a list of spaces."""
    configs: dict[Key, list[SpaceConfig]] = {}
    places: dict[Key, tuple[str, str, Place]] = {}
    for entry in entries:
        if isinstance(entry, SpaceConfig) and entry.space:
            key = (entry.root, f"{entry.org}/{entry.space}".casefold())
            configs.setdefault(key, []).append(entry)
            places.setdefault(key, (entry.org, entry.space, entry.place))
    for entry in entries:
        if isinstance(entry, SpaceList):
            for named in entry.spaces:
                key = (entry.root, f"{entry.org}/{named.name}".casefold())
                places.setdefault(key, (entry.org, named.name, named.place))
    return configs, places


def _space(
    key: Key,
    named: tuple[str, str, Place],
    files: tuple[Sequence[SpaceConfig], Sequence[TfSpace]],
    defaults: Mapping[str, SpaceConfig],
    commands: Sequence[Command],
    roots: Roots,
    *,
    perhaps: Sequence[Command],
) -> Space:
    """`perhaps` are the commands that may bind for the whole foundation."""
    org, space, place = named
    configs, declared = files
    sure, unsure = bindings_of(commands, org, space, lambda each: roots.about(each, *key))
    unsure = (*unsure, *perhaps)
    if any(config.unassigns for config in configs):
        sure, unsure = without_unlisted(sure, unsure, configs)
    homes = tuple(home for each in declared for home in each.homes)
    stated = any(each.stated for each in declared)
    default = defaults.get(key[0])
    return Space(org, space, key[0], place, tuple(configs), default, sure, homes, stated, unsure, roots.all(*key))


def _renamed(group: Group, created: Sequence[Created]) -> Group:
    """A file of rules is called what the command calls it that makes a group of it."""
    if group.role != "loose":
        return group
    path = group.place.path
    for each in created:
        file = each.file.removeprefix("./")
        folder = each.place.path.rpartition("/")[0]
        beside = f"{folder}/{file}" if folder else file
        if path in (file, beside) or ("/" in file and path.endswith("/" + file.removeprefix("../"))):
            return replace(group, name=each.group)
    return group


def _place_commands(places: dict[Key, tuple[str, str, Place]], commands: Sequence[Command]) -> None:
    """A space that only a command names belongs to the one foundation that there is."""
    roots = {root for root, _ in places}
    root = roots.pop() if len(roots) == 1 else ""
    known_scopes = {scope for _, scope in places}
    for each in commands:
        scope = f"{each.org}/{each.space}".casefold()
        if each.space and each.names_space and scope not in known_scopes:
            places.setdefault((root, scope), (each.org, each.space, each.place))
