"""A reply as Block Kit, and the buttons that carry a step.

Limits: https://docs.slack.dev/reference/block-kit/blocks (section text 3,000, 50 blocks, button text 75, value 2,000).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.slack import kit
from skills.core.messages import say
from skills.core.model import Finding
from skills.core.short_words import word
from skills.replies import Reply

_SECTION = 2900
_VALUE = 1900
_HINT = 1000
_MOST = 8_000
"""Characters of text in one message; with a diff and buttons it stays within what Slack takes in all."""
_SHOWN_LINES, _LINE = 24, 300
_FOLDED = ("diff", "file")
_PREFIX = "postern_step_"
WITH_A_REASON = ("reject", "changes", "ask", "answer", "open")
"""Steps that open a form for what has to be written."""
TO_READ = ("more", "diff")
"""Steps that open a form with what is folded away."""
STYLES = {"open": "primary", "approve": "primary", "reject": "danger"}
MORE_STEPS = "postern_more_steps"
"""The menu of what is done more rarely; which step it is stands in what was chosen."""
CHOICE = "postern_choice"
_BUTTONS, _OPTIONS = 5, 100
CHOICES = (CHOICE, *(f"{CHOICE}_{number}" for number in range(1, _BUTTONS + 1)))
"""What answers an open question: a menu, or a button each where they are few."""


def message(made: Reply, *, key: str = "", digest: str = "", team: str = "", mark: str = "") -> dict[str, Any]:
    """`text` (for notifications and screen readers) and `blocks` of one message. `team` is whose people have names,
    `mark` names the open question that the reply's choices answer (turns.mark_of)."""
    text = kit.spoken(made.text, team, made.links)
    blocks: list[dict[str, Any]] = [kit.section(piece) for piece in _within(_cut(text, _SECTION), _MOST)]
    steps = list(made.steps)
    if made.diff:
        blocks.append(kit.section(kit.fence_escaped(kit.clip("\n".join(_first(made.diff)), _SECTION - 20))))
        steps += _FOLDED if len(made.diff.splitlines()) > _SHOWN_LINES else ()
    if made.choices and mark:
        blocks.append({"type": "actions", "block_id": CHOICE, "elements": _choices(made.choices, mark)})
    if made.hint:
        blocks.append(kit.context(_cut(kit.escape(made.hint), _HINT)[0]))
    if steps:
        value = f"{key}:{digest}"[:_VALUE]
        blocks.append({"type": "actions", "elements": [_button(step, value) for step in steps]})
    return {"text": kit.clip(text.strip(), kit.TEXT) or "…", "blocks": kit.fit(blocks)}


def answered(payload: Mapping[str, Any], action: Mapping[str, Any], by: str, team: str) -> dict[str, Any]:
    """The message once its question is over: one sentence stands where the choices stood, with what `by` chose; without
    anybody, it was over before."""
    text = str(((action.get("selected_option") or action).get("text") or {}).get("text") or "")
    says = say(Finding("EGR1435", {"choice": text, "by": by}) if by else Finding("EGR1436")).says
    said = kit.context(kit.spoken(says, team))
    return {**payload, "blocks": [said if each.get("block_id") == CHOICE else each for each in payload["blocks"]]}


def chosen(action: Mapping[str, Any]) -> tuple[str, int]:
    """The question's mark and the number of the choice, as a button or the menu carries them."""
    value = str((action.get("selected_option") or action).get("value") or "")
    mark, _, number = value.rpartition(":")
    return mark, int(number) if number.isdecimal() else 0


def _choices(choices: Sequence[str], mark: str) -> list[kit.Block]:
    shown = [(number, f"{number}) {choice}", f"{mark}:{number}") for number, choice in enumerate(choices, 1)]
    if len(shown) > _BUTTONS:
        options = [kit.option(text, value) for _, text, value in shown[:_OPTIONS]]
        asks = kit.plain(word("buttons", "choose"), 150)
        return [{"type": "static_select", "action_id": CHOICE, "placeholder": asks, "options": options}]
    said = [say(Finding("EGR1437", {"choice": text})).says for _, text, _ in shown]
    return [
        kit.button(f"{CHOICE}_{number}", text, label, value)
        for (number, text, value), label in zip(shown, said, strict=True)
    ]


def _within(pieces: list[str], most: int) -> list[str]:
    """As many as have `most` characters together; what is left out is counted in lines."""
    kept: list[str] = []
    for number, piece in enumerate(pieces):
        if sum(map(len, kept)) + len(piece) > most:
            count = sum(len(rest.splitlines()) for rest in pieces[number:])
            return [*kept, say(Finding("EGR178", {"count": count})).says]
        kept.append(piece)
    return kept


def _first(diff: str) -> list[str]:
    """The escaped lines that stand in the message itself; the others stand behind a button."""
    lines = [kit.clip(kit.escape(line), _LINE) for line in diff.splitlines()]
    return lines if len(lines) <= _SHOWN_LINES else [*lines[:_SHOWN_LINES], "…"]


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


def action_id(step: str) -> str:
    return _PREFIX + step.replace(" ", "_")


def pressed(body: Mapping[str, Any]) -> tuple[str, str, str]:
    """Step, key and digest of the button, or of the menu, that was pressed; what it does not carry is empty."""
    action = body["actions"][0]
    step, value = str(action["action_id"]).removeprefix(_PREFIX).replace("_", " "), str(action.get("value") or "")
    if action["action_id"] == MORE_STEPS:
        step, _, value = str((action.get("selected_option") or {}).get("value") or "").partition(":")
    key, _, digest = value.partition(":")
    return step, key, digest


def _button(step: str, value: str) -> dict[str, Any]:
    text = word("buttons", step, step.capitalize())
    label = say(Finding("EGR665", {"step": text})).says
    return kit.button(action_id(step), text, label, value, STYLES.get(step, ""))
