"""What is a host name, and what only looks like one: packages, files, versions, abbreviations."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

from skills.core.errors import AskUnclear
from skills.core.hosts import is_private, normalise
from skills.core.model import Ports
from skills.core.patterns import compiled

# A name or an address as it stands in text; `[v6]` keeps its brackets. Wildcards and masked labels (`***.x`) count.
NAME = r"[A-Za-z0-9_*](?:[A-Za-z0-9_*.-]*[A-Za-z0-9_*])?"
V6 = r"\[[0-9A-Fa-f:]+(?:%[A-Za-z0-9]+)?(?:[0-9.]+)?\]"
BARE_V6 = r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}"
HOST = rf"(?:{V6}|{NAME})"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COUNTRIES = _words(
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc "
    "cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga "
    "gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp "
    "ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms "
    "mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro "
    "rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt "
    "tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_GENERIC = _words(
    "com org net edu gov mil int info biz name pro aero coop museum jobs mobi cat tel asia arpa app dev cloud online "
    "site tech store shop xyz top club live world today agency email network systems solutions services software "
    "digital group global company zone team tools page blog wiki space website host press news media video games chat "
    "social academy school university bank money capital finance fund insurance health care green energy earth eco "
    "bio city google amazon aws azure microsoft apple cern example test invalid localhost local internal intranet lan "
    "corp home private cluster svc onion k8s consul"
)
_FILES = _words(
    "git py pyc pyx js ts jsx tsx mjs cjs java kt go rb rs c h cc cpp hpp cs php pl sh bash zsh ps1 bat exe dll so jar "
    "war egg whl tar gz tgz zip bz2 xz yaml yml json toml ini cfg conf env xml html htm css scss md txt log csv sql "
    "lock pem crt crl key cer csr p12 jks pub sock pid out bak tmp tpl tf tfvars mod sum png jpg svg gif ico pdf vue "
    "class scala groovy gradle sbt lua swift asar service socket timer mount target pom properties plist msi deb rpm "
    "ipynb map wasm proto bin iso img db sqlite dat dtd xsd asp aspx jsp cgi diff patch rst adoc sln csproj targets "
    "props nupkg j2 template erl ex exs clj hs dart"
)
_PACKAGE_ROOTS = _words(
    "com org net io java javax jakarta jdk sun kotlin scala akka reactor rx okhttp3 okio retrofit2 android androidx "
    "de edu gov dev me system microsoft std core"
)
# Words that stand where a host could, in sentences such as "failed to connect to server".
_PLAIN_WORDS = _words(
    "a an the any all it its this that to of on in at by for from is was not no and or with via your our my server "
    "servers remote host hosts hostname proxy upstream address endpoint url uri http https peer socket target "
    "destination client tcp udp undefined null nil unknown error failed connection timeout ssl tls dns name domain "
    "external internet network ip port status other each both them us me you one new old same some another these those "
    "be are has have could can cannot redacted masked hidden omitted removed"
)
_NOT_HOSTS = _words(
    "asp.net vb.net ado.net node.js next.js vue.js socket.io e.g i.e cluster.local svc.cluster.local k8s.io"
)

_SHAPE = compiled(rf"{NAME}")
_VERSION = compiled(r"v?\d+(?:\.\d+){1,}(?:[.-]?(?:rc|alpha|beta|dev|post|release|final|snapshot|m|b|a)\.?\d*)?")
_CAMEL = compiled(r"[a-z0-9][A-Z]")
_API_GROUP = compiled(r"(?:k8s\.io|istio\.io|openshift\.io|fluxcd\.io|argoproj\.io|cattle\.io|coreos\.com)$")


@dataclass(frozen=True, slots=True)
class Host:
    """`name` is lower case without a trailing dot; `ip` is its canonical form when it is a literal address."""

    name: str
    ip: str | None = None

    @property
    def local(self) -> bool:
        """Traffic that never leaves the pod."""
        return self.name in _LOCAL_NAMES or (self.ip is not None and ipaddress.ip_address(self.ip).is_loopback)

    @property
    def private(self) -> bool:
        """Inside the cluster or the company: a single label, an internal suffix or a private address."""
        if self.ip is not None:
            return is_private(ipaddress.ip_address(self.ip))
        labels = self.name.split(".")
        return len(labels) == 1 or labels[-1] in _INTERNAL or "svc" in labels[1:] or "corp" in labels[1:]


_LOCAL_NAMES = frozenset(("localhost", "localhost.localdomain", "ip6-localhost", "host.docker.internal"))
_INTERNAL = frozenset(
    ("local", "internal", "intranet", "lan", "corp", "home", "svc", "cluster", "localdomain", "consul")
)


@lru_cache(maxsize=1024)
def host_at(text: str) -> Host | None:
    """The host in a place where only a host can stand (`connect to HOST port`): single labels are fine."""
    name = text.strip("\"'`()<>,;").rstrip(".").lower()
    address = _address(name)
    if address is not None:
        return None if address.is_unspecified else Host(str(address), str(address))
    if not name.isascii():
        name = _punycode(name)
    if not _well_formed(name) or name in _PLAIN_WORDS or name.isdigit() or set(name) <= set("x.*_-"):
        return None
    return Host(name)


def host_alone(text: str, *, unknown_suffix: bool = False) -> Host | None:
    """The host in a place where anything can stand: a dotted name that is no file, package or version.

    `unknown_suffix` accepts a top-level domain that does not exist: in a request a typo is still a destination.
    """
    bare = text.rstrip(".")
    host = host_at(bare)
    if host is None or host.ip is not None:
        return host
    labels = host.name.split(".")
    last = labels[-1]
    if len(labels) < 2 or host.name in _NOT_HOSTS or not last.isalpha() or len(last) < 2:
        return None
    if (
        _VERSION.fullmatch(host.name)
        or _CAMEL.search(bare)
        or labels[0] in _PACKAGE_ROOTS
        or _API_GROUP.search(host.name)
    ):
        return None
    known = last in _COUNTRIES or last in _GENERIC
    if last in _FILES and (not known or len(labels) < 3):
        return None
    return host if known or (unknown_suffix and last not in _FILES) else None


def ports_of(text: str | None) -> Ports | None:
    """`443` or `8000-8100`; None for what is no port."""
    if not text:
        return None
    first, _, last = text.partition("-")
    if not first.isdigit() or (last and not last.isdigit()) or len(first) > 5 or len(last) > 5:
        return None
    low, high = int(first), int(last or first)
    return Ports(low, high) if 1 <= low <= high <= 65535 else None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]").split("%", 1)[0])
    except ValueError:
        return None


def _punycode(name: str) -> str:
    """Empty for what is no name in any script."""
    try:
        return normalise(name)
    except AskUnclear:
        return ""


def _well_formed(name: str) -> bool:
    if not 0 < len(name) <= 253 or not _SHAPE.fullmatch(name) or ".." in name:
        return False
    return all(0 < len(label) <= 63 for label in name.split("."))
