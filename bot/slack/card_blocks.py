"""A request's card as one Slack message. The facts stand in the order in which people decide."""

from __future__ import annotations

from collections.abc import Sequence

from bot.slack import kit
from bot.slack.blocks import MORE_STEPS, STYLES, action_id
from skills.cards import Card, Line
from skills.core.short_words import word

_DIFF_LINES, _DIFF_MOST = 14, 1500
_SIDE_BY_SIDE = frozenset({"for", "to", "away", "asked_by", "until", "owner", "pipeline", "approved", "repository"})
LINK = "postern_link"


def card_message(card: Card) -> dict[str, object]:
    """`text` (for notifications and screen readers) and `blocks`."""
    state = " ".join(filter(None, (word("signs", card.state, " ").strip(), f"*{kit.escape(card.status.label)}*")))
    top = f"{card.key}: {card.headline} ({word('states', card.state)})"
    blocks = [
        kit.header(f"{card.key}: {card.headline}"),
        kit.section(_status(card, state)),
        *kit.fields([_fact(line) for line in card.lines if line.label in _SIDE_BY_SIDE]),
        *(kit.section(_long(line, card.band)) for line in card.lines if line.label not in _SIDE_BY_SIDE),
    ]
    blocks += earlier(card.earlier)
    if card.diff and is_short(card.diff):
        blocks.append(kit.section(kit.fence(card.diff)))
    blocks += kit.actions(_buttons(card))
    if card.typed:
        blocks.append(kit.context(kit.escape(card.typed)))
    return {"text": kit.clip(kit.escape(top), kit.TEXT), "blocks": kit.fit(blocks)}


def is_short(diff: str) -> bool:
    """Whether it stands on the card itself; else behind a button."""
    return len(diff.splitlines()) <= _DIFF_LINES and len(kit.fence(diff)) <= _DIFF_MOST


def value(card: Card) -> str:
    """All that a button carries: who may press it, and what it does, is worked out when it is pressed."""
    return f"{card.key}:{card.digest}"


def _status(card: Card, state: str) -> str:
    line = card.status
    by = ", ".join(kit.person(name) for name in line.people)
    head = " · ".join(filter(None, (state, by, kit.moment(line.at) if line.at else "")))
    reason = kit.quote(card.reason) if line.people else ""
    return "\n".join(filter(None, (head, reason)))


def _fact(line: Line) -> str:
    return f"*{word('card', line.label)}*\n{_said(line)}"


def _long(line: Line, band: str) -> str:
    sign = f"{word('signs', band, ' ').strip()} " if line.label == "risk" and band else ""
    body = kit.fence(line.text) if line.label == "evidence" else kit.quote(line.text) if line.quoted else _said(line)
    return f"*{word('card', line.label)}*\n{sign}{kit.clip(body, kit.SECTION // 2)}"


def earlier(lines: Sequence[Line]) -> list[kit.Block]:
    """What was decided on the same hosts before; no block where nothing was."""
    listed = "\n".join(f"• {_earlier(line)}" for line in lines)
    return [kit.section(f"*{word('card', 'earlier')}*\n{listed}")] if lines else []


def _earlier(line: Line) -> str:
    who = ", ".join(kit.person(name) for name in line.people)
    return f"{kit.escape(line.label)} {who}, {kit.moment(line.at)} · {kit.escape(line.text)}"


def _said(line: Line) -> str:
    # The pipeline's address comes from the forge.
    links = line.text.split()[-1:] if line.label == "pipeline" else ()
    parts = (
        kit.spoken(line.text, links=links),
        ", ".join(map(kit.person, line.people)),
        kit.moment(line.at) if line.at else "",
    )
    return " · ".join(filter(None, parts))


def _buttons(card: Card) -> list[kit.Block]:
    made = [_button(card, step) for step in card.steps]
    if card.diff and not is_short(card.diff):
        made.append(_button(card, "diff"))
    if card.rarer:
        made.append(_rarer(card))
    if card.url.startswith(("https://", "http://")):
        text = word("card", "merge_request")
        made.append(kit.link(LINK, text, f"{text} {card.key}", card.url))
    return made


def _rarer(card: Card) -> kit.Block:
    """What is done more rarely: a menu, or a button where it is one thing."""
    if len(card.rarer) == 1:
        return _button(card, card.rarer[0])
    options = [kit.option(word("buttons", step), f"{step}:{value(card)}") for step in card.rarer]
    return {"type": "overflow", "action_id": MORE_STEPS, "options": options}


def _button(card: Card, step: str) -> kit.Block:
    text = word("buttons", step)
    asked = None
    if step == "approve" and card.confirm:
        asked = kit.confirm(f"{text} {card.key}", card.confirm, text, word("forms", "close"))
    label = f"{text}: {card.key}, {card.headline}"
    return kit.button(action_id(step), text, label, value(card), STYLES.get(step, ""), asked)
