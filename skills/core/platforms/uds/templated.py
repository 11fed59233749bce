"""A rule put into a Package that is a Helm template: the rows around it keep every action that Helm runs.

G-D16: the rule stands first in its list, where no block of the template is open that did not hold the list itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skills.core.enforce.templates import masked_rows
from skills.core.platforms.uds.package import Package
from skills.core.yaml_text import CannotEdit, Seq, append_item, read_documents


def put_first(text: str, package: Package, way: tuple[str, ...], item: Mapping[str, Any]) -> str | None:
    """The text with `item` first in the list at `way`; None where no item stands there on rows of its own.

    What Helm rendered may count its documents otherwise than the template does, so the Package must be sure to be it.
    """
    rows = masked_rows(text)
    if rows is None:
        return None
    documents, _ = read_documents(package.path, "\n".join(rows))
    packages = [each for each in documents if each.at("kind") == "Package"]
    named = [each for each in packages if each.at("metadata", "name") == package.name] or packages
    if len(named) != 1:
        return None
    document = named[0]
    listed, key = document.at(*way), document.place_of(*way).line
    if not isinstance(listed, Seq) or not listed or not rows[listed.lines[0] - 1].lstrip().startswith("-"):
        return None
    try:
        longer = append_item("\n".join(rows), document, way, dict(item)).split("\n")
    except CannotEdit:
        return None
    more = len(longer) - len(rows)
    begin = next((at for at, row in enumerate(rows) if longer[at] != row), len(rows))
    if longer[:begin] + longer[begin + more :] != rows:
        return None
    original = text.split("\n")
    end = "\r" if original[key - 1].endswith("\r") else ""
    put = [row + end for row in longer[begin : begin + more]]
    return "\n".join([*original[:key], *put, *original[key:]])
