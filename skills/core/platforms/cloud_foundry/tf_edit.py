"""Edits of Terraform: one name, reference, rule or host more in the list that says it already, or one less."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import re2

from skills.core.enforce.spans import covers
from skills.core.hcl import (
    Block,
    Body,
    Broken,
    Expression,
    append_block,
    append_element,
    parse,
    remove_element,
    replace_text,
)
from skills.core.platforms.cloud_foundry import known
from skills.core.platforms.cloud_foundry.binding import Desk
from skills.core.platforms.cloud_foundry.proxy import Proxy
from skills.core.platforms.cloud_foundry.terraform import Home, Made, evaluate, read_terraform
from skills.core.platforms.cloud_foundry.tf_groups import GROUP_TYPES

_LABEL = re2.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_COPIED = frozenset({"name", "provider"})


def made_now(desk: Desk) -> Made:
    """What Terraform makes with the texts as they stand now."""
    changed = desk.originals
    return evaluate(
        [
            each
            for file in desk.index.terraform
            for each in (read_terraform(file.path, desk.texts[file.path])[0] if file.path in changed else (file,))
        ]
    )


def bind_in_terraform(desk: Desk, group: str) -> bool:
    """Names the group where the space's own are listed, or the space where the group's are. False: nowhere."""
    made, me = made_now(desk), desk.space
    mine = [
        home
        for space in made.spaces
        if me.means(space.root) and (space.org, space.space) == (me.org, me.space)
        for home in space.homes
        if home.file.path in desk.texts
    ]
    for home in mine:
        if not home.group and _into_names(desk, home, group):
            return True
    written = next((home.me for home in mine if home.group), "")
    others = (home for space in made.spaces if me.means(space.root) for home in space.homes if home.group == group)
    other = next((each for each in others if each.file.path in desk.texts), None)
    if other is None or not written:
        return False
    path = other.file.path
    desk.write(path, append_element(path, desk.texts[path], other.listed, written))
    return True


def _into_names(desk: Desk, home: Home, group: str) -> bool:
    path = home.file.path
    text = desk.texts[path]
    if any(value.text == group for value in home.values):
        return True
    wrong = next((item for item in home.listed.items if known.LABELS.get(str(item.value)) == group), None)
    if wrong is not None:
        desk.write(path, replace_text(path, text, wrong, f'"{group}"'))
        return True
    if all(item.kind == "text" for item in home.listed.items):
        desk.write(path, append_element(path, text, home.listed, f'"{group}"'))
        return True
    written = next(references(desk, home.file.folder, GROUP_TYPES, group), "")
    if written:
        desk.write(path, append_element(path, text, home.listed, written))
    return bool(written) or _looked_up(desk, home, group)


def _looked_up(desk: Desk, home: Home, group: str) -> bool:
    """Looks the group up as a neighbour in the list is looked up, and adds it to the list."""
    ways = [(str(item.value[1]), str(item.value[2])) for item in home.listed.items if _is_look_up(item)]
    if not ways or not _LABEL.fullmatch(group):
        return False
    kind, label = ways[-1]
    here = _data_of(desk, home.file.folder, kind)
    named = [(path, block) for path, block in here if block.labels[1] in (group, label)]
    if len(named) != 1 or named[0][0] not in desk.texts or not _is_plain(named[0][1]):
        return False  # the label is taken, or its neighbour is no mere look-up of a name
    path = home.file.path
    desk.write(path, append_element(path, desk.texts[path], home.listed, f"data.{kind}.{group}.id"))
    path = named[0][0]
    text = desk.texts[path]
    block = next(each for each in parse(text).all("data") if each.labels == (kind, label))
    name = next(written for key, written in block.body.attributes if key == "name")
    head = text[block.start : name.start].replace(f'"{label}"', f'"{group}"', 1)
    desk.write(path, append_block(path, text, block, f'{head}"{group}"{text[name.end : block.end]}'))
    return True


def _is_plain(block: Block) -> bool:
    name = block.get("name")
    return name is not None and name.kind == "text" and {key for key, _ in block.body.attributes} <= _COPIED


def _is_look_up(item: Expression) -> bool:
    way: tuple[object, ...] = item.value if item.kind == "path" else ()
    return len(way) == 4 and way[0] == "data" and way[1] in GROUP_TYPES and way[3] == "id"


def _data_of(desk: Desk, folder: str, kind: str) -> Iterator[tuple[str, Block]]:
    files = (file for file in desk.index.terraform if file.folder == folder)
    blocks = ((file.path, block) for file in files for block in file.body.all("data") if len(block.labels) == 2)
    return ((path, block) for path, block in blocks if block.labels[0] == kind)


def references(desk: Desk, folder: str, kinds: Collection[str], called: str) -> Iterator[str]:
    """How files of the folder can refer to what is called so, by its block of one of these kinds."""
    for file in desk.index.terraform:
        for block in file.body.blocks if file.folder == folder else ():
            name = block.get("name")
            if len(block.labels) == 2 and block.labels[0] in kinds and name is not None and name.value == called:
                front = "data." if block.kind == "data" else ""
                yield f"{front}{block.labels[0]}.{block.labels[1]}.id"


def unbind_in_terraform(desk: Desk, group: str) -> bool:
    """Takes the group out of a list of the space's, or the space out of the group's."""
    me = desk.space
    for space in made_now(desk).spaces:
        if not me.means(space.root) or (space.org, space.space) != (me.org, me.space):
            continue
        for home in space.homes:
            at = _position(desk, home, group)
            if at is not None:
                path = home.file.path
                desk.write(path, remove_element(path, desk.texts[path], home.listed, at))
                return True
    return False


def _position(desk: Desk, home: Home, group: str) -> int | None:
    """Which element of a list binds the group to this space."""
    if home.file.path not in desk.texts or home.group not in ("", group):
        return None
    text = desk.texts[home.file.path]
    named = {f'"{group}"', *references(desk, home.file.folder, GROUP_TYPES, group)}
    wanted = {home.me} if home.group else named
    return next((at for at, item in enumerate(home.listed.items) if _written(text, item) in wanted), None)


def _written(text: str, item: Expression) -> str:
    return text[item.start : item.end]


def with_host(desk: Desk, proxy: Proxy, host: str) -> bool:
    """One host more on the allow list of a proxy that Terraform runs."""
    listed, path = _allow_list(desk, proxy)
    if listed is None:
        return False
    desk.write(path, append_element(path, desk.texts[path], listed, f'"{host}"'))
    return True


def with_port(desk: Desk, proxy: Proxy, port: int) -> bool:
    """One port more that a proxy of Terraform passes: in its list of ports, or in a new one above its list of hosts.
    False where that can't be written, or says something else; what was written then is for the caller to take back."""
    path, line = proxy.ports_at
    if path in desk.texts:
        text = desk.texts[path]
        listed = [each for each in _lists(parse(text)) if each.line == line and _numbers(each)]
        if len(listed) != 1:
            return False
        desk.write(path, append_element(path, text, listed[0], str(port)))
        return True
    path, at = proxy.place.path, proxy.place.line - 1
    text = desk.texts.get(path, "")
    rows = text.split("\n")
    row = rows[at] if text and proxy.ports_at == ("", 0) else ""
    key = row.partition("=")[0]
    if key.strip() != "allowlist":
        return False
    ports = ("ports" if proxy.client else "allowports").ljust(len(key.strip()))
    spaces = key[: len(key) - len(key.lstrip())], key[len(key.rstrip()) :] or " "
    added = f"{spaces[0]}{ports}{spaces[1]}= [{proxy.ports_text}, {port}]" + ("\r" if row.endswith("\r") else "")
    desk.write(path, "\n".join([*rows[:at], added, *rows[at:]]))
    now = _as_made(desk, proxy)
    if now is None or now.unsure or not now.allow:
        return False
    return covers(now.ports, ((port, port), *proxy.ports))


