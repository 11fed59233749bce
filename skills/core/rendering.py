"""Renders the Jinja2 templates that ship with Postern, with one escape function per output language."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from skills.core.resources import prompt, template

if TYPE_CHECKING:
    from jinja2 import Environment

# Emphasis, links, images, HTML, tables, autolinks, and GitLab's references: #issue, !merge request, @person, $snippet,
# %milestone, &epic, ~label.
_MARKDOWN = frozenset("\\`*_[]#.!|<>~@:$&%")
_FENCE = "````"


def render(name: str, **facts: Any) -> str:
    return _environment().get_template(name).render(**facts)


def render_prompt(name: str, **facts: Any) -> str:
    """A prompt with the limits that stand above every one of them."""
    return _environment().from_string(prompt(name)).render(limits=prompt("limits.md"), **facts)


@cache
def _environment() -> Environment:
    # Jinja2 is imported late: answering a check needs no template.
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=FunctionLoader(template),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(md=escape_markdown, cell=escape_cell, fence=fenced)
    return environment


def escape_markdown(text: object) -> str:
    """Foreign text inside a Markdown sentence: one line, no markup, no mention, no reference, no HTML."""
    flat = " ".join(str(text).split())
    escaped = "".join(f"\\{char}" if char in _MARKDOWN else char for char in flat)
    return f"\\{escaped}" if escaped[:1] in ("-", "+", "=") else escaped


def escape_cell(text: object) -> str:
    """Foreign text inside a table cell; an empty cell is a dash."""
    return escape_markdown(text) or "-"


def fenced(text: object, language: str = "") -> str:
    """Foreign text as a code block whose fence is longer than any run of backticks in it."""
    body = str(text).rstrip("\n")
    fence = _FENCE
    while fence in body:
        fence += "`"
    return f"{fence}{language}\n{body}\n{fence}"
