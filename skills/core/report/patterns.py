"""Regular expressions on foreign text: RE2, whose time grows linearly whatever the text holds."""

from __future__ import annotations

from typing import Any

import re2


def compiled(pattern: str) -> Any:
    """RE2 falls back to a slower, still linear engine when its automaton grows too large; that is no news for a log."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)
