"""Mermaid itself (PyPI `mermaidx` carries its unmodified mermaid.js) draws what we write, whatever names are in it."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skills.core.diagram.note import Connection, mermaid
from tests.conftest import ORACLE

pytestmark = pytest.mark.needs("mermaid")

DRAW = """
import json, sys
import mermaidx
out = []
for source in json.load(sys.stdin):
    try:
        out.append(mermaidx.render(source).svg())
    except Exception as error:
        out.append("refused: " + str(error))
json.dump(out, sys.stdout)
"""
# Words that Mermaid's grammar, directives, styles, links and comments are made of.
PIECES = [
    "%%{init: {'theme':'dark'}}%%", "%% note", "style n0 fill:#f00;", "classDef a fill:#fff;", "click n0 href", "subgraph x", "end",
    "-->", "|\"x\"|", "]]", "[[", "#quot;", "#35;", "&amp;", "<br/>", "<script>x</script>", "`code`", "```", "**b**", ";", ":::a",
    "\n", "\t", "\\", "\"", "'", "flowchart TD", "---\ntitle: x\n---", "accTitle: x", "@{ shape: circle }", "n1", "-->|x|", "style:a#b;",
    "$$x^2$$", "fa:fa-car", "é", "漢", "\u202e", "😀", "-- text -->", "<!-- x -->", "*.example.com", "{{ x }}", "1. list", "- item",
]  # fmt: skip
names = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), min_size=1, max_size=4).map(" ".join)


def drawn(*sources: str) -> list[str]:
    env = {"PYTHONPATH": str(ORACLE), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", DRAW], input=json.dumps(sources), env=env, capture_output=True, text=True, check=True
    )
    pictures: list[str] = json.loads(done.stdout)
    return pictures


def words(picture: str, kind: str) -> list[str]:
    """The texts of all labels of a kind, as a person sees them."""
    found = re.findall(rf'<span class="{kind}[^"]*">(.*?)</span>', picture, re.DOTALL)
    return [html.unescape(re.sub(r"</?p>", "", each)) for each in found]


def seen(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:160]


def connection(name: str, number: int) -> Connection:
    return Connection(f"{name} a{number}", "", f"{name} b{number}", "443", "TLS", "", "", new=number % 2 == 0)


def test_it_refuses_what_is_no_diagram() -> None:
    """The judge is awake."""
    (picture,) = drawn('flowchart LR\n  n0["a] -->')
    assert picture.startswith("refused: ")


def test_our_own_diagram_shows_its_words() -> None:
    rows = [
        Connection("payments", "production", "api.stripe.com", "443", "TLS", "", "", new=True),
        Connection("payments", "production", "*.example.com", "80, 443", "ANY", "", "", new=False, certain=False),
    ]
    (picture,) = drawn(mermaid(rows))
    assert words(picture, "nodeLabel") == ["payments (production)", "api.stripe.com", "*.example.com"]
    assert words(picture, "edgeLabel") == ["TLS 443 (new)", "ANY 80, 443 (not certain)"]


@pytest.mark.parametrize("piece", [PIECES])
def test_every_hostile_name_is_a_label_and_nothing_else(piece: list[str]) -> None:
    rows = [connection(f"{each} x", number) for number, each in enumerate(piece)]
    (picture,) = drawn(mermaid(rows))
    assert words(picture, "nodeLabel") == [seen(name) for row in rows for name in (row.source, row.target)]
    assert len(words(picture, "edgeLabel")) == len(rows)


@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(names, min_size=10, max_size=30, unique_by=seen))
def test_made_up_names(found: list[str]) -> None:
    rows = [connection(name, number) for number, name in enumerate(found)]
    (picture,) = drawn(mermaid(rows))
    assert words(picture, "nodeLabel") == [seen(name) for row in rows for name in (row.source, row.target)]


def test_the_largest_diagram_is_within_mermaids_limits() -> None:
    """It refuses more than 500 edges or 50,000 characters, so what is more is said and not drawn."""
    rows = [connection("]" * 60, number) for number in range(900)]
    source = mermaid(rows)
    assert len(source) < 50_000
    assert 80 < source.count("|") // 2 < 500
    assert source.splitlines()[-1].endswith('more in the table"]')
