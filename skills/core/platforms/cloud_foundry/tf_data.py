"""Values of Terraform and the files that say them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from skills.core.hcl import Body, Expression
from skills.core.model import Place

SETS_VALUES = (".tfvars", ".tfvars.json")


@dataclass(frozen=True, slots=True)
class File:
    """One .tf or .tfvars file, or the same as JSON."""

    path: str
    folder: str
    body: Body
    rows: tuple[str, ...]

    def place(self, line: int) -> Place:
        text = self.rows[line - 1].strip()[:200] if 0 < line <= len(self.rows) else ""
        return Place(self.path, line, text)

    @property
    def sets_values(self) -> bool:
        return self.path.endswith(SETS_VALUES)


@dataclass(frozen=True, slots=True)
class Value:
    """`data` is a text, number, flag, None, a tuple of Value, a dict of Value, a `Ref`, or an `Unknown`.

    `written` is the expression that says it, in `file`; of a joined list it is its last literal part.
    """

    data: Any
    file: File | None = None
    written: Expression | None = None

    @property
    def place(self) -> Place:
        if self.file is None or self.written is None:
            return Place("", 1, "")
        return self.file.place(self.written.line)

    @property
    def words(self) -> str:
        """The expression as it stands."""
        return words(self.written, self.file) if self.written is not None and self.file is not None else ""

    @property
    def values(self) -> tuple[Value, ...]:
        return self.data if isinstance(self.data, tuple) else ()

    @property
    def text(self) -> str | None:
        return self.data if isinstance(self.data, str) else None

    @property
    def unknown(self) -> str:
        """What is not known of it; empty where all is."""
        return self.data.words if isinstance(self.data, Unknown) else ""


@dataclass(frozen=True, slots=True)
class Unknown:
    words: str


def words(written: Expression, file: File) -> str:
    """The expression as it stands, on one short line."""
    rows = file.rows[written.line - 1 : written.line] or ("",)
    row = rows[0]
    if written.kind == "path":
        return ".".join(str(step) for step in written.value if isinstance(step, (str, int)))[:80]
    return " ".join(row.partition("=")[2].split())[:80] or " ".join(row.split())[:80] or "an expression"
