"""Block Kit pieces that keep Slack's limits by the way they are made. Foreign text is escaped here and nowhere else.

Limits: https://docs.slack.dev/reference/block-kit/blocks (50 blocks a message, 100 a view, section 3,000, header 150,
ten fields of 2,000), https://docs.slack.dev/reference/block-kit/block-elements (button text 75, value 2,000, options
75, accessibility label 75), https://docs.slack.dev/reference/block-kit/composition-objects (confirm: 100, 300, 30).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import re2

Block = dict[str, Any]

SECTION, HEADER, FIELD, LABEL, VALUE, TEXT = 3000, 150, 2000, 75, 2000, 2900
MESSAGE_BLOCKS, VIEW_BLOCKS, TOTAL = 50, 100, 12_000
_FIELDS, _CONFIRM_TITLE, _CONFIRM_TEXT, _CONFIRM_BUTTON, _OPTION, _TITLE = 10, 100, 300, 30, 75, 24
_LONGEST_SIGN = 240  # of what must not be cut in two: an entity, a date, a mention
_CUT = "…"
_PERSON = re2.compile(r"(?i)slack:[A-Z0-9]{1,20}:([UW][A-Z0-9]{1,20})")


def escape(text: str) -> str:
    """Slack's three control characters, so that no link, mention or `<!channel>` can come out of foreign text.

    Source: https://docs.slack.dev/messaging/formatting-message-text (escaping text).
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clip(text: str, most: int) -> str:
    """At most `most` characters; an entity, a mention or a date is never cut in two, and a cut is seen."""
    if len(text) <= most:
        return text
    end = most - len(_CUT)
    for opens, closes in (("&", ";"), ("<", ">")):
        start = text.rfind(opens, max(0, end - _LONGEST_SIGN), end)
        if start >= 0 and closes not in text[start:end]:
            end = start
    return text[:end] + _CUT


def person(name: str) -> str:
    """Somebody of the chat as a mention that shows their name; anybody else as their id is written."""
    known = _PERSON.fullmatch(name)
    return f"<@{known[1].upper()}>" if known else escape(name)


def is_plain(url: str) -> bool:
    """A web address that can't end the link that it stands in."""
    return url.startswith(("https://", "http://")) and len(url) < _LONGEST_SIGN and not set(url) & set("<>|& \n")


def spoken(text: str, team: str = "", links: Iterable[str] = ()) -> str:
    """Escaped text in which people of this workspace are shown by their name and not by their id, and `links` lead
    where they say; no other address does."""
    said = escape(text)
    for url in filter(is_plain, dict.fromkeys(links)):
        said = str(re2.sub(rf"{re2.escape(url)}([^\w/-]|$)", lambda found, url=url: f"<{url}>{found[1]}", said))
    if not team.isalnum():
        return said
    return str(re2.sub(rf"(?i)\bslack:{team}:([UW][A-Z0-9]{{1,20}})\b", lambda found: f"<@{found[1].upper()}>", said))


def moment(iso: str) -> str:
    """A time in the viewer's own zone. https://docs.slack.dev/messaging/formatting-message-text (date formatting)."""
    try:
        at = datetime.fromisoformat(iso)
    except ValueError:
        return escape(iso)
    shown = at.strftime("%Y-%m-%d %H:%M %Z").strip()
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{shown}>"


def fence(text: str) -> str:
    """Escaped text as a block of its own; three backticks in it would end it, a zero-width space keeps them apart."""
    return fence_escaped(escape(text))


def fence_escaped(text: str) -> str:
    """As `fence`, for text that is escaped already."""
    kept_apart = text.rstrip("\n").replace("```", "`\u200b`\u200b`")
    return f"```\n{kept_apart}\n```"


def quote(text: str) -> str:
    """Escaped text behind a bar, so that nothing in it reads as a line of ours: three backticks would end the quote."""
    return "\n".join(f">{line}" for line in escape(text).replace("```", "'''").splitlines())


def plain(text: str, most: int) -> Block:
    """`text` is never empty: Slack refuses that."""
    return {"type": "plain_text", "text": clip(text, most) or _CUT, "emoji": True}


def mrkdwn(text: str, most: int) -> Block:
    """`verbatim`: a bare address, a channel or a name in foreign text stays text; what is a link is written as one."""
    return {"type": "mrkdwn", "text": clip(text, most) or _CUT, "verbatim": True}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text, SECTION)}


def fields(texts: Sequence[str]) -> list[Block]:
    """Short facts side by side, ten to a section."""
    return [
        {"type": "section", "fields": [mrkdwn(text, FIELD) for text in texts[at : at + _FIELDS]]}
        for at in range(0, len(texts), _FIELDS)
    ]


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, HEADER)}


def context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text, FIELD)]}


def divider() -> Block:
    return {"type": "divider"}


def actions(elements: Sequence[Block]) -> list[Block]:
    """None without elements: Slack refuses an empty row. At most 25 stand in one."""
    return [{"type": "actions", "elements": list(elements[at : at + 25])} for at in range(0, len(elements), 25)]


def button(action: str, text: str, label: str, value: str = "", style: str = "", confirm: Block | None = None) -> Block:
    """`label` is what a screen reader says. `value` is never cut: half a key would be another one."""
    assert len(value) <= VALUE
    made: Block = {
        "type": "button",
        "action_id": action,
        "text": plain(text, LABEL),
        "accessibility_label": clip(label, LABEL),
    }
    made |= {"value": value} if value else {}
    made |= {"style": style} if style else {}
    return {**made, "confirm": confirm} if confirm else made


def link(action: str, text: str, label: str, url: str) -> Block:
    """A button that only leads somewhere. `url` is a web address."""
    made = button(action, text, label)
    return {**made, "url": url[:3000]}


def confirm(title: str, text: str, yes: str, no: str) -> Block:
    return {
        "title": plain(title, _CONFIRM_TITLE),
        "text": plain(text, _CONFIRM_TEXT),
        "confirm": plain(yes, _CONFIRM_BUTTON),
        "deny": plain(no, _CONFIRM_BUTTON),
    }


def option(text: str, value: str = "") -> Block:
    """`value` is what comes back, and is never cut: the text may be."""
    return {"text": plain(text, _OPTION), "value": value or text}


def title(text: str) -> Block:
    return plain(text, _TITLE)


def fit(blocks: Iterable[Block], most: int = MESSAGE_BLOCKS, total: int = TOTAL) -> list[Block]:
    """What there is room for: of too much the longest text is shortened first; the last blocks stay, for they act."""
    kept = list(blocks)
    if len(kept) > most:
        kept = [*kept[: most - 3], section(_CUT), *kept[-2:]]
    texts = [text for block in kept for text in _texts(block)]
    while sum(len(text["text"]) for text in texts) > total:
        longest = max(texts, key=lambda text: len(text["text"]))
        over = sum(len(text["text"]) for text in texts) - total
        room = max(_LONGEST_SIGN, len(longest["text"]) - over)
        if room >= len(longest["text"]):
            break
        longest["text"] = _shortened(longest["text"], room)
    return kept


def _shortened(text: str, room: int) -> str:
    """A block of its own stays one."""
    if text.startswith("```") and text.endswith("```"):
        return clip(text[:-3], room - 4) + "\n```"
    return clip(text, room)


def _texts(block: Block) -> list[Block]:
    inner = [block.get("text"), *block.get("fields", ()), *(block.get("elements", ()) if _is_text(block) else ())]
    return [text for text in inner if isinstance(text, dict)]


def _is_text(block: Block) -> bool:
    return bool(block["type"] == "context")
