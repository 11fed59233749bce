"""What the API server or Cilium would refuse in a policy, as findings.

Source: the schemas of cilium.io/v2 and github.com/cilium/cilium pkg/policy/api/rule_validation.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from skills.core.enforce.kube_objects import brief, templated, text_of
from skills.core.enforce.kube_policy import IpBlock, ip_block
from skills.core.model import Finding, Place, finding
from skills.core.platforms.cilium.pattern import valid

_MOST_FAULTS = 20


class Faults:
    """Collects the faults of one document. `strange` is the first field that nobody knows."""

    def __init__(self, policy: str) -> None:
        self._policy = policy
        self._found: list[Finding] = []
        self.strange: Finding | None = None

    @property
    def found(self) -> tuple[Finding, ...]:
        return tuple(self._found)

    def _add(self, item: Finding) -> None:
        if len(self._found) < _MOST_FAULTS and item not in self._found:
            self._found.append(item)

    def field(self, place: Place, field: str, value: Any) -> None:
        self._add(finding("EGR853", place, policy=self._policy, field=field, value=brief(value)))

    def stranger(self, found: Finding) -> None:
        self.strange = self.strange or found
        self._add(found)

    def families(self, place: Place, found: Sequence[str]) -> None:
        self._add(finding("EGR851", place, policy=self._policy, families=" and ".join(found)))

    def port_number(self, place: Place, port: Any) -> None:
        self._add(finding("EGR852", place, policy=self._policy, port=brief(port)))

    def too_many(self, place: Place, what: str, most: int) -> None:
        self._add(finding("EGR854", place, policy=self._policy, what=what, most=most))

    def selectors(self, place: Place) -> None:
        self._add(finding("EGR856", place, policy=self._policy))

    def l7(self, place: Place, why: str) -> None:
        self._add(finding("EGR857", place, policy=self._policy, why=why))

    def name(self, place: Place, text: Any, *, wild: bool) -> bool:
        """Whether a host name or pattern can be reckoned with."""
        if isinstance(text, str) and valid(text, wild=wild):
            return True
        self._add(finding("EGR855", place, policy=self._policy, value=brief(text)))
        return False

    def block(self, place: Place, cidr: Any, excepts: Sequence[Any] = ()) -> IpBlock | None:
        """The block, or None where it is a template's or no block at all. Exceptions must lie inside it."""
        texts = [text_of(cidr), *map(text_of, excepts)]
        if any(map(templated, texts)) or not all(isinstance(item, str) for item in (cidr, *excepts)):
            if not any(map(templated, texts)):
                self.field(place, "cidr", cidr)
            return None
        try:
            whole = ipaddress.ip_network(texts[0], strict=False)
            holes = [ipaddress.ip_network(text, strict=False) for text in texts[1:]]
        except ValueError:
            self.field(place, "cidr", ", ".join(texts))
            return None
        if any(hole.version != whole.version or not hole.subnet_of(whole) for hole in holes):  # type: ignore[arg-type]
            self.field(place, "except", ", ".join(texts[1:]))
            return None
        return ip_block(texts[0], texts[1:])
