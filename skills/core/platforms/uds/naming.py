"""Names that the operator gives to what it generates; two equal names are a fault (G-D01, G-D24).

Source: uds-core `generateName`, `sanitizeResourceName`.
"""

from __future__ import annotations

import re2

from skills.core.platforms.uds.package import Allow
from skills.core.platforms.uds.versions import NEWEST, Version

LONGEST = 250
_GAPS = re2.compile(r"[^a-z0-9]+")
_SPACED = {code: " " for code in range(128) if not chr(code).isalnum()}
_NO_LETTERS = "0123456789-"
_EDGES = re2.compile(r"^[^a-z]+|[^a-z]+$")


def sanitize(text: str) -> str:
    """Lower case, every run of other characters a dash, 250 characters, letters at both ends."""
    lower = text.lower()
    if lower.isascii() and len(lower) <= LONGEST:  # most names, and there are as many as rules
        return "-".join(lower.translate(_SPACED).split()).strip(_NO_LETTERS)
    return str(_EDGES.sub("", _GAPS.sub("-", lower)[:LONGEST]))


def policy_name(package: str, rule: Allow, rules: Version = NEWEST) -> str:
    """The name of the NetworkPolicy that a rule becomes."""
    return described(package, rule.direction, rule.description or _by_remote(rule, rules))


def described(package: str, direction: str, description: str) -> str:
    return sanitize(f"allow-{package}-{direction}-{description}")


def _by_remote(rule: Allow, rules: Version) -> str:
    """What stands in for a missing description: neither host, CIDR, port nor service account is in it."""
    local = _values(rule.selector.labels if rule.selector else None)
    remote = rule.remote_generated or f"{rule.remote_namespace or ''}-{_remote_values(rule)}"
    protocol = ("UDP" if rule.udp else "TCP") if rules.transport_protocols else ""
    return f"{local}-{remote}-{protocol}"


def _remote_values(rule: Allow) -> str:
    return _values(rule.remote_selector.labels if rule.remote_selector else None)


def _values(labels: object) -> str:
    """The label values; `all pods` only where the field is absent, nothing for an empty map."""
    return "-".join(labels.values()) if isinstance(labels, dict) else "all pods"
