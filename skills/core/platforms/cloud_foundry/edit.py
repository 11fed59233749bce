"""The smallest change for a need: a group bound to the space, or a rule in a group that serves it alone.

Where no file of the repository does the binding, the `cf` command stands in for the change, with the role it needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.model import Destination, Need, Plan, Question, Workload, finding
from skills.core.platform_base import Sources
from skills.core.platforms.cloud_foundry import cli, known
from skills.core.platforms.cloud_foundry.binding import (
    Desk,
    bind,
    enable_own,
    rules_take_effect,
    takes_effect,
    unbind_in_config,
)
from skills.core.platforms.cloud_foundry.decide import by_proxy, reaches, settled
from skills.core.platforms.cloud_foundry.index import Bound, Index
from skills.core.platforms.cloud_foundry.near import (
    PLATFORM_GROUPS,
    bound_services,
    likely_service,
    on_platform,
    opened,
    service_of_port,
)
from skills.core.platforms.cloud_foundry.proxy_edit import put_on_proxy, say_proxy, take_from_proxy
from skills.core.platforms.cloud_foundry.route_edit import add_route, drop_route
from skills.core.platforms.cloud_foundry.routes import decide_route, is_internal_route
from skills.core.platforms.cloud_foundry.ruling import (
    close_addresses,
    networks_of,
    open_addresses,
    own_to_enable,
)
from skills.core.platforms.cloud_foundry.script_edit import bind_in_script, unbind_in_script
from skills.core.platforms.cloud_foundry.tf_edit import bind_in_terraform, unbind_in_terraform
from skills.core.yaml_text import CannotEdit

# Answers to the questions of a draft.
ITSELF = "the address itself"
UNBIND, LEAVE = "unbind it", "leave it bound"
_LONGEST_COMMENT = 100
_READ_ONLY = (".tf.json", ".tfvars.json")  # Terraform as JSON has no places to write at


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    """Edits for all destinations of the need, commands where Git does not rule, and findings that say why."""
    space = index.of(need.workload)
    if space is None:
        return Plan()
    texts = {path: text for path, text in sources.texts.items() if not path.endswith(_READ_ONLY)}
    desk = Desk(index, space, texts, {}, _comment(need.reason), cli.app_of(need.workload))
    questions: list[Question] = []
    for destination in dict.fromkeys(need.destinations):
        before = desk.copy()
        try:
            if need.remove:
                questions += _remove(desk, need, destination)
            else:
                questions += _add(desk, need, destination)
        except CannotEdit as refused:
            desk.back_to(before)
            desk.findings.append(refused.finding)
            desk.say("EGR799", destination=str(destination))
    return Plan(desk.edits, tuple(dict.fromkeys(desk.commands)), tuple(desk.findings), tuple(questions))


def _add(desk: Desk, need: Need, destination: Destination) -> Sequence[Question]:
    space, workload = desk.space, need.workload
    if is_internal_route(destination):
        _route(desk, workload, destination)
        return ()
    found = settled(desk.index, space, desk.index.bound(space), destination)
    proxied = by_proxy(desk.index, workload, destination)
    if proxied.hits:
        desk.say("EGR791", destination=str(destination), place=str(proxied.hits[0].place))
        return ()
    if found.hits:
        desk.say("EGR791", destination=str(destination), place=str(found.hits[0].place))
        _endpoint(desk, destination)
        return ()
    if any(unknown.code == "EGR756" for unknown in found.unknown):
        return (_whose_bucket(destination),)
    if put_on_proxy(desk, workload, destination):
        return ()
    asked = _which_service(desk, need, destination)
    if asked:
        return asked
    if _enable_own(desk, destination):
        return ()
    group = _group_for(desk, destination)
    narrower = group == known.PUBLIC and bool(networks_of(destination)) and open_addresses(desk, destination)
    if narrower:
        return ()
    if group is not None:
        _bind(desk, group, destination)
        _endpoint(desk, destination)
    elif not networks_of(destination):
        desk.say("EGR793", destination=destination.name)
    elif not open_addresses(desk, destination):
        service = service_of_port(destination) if need.choice != ITSELF and on_platform(desk.index, space) else None
        if service is not None:
            desk.say("EGR369", address=str(destination), service=service, group=known.TRUSTED)
        desk.say("EGR792", destination=str(destination), support=known.SUPPORT)
    return ()


def _enable_own(desk: Desk, destination: Destination) -> bool:
    """Puts the space's own group into force where that alone opens it."""
    own, space = own_to_enable(desk), desk.space
    if own is None or not reaches(space, (Bound(space.own_group, own.place, own),), destination):
        return False
    if not enable_own(desk):
        return False
    rules_take_effect(desk, space.own_group)
    return True


