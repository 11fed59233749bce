"""Modals as values: the request form, the change with its questions, reasons for a decision, and long texts.

Limits beside those of kit.py: title, submit and close 24, private metadata 3,000, 100 blocks
(https://docs.slack.dev/reference/views/modal-views), option value 150, 100 options
(https://docs.slack.dev/reference/block-kit/composition-objects/option-object).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.slack import kit
from bot.slack.card_blocks import earlier
from skills.cards import Line
from skills.core.messages import say
from skills.core.model import Question
from skills.core.short_words import word
from skills.core.wire import costs_of

View = dict[str, Any]

REQUEST, ANSWERS, OPEN, REASON = "postern_request", "postern_answers", "postern_open", "postern_reason"
WORKLOAD, HOSTS = "postern_workload", "postern_hosts"
VALUE_MOST, OPTIONS_MOST = 150, 100
REASON_MOST, ERROR_MOST = 2000, 3000
_MOST_HOSTS, _META, _PIECE = 10, 3000, 2800
DAY: kit.Block = {"type": "datepicker", "action_id": "given"}


def request_form(meta: Mapping[str, str], workload: str = "", hosts: Sequence[str] = (), reason: str = "") -> View:
    """What is known already stands in it; the rest is asked."""
    select = {"type": "external_select", "action_id": WORKLOAD, "min_query_length": 0}
    chosen = {"initial_option": kit.option(workload)} if 0 < len(workload) <= VALUE_MOST else {}
    many = {
        "type": "multi_external_select",
        "action_id": HOSTS,
        "min_query_length": 0,
        "max_selected_items": _MOST_HOSTS,
    }
    fit = [kit.option(host) for host in hosts if 0 < len(host) <= VALUE_MOST][:_MOST_HOSTS]
    given = {"initial_options": fit} if fit else {}
    blocks = [
        field("workload", "workload", {**select, **chosen}),
        field("hosts", "hosts", {**many, **given}),
        field("reason", "reason", _text(REASON_MOST, reason)),
        field("until", "until", DAY, optional=True),
        field("error", "error", _text(ERROR_MOST), optional=True),
    ]
    return modal(REQUEST, "request", blocks, meta, "submit_request")


def change_view(
    meta: Mapping[str, str], lines: Sequence[str], diff: str, questions: Sequence[Question], past: Sequence[Line]
) -> View:
    """The drafted change; with questions they come first, else it can be opened."""
    blocks = [_lines(lines, meta), *earlier(past)]
    blocks += [_question(each) for each in questions]
    blocks += [kit.section(piece) for piece in fenced(diff)] if diff else []
    callback, submit = (ANSWERS, "submit_answers") if questions else (OPEN, "submit_open")
    return modal(callback, "change", blocks, meta, submit)


def says(title: str, lines: Sequence[str], meta: Mapping[str, str] | None = None, links: Sequence[str] = ()) -> View:
    """Only to be read."""
    return modal("postern_read", title, [_lines(lines, meta or {}, links)], meta or {}, "")


def long_text(title: str, bodies: Sequence[str]) -> View:
    """Each body as it is, in fixed width. What no modal holds ends in a sign that it was cut."""
    pieces = [piece for body in bodies for piece in fenced(body)]
    return modal("postern_read", title, [kit.section(piece) for piece in pieces], {}, "")


def reason_form(step: str, meta: Mapping[str, str], hint: str = "", given_before: str = "") -> View:
    """The reason is what confirms the step: `reject`, `changes`, `ask`, `answer` and `open` have one. What was given
    with the draft stands in it already: nobody has to say it twice."""
    blocks = [kit.section(kit.escape(hint))] if hint else []
    blocks.append(written(f"why_{step}", given_before))
    return modal(REASON, step, blocks, {**meta, "step": step}, f"submit_{step}")


def meta_of(view: Mapping[str, Any]) -> dict[str, str]:
    """What the view was opened with. It came back from outside, so it names things and proves nothing."""
    try:
        found = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def given(view: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """What was filled in, by block."""
    found: dict[str, str | list[str]] = {}
    for block, elements in (view.get("state", {}).get("values") or {}).items():
        for element in elements.values():
            found[block] = _value(element)
    return found


def fenced(text: str, most: int = _PIECE) -> list[str]:
    """A text as blocks of fixed width, cut between lines."""
    pieces, current = [], ""
    for line in (kit.clip(kit.escape(line), most // 2) for line in text.splitlines()):
        if current and len(kit.fence_escaped(f"{current}{line}\n")) > most:
            pieces.append(kit.fence_escaped(current))
            current = ""
        current += f"{line}\n"
    return [*pieces, kit.fence_escaped(current)] if current.strip() else pieces


def _value(element: Mapping[str, Any]) -> str | list[str]:
    if "selected_options" in element:
        return [str(each["value"]) for each in element["selected_options"] or ()]
    chosen = element.get("selected_option")
    return str((chosen or {}).get("value") or element.get("selected_date") or element.get("value") or "")


def _lines(lines: Sequence[str], meta: Mapping[str, str], links: Sequence[str] = ()) -> kit.Block:
    team = "".join(meta.get("thread", "").split(":")[1:2])
    return kit.section("\n".join(kit.spoken(line, team, links) for line in lines))


def _question(asked: Question) -> kit.Block:
    """A choice goes by its number: what it says may be cut, what it means may not."""
    label, costs = say(asked).says, costs_of(asked) or [""] * len(asked.choices)
    element: kit.Block = _text(REASON_MOST)
    if asked.choices:
        shown = [f"{choice}: {cost}" if cost else choice for choice, cost in zip(asked.choices, costs, strict=True)]
        options = [kit.option(text, str(number)) for number, text in enumerate(shown[:OPTIONS_MOST])]
        element = {"type": "static_select", "action_id": "given", "options": options}
    return {"type": "input", "block_id": f"q:{asked.id}"[:255], "label": kit.plain(label, 2000), "element": element}


def written(label: str, given_before: str = "", *, optional: bool = False) -> kit.Block:
    """The field `reason`."""
    return field("reason", label, _text(REASON_MOST, given_before), optional=optional)


def field(block: str, label: str, element: kit.Block, *, optional: bool = False) -> kit.Block:
    """What is asked for, as `given` finds it under `block`; `label` is a short word of forms."""
    made: kit.Block = {"type": "input", "block_id": block, "label": kit.plain(word("forms", label), 2000)}
    return {**made, "element": element, "optional": optional}


def _text(most: int, initial: str = "") -> kit.Block:
    made: kit.Block = {"type": "plain_text_input", "action_id": "given", "multiline": True, "max_length": most}
    return {**made, "initial_value": initial[:most]} if initial else made


def modal(callback: str, title: str, blocks: Sequence[kit.Block], meta: Mapping[str, str], submit: str) -> View:
    """`title` and `submit` are short words of forms; without `submit` it is only to be read."""
    metadata = json.dumps(dict(meta), separators=(",", ":"))
    assert len(metadata) <= _META
    made: View = {
        "type": "modal",
        "callback_id": callback,
        "title": kit.title(word("forms", title)),
        "close": kit.title(word("forms", "close" if submit else "done")),
        "blocks": kit.fit(blocks, kit.VIEW_BLOCKS, total=kit.VIEW_BLOCKS * kit.SECTION),
        "private_metadata": metadata,
    }
    return {**made, "submit": kit.title(word("forms", submit))} if submit else made
