"""A paste as one clean text: bounded, unescaped, without colours and invisible characters, secrets masked."""

from __future__ import annotations

from dataclasses import dataclass

from skills.core.patterns import compiled
from skills.core.secrets import mask

HEAD = 160 * 1024
TAIL = 96 * 1024
_LONGEST_WORD = 4096


@dataclass(frozen=True, slots=True)
class Clean:
    """`text` is what may be read and shown; `scanned` of `total` characters went into it."""

    text: str
    masked: tuple[str, ...]
    scanned: int
    total: int


def clean(raw: str) -> Clean:
    """Head and tail of a long text: an error is named where it begins, and its root cause where it ends."""
    cut = _cut(raw)
    masked = mask(_unescaped(cut))
    return Clean(masked.text, masked.what, len(cut), len(raw))


def _cut(raw: str) -> str:
    if len(raw) <= HEAD + TAIL:
        return raw
    return f"{_without_last_word(raw[:HEAD])}\n[...]\n{_without_first_word(raw[-TAIL:])}"


def _without_last_word(text: str) -> str:
    """A secret that was cut in two would no longer look like one."""
    edge = max(text.rfind(" "), text.rfind("\n"), len(text) - _LONGEST_WORD)
    return text[:edge]


def _without_first_word(text: str) -> str:
    edges = [at for at in (text.find(" "), text.find("\n")) if at >= 0]
    return text[min([*edges, _LONGEST_WORD]) :]


# Zero-width characters, soft hyphen, byte order mark, directional marks: people paste them, names never hold them.
_INVISIBLE = dict.fromkeys([0x00AD, 0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), 0])
_LOOKALIKES = {
    0x00A0: " ", 0x2007: " ", 0x202F: " ", 0x2018: "'", 0x2019: "'", 0x201A: "'", 0x201B: "'", 0x201C: '"', 0x201D: '"',
    0x201E: '"', 0x00AB: '"', 0x00BB: '"', 0x2010: "-", 0x2011: "-", 0x2013: "-", 0x2014: "-", 0x2026: "...",
}  # fmt: skip
_TRANSLATION: dict[int, str | None] = {**_INVISIBLE, **_LOOKALIKES}

_COLOUR = compiled(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\^_]|\[(?:\d{1,3}(?:;\d{1,3})*)m|\[m")
_SLACK_LINK = compiled(r"<(?:mailto:)?([a-z][a-z0-9+.-]{1,20}://[^|<>\s]+|[^|<>\s@]+@[^|<>\s]+)(?:\|([^<>\n]*))?>")
_SLACK_MENTION = compiled(r"<[@!#]([A-Za-z0-9^]+)(?:\|([^<>\n]*))?>")
_ESCAPED_BREAK = compiled(r"(?:\\r)?\\n([^a-z]|https?:|$)|\\r\\n")
_ESCAPED_QUOTE = compiled(r"\\x5c(\")|\\+([\"'/])|\\u0022|\\u0027")
# A terminal or a chat client broke the line inside a quoted URL.
_URL_WRAP = compiled(r"(\"[a-z]{2,10}://[^\s\"]{4,300})\n([^\s\"]{1,300}\")")
_BOX_WRAP = compiled(r"([^\s│])\n[│┃] ([^\s│])")
_BOX = compiled(r"(?m)^[ \t]*[│┃|╷╵├└─]+[ \t]?")


def _unescaped(text: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _COLOUR.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = text.translate(_TRANSLATION)
    if "<" in text:
        text = linkless(text)
        text = _SLACK_MENTION.sub(lambda match: f"@{match.group(2) or match.group(1)}", text)
    for entity, sign in (
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", '"'),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ):
        text = text.replace(entity, sign)
    if "\\" in text:
        text = _ESCAPED_BREAK.sub(lambda match: f"\n{match.group(1) or ''}", text)
        text = _ESCAPED_QUOTE.sub(lambda match: match.group(1) or match.group(2) or '"', text)
    text = _URL_WRAP.sub(r"\1\2", text)
    if not text.isascii():
        text = _BOX_WRAP.sub(r"\1 \2", text)
    return _BOX.sub("", text)


def linkless(text: str) -> str:
    """Slack's links as their author wrote them."""
    return str(_SLACK_LINK.sub(lambda match: _link(match.group(1), match.group(2)), text))


def _link(url: str, label: str | None) -> str:
    """Slack turns `api.example.com` into a link to `http://api.example.com`; the scheme is not the author's."""
    if not label:
        return url
    bare = url.split("://", 1)[-1].rstrip("/")
    return label if bare == label.rstrip("/") else url
