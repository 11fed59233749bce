"""An answer that denies: 403 of a proxy or the mesh, 401, 407, 429."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.patterns import compiled
from skills.core.report import Report
from skills.core.symptom_base import (
    STRENGTH,
    Block,
    Clue,
    Clues,
    Origin,
    Sighting,
    answered,
    clue,
    first,
    inside,
    matches,
    sighting,
    told,
)

NAMES: tuple[str, ...] = ("forbidden_403", "auth_401", "proxy_error_407", "rate_limited_429")
_CODES = {"forbidden_403": "EGR230", "auth_401": "EGR232", "proxy_error_407": "EGR233", "rate_limited_429": "EGR234"}

_DENIED = "forbidden_403"
_LOGIN = "auth_401"
# A number in a path or after another name (`/things/401`, `id=401`) is no status.
_BARE_401 = r"(?:^|[\s(\[\"':])401\b|\b(?:status|code|http\w*)\W{0,3}401\b"
_PROXY = "proxy_error_407"
_LIMIT = "rate_limited_429"
_CLUES = Clues(
    # a proxy on the way out
    clue(
        _DENIED,
        STRENGTH.LOGGED,
        "yes",
        r"tunnel failed,? (?:response|with|code)? ?403|tunnel\w* failed: Forbidden|code 403 from proxy",
        r"Tunnel connection failed: 403",
        r"proxy[^\n]{0,60}\b403\b|tunneling[^\n]{0,60}403|Proxy Access Denied|TCP_DENIED|ERR_ACCESS_DENIED",
        r"x-deny-reason|host_not_allowed|not (?:in|on) (?:the )?(?:egress )?allow-?list",
        r"Access control configuration prevents your request",
        r"blocked by (?:the )?(?:egress )?(?:policy|proxy|firewall)|ERR_BLOCKED_BY_ADMINISTRATOR",
        origin="proxy",
    ),
    clue(
        _DENIED,
        STRENGTH.PLAIN,
        "unclear",
        r"ERR_TUNNEL_CONNECTION_FAILED|proxy (?:refused|denied|rejected)|denied by (?:the )?proxy",
        origin="proxy",
    ),
    # Go's transport knows nothing of a refused CONNECT but its reason phrase
    clue(
        _DENIED,
        STRENGTH.NAMED,
        "yes",
        r"(?:(?:Get|Post|Put|Head|Patch|Delete) \"?https://[^\s\"]+\"?|connect to the server): Forbidden$",
        origin="proxy",
    ),
    # the mesh
    clue(
        _DENIED,
        STRENGTH.LOGGED,
        "yes",
        r"RBAC: access denied|rbac_access_denied|RBAC rejected|policy rejection",
        r"allow policies exist, but none allowed|explicitly denied by",
        # how a ztunnel hears that the one at the far side denies: https://github.com/istio/ztunnel/issues/691
        r"\berr(?:or)?=\"?http status: 401 Unauthorized",
        origin="sidecar",
    ),
    clue(
        _PROXY,
        STRENGTH.LOGGED,
        "no",
        rf"{answered(407, 'proxy auth')}|tunnel[^\n]{{0,60}}\b407\b|HTTP/1\.[01] 407",
        r"ProxyAuthenticationRequired|Proxy Auth(?:entication|orization) Required|ERR_CACHE_ACCESS_DENIED",
        origin="proxy",
    ),
    clue(
        _LIMIT,
        STRENGTH.NAMED,
        "no",
        rf"{answered(429, 'too many')}|HTTP/[12](?:\.\d)?\"? 429|toomanyrequests|too many requests",
        r"pull rate limit|rate limit (?:exceeded|reached)|RateLimitError|rate_limit_exceeded|^429 ",
        origin="remote",
    ),
    clue(
        _LOGIN,
        STRENGTH.STATUS,
        "no",
        rf"{answered(401, 'unauthori[sz]ed')}|HTTP/[12](?:\.\d)?\"? 401|\(Unauthorized\)|: unauthorized\b",
        r"AuthenticationError|must be logged in|authentication required|invalid_api_key|Incorrect API key",
        r"Password Authentication Failed|Bad credentials|Authentication failed for '|HTTP Basic: Access denied",
        r"denied: requested access|\bAADSTS\d{5}|[\"']invalid_(?:client|grant)[\"']",
        origin="remote",
    ),
    clue(_LOGIN, STRENGTH.LOOSE, "no", rf"\bunauthorized\b|{_BARE_401}", origin="remote"),
    clue(
        _DENIED,
        STRENGTH.PLAIN - 3,
        "unclear",
        rf"{answered(403, 'forbidden')}|\b403\s{{1,3}}forbidden|HTTP/[12](?:\.\d)?\"? 403",
        origin="remote",
    ),
    clue(_DENIED, STRENGTH.SPOKEN + 3, "unclear", told(403), origin="remote"),
    clue(_LIMIT, STRENGTH.SPOKEN + 3, "no", told(429), origin="remote"),
)
_INBOUND = compiled(r"(?i)direction=\"?inbound|\binbound\|")


def look(report: Report) -> Sequence[Sighting]:
    seen = []
    for item, words in matches(report, _CLUES):
        code = "EGR231" if item.symptom == _DENIED and item.origin == "proxy" else _CODES[item.symptom]
        block = _block(report, item) if item.symptom == _DENIED else item.block
        origin: Origin = "egress gateway" if report.status_origin == "egress gateway" else item.origin
        seen.append(sighting(item.symptom, code, report, words, strength=item.strength, block=block, origin=origin))
    return seen


def _block(report: Report, item: Clue) -> Block:
    """A denial at the far side of the mesh is a missing grant, but no egress rule."""
    if item.origin == "sidecar":
        if _INBOUND.search(report.text):
            return "unclear" if first(report) is not None else "no"
        return "unclear" if inside(report) or first(report) is None else "yes"
    return item.block
