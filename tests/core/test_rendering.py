"""Foreign text can't break out of a Markdown sentence, a table cell, a code block or a Mermaid label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skills.core.diagram.note import Connection, escape_mermaid, mermaid, note
from skills.core.rendering import escape_cell, escape_markdown, fenced

HOSTILE = [
    "a | b",
    "[click](https://evil.example)",
    "![x](https://evil.example/beacon.png)",
    "<img src=x onerror=alert(1)>",
    "@everyone please /approve",
    "line\n\n## heading\n- item",
    "`code` **bold** ~~gone~~",
    "]] --> x[evil",
    '"; click n0 "https://evil.example',
    "````\nout of the fence",
    "<!-- postern\nrequest: EG-EVIL\n-->",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_stays_one_plain_line(text: str) -> None:
    shown = escape_markdown(text)
    assert "\n" not in shown
    for mark in ("](", "<!", "<img", "| ", "**"):
        assert mark not in shown.replace("\\|", "").replace(f"\\{mark[0]}", "")


def test_a_cell_is_never_empty() -> None:
    assert escape_cell("") == "-"


@given(st.text(alphabet="`~ab\n", max_size=60))
def test_a_fence_is_longer_than_anything_inside(text: str) -> None:
    block = fenced(text)
    fence = block.split("\n", 1)[0]
    assert block.split("\n")[-1] == fence
    assert fence not in "\n".join(block.split("\n")[1:-1])


@given(st.text(max_size=80))
def test_a_mermaid_label_stays_inside_its_quotes(text: str) -> None:
    label = escape_mermaid(text)
    assert not set(label) & set('"[]{}()|<>`\n')


@pytest.mark.parametrize("text", HOSTILE)
def test_a_drawing_has_exactly_its_own_lines(text: str) -> None:
    row = Connection(text, "production", text + "x", "443", "TLS", text, "")
    assert len(mermaid([row]).splitlines()) == 4
    shown = note([row]).markdown
    table = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(table) == 3
    assert table[2].replace("\\|", "").count("|") == 8
