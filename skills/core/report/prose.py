"""Sentences of people: does somebody ask for access, and which names and ports stand in the words?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from skills.core.model import Ports
from skills.core.patterns import compiled
from skills.core.report.names import BARE_V6, NAME, V6, Host, host_alone, ports_of

_ASKS = compiled(
    r"(?i)\b(?:please|pls|plz|need(?:s|ed)?|request(?:ing)? (?:access|egress|outbound|temporary|for|to)|requesting"
    r"|require[sd]? (?:access|egress|outbound|connect\w*)|(?:white|allow)-?list(?:ed|ing)?|allow(?:ed|ing)?"
    r"|permit(?:ted)?|open (?:up|the|port|egress|access)|would like|we'd like|can (?:we|you|i|someone)"
    r"|could (?:we|you|someone)|access to|is (?:it|that|this) (?:already )?(?:on|in|allowed)|supposed to|who can"
    r"|enable|has to|have to|must reach|remove|possible|unblock(?:ed)?|firewall rule|raise a"
    # German, Spanish, French, Portuguese
    r"|bitte|brauch(?:en|t)|benötig(?:en|t)|freischalt\w*|freigabe|freigeben|zugriff|erlaub\w*|können wir"
    r"|por favor|necesit\w+|permit(?:ir|an?)|abrir|salida|acceso|habilitar|agregar"
    r"|merci|veuillez|besoin|autoris\w+|ouvrir|accès|preciso|precisamos|liberar|acesso)\b"
)
# A question about how faults look in general names codes without any fault.
_WONDERS = compiled(
    r"(?i)\b(?:where (?:is|can|do)[^\n?]{0,80}(?:document|read|find|look up|runbook)|looks? like here|runbook"
    r"|what (?:does|would|do|is)[^\n?]{0,60} look like|how (?:do|can|would) (?:i|we) (?:tell|know|recogni[sz]e)"
    r"|is (?:it|that|this|there) an? [^\n?]{1,30} or (?:an? )?[^\n?]{1,80}\?|what(?:'s| is) the difference"
    r"|what happens (?:if|when)|in case of|if (?:that|this|it) (?:is|gets|were) (?:denied|blocked|not (?:allowed|open))"
    r"|if (?:it|we|they) (?:ever|should)|just curious|would (?:it|that|we|they) (?:be|get|give|fail|see|show))"
)
_PAST = compiled(
    r"(?i)\b(?:long gone|no longer (?:needed|used|happen\w*)|used to (?:get|have|see|time|fail)|switched off"
    r"|works? (?:fine )?(?:again|now)|(?:it|this|that|issue|problem|error)s? (?:is|are|was|were|has been|got) "
    r"(?:resolved|fixed|solved|gone)|decommission\w*)"
)
_STILL = compiled(r"(?i)\b(?:still|but|however|immer noch|aber|trotzdem|todavía|sigue|pero|toujours)\b")
# What a program printed: stamps, prompts, frames, codes, fields, tracebacks. One such mark makes it no sentence.
_PRINTED = compiled(
    r"^\s*(?:at [\w$.<>/]+ ?\(|File \"|Traceback|Caused by|[<>*#$│|{}\[]|-{2,}|\w+@[\w-]+:|\d+\s"
    r"|(?:npm|curl|fatal|panic|psql|ssh|wget|Get|W|E|I):? )"
    r"|\d\d:\d\d:\d\d|\b[A-Za-z_.]*(?:Error|Exception|Exceeded|Timeout)\b[:(]|\w\(.*\)"
    r"|\b(?:error|failed|fatal|warning|ERROR|WARN|INFO)\b:|errno|0x[0-9a-f]{4}"
    r"|[\"'{,]\w+[\"']\s?:|\bdial tcp|\bx509|\b\w+=\S+ \w+=|HTTP/\d|\.(?:py|java|go|js|rb|php|c):\d+"
)

_MOST_READ = 20_000
_PLAIN = compiled(r"[\"'(¿¡]{0,2}\pL[\pL'-]*[\"').,:;!?]{0,3}")
_NEUTRAL = compiled(r"[./:@0-9][^\s.,:;!?]|^[^\pL]*$")
# What programs say politely is no request.
_POLITE = compiled(
    r"(?i)\b(?:please|por favor|bitte) (?:try|check|see|visit|ensure|report|contact|consult|refer"
    r"|verify|make sure|ask|retry|wait"
    r"|provide|specify|use|set|run|read|note|install|update|upgrade|include|attach)\b|may need to"
    r"|you need to|needs? to be|is required"
)

# A host with what may follow it: `:8443`, ` port 587`, ` (443)`, `, ports 22, 990 and 50000-50100`, `:443/tcp`.
_TOKEN = compiled(
    rf"(?:^|[\s(\[<\"'`=,;/|@])((?:{V6}|{BARE_V6}|\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}})?|{NAME}\.{NAME}))"
    r"(?::(\d{1,5}(?:-\d{1,5})?)\b)?([^\s]?)"
)
_PORTS_AFTER = compiled(
    r"(?i)^[\"'`)\]*]{0,3}[\s,(]{0,3}(?:\(|[a-zäöüß]+ ){0,3}?(?:tcp|udp|tls|https?|on|über|via|en)?[\s/,]{0,2}"
    r"(?:ports?|puertos?|porte?s?|portas?)?[\s:#=]{0,3}(\d{1,5}(?:-\d{1,5})?)\b(?:/(?:tcp|udp))?([^\n]{0,160})"
)
_MORE_PORTS = compiled(
    r"^(?:\s?[,;/&+]| and| und| y| et| or)(?: the)?(?: [a-z]+ range)?(?: ports?)? ?(\d{1,5}(?:-\d{1,5})?)\b"
)
_KEY = compiled(r"^\"\s?:(?:[^\d]|$)")  # `"dt.entity.host": ...`
_PATH = compiled(r"[\w.-]/$")  # `.terraform/providers/registry.terraform.io/...`
_PORT_WORD = compiled(r"(?i)\b(?:ports?|puertos?|portas?)\b|/(?:tcp|udp)\b")
_SOURCE = r"(?:java|kt|scala|groovy|clj|py|rb|go|jsx?|tsx?|mjs|cjs|php|cs|fs|vb|rs|exs?|erl|cpp|cc|swift|dart)"
# Frames wherever they stand, for log shippers put a whole stack on one line, and the words around frames count.
_FRAME = compiled(
    # Java, Kotlin, Scala, with the jar; Node and browsers
    rf"(?:^|[\s,;|>])at (?:async |new )?[\w$.<>/@+~ -]{{1,300}}?(?: \[as [\w.]+\])? ?\((?:[^()\s]{{1,200}}:\d+(?::\d+)?"
    r"|Native Method|Unknown Source|SourceFile|<\w+>)\)(?: ~?\[[^\]\n]{0,120}\])?"
    r"|(?:^|[\s,;|>])at (?:async )?\S+:\d+:\d+\b"
    # .NET: types in the brackets, the file after them
    r"|(?:^|[\s,;|>])at [A-Za-z_][\w`]*(?:[.+]+[<>|\w`]+)+(?:\[[\w`, .]+\])?\([\w`,.&*<>\[\]? ]*\)"
    rf"(?: in [^\n\"]{{1,200}}?\.{_SOURCE}:line \d+)?"
    # Python; Ruby; PHP; Elixir
    r"|File \"[^\"\n]+\", line \d+(?:, in [\w<>.]+)?|(?:from )?/\S+\.rb:\d+:in [`'][^'\n]*'"
    r"|#\d+ /\S+\.php\(\d+\): [^\s(]+\([^)\n]*\)|\([a-z_0-9]+(?: [\d.]+)?\) lib/\S+\.ex:\d+: [\w.!?]+/\d"
    # Go: `host.tld/module.(*Type).Method(0xc0001, ...)`, its file, its offset
    r"|[\w./-]+(?:\.\(\*?\w+\))?\.\w+(?:\.func\d+)*\((?:\{?0x[0-9a-f]+[^)\n]*|\.\.\.)\)"
    rf"|(?:^|[\s(\"'])/?[\w.@$-]+(?:/[\w.@$+-]+)*\.{_SOURCE}:\d+(?::\d+)?\b(?: \+0x[0-9a-f]+)?"
)
# Lines that are a frame and nothing else, whatever the brackets hold.
_FRAME_LINE = compiled(
    r"^\s*at [^()\"{}]{1,300}\([^()]*\)(?: ?~?\[[^\]]{0,120}\])?(?: in [^\"{}]{1,200}:line \d+)?$"
    # Go without arguments, as zap prints it
    r"|^\s*[\w-]+(?:\.[\w-]+)+/[\w./@~-]+\.(?:\(\*?[\w\[\].]+\)\.\w+|[A-Z]\w*(?:\.[A-Z]\w*)?"
    r"|\w+\.func\d+)(?:\.func\d+|\.\d+)*$"
    r"|^\s*(?:from|in) /\S+$|^\s*#\d+ [^:]{1,200}$|^\s*\.\.\. \d+ (?:more|common frames)"
)


def asks(text: str) -> bool:
    """Whether a person asks for access: a request word in a sentence, and fewer lines of a program than sentences."""
    return bool(_ASKS.search(text[:_MOST_READ]) and _ASKS.search(sentences(text)))


def wonders(text: str) -> bool:
    """Whether a person speaks about faults in general, or about faults that are over, and shows none."""
    read = text[:_MOST_READ]
    if not (_WONDERS.search(read) or _PAST.search(read)) or any(_is_printed(line) for line in read.splitlines()):
        return False
    spoken = sentences(text)
    return bool((_WONDERS.search(spoken) or _PAST.search(spoken)) and not _STILL.search(spoken))


def sentences(text: str) -> str:
    """What a person wrote, without the lines of programs; empty when programs wrote as much of it."""
    lines = [line for line in text[:_MOST_READ].splitlines() if line.strip()]
    unprinted = [line for line in lines if not _is_printed(line)]
    printed = len(lines) - len(unprinted)
    spoken = [line for line in unprinted if _is_spoken(line)] if len(unprinted) > printed else []
    return _POLITE.sub("", "\n".join(spoken)) if len(spoken) > printed else ""


def _is_printed(line: str) -> bool:
    return line.startswith(("\tat ", '{"', "* ", "< ", "> ")) or bool(_PRINTED.search(line))


def _is_spoken(line: str) -> bool:
    """At least two words, and as many as there are odd pieces. Hosts, numbers and signs count on neither side."""
    pieces = [piece for piece in line.split() if not _NEUTRAL.search(piece)]
    plain = sum(1 for piece in pieces if _PLAIN.fullmatch(piece))
    return plain >= 2 and 2 * plain >= len(pieces)


def without_frames(line: str) -> str:
    """The line with the frames of stack traces blanked, for their dotted names are code; every other place stays."""
    if _FRAME_LINE.search(line):
        return " " * len(line)
    return _FRAME.sub(lambda match: " " * len(match.group()), line)


@dataclass(frozen=True, slots=True)
class Token:
    """A host that stands free in a line, with the port after its colon; `start` and `end` are where."""

    host: Host
    ports: Ports | None
    start: int
    end: int


def tokens(line: str, *, unknown_suffix: bool) -> Iterator[Token]:
    """Hosts that stand free in one line, at most 200. `unknown_suffix`: see `host_alone`."""
    at = 0
    for _ in range(200):
        match = _TOKEN.search(line, at)
        if match is None:
            return
        written, ports, after = match.group(1), ports_of(match.group(2)), match.group(3)
        start, end = match.start(1), match.end(2) if match.group(2) else match.end(1)
        at = max(end, at + 1)
        if after in ("@", "(", "=") or line[max(0, start - 1) : start] == "@" or line[:start].endswith("://"):
            continue
        if ports is None and (_KEY.search(line[end : end + 4]) or _PATH.search(line[max(0, start - 2) : start])):
            continue
        host = Host(written) if "/" in written else host_alone(written, unknown_suffix=unknown_suffix or bool(ports))
        if host is not None:
            yield Token(host, ports, start, end)


def ports_after(rest: str) -> list[Ports]:
    """The ports that a sentence gives right after a host: `port 587`, `(443)`, `ports 22, 990 and 50000-50100`."""
    match = _PORTS_AFTER.search(rest[:200])
    if match is None:
        return []
    tail = match.group(2) or ""
    if tail[:1] in (".", ":") and tail[1:2].isdigit():
        return []  # an address, a version or a time: `db.example.com at 10.0.0.7`, `at 10:30`
    found = [ports_of(match.group(1))]
    worded = bool(_PORT_WORD.search(rest[: match.end(1) + 4]))
    for _ in range(20):
        more = _MORE_PORTS.search(tail) if worded else None
        if more is None:
            break
        found.append(ports_of(more.group(1)))
        tail = tail[more.end() :]
    return [ports for ports in found if ports is not None]
