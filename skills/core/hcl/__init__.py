"""Terraform's language, HCL: read with the place of everything, edited by splices so that no other byte changes."""

from skills.core.hcl.edit import append_block, append_element, remove_block, remove_element, replace_text
from skills.core.hcl.from_json import parse_json
from skills.core.hcl.read import MOST_BYTES, Block, Body, Broken, Expression, parse

__all__ = [
    "MOST_BYTES",
    "Block",
    "Body",
    "Broken",
    "Expression",
    "append_block",
    "append_element",
    "parse",
    "parse_json",
    "remove_block",
    "remove_element",
    "replace_text",
]
