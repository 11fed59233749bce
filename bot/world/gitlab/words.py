"""What Postern writes into merge requests for itself: trailers in the description, marks in notes.

Both are HTML comments or plain lines that Markdown leaves alone. A mark holds digests only, so that no pasted text can
end it early or forge another one.
"""

from __future__ import annotations

from hashlib import sha256

import re2

from skills.core.model import OpenMergeRequest
from skills.core.rendering import escape_markdown

_TRAILER = re2.compile(r"(?m)^Postern-(Request|Base|Digest): (\S+)$")
_MARK = re2.compile(r"<!-- postern:([0-9a-f]{64}) -->")
_APPROVAL = re2.compile(r"<!-- postern-approval:([0-9a-f]{40,64}) by ([0-9a-f]+) -->")


def described(effect: OpenMergeRequest) -> str:
    """The description: the body, then what Postern needs to know of it later."""
    trailer = (
        f"Postern-Request: {effect.request_key}",
        f"Postern-Base: {effect.base}",
        f"Postern-Digest: {effect.digest}",
    )
    # Line ends as GitLab keeps them, so that the same words are not written twice.
    return "\n".join((effect.body.rstrip(), "", *trailer))


def trailers(description: str) -> dict[str, str]:
    """`Request`, `Base` and `Digest` of a description; of several the last counts, which is ours."""
    return dict(_TRAILER.findall(description.replace("\r\n", "\n")))


def body_of(description: str) -> str:
    """The description without our trailer."""
    at = description.rfind("\n\nPostern-Request: ")
    return description[:at] if at >= 0 else description


def note(by: str, text: str, key: str, url: str = "") -> str:
    """`url` is a page that a forge itself named: it is left to be a link."""
    said = f"{escape_markdown(text)}: {url}" if url else escape_markdown(text)
    return f"{said}\n\n*recorded by Postern for {escape_markdown(by)}*\n{mark(key)}"


def mark(key: str) -> str:
    return f"<!-- postern:{sha256(key.encode()).hexdigest()} -->"


def has_mark(text: str, key: str) -> bool:
    return sha256(key.encode()).hexdigest() in _MARK.findall(text)


def approval(by: str, head: str) -> str:
    """A recorded approval of exactly `head`; the person is kept as hex, which nothing can break out of."""
    return f"Approved by {escape_markdown(by)} at {head[:12]}.\n<!-- postern-approval:{head} by {by.encode().hex()} -->"


def approvals(text: str, head: str) -> list[str]:
    return [bytes.fromhex(by).decode("utf-8", "replace") for at, by in _APPROVAL.findall(text) if at == head]
