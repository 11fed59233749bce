"""Routes between apps: network policies rule them, and no security group does.

Source: Cloud Foundry's documentation "Container-to-Container Networking": nothing passes without a policy that names
both apps, the protocol and the port.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from skills.core.enforce.selectors import Match, sure
from skills.core.model import Destination, LayerView, NearMiss, RuleHit, Workload, finding
from skills.core.platforms.cloud_foundry import cli, known
from skills.core.platforms.cloud_foundry.commands import Policy
from skills.core.platforms.cloud_foundry.documents import LAYER, NAME
from skills.core.platforms.cloud_foundry.index import Index, Space

POLICY_LAYER = "network_policy"


def is_internal_route(destination: Destination) -> bool:
    """Routes between apps are ruled by network policies, not by groups."""
    if destination.service is not None:
        return destination.service.startswith("route:")
    return destination.host is not None and known.is_internal_route(destination.host.removeprefix("*."))


def asks_for(workload: Workload, destination: Destination) -> tuple[str, str]:
    """The app that an internal route leads to, and the port; two empty texts for anything else."""
    return cli.route(workload, destination)[2:] if is_internal_route(destination) else ("", "")


def decide_route(index: Index, space: Space, workload: Workload, destination: Destination) -> tuple[LayerView, ...]:
    """By the policies of the repository; where it has none, nobody knows: no group blocks a route."""
    command, source, there, port = cli.route(workload, destination)
    if not index.policies:
        said = finding("EGR754", space.place, destination=destination.name, space=str(space), command=command)
        return (LayerView(POLICY_LAYER, NAME, "deny", unknown=(said,)),)
    web = cli.is_web_port(destination)
    assumed = (finding("EGR1913", space.place, destination=destination.name, port=port),) if web else ()
    free = LayerView(LAYER, NAME, "deny", (RuleHit("allow", space.place),), findings=assumed)
    protocol = cli.protocol_of(destination)
    from_here = _from(index, source, space)
    fitting = [each for each in from_here if _same(index, each.target, there)]
    about = [each for each in fitting if each.protocol == protocol and _has(each.ports, port)]
    sure = [each for each in about if not each.unsure]
    facts = {"source": source, "there": there, "port": port}
    contested, adds = _contested(about), any(not each.removes for each in about)
    if sure and not sure[-1].removes and contested is None:
        allows = tuple(RuleHit("allow", each.place) for each in sure if not each.removes)
        return (free, LayerView(POLICY_LAYER, NAME, "deny", allows))
    may = [each for each in index.policies if leads_from(each, source, space) and _may_be(each.target, there)]
    unsure = [each for each in may if each.unsure and not each.removes]
    unsure += [replace(contested, unsure=contested.unsure or "the order of files")] if contested and adds else []
    unsure += [
        replace(each, unsure=f"the space for which {each.root or 'the Terraform here'} is run")
        for each in may
        if not each.unsure
        and _here(each, space) is Match.UNKNOWN
        and each.protocol == protocol
        and _has(each.ports, port)
    ]
    unknown = [finding("EGR127", each.place, unsure=each.unsure, **facts) for each in unsure]
    if workload.name == workload.scope and not unknown:
        unknown = [finding("EGR128", space.place, there=there, space=str(space))]
    others = (each for each in fitting if not each.removes and each not in about)
    near = [NearMiss(finding("EGR129", each.place, have=_said(each), **facts), each.place, 1) for each in others]
    said = finding("EGR784", space.place, space=str(space), **facts)
    denied = LayerView(POLICY_LAYER, NAME, "deny", near=tuple(near), unknown=tuple(unknown), findings=(said,))
    return (free, denied)


def _contested(policies: Sequence[Policy]) -> Policy | None:
    """A removal of which nobody knows whether it runs, or whether it is the last to run. In one file the later wins."""
    files = {each.place.path for each in policies}
    return next((each for each in policies if each.removes and (each.unsure or len(files) > 1)), None)


def _said(policy: Policy) -> str:
    """Its ports; with the protocol where that is not the usual one."""
    return policy.ports if policy.protocol == "tcp" else f"{policy.ports} ({policy.protocol})"


def policies_to(
    index: Index, space: Space | None, app: str, names: Collection[str], ports: Sequence[int]
) -> Iterator[Policy]:
    """The policies that surely lead from one app to one of these, on one of the ports."""
    sure = (each for each in _from(index, app, space) if not each.unsure and not each.removes)
    there = (each for each in sure if each.target in names)
    return (each for each in there if any(_has(each.ports, str(port)) for port in ports))


def policies_from(index: Index, app: str, space: Space) -> list[Policy]:
    """The policies of one app, as far as they are sure."""
    return [each for each in _from(index, app, space) if not each.unsure]


def leads_from(policy: Policy, app: str, space: Space | None) -> bool:
    """Whether it may be about this app as the sender."""
    return _here(policy, space) is not Match.NO and _may_be(policy.source, app)


def _from(index: Index, app: str, space: Space | None) -> list[Policy]:
    here = (each for each in index.policies if _here(each, space) is Match.YES)
    return [each for each in here if each.source.casefold() == app.casefold()]


def _here(policy: Policy, space: Space | None) -> Match:
    """Whether its source is in this space. A root of Terraform that says no space is run for some: its own if it makes
    any, else nobody knows which."""
    if policy.space and space is not None:
        return sure(_means(policy.space, space.space) and _means(policy.org, space.org))
    if policy.root is None or (space is not None and space.means(policy.root)):
        return Match.YES
    return Match.NO if space is None or space.is_of_terraform else Match.UNKNOWN


def _means(written: str, name: str) -> bool:
    """Whether a name is this one; one that only the run knows, or that no file says, may be any."""
    return not written or "?" in (written, name) or "$" in written or written.casefold() == name.casefold()


def _same(index: Index, written: str, there: str) -> bool:
    """Whether a policy's app is the route's: by its name, or by a route that a manifest gives it."""
    if written.casefold() == there.casefold():
        return True
    return any(there in app.routes for app in index.manifests(written))


def _may_be(written: str, app: str) -> bool:
    """Whether it may mean this app; what only the run knows may be any."""
    return "$" in written or written.casefold() == app.casefold()


def _has(written: str, port: str) -> bool:
    """Whether the ports of a policy, `8080` or `8080-8090`, hold a port or a range."""
    low, _, high = written.partition("-")
    first, _, last = port.partition("-")
    ends = [low, high or low, first, last or first]
    if not all(end.isdecimal() for end in ends):
        return False
    numbers = [int(end) for end in ends]
    return numbers[0] <= numbers[2] and numbers[3] <= numbers[1]
