"""Rules where a chart makes its policies of a list in its values: one more item like the last one, or one less, then
rendered and proved. Only what was asked for may open or close; a list of which that can't be proved is left alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import re2

from skills.core.allowlist import Allowlist
from skills.core.enforce import delivery
from skills.core.enforce.delivery import Release
from skills.core.hosts import is_network
from skills.core.model import Destination, Edit, Need, Place, Verdict
from skills.core.proof import part_for, prove
from skills.core.yaml_text import (
    CannotEdit,
    Document,
    Map,
    Seq,
    append_item,
    read_documents,
    remove_item,
    replace_value,
)

RENDERED = "EGR319"
# What UDS says of every rule without a service account; the items of such a list have none.
_EVERY_ACCOUNT = "EGR841"
_MOST_TRIALS = 8  # each is a run of Helm
_MOST_DEPTH = 8
_INLINE = frozenset({"values", "valuesObject"})
_HOST = re2.compile(r"(?:\*\.)?[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_SLUG = re2.compile(r"[^a-z0-9]+")
_LABELS = frozenset({"selector", "podselector", "matchlabels", "podlabels", "labels"})
_WORDS = frozenset({"egress", "ingress"})
_NAMES = frozenset({"name", "id"})
_TEXTS = frozenset({"description", "comment", "reason", "purpose"})
_TRANSPORT = frozenset({"tcp", "udp", "sctp"})
_APPLICATION = {"tls": "tls", "https": "tls", "http": "http"}
# The list of more rules that charts of UDS packages have by convention, as a rule an empty one, and labels that tell
# one workload from another.
_OF_PACKAGES = "additionalNetworkAllow"
_TELLING = ("app.kubernetes.io/name", "app")
_Way = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The change, and the list that it is made in."""

    edits: tuple[Edit, ...]
    path: str
    keys: str
    chart: str


@dataclass(frozen=True, slots=True)
class _List:
    """A list of values: `keys` in `document`, which may itself be a text `within` the document `around` it."""

    document: Document
    keys: _Way
    around: Document | None = None
    within: _Way = ()

    @property
    def items(self) -> list[Any]:
        return list(self.document.at(*self.keys) or [])

    def edit(self, allowlist: Allowlist, change: Callable[[str, int], str]) -> Edit | None:
        """The file with `change` made to the text that holds the list; None where that can't be written."""
        path = self.document.path
        before = allowlist.texts[path]
        try:
            if self.around is None:
                text = change(before, self.document.index)
            else:
                inner = change(str(self.around.at(*self.within)), self.document.index)
                text = replace_value(before, self.around.index, self.within, inner)
        except (_Strange, CannotEdit):
            return None
        return Edit(path, before, text) if text != before else None


class _Strange(Exception):
    """A field of which nobody can say what a new item should hold there."""


def in_values(allowlist: Allowlist, need: Need, before: Sequence[Verdict]) -> Written | None:
    """The first list that lets the need through and nothing else; None where no chart's policies decide, or none is."""
    places = [place for verdict in before for layer in verdict.denying() for place in layer.isolators]
    return _first_exact(allowlist, need, before, places, lambda spot: iter([_edit(allowlist, spot, need)]))


def out_of_values(allowlist: Allowlist, need: Need, before: Sequence[Verdict]) -> Written | None:
    """The first item whose removal closes the one destination and nothing else; None where no list decides, or no item
    is about that alone."""
    if len(need.destinations) != 1:
        return None
    places = [hit.place for verdict in before for layer in verdict.layers for hit in layer.rules]
    ends = {text for to, address in _ends(need) for text in (to.host, address, address.partition("/")[0]) if text}

    def without(spot: _List) -> Iterator[Edit | None]:
        for at in reversed([at for at, item in enumerate(spot.items) if ends & set(_texts(item))]):
            yield spot.edit(allowlist, partial(_less, way=(*spot.keys, at)))

    return _first_exact(allowlist, need, before, places, without)


def _first_exact(
    allowlist: Allowlist,
    need: Need,
    before: Sequence[Verdict],
    places: Sequence[Place],
    tries: Callable[[_List], Iterator[Edit | None]],
) -> Written | None:
    """The first try at a list of the charts that render `places` which does what is asked for, and no more."""
    made = allowlist.expanded.by_hand
    deciding = [made[place.path] for place in places if place.path in made]
    charts = dict.fromkeys(str(said.facts["chart"]) for said in deciding if said.code == RENDERED)
    template = "".join(allowlist.texts.get(str(said.facts["path"]), "") for said in deciding)
    trials = _MOST_TRIALS
    for chart in charts:
        lists = _lists(allowlist, chart, need.workload.environment)
        # A list that the deciding template names is tried before those that only a helper could use.
        for spot in sorted(lists, key=lambda each: not _names_list(template, each.keys)):
            for edit in filter(None, tries(spot)):
                if (_only_closes if need.remove else _is_exact)(allowlist, edit, need, before):
                    return Written((edit,), edit.path, ".".join(map(str, (*spot.within, *spot.keys))), chart)
                trials -= 1
                if not trials:
                    return None
    return None


