"""The connection stood and was cut."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.patterns import sifted
from skills.core.report import Report
from skills.core.symptom_base import STRENGTH, Block, Clues, Sighting, clue, ended, first, inside, matches, sighting

NAMES: tuple[str, ...] = ("connection_reset",)

_RESET = NAMES[0]
_CLUES = Clues(
    clue(
        _RESET,
        STRENGTH.PLAIN,
        "yes",
        r"\bECONNRESET\b|connection reset|reset by peer|\[Errno (?:104|54)\]|error\(104",
        r"os error (?:104|54|10054)|\b10054\b|forcibly closed by the remote host|Connection was reset",
        r"ERR_CONNECTION_RESET|wurde vom Kommunikationspartner zurückgesetzt|reinicializada por la máquina",
        r"ré-?initialisée par le correspondant",
    ),
    clue(
        _RESET,
        STRENGTH.PLAIN - 2,
        "unclear",
        r"empty reply from server|remote end closed connection|RemoteDisconnected|socket hang up",
        r"No data received|Read error \([^)\n]{1,60}\) in headers|end of file reached|HTTP request failed! in ",
        r"Lost connection to server at '[^'\n]*', system error: (?:0|104)\b",
        r"server disconnected|server closed (?:the |this )?(?:connection|idle)|RemoteProtocolError",
        r"ServerDisconnectedError|ERR_EMPTY_RESPONSE|ERR_CONNECTION_CLOSED",
        r"connection (?:closed (?:by|before|unexpectedly)|unexpectedly closed)",
        r"closed by (?:the )?(?:remote|peer|foreign) host",
        r"peer closed connection|other side closed|UND_ERR_SOCKET|underlying connection was closed",
        r"prematurely closed|premature (?:end|close)|unexpected end of (?:stream|file)|broken pipe|\bEPIPE\b",
        r"transfer closed|Connection aborted|NoHttpResponseException|failed to respond$",
        r"Lost connection to MySQL|Connection lost|EOF detected|kex_exchange_identification|BadStatusLine",
        r"\bEOFError\b",
        r"\breason: :closed\b|\{:error, :closed\}|stream (?:was )?reset|hung up|response ended prematurely",
    ),
    clue(
        _RESET,
        STRENGTH.LOOSE + 6,
        "yes",
        r"(?:Get|Post|Put|Head|Patch|Delete) \"?https?://[^\s\"]+\"?: (?:unexpected )?EOF|: EOF$|EOFException",
        r"unexpected EOF",
    ),
    # bytes came, so the way is open
    clue(_RESET, STRENGTH.PLAIN, "no", r"IncompleteRead\(|ChunkedEncodingError|transfer closed with [1-9]\d* bytes"),
    clue(_RESET, STRENGTH.LOOSE, "yes", ended(52, 56), client="curl"),
    clue(
        _RESET,
        STRENGTH.LOOSE,
        "unclear",
        r"Connection (?:was |has been )?(?:terminated|dropped|interrupted|closed)\b",
    ),
    clue(_RESET, STRENGTH.LOOSE - 6, "unclear", r"connection error"),
)

# Node's words for a request that was sent and never answered: the handshake was over.
_AFTER_TLS = "socket hang up"
# The connection stood: a session was in use, or a body was on its way.
_STOOD = sifted(
    r"(?im)reading a body from connection|response body error|while reading (?:the )?(?:response )?body"
    r"|^[^\n]{0,60}\bDisconnected from \S+ at\b|closed an? (?:idle|established) connection"
)
_PLAIN_WEB = (80, 8000, 8080, 8888)
_TUNNEL = sifted(r"(?i)\bCONNECT \S+:\d+ HTTP|proxy tunnel|from proxy after CONNECT|proxyconnect tcp")


def look(report: Report) -> Sequence[Sighting]:
    return [
        sighting(_RESET, "EGR216", report, words, strength=item.strength, block=_block(report, item.block))
        for item, words in matches(report, _CLUES)
    ]


def _block(report: Report, block: Block) -> Block:
    """A sidecar that knows no such host takes the connection and drops it; without a host nothing points there."""
    if _STOOD.search(report.text):
        return "no"
    if _AFTER_TLS in report.text or (block == "yes" and _TUNNEL.search(report.text)):
        return "unclear"
    return block if _cut_by_mesh(report) else "unclear"


def _cut_by_mesh(report: Report) -> bool:
    """A sidecar cuts what it can't read; plain HTTP gets a status from it. In ambient mode services are cut as well."""
    remote = first(report)
    if remote is None or (remote.ip is not None and inside(report)):
        return False
    plain = remote.port in _PLAIN_WEB or (remote.scheme == "http" and remote.port != 443)
    return ".svc" in remote.host or not plain
