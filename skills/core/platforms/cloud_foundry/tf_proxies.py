"""Egress proxies that Terraform runs (cg-egress-proxy and its forerunner), and the network policies between apps."""

from __future__ import annotations

from collections.abc import Iterator

from skills.core.enforce.spans import Spans, merged
from skills.core.hosts import LONGEST_LABEL, shown
from skills.core.platforms.cloud_foundry.commands import Policy
from skills.core.platforms.cloud_foundry.proxy import HTTPS, Listed, Proxy
from skills.core.platforms.cloud_foundry.tf_data import File, Unknown, Value
from skills.core.platforms.cloud_foundry.tf_values import Ref, space_of

_DROPS_PORTS = "egress_proxy"
_MODULES = ("cg-egress-proxy", _DROPS_PORTS)
# The ports on which the modules say that their proxy listens. Source: github.com/GSA-TTS/cg-egress-proxy main.tf (at
# 1a69dd54) and github.com/GSA-TTS/terraform-cloudgov egress_proxy/main.tf (at 06883e58).
_OUTPUTS = {"https_port": "61443", "http_port": "8080", "port": "61443"}
_MOST = 2000


def runs_proxy(source: str) -> bool:
    """Whether the module of this source runs an egress proxy."""
    return any(sign in source for sign in _MODULES)


def proxies(ref: Ref, file: File) -> Iterator[Proxy]:
    """One for each client of a proxy; older modules have a single one."""
    name = ref.get("name").text or ref.block.labels[0]
    space = _space(ref)
    host = ref.get("route_host").text or _default_host(ref.get("cf_org_name").text, space, name)
    clients = ref.get("client_configuration")
    if isinstance(clients.data, dict):
        for client, config in clients.data.items():
            parts = config.data if isinstance(config.data, dict) else {}
            yield _proxy(ref, file, (name, host, space, client), parts, ("ports", "allowlist", "denylist"))
    elif ref.block.get("client_configuration") is not None:
        unsure = clients.unknown or "client_configuration"
        yield Proxy(shown(name), shown(host), (), (), file.place(ref.block.line), -1, unsure=unsure, space=space)
    else:
        found = {key: ref.get(key) for key in ("allowports", "allowlist", "denylist") if ref.block.get(key) is not None}
        yield _proxy(ref, file, (name, host, space, ""), found, ("allowports", "allowlist", "denylist"))


def _default_host(org: str | None, space: str, name: str) -> str:
    """The host of its route as the modules make it; its mere name where not all of that is known."""
    if not org or not space:
        return name
    made = f"{org.replace('.', '-')}-{space.replace('.', '-')}-{name}"[-LONGEST_LABEL:].lower()
    return made.lstrip("0123456789-_") or name


def _proxy(
    ref: Ref, file: File, who: tuple[str, str, str, str], parts: dict[str, Value], keys: tuple[str, str, str]
) -> Proxy:
    name, host, space, client = who
    ports, allow, deny = (parts.get(key) or Value(None) for key in keys)
    unsure = next((each.unknown for each in (ports, allow, deny) if each.unknown), "")
    unsure = unsure or next((item.unknown for each in (allow, deny) for item in each.values if item.unknown), "")
    place = allow.place if allow.place.path else file.place(ref.block.line)
    drops = _DROPS_PORTS in (ref.get("source").text or "")
    return Proxy(
        shown(name),
        shown(host).lower(),
        _listed(deny, drops=drops),
        _listed(allow, drops=drops),
        place,
        -1,
        ports=_ports(ports),
        client=shown(client),
        space=space,
        unsure=unsure,
        app=ref.block.labels[0],
        ports_at=(ports.place.path, ports.place.line) if ports.values else ("", 0),
        home=(allow.file.path if allow.file else "", ref.block.labels[0], client, keys[1]),
    )


def _listed(value: Value, *, drops: bool) -> tuple[Listed, ...]:
    """`drops`: the module's template takes what stands before the first colon (its acl.tftpl)."""
    found = [(shown(item.text).lower(), item.place) for item in value.values[:_MOST] if item.text is not None]
    return tuple(
        Listed(text.partition(":")[0], place, text) if drops and ":" in text else Listed(text, place)
        for text, place in found
    )


def _ports(value: Value) -> Spans:
    """The ports; only 443 where none are said."""
    numbers = [item.data for item in value.values]
    found = [int(each) for each in numbers if isinstance(each, int) or (isinstance(each, str) and each.isdecimal())]
    return merged([(each, each) for each in found if 0 < each < 65536]) if found else HTTPS


def _space(ref: Ref) -> str:
    """`org/space` of the proxy's own app, as far as it is known."""
    target = ref.get("cf_egress_space").data
    if isinstance(target, dict):
        name = target.get("name", Value(None)).text
    else:
        _, found, why = space_of(target)
        name = None if why else found
    plain = ref.get("cf_space_name").text or ref.get("cf_egress_space_name").text
    return name or plain or ""


def policies(ref: Ref, file: File, doubt: str, root: str) -> Iterator[Policy]:
    """The policies of a resource: objects of a list, or blocks."""
    listed = ref.get("policies")
    if listed.unknown:
        yield Policy("$", "$", "tcp", "", file.place(ref.block.line), unsure=listed.unknown, root=root)
    parts = [(item.data, item.place) for item in listed.values if isinstance(item.data, dict)]
    for block in ref.block.body.all("policy"):
        data = {key: ref.scope.value(written, file, each=ref.key) for key, written in block.body.attributes}
        parts.append((data, file.place(block.line)))
    for data, place in parts:
        source, target = _app(data.get("source_app")), _app(data.get("destination_app"))
        port = data.get("port") or Value("8080")
        protocol = data.get("protocol") or Value("tcp")
        said = (data.get("source_app"), data.get("destination_app"), port, protocol)
        unsure = doubt or next((each.unknown for each in said if each and each.unknown), "")
        org, space = _home(data.get("source_app"))
        there = _home(data.get("destination_app"))[1]
        ports, speaks = _port(port), str(protocol.data)
        unsure = unsure or ("" if ports else "its port")
        yield Policy(source, target, speaks, ports, place, unsure=unsure, root=root, org=org, space=space, there=there)


def _port(value: Value) -> str:
    """A port as it is written, or that of a proxy that the policy leads to; empty where nobody knows it."""
    ref = value.data
    if not isinstance(ref, Ref):
        return str(ref)
    of_proxy = ref.type == "module" and runs_proxy(ref.get("source").text or "")
    return _OUTPUTS.get(ref.way[-1], "") if of_proxy and ref.way else ""


def _app(value: Value | None) -> str:
    """An app's name: a reference's name, the label of a module, or the words of what nobody knows."""
    if value is None or isinstance(value.data, Unknown):
        return f"${{{value.unknown if value else 'app'}}}"
    if isinstance(value.data, Ref):
        ref = value.data
        name = ref.get("name").text
        return shown(name or ref.block.labels[-1])
    return shown(str(value.data))


def _home(value: Value | None) -> tuple[str, str]:
    """Organisation and space of an app, where its own block says them."""
    ref = value.data if value is not None else None
    if not isinstance(ref, Ref):
        return "", ""
    org, space = ref.get("org_name").text or "", ref.get("space_name").text or ""
    if not space:
        org, space, why = space_of(ref if ref.type == "module" else ref.get("space").data)
        return ("", "") if why else (shown(org), shown(space))
    return shown(org), shown(space)
