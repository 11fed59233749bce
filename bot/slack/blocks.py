"""A reply as Block Kit. Everything that people or manifests wrote is escaped here and nowhere else.

Limits: https://docs.slack.dev/reference/block-kit/blocks (section text 3,000, 50 blocks, button text 75, value 2,000).
"""

from __future__ import annotations

from typing import Any

from skills.core.messages import say
from skills.core.model import Finding
from skills.replies import Reply

_SECTION = 2900
_FALLBACK = 2900
_VALUE = 1900
_HINT = 1000
_MOST = 11_000
"""Characters of text and diff in one message: Slack refuses some 13,000 in all, although it says so nowhere."""
STEP_PREFIX = "postern_step_"
_STYLES = {"open": "primary", "approve": "primary", "reject": "danger"}


def message(made: Reply, *, key: str = "", digest: str = "") -> dict[str, Any]:
    """`text` (for notifications and screen readers) and `blocks` of one message."""
    text = escape(made.text)
    blocks: list[dict[str, Any]] = [_section(piece) for piece in _within(_cut(text, _SECTION), _MOST)]
    if made.diff:
        pieces = _cut(_in_fence(escape(made.diff)), _SECTION)
        left = _MOST - sum(len(block["text"]["text"]) for block in blocks)
        blocks += [_section(f"```{piece}```") for piece in _within(pieces, left)]
    if made.hint:
        hint = _cut(escape(made.hint), _HINT)[0]
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": hint}]})
    if made.steps:
        value = f"{key}:{digest}"[:_VALUE]
        blocks.append({"type": "actions", "elements": [_button(step, value) for step in made.steps]})
    return {"text": text[:_FALLBACK] or "…", "blocks": blocks[:50]}


def escape(text: str) -> str:
    """Slack's three control characters, so that no link, mention or `<!channel>` can come out of foreign text.

    Source: https://docs.slack.dev/messaging/formatting-message-text (escaping text).
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _within(pieces: list[str], most: int) -> list[str]:
    """As many as have `most` characters together; what is left out is counted in lines."""
    kept: list[str] = []
    for number, piece in enumerate(pieces):
        if sum(map(len, kept)) + len(piece) > most:
            count = sum(len(rest.splitlines()) for rest in pieces[number:])
            return [*kept, say(Finding("EGR178", {"count": count})).says]
        kept.append(piece)
    return kept


def _in_fence(text: str) -> str:
    """Three backticks in a diff would end the block; a zero-width space keeps them apart."""
    return text.replace("```", "`\u200b`\u200b`")


def _cut(text: str, most: int) -> list[str]:
    """Pieces of whole lines, none longer than `most`; an escape sequence is never cut in two."""
    pieces: list[str] = []
    current = ""
    for line in text.splitlines(keepends=True) or [""]:
        for part in _parts(line, most):
            if len(current) + len(part) > most:
                pieces.append(current)
                current = ""
            current += part
    return [piece for piece in [*pieces, current] if piece.strip()] or ["…"]


def _parts(line: str, most: int) -> list[str]:
    """A line that is too long, cut at blanks where there are any."""
    parts = []
    while len(line) > most:
        blank = line.rfind(" ", 1, most)
        end = blank if blank > 0 else _before_entity(line, most)
        parts.append(line[:end])
        line = line[end:]
    return [*parts, line]


def _before_entity(line: str, most: int) -> int:
    start = line.rfind("&", most - 5, most)
    return start if start > 0 and ";" not in line[start:most] else most


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def action_id(step: str) -> str:
    return STEP_PREFIX + step.replace(" ", "_")


def _button(step: str, value: str) -> dict[str, Any]:
    label = say(Finding("EGR665", {"step": step.capitalize()})).says[:75]
    button: dict[str, Any] = {
        "type": "button",
        "action_id": action_id(step),
        "text": {"type": "plain_text", "text": step.capitalize()[:75]},
        "accessibility_label": label,
        "value": value,
    }
    if step in _STYLES:
        button["style"] = _STYLES[step]
    return button