def _whose_bucket(destination: Destination) -> Question:
    """Each choice is the destination that is then meant."""
    bucket = known.bucket_of((destination.host or "").removeprefix("*.")) or "BUCKET"
    choices = ("cf-service://s3", f"https://{bucket}.{known.ENDPOINT}")
    return Question(f"bucket:{destination.written}", "EGR797", {"host": destination.name}, choices)


def _which_service(desk: Desk, need: Need, destination: Destination) -> Sequence[Question]:
    """Asks before anything is drafted for an address that may well be a brokered service; nobody knows those."""
    found = likely_service(desk.index, need.workload, destination)
    if found is None or need.choice == ITSELF or not on_platform(desk.index, desk.space):
        return ()
    facts = {"address": str(destination), "service": found.service, "instance": found.instance, "app": found.app.name}
    desk.findings.append(finding("EGR123", found.app.place, group=known.TRUSTED, **facts))
    choices = (f"cf-service://{found.service}", ITSELF)
    return (Question(f"service:{destination.written}", "EGR124", facts, choices),)


def _group_for(desk: Desk, destination: Destination) -> str | None:
    """The narrowest group that exists and opens it: the repository's own first, then the platform's."""
    space, index = desk.space, desk.index
    bound = index.bound(space)
    fitting = [
        each
        for name in sorted(index.group_names(space.root) - {each.name for each in bound})
        if reaches(space, ((each := index.bind(name, space.list_place, space.root)),), destination)
    ]
    own = [each for each in fitting if each.group is not None]
    if own:
        return min(own, key=lambda each: (known.twin_of(each.name) != each.name, *_width(each))).name
    platform = [each.name for each in fitting if each.name in PLATFORM_GROUPS]
    if not platform or not on_platform(index, space):
        return None
    return known.TRUSTED if known.TRUSTED in platform else platform[0]


def _width(bound: Bound) -> tuple[int, int]:
    """How many addresses and rules a group opens: the least is the smallest change of what is open."""
    pieces = bound.pieces()
    return sum(last - first + 1 for piece in pieces for first, last in piece.region.addresses), len(pieces)


def _bind(desk: Desk, group: str, destination: Destination) -> None:
    """In the space's file where cf-mgmt rules; else by command."""
    space = desk.space
    listed = desk.index.globally_listed(space.root, group)
    if listed is not None:
        desk.say("EGR794", group=group, listed=str(listed.place))
    elif bind(desk, group) or bind_in_terraform(desk, group):
        say_proxy(desk, group, destination)
        takes_effect(desk, group)
        return
    command = cli.bind(group, space.org, space.space)
    desk.commands.append(command)
    told = next((each for each in space.unsure if each.terraform and not each.names_group), None)
    if told is not None:
        desk.say("EGR1910", group=group, unsure=told.unsure, place=str(told.place), command=command)
    elif listed is not None or not bind_in_script(desk, group):
        desk.say("EGR795", group=group, org=space.org, name=space.space, support=known.SUPPORT, command=command)
    say_proxy(desk, group, destination)
    takes_effect(desk, group)


def _endpoint(desk: Desk, destination: Destination) -> None:
    """An own bucket in the region is reached through the platform's endpoint only."""
    bucket = known.bucket_of((destination.host or "").removeprefix("*.")) if destination.host else None
    if bucket is None or not on_platform(desk.index, desk.space):
        return
    command = known.list_bucket(bucket)
    desk.commands.append(command)
    desk.say("EGR755", host=destination.name, endpoint=f"{bucket or 'BUCKET'}.{known.ENDPOINT}", command=command)


