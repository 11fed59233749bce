"""The audit log as a chain: each line's hash is over the hash before it and over all that the line says.

    hash = sha256(hash before + "\\n" + canonical JSON of the line), in hex; before the first line stand 64 zeros

Canonical: keys sorted, no blanks, ASCII. So whoever changes, removes or moves a line, or puts one between others, has
to make every later hash anew; against that helps only a hash that was kept elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from skills.core.secrets import mask

GENESIS = "0" * 64


def linked(before: str, at: datetime, who: str, where: str, kind: str, facts: Mapping[str, Any]) -> str:
    """The hash of a line that comes after the line with the hash `before`."""
    line = {
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "who": who,
        "where": where,
        "kind": kind,
        "facts": facts,
    }
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(f"{before}\n{text}".encode()).hexdigest()


def plain(text: str) -> str:
    """Masked, and as every database gives it back."""
    return mask(text).text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def plain_facts(value: Any) -> Any:
    """Facts as JSON gives them back, with every text in them masked."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(key)): plain_facts(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_facts(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    return value if value is None or isinstance(value, bool | int | float) else plain(str(value))
