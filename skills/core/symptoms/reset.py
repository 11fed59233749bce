"""The connection stood and was cut."""

from __future__ import annotations

from collections.abc import Sequence

from skills.core.report import Report
from skills.core.symptom_base import STRENGTH, Block, Clue, Sighting, clue, curl_ended, first, matches, sighting

NAMES: tuple[str, ...] = ("connection_reset",)

_RESET = NAMES[0]
_CLUES: tuple[Clue, ...] = (
    clue(_RESET, STRENGTH.PLAIN, (r"\bECONNRESET\b|connection reset|reset by peer|\[Errno (?:104|54)\]|error\(104"
r"|os error (?:104|54|10054)|\b10054\b|forcibly closed by the remote host|Connection was reset"
r"|ERR_CONNECTION_RESET|wurde vom Kommunikationspartner zurückgesetzt"
r"|reinicializada por la máquina|ré-?initialisée par le correspondant"), "yes"),
    clue(_RESET, STRENGTH.PLAIN - 2, (r"empty reply from server|remote end closed connection|RemoteDisconnected|socket hang up"
r"|server disconnected|server closed (?:the |this )?(?:connection|idle)|RemoteProtocolError"
r"|ServerDisconnectedError|ERR_EMPTY_RESPONSE|ERR_CONNECTION_CLOSED"
r"|connection closed (?:by|before|unexpectedly)"
r"|closed by (?:the )?(?:remote|peer|foreign) host|peer closed connection|other side closed"
r"|UND_ERR_SOCKET|underlying connection was closed|prematurely closed|premature (?:end|close)"
r"|unexpected end of (?:stream|file)|broken pipe|\bEPIPE\b|transfer closed|Connection aborted"
r"|NoHttpResponseException|failed to respond$|Lost connection to MySQL|Connection lost"
r"|EOF detected|kex_exchange_identification|BadStatusLine|stream (?:was )?reset|hung up"
r"|response ended prematurely")),
    clue(_RESET, STRENGTH.LOOSE + 6, (r"(?:Get|Post|Put|Head|Patch|Delete) \"?https?://[^\s\"]+\"?: (?:unexpected )?EOF|: EOF$"
r"|EOFException|unexpected EOF"), "yes"),
    clue(_RESET, STRENGTH.LOOSE, curl_ended(52, 56), "yes"),
    clue(_RESET, STRENGTH.LOOSE, r"Connection (?:was )?(?:terminated|dropped|interrupted|closed)\b|connection error"),
)  # fmt: skip


def look(report: Report) -> Sequence[Sighting]:
    return [
        sighting(_RESET, "EGR216", report, words, strength=item.strength, block=_block(report, item.block))
        for item, words in matches(report, _CLUES)
    ]


def _block(report: Report, block: Block) -> Block:
    """A sidecar that knows no such host takes the connection and drops it; without a host nothing points there."""
    return block if first(report) is not None else "unclear"
