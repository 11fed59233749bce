"""What every payload for Slack must keep: Slack's own models, and the limits that those models don't hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from slack_sdk.models.blocks import Block

_NEEDS_LABEL = {"button"}
# https://docs.slack.dev/reference/block-kit/blocks: a field that a block does not have is refused as invalid_blocks.
_FIELDS = {
    "section": {"type", "block_id", "text", "fields", "accessory", "expand"},
    "header": {"type", "block_id", "text", "level"},
    "divider": {"type", "block_id"},
    "context": {"type", "block_id", "elements"},
    "actions": {"type", "block_id", "elements"},
}
_KINDS = ("blocks", "elements", "fields", "accessory", "element", "label", "text", "confirm", "title", "options")


def check_message(payload: Mapping[str, Any]) -> None:
    assert 0 < len(payload["text"].strip()) <= 3000
    check_blocks(payload.get("blocks", []), 50)
    assert sum(len(text["text"]) for text in _texts(payload.get("blocks", []))) <= 13_000


def check_view(view: Mapping[str, Any]) -> None:
    assert view["type"] in ("modal", "home")
    if view["type"] == "modal":
        assert 0 < len(view["title"]["text"]) <= 24
        assert all(len(view[name]["text"]) <= 24 for name in ("submit", "close") if name in view)
    assert len(view.get("private_metadata", "")) <= 3000
    assert len(view.get("callback_id", "")) <= 255
    check_blocks(view["blocks"], 100)


def check_blocks(blocks: list[dict[str, Any]], most: int) -> None:
    """As Slack takes them, and as we want them: labels for those who hear buttons, nobody called by pasted text."""
    check_form(blocks, most)
    for part in _parts(blocks):
        if part.get("type") in _NEEDS_LABEL:
            assert 0 < len(part["accessibility_label"]) <= 75, part
        if part.get("type") == "mrkdwn":
            assert "<!" not in part["text"].replace("<!date^", ""), part


def check_form(blocks: list[dict[str, Any]], most: int) -> None:
    """As Slack takes them. Raises AssertionError, or what Slack's own models raise."""
    assert 0 < len(blocks) <= most, f"{len(blocks)} blocks"
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None, block
        parsed.validate_json()
        _check(block)
    named = Counter(block["block_id"] for block in blocks if "block_id" in block)
    assert all(times == 1 for times in named.values()), named


def _check(block: dict[str, Any]) -> None:
    assert block["type"] != "section" or block.get("text") or block.get("fields")
    assert len(block.get("fields", ())) <= 10
    if block["type"] in ("actions", "context"):
        assert 0 < len(block["elements"]) <= 25
    actions = [each["action_id"] for each in _parts(block) if "action_id" in each]
    assert len(actions) == len(set(actions)), actions
    assert all(0 < len(name) <= 255 for name in (*actions, block.get("block_id", "-")))
    for part in _parts(block):
        if part.get("type") in ("mrkdwn", "plain_text"):
            assert 0 < len(part["text"]) <= 3000, part
        if part.get("type") in _NEEDS_LABEL:
            assert part["text"]["type"] == "plain_text", part
            assert 0 < len(part["text"]["text"]) <= 75
            assert len(part.get("value", "")) <= 2000
            assert len(part.get("url", "")) <= 3000
            assert part.get("style", "primary") in ("primary", "danger"), part
        if "deny" in part:
            assert len(part["title"]["text"]) <= 100
            assert len(part["text"]["text"]) <= 300
    assert set(block) <= _FIELDS.get(block["type"], set(block)), block
    if block["type"] == "header":
        assert block["text"]["type"] == "plain_text"
        assert len(block["text"]["text"]) <= 150
    assert all(len(text["text"]) <= 2000 for text in block.get("fields", ()))


def _parts(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, list):
        for each in part:
            yield from _parts(each)
    elif isinstance(part, dict):
        yield part
        for name in _KINDS:
            yield from _parts(part.get(name))


def _texts(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (part for part in _parts(blocks) if part.get("type") in ("mrkdwn", "plain_text"))