def _numbers(listed: Expression) -> bool:
    return bool(listed.items) and all(item.kind == "number" for item in listed.items)


def _as_made(desk: Desk, proxy: Proxy) -> Proxy | None:
    """The proxy's list as the texts stand now."""
    same = (proxy.name, proxy.client, proxy.root)
    return next((each for each in made_now(desk).proxies if (each.name, each.client, each.root) == same), None)


def without_host(desk: Desk, proxy: Proxy, host: str) -> bool:
    """The allow list without an entry that says exactly this."""
    listed, path = _allow_list(desk, proxy)
    at = next((at for at, item in enumerate(listed.items) if str(item.value).lower() == host), None) if listed else None
    if listed is None or at is None:
        return False
    desk.write(path, remove_element(path, desk.texts[path], listed, at))
    return True


def _allow_list(desk: Desk, proxy: Proxy) -> tuple[Expression | None, str]:
    """The literal list that the proxy's allow list stands in, as the text is now."""
    now = _as_made(desk, proxy)
    path = now.place.path if now else ""
    if now is None or path not in desk.texts:
        return None, ""
    try:
        lists = list(_lists(parse(desk.texts[path])))
    except Broken:
        return None, ""
    wanted = [entry.said for entry in now.allow]
    fitting = [each for each in lists if [str(item.value).lower() for item in each.items] == wanted]
    at_place = [each for each in fitting if each.line == now.place.line]
    return next(iter(at_place), None), path


def _lists(body: Body) -> Iterator[Expression]:
    waiting: list[object] = [body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Expression):
            if node.kind == "list":
                yield node
            waiting.append(node.value)
        elif isinstance(node, tuple):
            waiting += node
        elif isinstance(node, Body):
            waiting += [node.attributes, *(block.body for block in node.blocks)]
