"""Nothing of the machine or workplace where this was written stands in the project."""

from __future__ import annotations

import re
import subprocess

from tests.house.source import none_of
from tests.shared import ROOT

# In pieces, so that this file doesn't contain what it looks for.
HOSTS = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "crates" + ".io",
    "debian" + ".org",
]
FOLDERS = ["wo" + "rk", "root/.py" + "env", "opt/" + "wheels", "opt/" + "pypi"]
TOOLS = ["farm" + "-bench", "farm" + "-studio", r"\.libr" + "ary/", "tool" + " library"]

FORBIDDEN = re.compile(
    "|".join(
        [
            *(rf"(?<![\w-]){re.escape(host)}(?![\w-])" for host in HOSTS),
            *(rf"(?:^|(?<=[\s\"'`=:,(\[]))/{folder}/" for folder in FOLDERS),
            *TOOLS,
        ]
    )
)
PIECES = [*HOSTS, *FOLDERS, *(tool.replace("\\", "") for tool in TOOLS)]
"""One of them stands in every text that must be looked at; it is found much faster than the expression."""


def _files() -> list[str]:
    """What Git tracks or would: a new file is looked at before it is committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


def test_no_machine_path_registry_or_workplace_tool_is_named() -> None:
    found = []
    for name in _files():
        path = ROOT / name
        if not path.is_file() or path.is_symlink():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if not any(piece in text for piece in PIECES):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if match := FORBIDDEN.search(line):
                found.append(f"{name}:{number}: {match[0]}")
    none_of(found)


def test_the_search_finds_what_it_looks_for() -> None:
    assert FORBIDDEN.search("see /" + "work/main for it")
    assert FORBIDDEN.search("index-url = https://" + "pypi" + ".org/simple")
    assert not FORBIDDEN.search("python-index.example/simple and teams/" + "work/app.yaml")


def test_file_names_are_plain() -> None:
    """Every file system and every shell takes them as they are."""
    none_of(name for name in _files() if not re.fullmatch(r"[\w./@+-]+", name, re.ASCII))