def _route(desk: Desk, workload: Workload, destination: Destination) -> None:
    """Between apps a network policy opens the way."""
    command, source, there, port = cli.route(workload, destination)
    if not any(view.unknown or not view.allows for view in decide_route(desk.index, desk.space, workload, destination)):
        return
    if workload.name != workload.scope and add_route(desk, workload, destination):
        return
    desk.commands.append(command)
    desk.say("EGR784", source=source, there=there, port=port)


def _remove(desk: Desk, need: Need, destination: Destination) -> Sequence[Question]:
    """Takes away what says exactly this; else the binding of the one group that opens it, which is asked about."""
    if is_internal_route(destination) and drop_route(desk, need.workload, destination):
        return ()
    removed = not is_internal_route(destination) and close_addresses(desk, destination)
    removed = take_from_proxy(desk, need.workload, destination) or removed
    if removed:
        return ()
    if is_internal_route(destination):
        desk.say("EGR396", destination=str(destination), command=cli.unroute(need.workload, destination))
        return ()
    group = None if need.choice == LEAVE else _only_opener(desk, destination)
    if group is None or not _unbind(desk, group):
        desk.say("EGR780", destination=str(destination))
        if need.choice != LEAVE:
            _by_hand(desk, destination)
        return ()
    takes_effect(desk, group.name, unbinds=True)
    also = ", ".join(_also_lost(group, destination))
    if not also:
        return ()
    facts = {"group": group.name, "space": str(desk.space), "destination": str(destination), "also": also}
    needed = "; ".join(_needed(desk, group, need.workload, destination))
    if needed:
        desk.say("EGR389", group=group.name, needed=needed)
    return () if need.choice == UNBIND else (Question(f"unbind:{group.name}", "EGR388", facts, (UNBIND, LEAVE)),)


def _by_hand(desk: Desk, destination: Destination) -> None:
    """The steps by which a person closes what no file here closes alone, one finding for each opener."""
    space = desk.space
    for each in desk.index.bound(space):
        if reaches(space, (each,), destination):
            also = ", ".join(_also_lost(each, destination)) or "nothing else that is known"
            facts = {"destination": str(destination), "group": each.name, "place": str(each.place), "also": also}
            command = cli.unbind(each.name, space.org, space.space)
            command = cli.unbind_everywhere(each.name) if each.everywhere else command
            desk.say("EGR397" if each.everywhere else "EGR395", command=command, **facts)


def _only_opener(desk: Desk, destination: Destination) -> Bound | None:
    """The group of the space's own that opens it, where no other does: without it the way is closed."""
    bound = desk.index.bound(desk.space)
    opening = [each for each in bound if reaches(desk.space, (each,), destination)]
    return opening[0] if len(opening) == 1 and not opening[0].everywhere else None


def _also_lost(group: Bound, destination: Destination) -> list[str]:
    """What the group opens beyond the destination."""
    asked = (f"brokered {destination.service}", destination.network, destination.ip)
    exact = str(destination.ports) if group.group is not None else None
    return [f"{to} ({ports})" for to, ports, _ in opened(group) if to not in asked or exact not in (None, ports)]


def _needed(desk: Desk, group: Bound, workload: Workload, destination: Destination) -> list[str]:
    """The services that apps bind by name, and that the group opens to them."""
    services = group.known.services if group.known else {}
    return [
        f"{each.app.name} binds {each.instance} ({each.app.place})"
        for each in bound_services(desk.index, workload)
        if each.service in services and each.service != destination.service
    ]


def _unbind(desk: Desk, group: Bound) -> bool:
    """False where the binding serves other spaces too, or can't be taken out alone."""
    by_hand = cli.unbind(group.name, desk.space.org, desk.space.space)
    if unbind_in_config(desk, group.name):
        if not desk.space.unassigns:
            desk.commands.append(by_hand)  # cf-mgmt leaves bound what its file no longer lists
        return True
    if unbind_in_terraform(desk, group.name):
        return True
    if unbind_in_script(desk, group.name, group.place.path, group.place.line):
        desk.commands.append(by_hand)
        return True
    return False


def _comment(reason: str) -> str | None:
    """The reason on one short line."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in reason[:1000]).split())
    if len(words) <= _LONGEST_COMMENT:
        return words or None
    return words[:_LONGEST_COMMENT].rsplit(" ", 1)[0].rstrip(",;:") + " …"
