"""The short words of surfaces (labels, buttons, titles) by section and name: templates/surfaces.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import yaml

from skills.core.resources import template


@cache
def _all() -> Mapping[str, Mapping[str, str]]:
    words: Mapping[str, Mapping[str, str]] = yaml.safe_load(template("surfaces.yaml"))
    return words


def word(section: str, name: str, default: str = "") -> str:
    """A name that the list does not know is shown as `default`, else as it is."""
    return _all()[section].get(name, default or name.replace("_", " "))
