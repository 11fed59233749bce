"""The contract of a symptom, and what symptoms share: clues, sightings, and the layers that a symptom fits.

Each module below `symptoms/` is one; the module itself is the adapter. It looks at a report and returns what it sees.
It never reads a file, never asks the allowlist, and knows no other symptom. To add one: see docs/ADDING.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from skills.core.model import Evidence, Finding
from skills.core.patterns import Sieve, compiled, sifted
from skills.core.report import Report, Seen
from skills.core.report.names import host_at

Block = Literal["yes", "no", "unclear"]
Origin = Literal["client", "sidecar", "egress gateway", "proxy", "remote"]


class STRENGTH:
    """How much a clue says. Of two clues the stronger names the symptom."""

    LOGGED = 95  # the layer that denied says so itself
    NAMED = 85  # a library names exactly this fault
    PHASE = 78  # the phase is certain, the reason is not
    STATUS = 74  # an answer with a status
    PLAIN = 65  # the words of an errno
    LOOSE = 50  # one sentence for several faults
    SPOKEN = 45  # the words of a person


@dataclass(frozen=True, slots=True)
class Sighting:
    """One symptom that a text shows.

    `egress_block` says what this text alone allows: `yes` when a default-deny policy produces exactly this. `fits` are
    the layers whose denial looks so. `origin` is who said it. `strength` is 0 to 100.
    """

    symptom: str
    strength: int
    egress_block: Block
    origin: Origin
    fits: tuple[str, ...]
    finding: Finding

    @property
    def quotes(self) -> tuple[str, ...]:
        return tuple(evidence.quote for evidence in self.finding.evidence if evidence.quote)


class Symptom(Protocol):
    """What `all_symptoms.judge` asks of a module."""

    NAMES: tuple[str, ...]
    """The symptoms that it knows: `connect_timeout`, `dns_failure` ..."""

    def look(self, report: Report) -> Sequence[Sighting]:
        """Everything that this module sees, strongest or not; none if the text shows none of its symptoms."""


@dataclass(frozen=True, slots=True)
class Clue:
    """A pattern of what programs print. `block` is what it allows for a remote outside, before the context counts.

    `client` limits the clue to reports of that client (curl's exit codes mean nothing elsewhere).
    """

    symptom: str
    strength: int
    pattern: Any
    block: Block = "unclear"
    origin: Origin = "client"
    client: str | None = None


class Clues:
    """The clues of one module, with the sieve that tells which of them a text can show."""

    def __init__(self, *items: Clue) -> None:
        self.items = items
        self.sieve = Sieve(item.pattern for item in items)


def clue(
    symptom: str,
    strength: int,
    block: Block,
    *patterns: str,
    origin: Origin = "client",
    client: str | None = None,
) -> Clue:
    """Any of `patterns`. Compiled without case, because programs disagree about it; `^` and `$` are ends of lines."""
    return Clue(symptom, strength, compiled(f"(?im){'|'.join(patterns)}"), block, origin, client)


def answered(code: int, words: str) -> str:
    """How programs write that status `code` came back; `words` is its reason phrase, as a pattern."""
    return (
        rf"\b{code}\b[:,. -]{{0,3}}(?:{words}|server error|client error|error responses?)"
        rf"|(?:status|code|error|http|response)[^\n\w]{{0,4}}(?:code[: ]{{1,3}})?{code}\b|\bE{code}\b"
        rf"|\b(?:returned|responded with|replied with|answered|got|received):? (?:an? )?(?:HTTP[ /]?)?{code}\b"
    )


_TOLD = (
    r"(?:gets?|getting|got|gives?|receiv\w+|returns?|returning|throws?|fails with|responds? with|see|seeing"
    r"|bekomm\w*|krieg\w*|erh(?:a|ä)lt\w*|liefert|wirft|recib\w+|obt\w+|devuelve|nos da|renvoie|reçoit|retourne)"
)


def told(code: int) -> str:
    """How people say that a status came back: `payments gets a 502`."""
    return rf"\b(?:{_TOLD}|still|immer noch|siempre|toujours)\b[^\n.?]{{0,40}}?\b{code}\b"


def ended(*codes: int) -> str:
    """A program that only left its exit code."""
    numbers = "|".join(str(code) for code in codes)
    return rf"\bexit(?:ed)?(?: with)?(?: code| status) (?:{numbers})\b"


def matches(report: Report, clues: Clues) -> Iterator[tuple[Clue, str]]:
    """Each clue that the text shows, with the line that shows it."""
    near = clues.sieve.near(report.text)
    for number, item in enumerate(clues.items):
        if number not in near or item.client not in (None, report.client):
            continue
        match = item.pattern.search(report.text)
        if match is not None:
            yield item, quote(report.text, match.start(), match.end())


def quote(text: str, start: int, end: int) -> str:
    """The line around a match, shortened to what a person reads at a glance."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    line = text[first : last if last >= 0 else len(text)]
    if len(line) <= 240:
        return line.strip()
    return text[max(first, start - 80) : min(end + 120, start + 200)].strip()


# What a denial looks like, layer by layer (HOUSE.md section 4, platform dossiers): connect timeout is a dropped packet,
# a refusal a rejected one, a cut handshake and a foreign answer a proxy in the pod.
_FITS: Mapping[str, tuple[str, ...]] = {
    "bad_gateway_502": ("mesh",),
    "service_unavailable_503": ("mesh",),
    "gateway_timeout_504": (),
    "blackhole": ("mesh",),
    "tls_handshake": ("mesh",),
    "tls_certificate": ("mesh",),
    "tls_hostname_mismatch": ("mesh",),
    "tls_expired": (),
    "connect_timeout": ("network_policy", "firewall"),
    "read_timeout": ("network_policy", "firewall"),
    "connection_refused": ("security_group",),
    "connection_reset": ("mesh",),
    "dns_failure": ("network_policy",),
    "no_route": ("network_policy", "firewall"),
    "forbidden_403": ("mesh",),
}


def sighting(
    symptom: str,
    code: str,
    report: Report,
    *quotes: str,
    strength: int,
    block: Block,
    origin: Origin = "client",
    **facts: str | int | None,
) -> Sighting:
    """A sighting with its finding: the fact `host` is the remote that was wanted, or `the remote`."""
    unsure = block == "yes" and (unsteady(report) or by_node(report))
    block = "no" if stays_here(report) else "unclear" if unsure else block
    named = {"host": str(report.destinations[0]) if report.destinations else "the remote", **facts}
    evidence = tuple(Evidence(quote=words) for words in dict.fromkeys(quotes) if words)
    fits = _FITS.get(symptom, ()) if block != "no" else ()
    return Sighting(symptom, strength, block, origin, fits, Finding(code, named, evidence))


# A policy denies every time: what works now and then, or worked for another file of the same host, meets no policy.
_UNSTEADY = sifted(
    r"(?im)\bintermittent|\bsometimes\b|\boccasional|\bsporadic|\brandomly\b|\brandom (?:errors?|failures?|times)\b"
    r"|\bat random\b|\bmost of the time\b|\bnow and then\b|\bfrom time to time\b|\bflaky\b|\bonce in a while\b"
    r"|\bperiodically\b"
    r"|works (?:on|after) (?:a )?(?:refresh|retry|restart)|\bmanchmal\b|\ba veces\b|\bparfois\b"
    r"|^[^\n]{0,24}\bGet:\d+ https?://[^\n]+ \[[\d,.]+ [kM]?B\]$"
)


def unsteady(report: Report) -> bool:
    """Whether the text itself says that the same way is open at other times."""
    return _UNSTEADY.search(report.text) is not None


# The node pulls images and asks the probes, outside of any pod: https://kubernetes.io/docs/concepts/containers/images/
_PULLED = sifted(r"(?i)\bfailed to pull image\b|\bback-off pulling image\b|\bErrImagePull\b|\bImagePullBackOff\b")
_PROBED = sifted(r"(?i)\b(?:liveness|readiness|startup) probe (?:failed|errored)\b")


def by_node(report: Report) -> bool:
    """Whether the node itself, and no pod of it, wanted the connection: no rule for pods applies to that."""
    return _PULLED.search(report.text) is not None


def first(report: Report) -> Seen | None:
    return report.destinations[0] if report.destinations else None


def stays_here(report: Report) -> bool:
    """Whether the connection never left the pod, or came in rather than went out."""
    remote = first(report)
    if _PROBED.search(remote.quote if remote is not None else report.text):
        return True
    if remote is None and report.proxies and not report.accesses:
        return all((host := host_at(proxy)) is not None and host.local for proxy in report.proxies)
    if remote is not None:
        host, found = host_at(remote.host), host_at(remote.resolved or "")
        return (host is not None and host.local) or (found is not None and found.local)
    return bool(report.accesses) and all(access.inbound or not access.failed for access in report.accesses)


def inside(report: Report) -> bool:
    """Whether the remote is in the cluster or the company: a service, a private address, an internal name."""
    remote = first(report)
    host = host_at(remote.host) if remote is not None else None
    return host is not None and host.private


def public(report: Report) -> bool:
    """Whether the remote is known and outside."""
    return bool(report.destinations) and not inside(report)
