"""Writing a rule into a group that the repository defines: the one that serves no more spaces than this."""

from __future__ import annotations

import ipaddress
import json

from skills.core.hosts import shown
from skills.core.model import Destination, Ports
from skills.core.platforms.cloud_foundry.binding import Desk, bind, enable_own, group_now, rules_take_effect
from skills.core.platforms.cloud_foundry.documents import Group
from skills.core.platforms.cloud_foundry.rules import Rule
from skills.core.platforms.cloud_foundry.tf_rules import add_rule, drop_rule, rules_now
from skills.core.yaml_text import append_item, remove_item, replace_value

_LONGEST_NAME = 60


def networks_of(destination: Destination) -> list[str]:
    """What rules can name: a range or single addresses, as they are written in one."""
    if destination.network is not None:
        return [destination.ip or destination.network]
    return list(destination.addresses)


def open_addresses(desk: Desk, destination: Destination) -> bool:
    """One rule for each address. False where no group of the repository can take it."""
    group = _home(desk)
    own = own_to_enable(desk)
    if group is None and own is not None and (not own.rules or not _has_groups_folder(desk)):
        group = own if enable_own(desk) else None
    for network in networks_of(destination):
        if group is None:
            if not _new_group(desk, destination, network):
                return False
            group = _home(desk)
        elif not _with_rule(desk, group, destination, network):
            return False
        if ":" in network:
            desk.say("EGR1909", destination=network)
    rules_take_effect(desk, group.name if group else _new_name(desk))
    return True


def _new_name(desk: Desk) -> str:
    return f"{desk.space.own_group}-egress"[:_LONGEST_NAME].replace("/", "-")


def _home(desk: Desk) -> Group | None:
    """The space's own group where it is in force, else a sound one that only this space binds."""
    space, index = desk.space, desk.index
    own = index.own_group(space)
    if own is not None and space.enabled:
        return own if not own.fault else None
    shared = {named.name for other in index.spaces.values() if other is not space for named in other.named}
    for named in space.named:
        group = index.definition(named.name, space.root)
        ours = group is not None and (group.role == "named" or group.terraform)
        if group is not None and ours and not group.fault and named.name not in shared:
            return group
    return None


def own_to_enable(desk: Desk) -> Group | None:
    """The space's own group that nothing enables, but that could be."""
    own = desk.index.own_group(desk.space)
    return own if own is not None and not desk.space.enabled and not own.fault else None


def _has_groups_folder(desk: Desk) -> bool:
    return any(group.role == "named" and group.folder == desk.space.root for group in desk.index.groups)


def _with_rule(desk: Desk, group: Group, destination: Destination, network: str) -> bool:
    if group.terraform:
        return add_rule(desk, group, _rule(desk, destination, network))
    found = group_now(desk, group)
    if found is None:
        return False
    document, now = found
    path = group.place.path
    widened = next((rule for rule in now.rules if _takes_port(rule, destination, network)), None)
    if widened is not None:
        steps = (*now.path, widened.position, "ports")
        desk.write(
            path, replace_value(desk.texts[path], document, steps, f"{widened.written_ports},{destination.ports}")
        )
    else:
        desk.write(path, append_item(desk.texts[path], document, now.path, _rule(desk, destination, network)))
    return True


def _takes_port(rule: Rule, destination: Destination, network: str) -> bool:
    """A rule for exactly this address and protocol whose list of ports can grow; a range can't be in a list."""
    ports = destination.ports
    single = ports is not None and ports.first == ports.last
    if not single or rule.protocol != destination.protocol or "-" in rule.written_ports or rule.fault:
        return False
    return _same(rule.destination, network)


def _same(one: str, other: str) -> bool:
    try:
        return ipaddress.ip_network(one, strict=False) == ipaddress.ip_network(other, strict=False)
    except ValueError:
        return False


def _rule(desk: Desk, destination: Destination, network: str) -> dict[str, str]:
    rule: dict[str, str] = {"protocol": destination.protocol, "destination": network}
    if destination.ports is not None:
        rule["ports"] = str(destination.ports)
    why = desk.comment or (destination.host or "")
    return {**rule, "description": why} if why else rule


def _new_group(desk: Desk, destination: Destination, network: str) -> bool:
    """A group of this space alone, where cf-mgmt's folder of groups is in use."""
    space = desk.space
    if not _has_groups_folder(desk):
        return False
    name = _new_name(desk)
    path = "/".join(part for part in (space.root, "asgs", f"{name}.json") if part)
    if path in desk.texts:
        return _grow(desk, path, destination, network)
    if not bind(desk, name):
        return False
    desk.write(path, json.dumps([_rule(desk, destination, network)], indent=2, ensure_ascii=False) + "\n")
    desk.say("EGR798", group=shown(name), path=path)
    return True


def _grow(desk: Desk, path: str, destination: Destination, network: str) -> bool:
    if path not in desk.originals:
        return False
    document = desk.document(path, 0)
    desk.write(path, append_item(desk.texts[path], document, (), _rule(desk, destination, network)))
    return True


def close_addresses(desk: Desk, destination: Destination) -> bool:
    """Takes away rules, or ports of rules, that say exactly this and serve this space alone; True if there was one."""
    group = _home(desk)
    if group is None:
        return False
    close = _close_in_terraform if group.terraform else _close_in_list
    if not close(desk, group, destination):
        return False
    rules_take_effect(desk, group.name)
    return True


def _close_in_list(desk: Desk, group: Group, destination: Destination) -> bool:
    removed = False
    for network in networks_of(destination):
        found = group_now(desk, group)
        if found is None:
            continue
        document, now = found
        path, text = group.place.path, desk.texts[group.place.path]
        same = [
            rule for rule in now.rules if rule.protocol == destination.protocol and _same(rule.destination, network)
        ]
        exact = next((rule for rule in same if _has_just(rule, destination.ports)), None)
        listing = next((rule for rule in same if _without(rule, destination.ports)), None)
        if exact is not None:
            desk.write(path, remove_item(text, document, now.path, exact.position))
        elif listing is not None:
            ports = _without(listing, destination.ports)
            desk.write(path, replace_value(text, document, (*now.path, listing.position, "ports"), ports))
        removed = removed or exact is not None or listing is not None
    return removed


def _close_in_terraform(desk: Desk, group: Group, destination: Destination) -> bool:
    removed = False
    for network in networks_of(destination):
        now = rules_now(desk, group)
        for rule in now.rules if now else ():
            same = rule.protocol == destination.protocol and _same(rule.destination, network)
            if same and _has_just(rule, destination.ports):
                removed = drop_rule(desk, group, rule.position) or removed
                break
    return removed


def _has_just(rule: Rule, ports: Ports | None) -> bool:
    return ports is None or rule.ports == ((ports.first, ports.last),)


def _without(rule: Rule, ports: Ports | None) -> str:
    """The rule's list of ports without this one; empty where the list does not name it, or nothing else."""
    listed = rule.written_ports.split(",")
    left = [port for port in listed if port.strip() != str(ports)]
    return ",".join(left) if ports is not None and len(left) < len(listed) else ""
