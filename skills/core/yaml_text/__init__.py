"""YAML as people keep it: read with the place of everything, edited so that no other byte changes.

`read` and `build` read (`scalars` as the cluster sees them, `source` the text itself); `edit` is the editor over
`splice` (put in), `cut` (take out), `emit` (write in the neighbours' style), `page` (proof) and `nodes` (marks).
"""

from skills.core.yaml_text.build import Map, Seq
from skills.core.yaml_text.edit import (
    append_document,
    append_item,
    insert_key,
    put_below,
    remove_item,
    replace_entry,
    replace_value,
)
from skills.core.yaml_text.page import CannotEdit
from skills.core.yaml_text.read import Document, FarLine, Places, Unreadable, read_documents
from skills.core.yaml_text.scalars import plain_value

__all__ = [
    "CannotEdit",
    "Document",
    "FarLine",
    "Map",
    "Places",
    "Seq",
    "Unreadable",
    "append_document",
    "append_item",
    "insert_key",
    "plain_value",
    "put_below",
    "read_documents",
    "remove_item",
    "replace_entry",
    "replace_value",
]
