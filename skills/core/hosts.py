"""Host names and addresses: one spelling for each, and how near two of them are.

Wildcards are matched by each platform, since every dialect means something else by them.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import idna
import re2

from skills.core.errors import AskUnclear

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_HOST = 253
CLOUD_GOV_REGION = "us-gov-west-1"
LONGEST_LABEL = 63
_SHOWN = 80
_NEAR = 2
_EDITS = [(1, 1), (0, 1), (1, 0)]

# Underscores are no host name by RFC 952, but DNS carries them and buckets and SRV names have them.
_LABEL_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_NUMBER = re2.compile(r"[0-9]+|0x[0-9a-f]*")

# Private in the sense of a firewall: never routed on the Internet. Documentation ranges (RFC 5737) are
# not in it, since people use them for partners in examples. Sources: RFC 1918, 6598, 1122, 3927, 4193, 4291.
_PRIVATE = tuple(
    ipaddress.ip_network(block)
    for block in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


def shown(text: str) -> str:
    """What somebody wrote, safe and short enough to stand in a sentence."""
    words = text[: 4 * _SHOWN]
    if not words.isprintable():
        words = "".join(sign if sign.isprintable() else " " for sign in words)
    clean = " ".join(words.split())
    return clean if len(clean) <= _SHOWN and len(text) <= 4 * _SHOWN else f"{clean[: _SHOWN - 1]}…"


@lru_cache(maxsize=8192)
def normalise(host: str) -> str:
    """The one spelling of a host name: lower case, ASCII (IDNA 2008 with UTS 46 mapping), no trailing dot.

    Raises AskUnclear for whatever is no host name. Numbers that some resolvers would take for an
    address (`0x7f.1`, `127.1`, `2130706433`) are refused, never turned into one.
    """
    if not host.strip():
        raise AskUnclear("EGR601")
    if len(host) > 4 * LONGEST_HOST:
        raise AskUnclear("EGR604", host=shown(host), most=LONGEST_HOST)
    if len(host.split()) > 1:
        raise AskUnclear("EGR602", host=shown(host))
    name = _mapped(host.strip()).removesuffix(".")
    labels = [_ascii_label(label, host) for label in name.split(".")]
    name = ".".join(labels)
    if len(name) > LONGEST_HOST:
        raise AskUnclear("EGR604", host=shown(host), most=LONGEST_HOST)
    if labels[-1][0].isdigit() and _NUMBER.fullmatch(labels[-1]):
        raise _numeric(name, labels, host)
    return name


def _mapped(host: str) -> str:
    """Full-width letters, ideographic dots and the like as the browsers read them (UTS 46)."""
    if host.isascii():
        return host.lower()
    try:
        return idna.uts46_remap(host, std3_rules=False, transitional=False)
    except UnicodeError:
        raise AskUnclear("EGR605", host=shown(host)) from None


def _ascii_label(label: str, host: str) -> str:
    if not label:
        raise AskUnclear("EGR606", host=shown(host))
    if len(label) > LONGEST_LABEL:
        raise AskUnclear("EGR603", host=shown(host), label=shown(label), most=LONGEST_LABEL)
    if label.startswith("-") or label.endswith("-"):
        raise AskUnclear("EGR607", host=shown(host))
    if not label.isascii():
        try:
            return idna.encode(label).decode("ascii")
        except idna.IDNAError as error:
            code = "EGR603" if "too long" in str(error).lower() else "EGR605"
            raise AskUnclear(code, host=shown(host), label=shown(label), most=LONGEST_LABEL) from None
    if not _LABEL_SIGNS.issuperset(label):
        raise AskUnclear("EGR605", host=shown(host))
    return label


def _numeric(name: str, labels: list[str], host: str) -> AskUnclear:
    if is_address(name):
        return AskUnclear("EGR610", host=shown(host))
    if all(_NUMBER.fullmatch(label) for label in labels):
        return AskUnclear("EGR608", host=shown(host))
    return AskUnclear("EGR609", host=shown(host), label=labels[-1])


# --- addresses


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address in a standard spelling (brackets allowed, no zone)."""
    return _address(text) is not None


