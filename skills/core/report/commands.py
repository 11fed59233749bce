"""Command lines that people paste with an error: which argument is the remote?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skills.core.model import Ports
from skills.core.patterns import sifted
from skills.core.report.names import Host, host_at, ports_of

_LINE = sifted(
    r"(?m)(?:^|[$#>%|;&`(*+]|\bsudo|\bexec|--)\s{0,4}(?:\S{0,60}[#$%>] ?)?"
    r"\b(curl|wget|http|https|nc|ncat|netcat|telnet|openssl s_client|ssh|sftp|ftp|ping|dig|nslookup|host|ntpdate"
    r"|psql|pg_isready|mysql|redis-cli|mongosh?|traceroute|tracepath|grpcurl|mosquitto_(?:sub|pub)|amqp-\w+)"
    r"((?:[ \t]+[^\n]*?)?)(?:[\"`*]{1,2}\s*)?$"
)
# Options that take a value, by program: the value is no remote.
_WITH_VALUE = {
    program: frozenset(options.split())
    for program, options in {
        "curl": "-x -X -H -d -o -u -A -e -b -c -m -F -T -w -K -E -r -Y -y -z -D -C -P -Q -t -U --proxy --preproxy "
        "--resolve --connect-to --cacert --capath --cert --key --request --header --data --data-raw --data-binary "
        "--output --user "
        "--user-agent --max-time --connect-timeout --retry --retry-delay --interface --form --write-out --cookie "
        "--cookie-jar --ciphers --proxy-user --noproxy --socks5 --socks5-hostname --unix-socket --dns-servers --proto",
        "wget": "-O -o -T -t -P -U --header --timeout --tries --output-document --user --password",
        "nc": "-w -p -s -x -X -i",
        "sftp": "-i -o -b -c -F -l -P -J -R -S",
        "ntpdate": "-a -e -k -o -p -t -U",
        "grpcurl": "-d -H -proto -import-path -authority -cert -key -cacert -max-time -connect-timeout",
        "mosquitto_sub": "-t -u -P -i -q -k -W -C -F --cafile --cert --key",
        "mosquitto_pub": "-t -m -u -P -i -q -k -f --cafile --cert --key",
        "pg_isready": "-d -t -U",
        "ssh": "-i -o -l -L -R -D -F -J -b -c -E -m -O -S -W -w",
        "ping": "-c -i -W -w -s -t -I -n",
        "dig": "-t -p -b -c -k -x",
        "psql": "-U -d -c -f -v -o -P -W",
        "mysql": "-u -D -e --user --database --execute",
        "redis-cli": "-a -n --user --pass",
    }.items()
}
_HOST_OPTIONS = frozenset(("-h", "--host", "-connect", "--url"))
_PORT_OPTIONS = frozenset(("-p", "-P", "--port"))
_BY_USER = frozenset(("ssh", "sftp"))  # `user@host`
_DEFAULTS: dict[str, tuple[str | None, int | None]] = {
    "curl": ("http", 80), "wget": ("http", 80), "http": ("http", 80), "https": ("https", 443),
    "openssl s_client": ("https", 443), "ssh": ("ssh", 22), "sftp": ("ssh", 22), "ftp": ("ftp", 21),
    "mosquitto_sub": ("mqtt", 1883), "mosquitto_pub": ("mqtt", 1883), "pg_isready": ("postgres", 5432),
    "psql": ("postgres", 5432), "mysql": ("mysql", 3306),
    "redis-cli": ("redis", 6379), "mongo": ("mongodb", 27017), "mongosh": ("mongodb", 27017),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Typed:
    host: Host
    ports: Ports | None
    scheme: str | None
    port_stated: bool
    quote: str


def typed(text: str) -> Iterator[Typed]:
    """The remotes of command lines, without those that are given as a URL: URLs are found anyway."""
    for match in _LINE.finditer(text):
        program = match.group(1)
        words = (match.group(2) or "").replace("'", " ").replace('"', " ").split()[:60]
        scheme, default = _DEFAULTS.get(program, (None, None))
        host, port = _remote(program, words)
        if host is not None:
            implied = Ports(default, default) if default and port is None else port
            yield Typed(host, implied, scheme, port is not None, match.group().strip())


def _remote(program: str, words: list[str]) -> tuple[Host | None, Ports | None]:
    with_value = _WITH_VALUE.get({"ncat": "nc", "netcat": "nc"}.get(program, program), frozenset())
    free: list[str] = []
    host: Host | None = None
    port: Ports | None = None
    words = list(words)
    while words:
        word = words.pop(0)
        if word in _HOST_OPTIONS and words:
            host, port = _split(words.pop(0), port)
        elif word in _PORT_OPTIONS and program not in ("curl", "ssh", "nc") and words and ports_of(words[0]):
            port = ports_of(words.pop(0))
        elif word in with_value:
            del words[:1]
        elif word.startswith(("|", ">", "&", ";", "#")):
            break
        elif not word.startswith(("-", "@", "+", "~", "/", ".")) and "://" not in word and "=" not in word:
            free.append(word)
        elif "://" in word:
            return None, None
    if program == "host" and free and "." not in free[0]:
        return None, None  # `host found`: a word of a sentence
    if host is None and free:
        first = free[0].rsplit("@", 1)[-1] if program in _BY_USER else free[0]
        host, port = _split(first, port)
        if port is None and len(free) > 1 and program in ("nc", "ncat", "netcat", "telnet"):
            port = ports_of(free[1])
    return host, port


def _split(word: str, port: Ports | None) -> tuple[Host | None, Ports | None]:
    """`host:port/path` -> host and port."""
    authority = word.split("/", 1)[0]
    if authority.startswith("["):
        name, _, rest = authority.partition("]")
        return host_at(name), ports_of(rest.lstrip(":")) or port
    name, _, number = authority.partition(":")
    return host_at(name), ports_of(number) or port
