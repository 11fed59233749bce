"""Files that are not YAML: shell scripts, Terraform, and the lists of an egress proxy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skills.core.platforms.cloud_foundry import caddy
from skills.core.platforms.cloud_foundry.commands import read_script
from skills.core.platforms.cloud_foundry.terraform import ENDINGS, read_terraform
from skills.core.yaml_text import Unreadable

_SCRIPTS = (".sh", ".bash")


def reads(path: str) -> bool:
    """Whether a file of this path could hold rules."""
    return caddy.reads(path) or path.endswith(ENDINGS) or path.lower().endswith(_SCRIPTS)


def read_source(path: str, text: str) -> tuple[Sequence[Any], Sequence[Unreadable]]:
    """Entries of one file, and what in it can't be read."""
    if caddy.reads(path):
        return caddy.read_caddy(path, text), ()
    if path.endswith(ENDINGS):
        return read_terraform(path, text)
    return read_script(path, text), ()