def _less(text: str, index: int, *, way: _Way) -> str:
    return remove_item(text, index, way)


def _only_closes(allowlist: Allowlist, edit: Edit, need: Need, before: Sequence[Verdict]) -> bool:
    """Whether it is denied without the item, and all that closes is what was asked for."""
    changed = allowlist.with_edits((edit,))
    after = [changed.check(need.workload, destination) for destination in need.destinations]
    if any(verdict.decision != "denied" for verdict in after):
        return False
    for old, new in ((allowlist, changed), (part_for(allowlist, need), part_for(changed, need))):
        proof = prove(old, new, need, (before, after), (edit,))
        if proof.newly_allowed or proof.wider_than_asked or proof.lost or len(proof.newly_denied) > len(_ends(need)):
            return False
    return True


def _texts(item: Any) -> Iterator[str]:
    """The texts of an item that stand alone, or in its fields."""
    if isinstance(item, str):
        yield item
    for inner in item.values() if isinstance(item, Mapping) else item if isinstance(item, list) else ():
        yield from _texts(inner)


def _is_exact(allowlist: Allowlist, edit: Edit, need: Need, before: Sequence[Verdict]) -> bool:
    """Whether the need is met with it and all that becomes open is what was asked for, in the whole and in its part."""
    changed = allowlist.with_edits((edit,))
    after = [changed.check(need.workload, destination) for destination in need.destinations]
    if not all(verdict.allowed for verdict in after):
        return False
    for old, new in ((allowlist, changed), (part_for(allowlist, need), part_for(changed, need))):
        proof = prove(old, new, need, (before, after), (edit,))
        wider = [said for said in proof.wider_than_asked if said.code != _EVERY_ACCOUNT]
        if wider or proof.newly_denied or proof.lost:
            return False
    return len({grant.target for grant in proof.newly_allowed}) <= len(_ends(need))


def _lists(allowlist: Allowlist, chart: str, environment: str | None) -> Iterator[_List]:
    """The lists of the values with which the chart is installed, those on top first, each by its file and keys."""
    root = "" if chart == "." else chart
    every = [entry for reading in allowlist.readings.values() for entry in reading.entries.get(delivery.NAME, ())]
    releases = [item for item in every if isinstance(item, Release) and root.rstrip("/") == item.chart.rstrip("/")]
    paths = [path for item in releases for path in (item.place.path, *reversed(item.files))]
    if not releases:
        paths = [path for path in sorted(allowlist.texts) if path.startswith(root) and _is_values(path[len(root) :])]
        paths.sort(key=lambda path: environment is None or environment not in path)
    inline = {item.place.path for item in releases}
    for path in dict.fromkeys((*paths, f"{root}values.yaml")):
        for document in read_documents(path, allowlist.texts.get(path, ""))[0]:
            for keys in _seqs(document.data):
                if path not in inline or _INLINE & set(keys):
                    yield _List(document, keys)
            for within, text in _inner(document.data) if path in inline else ():
                for inner in read_documents(path, text)[0]:
                    yield from (_List(inner, keys, document, within) for keys in _seqs(inner.data))


def _names_list(template: str, keys: Sequence[str | int]) -> bool:
    """Whether a template speaks of the key under which a list stands."""
    named = [key for key in keys if isinstance(key, str)]
    return bool(named) and f".{named[-1]}" in template


def _is_values(path: str) -> bool:
    return "templates/" not in path and "values" in path and path.endswith((".yaml", ".yml"))


def _inner(data: Any) -> Iterator[tuple[_Way, str]]:
    """Values that an Application of Argo CD holds as one text."""
    return ((way, node) for way, node in _nodes(data, ()) if isinstance(node, str) and way[-2:] == ("helm", "values"))


def _seqs(data: Any) -> Iterator[_Way]:
    every = ((way, node) for way, node in _nodes(data, ()) if isinstance(node, Seq))
    return (way for way, node in every if node or way[-1:] == (_OF_PACKAGES,))


def _nodes(node: Any, way: _Way) -> Iterator[tuple[_Way, Any]]:
    """All that stands in it, each with its keys, the outer before the inner."""
    yield way, node
    steps = node.items() if isinstance(node, Map) else enumerate(node) if isinstance(node, Seq) else ()
    for step, inner in steps if len(way) < _MOST_DEPTH else ():
        if isinstance(step, (str, int)):
            yield from _nodes(inner, (*way, step))


