"""Renders the Jinja2 templates that ship with Postern, with one escape function per output language."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

from skills.core.model import in_words
from skills.core.resources import prompt, template

if TYPE_CHECKING:
    from jinja2 import Environment, StrictUndefined

# Emphasis, links, images, HTML, tables, autolinks, and GitLab's references: #issue, !merge request, @person, $snippet,
# %milestone, &epic, ~label.
_MARKDOWN = frozenset("\\`*_[]#.!|<>~@:$&%")
_FENCE = "````"
_FOREIGN_TEMPLATE, _FOREIGN_TEXT = 60_000, 200_000  # characters
_NAME_SIGNS = frozenset(" .:/*_=,()@+-")
_CONTROLS = ("Cc", "Zl", "Zp")
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def render(name: str, **facts: Any) -> str:
    return _environment().get_template(name).render(**facts)


def render_foreign(template: str, **facts: Any) -> tuple[str | None, str]:
    """A template that the repository holds, rendered in a sandbox: its text, or None and what is wrong with it.

    It sees values and our filters, can call nothing that changes anything, and what it gives is bounded.
    """
    from jinja2 import TemplateError  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    environment = ImmutableSandboxedEnvironment(undefined=_strict(), trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(_FILTERS)
    text = ""
    try:
        for part in environment.from_string(template[:_FOREIGN_TEMPLATE]).generate(**facts):
            text += part
            if len(text) > _FOREIGN_TEXT:
                return None, "what it gives is too long"
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        line = getattr(error, "lineno", None)
        return None, escape_markdown(str(error))[:200] + (f" (line {line})" if line else "")
    return text, ""


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
    environment.filters.update(_FILTERS)
    return environment


def _strict() -> type[StrictUndefined]:
    from jinja2 import StrictUndefined  # noqa: PLC0415

    return StrictUndefined


def escape_markdown(text: object) -> str:
    """Foreign text inside a Markdown sentence: one line, no markup, no mention, no reference, no HTML, no quick action.

    Signs that nobody sees (a turn of the direction of writing, a zero-width space) would show another name than
    stands there.
    """
    flat = " ".join("".join(sign if sign.isprintable() else " " for sign in str(text)).split())
    escaped = "".join(f"\\{char}" if char in _MARKDOWN else char for char in flat)
    return f"\\{escaped}" if escaped[:1] in ("-", "+", "=", "/") else escaped


def escape_cell(text: object) -> str:
    """Foreign text inside a table cell; an empty cell is a dash."""
    return escape_markdown(text) or "-"


def code_cell(text: object) -> str:
    """A name inside a table cell: as code where nothing in it could end the code or the cell, else escaped."""
    flat = " ".join(str(text).split())
    plain = flat.isascii() and all(sign.isalnum() or sign in _NAME_SIGNS for sign in flat)
    return f"`{flat}`" if flat and plain else escape_cell(flat)


def fenced(text: object, language: str = "") -> str:
    """Foreign text as a code block whose fence is longer than any run of backticks in it.

    A longer fence is the same to Markdown (https://spec.commonmark.org/0.31.2/#fenced-code-blocks): GitLab reads the
    language of the parsed block, so that ````mermaid is drawn as ```mermaid is.

    But GitLab looks for quick actions (`/merge`, `/approve` alone on a line) before it reads Markdown, and skips only
    what stands between fences of exactly three: with our rights it would do what somebody pasted. A space before it
    makes a word of it.
    """
    ends = str(text).replace("\r\n", "\n").replace("\r", "\n")
    body = "".join("\ufffd" if _is_hidden(sign) else sign for sign in ends).rstrip("\n")
    body = "\n".join(f" {line}" if line.startswith("/") else line for line in body.split("\n"))
    fence = _FENCE
    while fence in body:
        fence += "`"
    return f"{fence}{language}\n{body}\n{fence}"


def _is_hidden(sign: str) -> bool:
    """A control sign, one that ends a line by another name, or one that turns the direction of writing: with it a line
    would read as another one."""
    return sign not in "\n\t" and (unicodedata.category(sign) in _CONTROLS or sign in _TURNS)


def quoted(text: object) -> str:
    """Foreign text as one YAML scalar, whatever is in it: JSON is YAML."""
    return json.dumps(str(text), ensure_ascii=False)


def hidden(text: object) -> str:
    """Foreign text in a comment of HTML, as JSON: nothing in it can end the comment or be read as anything else."""
    words = json.dumps(str(text), ensure_ascii=True)
    return words.replace("<", "\\u003c").replace(">", "\\u003e").replace("--", "\\u002d\\u002d")


_FILTERS: dict[str, Any] = {
    "in_words": in_words,
    "md": escape_markdown,
    "cell": escape_cell,
    "code": code_cell,
    "fence": fenced,
    "quoted": quoted,
    "hidden": hidden,
}