def is_network(text: str) -> bool:
    """An address or a range in CIDR form, also with bits behind its prefix, as manifests have it."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def address(text: str) -> Address:
    """The address; an IPv4-mapped IPv6 address is the IPv4 address that packets really go to."""
    found = _address(text)
    if found is None:
        if "%" in text and is_address(text.strip().strip("[]").split("%", 1)[0]):
            raise AskUnclear("EGR611", address=shown(text))
        raise AskUnclear("EGR612", address=shown(text))
    return found


def _address(text: str) -> Address | None:
    bare = text.strip()
    if len(bare) > 64 or "%" in bare or not bare.isascii():
        return None
    bracketed = bare.startswith("[") and bare.endswith("]")
    try:
        found = ipaddress.ip_address(bare[1:-1] if bracketed else bare)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv4Address):
        return None if bracketed else found
    return found.ipv4_mapped or found


def is_private(what: str | Address | Network) -> bool:
    """Whether an address, or the whole of a CIDR, lies in ranges that are never routed on the Internet.

    `what` must be an address or a CIDR; anything else raises ValueError.
    """
    network = ipaddress.ip_network(what, strict=False) if isinstance(what, str) else ipaddress.ip_network(what)
    return any(
        network.subnet_of(block)
        if isinstance(network, ipaddress.IPv4Network) and isinstance(block, ipaddress.IPv4Network)
        else isinstance(network, ipaddress.IPv6Network)
        and isinstance(block, ipaddress.IPv6Network)
        and network.subnet_of(block)
        for block in _PRIVATE
    )


# --- how near two names are


def parent_of(parent: str, child: str) -> bool:
    """Whether `child` lies anywhere below `parent`: `stripe.com` and `api.stripe.com`."""
    return child.endswith(f".{parent}")


def sibling(one: str, other: str) -> bool:
    """Whether two different names share their last two labels and neither lies below the other.

    Two labels stand in for the registered domain. That is wrong for `co.uk`, and good enough for a hint.
    """
    if one == other or parent_of(one, other) or parent_of(other, one):
        return False
    ends = [name.rsplit(".", 2)[-2:] for name in (one, other)]
    return len(ends[0]) == 2 and ends[0] == ends[1]


def edit_distance(one: str, other: str, most: int = _NEAR) -> int:
    """Insertions, deletions, changes and swaps of neighbours from one to the other, or `most` + 1 if more.

    Optimal string alignment, told for up to two edits: nothing further is a slip, and two are told without a table.
    """
    if one == other:
        return 0
    if abs(len(one) - len(other)) > most:
        return most + 1
    one, other = _without_common_ends(one, other)
    if _one_edit(one, other):
        return min(1, most + 1)
    return 2 if most >= 2 and _two_edits(one, other) else most + 1


def _one_edit(one: str, other: str) -> bool:
    """Of texts without common ends: a sign more, another sign, or two that change places."""
    sizes = (len(one), len(other))
    return sizes in {(0, 1), (1, 0), (1, 1)} or (sizes == (2, 2) and one == other[::-1])


def _two_edits(one: str, other: str) -> bool:
    """Of texts without common ends: one edit is at the beginning then, the other at the end, and between them nothing.

    An edit is told by how many signs it takes of either: (1, 1) changes one, (0, 1) puts one in, (2, 2) swaps two.
    """
    size, there = len(one), len(other)
    first = [*_EDITS, (2, 2)] if size > 1 and one[:2] == other[1::-1] else _EDITS
    last = [*_EDITS, (2, 2)] if size > 1 and one[-2:] == other[:-3:-1] else _EDITS
    for a, b in first:
        for c, d in last:
            left = size - a - c
            if left == there - b - d and left >= 0 and one[a : a + left] == other[b : b + left]:
                return True
    return False


def _without_common_ends(one: str, other: str) -> tuple[str, str]:
    """What both begin and end with takes no edit, and names of one domain share most of themselves."""
    begin = 0
    for sign, opposite in zip(one, other, strict=False):
        if sign != opposite:
            break
        begin += 1
    one, other = one[begin:], other[begin:]
    end = 0
    for sign, opposite in zip(reversed(one), reversed(other), strict=False):
        if sign != opposite:
            break
        end += 1
    return (one[:-end], other[:-end]) if end else (one, other)


def near(name: str, candidates: Iterable[str]) -> list[str]:
    """The candidates that `name` may be a slip of, nearest first: typos, then names that hold it or lie in it.

    Of a path (`org/ou/project`) the last segment counts as well as the whole; an `environment:` does not.
    """
    wanted = name.casefold()[: 4 * LONGEST_HOST].rpartition(":")[2]
    found = sorted((_slip(wanted, candidate.casefold()), candidate) for candidate in set(candidates))
    return [candidate for distance, candidate in found if distance <= _NEAR + 1]


def _slip(wanted: str, candidate: str) -> int:
    """0 to 2 edits, 3 when one holds the other or a word of it, 4 when they have nothing in common."""
    end, candidate_end = wanted.rsplit("/", 1)[-1], candidate.rsplit("/", 1)[-1]
    # In a short name two edits make another name, not a slip.
    most = 1 if min(len(end), len(candidate_end)) < 5 else _NEAR
    nearest = edit_distance(wanted, candidate, most)
    if "/" not in wanted or "/" not in candidate:
        nearest = min(nearest, edit_distance(end, candidate_end, most))
    elif end == candidate_end:  # the same name elsewhere
        nearest = min(nearest, _NEAR)
    if nearest <= most:
        return nearest
    shorter, longer = sorted((end, candidate_end), key=len)
    held = len(shorter) >= 3 and shorter in longer
    word = len(end) >= 5 and any(edit_distance(end, part, 1) <= 1 for part in candidate_end.split("-"))
    return _NEAR + 1 if held or word or end == candidate_end else _NEAR + 2


# --- look-alikes

_LATIN_TWINS = dict(
    zip(
        "аеорсухіјѕԁԛԝһӏьвкмнтгпαορνικυхτγωօհոսցյզա",
        "aeopcyxijsdqwhlbbkmhtrnaopvikuxtywohnugjqw",
        strict=True,
    )
)
_TOGETHER = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "LATIN"})


def looks_like(host: str) -> str | None:
    """The name that a host can be mistaken for, when a label mixes scripts or is all look-alikes of Latin letters.

    `host` may be written in Unicode or in punycode. None: nothing is suspicious.
    """
    labels = [_unicode_label(label) for label in host.lower().split(".")]
    latin_domain = labels[-1].isascii()  # `сор.рф` is at home in its own script
    if not any(_mixes_scripts(label) or (latin_domain and _all_twins(label)) for label in labels):
        return None
    return ".".join("".join(_LATIN_TWINS.get(sign, sign) for sign in label) for label in labels)


def unicode_form(host: str) -> str:
    """A host as its owner writes it; labels that don't decode stay as they are."""
    return ".".join(_unicode_label(label) for label in host.split("."))


def _unicode_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > LONGEST_LABEL:
        return label
    try:
        return idna.decode(label)
    except UnicodeError:
        return label


def _all_twins(label: str) -> bool:
    return not label.isascii() and all(sign.isascii() or sign in _LATIN_TWINS for sign in label)


def _mixes_scripts(label: str) -> bool:
    scripts = {unicodedata.name(sign, "UNKNOWN").split(" ")[0] for sign in label if sign.isalpha()}
    return len(scripts) > 1 and not scripts <= _TOGETHER