def _edit(allowlist: Allowlist, spot: _List, need: Need) -> Edit | None:
    """The file with an item for each end; None where the last item has a field that can't be accounted for."""
    listed = spot.items

    def first(text: str, index: int) -> str:
        return replace_value(text, index, spot.keys, [_rule_of_package(need, to) for to in need.destinations])

    def more(text: str, index: int) -> str:
        for end in _ends(need):
            item = _Like(*end, need.reason, _names(listed)).value("", listed[-1])
            text = append_item(text, index, spot.keys, item)
        return text

    return spot.edit(allowlist, more if listed else first)


def _rule_of_package(need: Need, to: Destination) -> dict[str, Any]:
    """The first rule of an empty list, as a Package has it. Raises _Strange for what one rule can't let out."""
    labels, ports, protocol = need.workload.labels, to.ports, (to.application or "").upper()
    if not labels or ports is None or ports.first != ports.last or to.protocol != "tcp":
        raise _Strange
    telling = next(({key: labels[key]} for key in _TELLING if key in labels), dict(labels))
    if to.host is None:
        (address,) = _addresses(to)
        remote, said = {"remoteCidr": address}, f"{address} network"
    elif "*" in to.host or protocol not in {"TLS", "HTTP"}:
        raise _Strange
    else:
        remote, said = {"remoteHost": to.host, "remoteProtocol": protocol}, to.host
    return {
        "direction": "Egress",
        "selector": telling,
        **remote,
        "port": ports.first,
        "description": f"Egress to {said}",
    }


def _ends(need: Need) -> list[tuple[Destination, str]]:
    """Each destination, with each of the addresses that are known of it."""
    return [(to, address) for to in need.destinations for address in _addresses(to) or [""]]


def _addresses(to: Destination) -> list[str]:
    given = [to.network] if to.network else list(to.addresses)
    return [str(ipaddress.ip_network(item, strict=False)) for item in given]


def _names(listed: Sequence[Any]) -> set[str]:
    return {str(item[key]) for item in listed if isinstance(item, Mapping) for key in _NAMES if key in item}


@dataclass(slots=True)
class _Like:
    """An item made like another: the far end, its port and protocol are put in, the rest must be the same for all."""

    to: Destination
    address: str
    reason: str
    taken: set[str]
    placed: bool = False

    def value(self, key: str, last: Any) -> Any:
        """The new item. Raises _Strange for what can't be accounted for, and where no field holds the far end."""
        made = self._field(key, last)
        if not self.placed:
            raise _Strange
        return made

    def _field(self, key: str, last: Any) -> Any:
        word = key.casefold()
        if isinstance(last, Mapping):
            return (
                dict(last) if word in _LABELS else {name: self._field(str(name), each) for name, each in last.items()}
            )
        if isinstance(last, list):
            if len(last) > 1 and any(isinstance(each, (Mapping, list)) for each in last):
                raise _Strange
            return [self._field(key, each) for each in last[:1]]
        if last is None or isinstance(last, bool):
            return last
        if "port" in word and str(last).isdecimal() and self.to.ports is not None:
            number = self.to.ports.last if "end" in word else self.to.ports.first
            return number if isinstance(last, int) else str(number)
        if isinstance(last, str):
            return self._text(word, last)
        raise _Strange

    def _text(self, word: str, last: str) -> str:
        makers: Sequence[Callable[[str, str], str | None]] = (self._end, self._protocol, self._said)
        made = next((text for make in makers if (text := make(word, last)) is not None), None)
        if made is None:
            raise _Strange
        return made

    def _end(self, word: str, last: str) -> str | None:  # noqa: ARG002 - what it holds says what it is
        if is_network(last):
            self.placed = True
            if not self.address:
                raise _Strange
            single = ipaddress.ip_network(self.address).num_addresses == 1
            return self.address if "/" in last or not single else self.address.partition("/")[0]
        if _HOST.fullmatch(last):
            self.placed = True
            if self.to.host is None:
                raise _Strange
            return self.to.host
        return None

    def _protocol(self, word: str, last: str) -> str | None:  # noqa: ARG002 - what it holds says what it is
        here = last.casefold()
        if here in _TRANSPORT:
            return self.to.protocol.upper() if last.isupper() else self.to.protocol
        if here in _APPLICATION:
            return last if self.to.application in (None, _APPLICATION[here]) else None
        return last if here in _WORDS else None

    def _said(self, word: str, last: str) -> str | None:  # noqa: ARG002 - the key says what it is for
        if word in _NAMES:
            slug = _SLUG.sub("-", f"{self.to.host or self.address}".casefold().removesuffix("/32")).strip("-")
            return slug if slug not in self.taken else f"{slug}-{self.to.ports}"
        return (self.reason or f"for {self.to}") if word in _TEXTS else None
