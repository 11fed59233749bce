"""Network policies between apps: one more beside those of the same app, in a script or in Terraform, or one less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from skills.core.hcl import Expression, append_element, parse, remove_element
from skills.core.model import Destination, Place, Workload
from skills.core.platforms.cloud_foundry import cli
from skills.core.platforms.cloud_foundry.binding import Desk
from skills.core.platforms.cloud_foundry.commands import Policy
from skills.core.platforms.cloud_foundry.routes import policies_from
from skills.core.platforms.cloud_foundry.script_edit import acts_of, front_of, without_row
from skills.core.platforms.cloud_foundry.tf_edit import made_now, references

_RESOURCE = "cloudfoundry_network_policy"
_NOWHERE = Place("", 1, "")


def add_route(desk: Desk, workload: Workload, destination: Destination) -> bool:
    """A policy beside one of the same app; for a script the command too, which Terraform runs itself. False where no
    file has one, or the other app can't be named there."""
    command, source, there, port = cli.route(workload, destination)
    wanted = (there, cli.protocol_of(destination), port)
    for each in reversed(policies_from(desk.index, source, desk.space)):
        usable = not each.removes and each.place.path in desk.texts
        if usable and each.root is None and _in_script(desk, each, command, wanted):
            desk.commands.append(command)
            return True
        if usable and each.root is not None and _in_terraform(desk, each, wanted):
            return True
    return False


def drop_route(desk: Desk, workload: Workload, destination: Destination) -> bool:
    """Takes away the one policy that says exactly this."""
    _, source, there, port = cli.route(workload, destination)
    wanted = (there, cli.protocol_of(destination), port)
    mine = [each for each in policies_from(desk.index, source, desk.space) if not each.removes]
    exact = [each for each in mine if (each.target, each.protocol, each.ports) == wanted]
    if len(exact) != 1 or exact[0].place.path not in desk.texts:
        return False
    if exact[0].root is not None:
        return _out_of_terraform(desk, exact[0])
    if not _out_of_script(desk, exact[0]):
        return False
    desk.commands.append(cli.unroute(workload, destination))
    return True


# --- scripts and pipelines


def _in_script(desk: Desk, each: Policy, command: str, wanted: tuple[str, str, str]) -> bool:
    path, text = each.place.path, desk.texts[each.place.path]
    rows = text.split("\n")
    front, bare = front_of(rows[each.place.line - 1])
    if not _is_alone(bare):
        return False
    rows.insert(each.place.line, front + command + ("\r" if "\r\n" in text else ""))
    new = "\n".join(rows)
    target, protocol, ports = wanted
    right = replace(each, target=target, protocol=protocol, ports=ports, place=_NOWHERE, there=each.space)
    if _changed(path, text, new) != ([right], []):
        return False
    desk.write(path, new)
    return True


def _out_of_script(desk: Desk, each: Policy) -> bool:
    path, text = each.place.path, desk.texts[each.place.path]
    _, bare = front_of(text.split("\n")[each.place.line - 1])
    new = without_row(text, each.place.line)
    if not _is_alone(bare) or new is None or _changed(path, text, new) != ([], [replace(each, place=_NOWHERE)]):
        return False
    desk.write(path, new)
    return True


def _is_alone(bare: str) -> bool:
    return bare.startswith("cf add-network-policy ") and not set(bare) & set(";&|\\#")


def _changed(path: str, old: str, new: str) -> tuple[list[Policy], list[Policy]]:
    """The policies that the new text has more, and those that it has no more; all without their places."""
    before, after = _policies(path, old), _policies(path, new)
    return list((after - before).elements()), list((before - after).elements())


def _policies(path: str, text: str) -> Counter[Policy]:
    return Counter(replace(each, place=_NOWHERE) for each in acts_of(path, text) if isinstance(each, Policy))


# --- Terraform


def _in_terraform(desk: Desk, each: Policy, wanted: tuple[str, str, str]) -> bool:
    path, text = each.place.path, desk.texts[each.place.path]
    listed, at = _listed(text, each)
    app = next(_ways_to(desk, each, wanted[0]), "")
    if listed is None or not app:
        return False
    item = listed.items[at]
    if any(sign in text[item.start : item.end] for sign in ("#", "//", "/*")):
        return False  # a remark inside is about the neighbour
    values = {"destination_app": app, "port": f'"{wanted[2]}"', "protocol": f'"{wanted[1]}"'}
    if not set(values) <= {key for key, _ in item.value}:
        return False
    written, end = "", item.start
    for key, value in sorted(item.value, key=lambda pair: int(pair[1].start)):
        plain = values.get(key, text[value.start : value.end])
        plain = plain.strip('"') if key in values and value.kind == "number" else plain
        written, end = written + text[end : value.start] + plain, value.end
    desk.write(path, append_element(path, text, listed, written + text[end : item.end]))
    return True


def _out_of_terraform(desk: Desk, each: Policy) -> bool:
    path = each.place.path
    listed, at = _listed(desk.texts[path], each)
    if listed is None:
        return False
    desk.write(path, remove_element(path, desk.texts[path], listed, at))
    return True


def _listed(text: str, each: Policy) -> tuple[Expression | None, int]:
    """The literal list in which the policy stands as an object, and where; None where it stands otherwise."""
    for block in parse(text).all("resource"):
        listed = block.get("policies")
        for at, item in enumerate(listed.items if listed and block.labels[:1] == (_RESOURCE,) else ()):
            if item.kind == "object" and item.line == each.place.line:
                return listed, at
    return None, 0


def _ways_to(desk: Desk, each: Policy, app: str) -> Iterator[str]:
    """How the files of the policy's folder can refer to an app: as another policy there does, or by its own block."""
    folder = each.place.path.rpartition("/")[0]
    for other in made_now(desk).policies:
        if other.target == app and other.place.path.rpartition("/")[0] == folder and not other.unsure:
            text = desk.texts.get(other.place.path, "")
            listed, at = _listed(text, other) if text else (None, 0)
            named = listed.items[at].get("destination_app") if listed else None
            if named is not None:
                yield text[named.start : named.end]
    yield from references(desk, folder, ("cloudfoundry_app",), app)
