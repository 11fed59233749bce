"""Writes docs/LICENCES.md from what the installed packages say of themselves: `make licences`."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distributions, metadata
from typing import Any

from tests.house.pins import LOCKS, pins
from tests.shared import ROOT

HEAD = """# Licences of what Postern stands on

Every package that a lock file pins, direct or not, as its own metadata names its licence. None of them is part
of this repository. *core* is what everyone installs, *server* what the image installs, *dev* what the tests and
tools of this project need, *oracle* what the tests compare Postern with, in a folder of its own. Written by `make licences`; don't edit.

| package | version | licence | lock files |
|---|---|---|---|
"""


READ_BY_HAND = {"quickjs-ng": "MIT"}
"""Packages that ship their licence's text and name it nowhere."""
ORACLE = ROOT / ".venv" / "oracle"


def licence(said: dict[str, Any]) -> str:
    """The SPDX expression where the package gives one, else its classifiers, else its short licence field, else ours."""
    classifiers = [each for each in said.get("classifier", []) if each.startswith("License ::")]
    named = " / ".join(each.split(" :: ")[-1] for each in classifiers if not each.endswith("OSI Approved"))
    short = str(said.get("license", "")).strip().splitlines()
    return (
        str(said.get("license_expression", ""))
        or named
        or (short[0][:60] if short else READ_BY_HAND.get(str(said.get("name", "")), "unknown"))
    )


def oracle() -> Iterator[str]:
    found = {each.metadata["Name"].lower(): each for each in distributions(path=[str(ORACLE)])}
    for pin in pins("oracle"):
        if pin.name in found:
            yield f"| {pin.name} | {pin.version} | {licence(found[pin.name].metadata.json)} | oracle |"


def main() -> None:
    where: dict[tuple[str, str], list[str]] = {}
    for lock in LOCKS:
        for pin in pins(lock):
            if pin.applies:
                where.setdefault((pin.name, pin.version), []).append(lock)
    rows = [
        f"| {name} | {version} | {licence(metadata(name).json)} | {', '.join(where[name, version])} |"
        for name, version in sorted(where)
    ]
    rows += oracle()
    (ROOT / "docs" / "LICENCES.md").write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"docs/LICENCES.md: {len(rows)} packages")


if __name__ == "__main__":
    main()
