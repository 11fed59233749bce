"""The sample allowlist repository of the demo, kept as the plain files below `allowlist/`."""

from __future__ import annotations

from pathlib import Path

_ROOT = Path(__file__).resolve().parent / "allowlist"


def files() -> dict[str, bytes]:
    """Path inside the repository (with `/`) to the bytes of the file, line ends untouched."""
    paths = sorted(path for path in _ROOT.rglob("*") if path.is_file())
    return {path.relative_to(_ROOT).as_posix(): path.read_bytes() for path in paths}
