"""What GitLab and the way to it say when a call fails, in words that people may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skills.core.secrets import mask

UNREADABLE = "its answer can't be read"
_WORDS = 240


def said(message: Any) -> str:
    """GitLab's own words on one line, without secrets."""
    if isinstance(message, bytes):
        message = message.decode("utf-8", "replace")
    if isinstance(message, Mapping):
        message = "; ".join(f"{name}: {_joined(value)}" for name, value in message.items())
    line = " ".join("".join(c if c.isprintable() else " " for c in _joined(message)).split())
    return mask(line).text[:_WORDS] or "no reason given"


def _joined(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def kind(error: Exception) -> str:
    """The sort of failure only: a library's own text may hold a URL with more than people should see."""
    name = type(error).__name__
    if name in _KINDS:
        return _KINDS[name]
    return "the connection failed" if "Connection" in name or "Chunked" in name else UNREADABLE


_KINDS = {
    "ConnectTimeout": "no connection in time",
    "ReadTimeout": "no answer in time",
    "SSLError": "its certificate is not trusted",
    "TooManyRedirects": "it sends Postern to another address; set that one",
}
