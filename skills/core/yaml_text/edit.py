"""Edit text and keep every byte that the change does not need; places for messages.

Each edit is a single splice. Before its text is given back it is read again: the document must say what
it said before with just that change, and every other document of the file must say what it said.
What can't be proved so is refused with CannotEdit. Line ends, byte-order mark and a missing line break
at the end stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skills.core.yaml_text.cut import HEADING, cut
from skills.core.yaml_text.emit import CannotWrite
from skills.core.yaml_text.page import (
    KEY_THERE,
    NOT_FOUND,
    NOT_PROVED,
    NOT_WRITABLE,
    CannotEdit,
    Found,
    Page,
    Path,
    Splice,
    same,
    shown,
)
from skills.core.yaml_text.read import Document, read_documents
from skills.core.yaml_text.source import newline_of
from skills.core.yaml_text.splice import append, insert, rename, replace

_LONGEST_COMMENT = 200


def append_item(text: str, doc: int | Document, path: Path, item: Any, *, comment: str | None = None) -> str:
    """The text with a new last item in the sequence at `path`.

    `doc` is a document's `index`, or the document. `item` is a scalar, a mapping or a list. A comment
    stands behind a scalar, above anything else, and not at all in JSON or inside one line of flow style
    that goes on behind the list.
    """
    page = Page(text, doc)
    found = page.find(path, "seq")
    splice = _written(path, append, page, found, item, _comment(comment))
    return page.finish(splice, path, lambda data: [*data, item])


def insert_key(
    text: str,
    doc: int | Document,
    path: Path,
    key: str,
    value: Any,
    *,
    after: str | None = None,
    comment: str | None = None,
) -> str:
    """The text with a new key in the mapping at `path`: at its end, or behind the key `after`.

    A comment stands behind a value of one line or the only item of a list, else above the key.
    """
    page = Page(text, doc)
    found = page.find(path, "map")
    _refuse_known(found.node, key, path)
    splice = _written(path, insert, page, found, key, value, after, _comment(comment))
    return page.finish(splice, path, lambda data: {**data, key: value})


def replace_value(text: str, doc: int | Document, path: Path, value: Any) -> str:
    """The text with another value at `path`, where a scalar, flow style or nothing stands now.

    Quotes and the comment behind stay. A list of scalars is written on the line unless the document
    writes that key otherwise; what is not empty and in block style is refused.
    """
    page = Page(text, doc)
    found = page.find(path)
    splice = _written(path, replace, page, found, value, found.key if _is_entry(found) else None)
    return page.finish(splice, path, lambda _: value)


def replace_entry(text: str, doc: int | Document, path: Path, new_key: str, value: Any) -> str:
    """The text with the entry at `path` (a key of a mapping) under another key, with another value.

    `port: 443` becomes `ports: [443, 8443]` on its line.
    """
    page = Page(text, doc)
    found = page.find(path)
    if found.parent is None or not _is_entry(found):
        raise CannotEdit(NOT_FOUND, path=shown(path))
    *holder, old_key = path
    if new_key != old_key:
        _refuse_known(found.parent, new_key, holder)
    splice = _written(path, rename, page, found, new_key, value)

    def renamed(data: Any) -> Any:
        return {**{key: known for key, known in data.items() if key != old_key}, new_key: value}

    return page.finish(splice, holder, renamed)


def put_below(text: str, document: Document, path: Path, value: Any) -> str:
    """The text with a value at a path of keys, of which those that are missing are made on the way.

    What is empty there, `[]`, `{}` or nothing, is written anew as its neighbours are; what is not is refused.
    """
    for depth in range(len(path) - 1, -1, -1):
        holder, key = document.at(*path[:depth]), path[depth]
        if isinstance(holder, Mapping) and (holder or not depth):
            if key in holder and (holder[key] is None or holder[key] in ([], {})):
                return replace_value(text, document, path[: depth + 1], value)
            return insert_key(text, document, path[:depth], str(key), value)
        value = {key: value}
    raise CannotEdit(NOT_FOUND, path=shown(path))


def remove_item(text: str, doc: int | Document, path: Path, key: str | int | None = None) -> str:
    """The text without the list item or key at `path` (or `key` of the collection at `path`).

    The comment behind it goes with it, and one directly above it with the same indentation; above the
    first of several that stays (it often heads the list) unless the second one has its own. The last
    one that goes leaves `[]` or `{}`.
    """
    way = (*path,) if key is None else (*path, key)
    page = Page(text, doc)
    found = page.find(way)
    if not way:
        raise CannotEdit(NOT_FOUND, path=shown(way))
    *holder, step = way

    def without(data: Any) -> Any:
        if isinstance(data, Mapping):
            return {name: value for name, value in data.items() if name != step}
        return [value for at, value in enumerate(data) if at != found.at]

    return page.finish(cut(page, found), holder, without)


def append_document(text: str, block: str) -> str:
    """The text with `block`, the text of one or more documents, behind a `---` at its end.

    `block` takes the line ends of the text. An empty text becomes just the block.
    """
    newline = newline_of(text)
    body = block.replace("\r\n", "\n").removeprefix("---\n").rstrip("\n").replace("\n", newline)
    if not text.strip("\ufeff"):
        new = text + body + newline
    else:
        gap = "" if text.endswith("\n") else newline
        new = f"{text}{gap}---{newline}{body}" + (newline if not gap else "")
    old_documents, old_faults = read_documents("", text)
    added, bad = read_documents("", block)
    documents, faults = read_documents("", new)
    wanted = [document.data for document in (*old_documents, *added)]
    if bad or len(faults) != len(old_faults) or not added:
        raise CannotEdit(NOT_PROVED, path=shown(()))
    if not same([document.data for document in documents], wanted):
        raise CannotEdit(NOT_PROVED, path=shown(()))
    return new


def _is_entry(found: Found) -> bool:
    return found.parent is not None and found.parent.kind == "map"


def _refuse_known(mapping: Any, key: str, path: Path) -> None:
    if any(known.value == key for known in mapping.keys):
        raise CannotEdit(KEY_THERE, path=shown((*path, key)))


def _written(path: Path, write: Callable[..., Splice], page: Page, found: Found, *parts: Any) -> Splice:
    try:
        return write(page, found, *parts)
    except CannotWrite as error:
        raise CannotEdit(NOT_WRITABLE, path=shown(path), why=str(error)) from None


def _comment(text: str | None) -> str:
    """A comment on one line: nothing in it can end it, and nothing makes it look like a drawn heading."""
    signs = "".join(sign if sign.isprintable() else " " for sign in (text or "")[: 4 * _LONGEST_COMMENT])
    line = " ".join(signs.split())[:_LONGEST_COMMENT].removeprefix("# ")
    for rule in HEADING:
        while rule in line:
            line = line.replace(rule, rule[0])
    return line
