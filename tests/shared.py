"""Where the data stands that tests read beside the project and never copy into it."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""


def shared_folder() -> Path | None:
    """`$POSTERN_SHARED`, else `shared` beside the checkout; None when it is not there.

    For lists of cases that are made while tests are collected. A test itself asks for the fixture
    `shared`, or carries the marker `needs_shared`, and so is skipped by name.
    """
    folder = Path(os.environ.get("POSTERN_SHARED") or ROOT.parent / "shared")
    return folder if folder.is_dir() else None
