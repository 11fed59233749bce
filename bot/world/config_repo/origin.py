"""Where a folder was cloned from, as an address that a service can read without a key of somebody's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import re2

_PATIENCE = 5.0  # seconds
_SCP = re2.compile(r"^(?:[\w.-]+@)?([\w.-]+):([^/].*)$")


def origin_of(folder: Path) -> str | None:
    """The `https` address of the remote `origin`, without any user or password; None where there is none."""
    try:
        command = ["git", "-C", str(folder), "--no-pager", "config", "--get", "remote.origin.url"]
        asked = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return as_https(asked.stdout.decode("utf-8", "replace").strip()) if asked.returncode == 0 else None


def as_https(written: str) -> str | None:
    """`git@host:group/project.git` and `ssh://git@host/group/project.git` as `https://host/group/project.git`."""
    if not written.isprintable() or any(sign.isspace() for sign in written):
        return None
    if "://" not in written:
        scp = _SCP.match(written)
        return f"https://{scp[1]}/{scp[2]}" if scp else None
    try:
        parts = urlsplit(written)
        port = f":{parts.port}" if parts.scheme == "https" and parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in ("https", "ssh") or not parts.hostname or ":" in parts.hostname:
        return None
    return urlunsplit(("https", f"{parts.hostname}{port}", parts.path, "", ""))
