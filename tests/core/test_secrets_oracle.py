"""A well-kept secret detector as the judge of our masking: what it finds in a text, it must not find in the masked one.

`detect-secrets` is a program of its own environment; where it is not on the path the test is skipped by its name.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from skills.core.secrets import mask
from tests.core.test_secrets import SECRETS

_LEAST = 6  # findings in the unmasked texts, so that an oracle that sees nothing proves nothing
# A detector of high entropy calls every long word a secret, a digest as well as a host: those are not asked.
_LOUD = ("Base64HighEntropyString", "HexHighEntropyString")


def found(folder: Path, lines: list[str]) -> set[int]:
    """Numbers of the lines in which the oracle sees a secret."""
    (folder / "paste.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    off = [word for name in _LOUD for word in ("--disable-plugin", name)]
    command = ["detect-secrets", "scan", "--all-files", "--no-verify", *off, "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return {hit["line_number"] for hits in json.loads(done.stdout)["results"].values() for hit in hits}


@pytest.mark.needs("detect-secrets")
def test_the_oracle_finds_nothing_in_what_is_masked(tmp_path: Path) -> None:
    texts = [text.replace("\n", " ") for _, text, _, _ in SECRETS]
    assert len(found(tmp_path, texts)) >= _LEAST
    masked = [mask(text).text for text in texts]
    assert [masked[number - 1] for number in sorted(found(tmp_path, masked))] == []
