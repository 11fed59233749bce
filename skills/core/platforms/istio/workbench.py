"""The texts of a draft while it is made: each step sees what the steps before it wrote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from skills.core.enforce.kube_objects import expand
from skills.core.enforce.own_overlay import Overlay, Overlays, listed
from skills.core.model import Edit, Fact, Finding, Need, Place, Plan, Question, finding
from skills.core.platform_base import Sources
from skills.core.platforms.istio.entries import Chart, Entry, Spot
from skills.core.platforms.istio.index import Index, compile_index
from skills.core.platforms.istio.read import read
from skills.core.yaml_text import CannotEdit, Document, append_document, read_documents

Step = Callable[[str, Document], str]
Role = Literal["allowlist", "architecture", "counterpart"]
JSON = ".json"
_SEALED = ("ENC[AES256_GCM", "\nsops:")


@dataclass
class Workbench:
    """`index` is always that of the texts as they stand now. `alone`: no other dialect is to write for this need."""

    index: Index
    sources: Sources
    need: Need
    texts: dict[str, str] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    alone: bool = False

    @property
    def namespace(self) -> str:
        return self.need.workload.namespace or self.need.workload.scope

    def say(self, code: str, *places: Place, **facts: Fact) -> None:
        found = finding(code, *places)
        found = Finding(code, facts, found.evidence)
        if found not in self.findings:
            self.findings.append(found)

    def text(self, path: str) -> str | None:
        return self.texts.get(path, self.sources.texts.get(path))

    def overlay(self, path: str) -> Overlay | None:
        """Where to add for this namespace and environment alone, if a file of a base serves others too."""
        return self._overlays.own(path, self.namespace, self.need.workload.environment)

    @cached_property
    def _overlays(self) -> Overlays:
        return Overlays(self.sources.texts)

    def list_file(self, path: str) -> None:
        """A new file counts only once the kustomization of its folder lists it."""
        try:
            found = listed(self.text, path)
        except CannotEdit as refused:
            self.say("EGR991", Place(path), path=path, why=str(refused).rstrip("."))
            return
        if found is not None:
            self._put(*found)

    def plan(self) -> Plan:
        edits = [
            Edit(path, self.sources.texts.get(path), text, self.roles.get(path, "allowlist"))
            for path, text in sorted(self.texts.items())
            if text != self.sources.texts.get(path)
        ]
        asked = {question.id: question for question in self.questions}
        return Plan(tuple(edits), (), tuple(self.findings), tuple(asked.values()), self.alone)

    def change(self, spot: Spot, step: Step, role: Role = "allowlist") -> bool:
        """Runs one step on the document of a spot; what can't be done becomes a finding.

        A file that belongs to the other side has the role `counterpart`.
        """
        text = self._open(spot.file)
        if text is None:
            return False
        try:
            document = document_at(spot.file, text, spot.document)
            new = _inside(text, document, spot, step) if spot.inside else step(text, document)
        except CannotEdit as refused:
            self.say("EGR991", Place(spot.file), path=spot.file, why=str(refused).rstrip("."))
            return False
        if new != text:
            # A file in which our own side changes too is no file of the other side.
            self.roles[spot.file] = role if self.roles.get(spot.file, role) == role else "allowlist"
        self._put(spot.file, new)
        return True

    def add_document(self, path: str, block: str) -> bool:
        """Behind the file's last document; a JSON file is one value and has no room for another."""
        if path.endswith(JSON):
            self.say("EGR991", Place(path), path=path, why="a JSON file holds no second document")
            return False
        text = self._open(path) if self.text(path) is not None else ""
        if text is None:
            return False
        try:
            self._put(path, append_document(text, block) if text else block)
        except CannotEdit as refused:
            self.say("EGR991", Place(path), path=path, why=str(refused).rstrip("."))
            return False
        return True

    def drop_document(self, spot: Spot) -> bool:
        """A manifest goes with its document."""

        def step(text: str, document: Document) -> str:
            if document.at("kind") != "ServiceEntry":
                raise CannotEdit("EGR380", path="ServiceEntry")
            return _without(text, document)

        return self.change(spot, step)

    def _open(self, path: str) -> str | None:
        """The text as it stands; None where nobody may rewrite it (G-A25)."""
        text = self.text(path)
        if text is not None and any(mark in text for mark in _SEALED):
            self.say("EGR992", Place(path), path=path)
            return None
        if text is None:
            self.say("EGR991", Place(path), path=path, why="its text is not at hand")
        return text

    def _put(self, path: str, text: str) -> None:
        self.texts[path] = text
        kept: list[Entry] = [entry for entry in self.index.read if _path(entry) != path]
        documents, _ = read_documents(path, text)
        kept += [entry for document in documents for item in expand(document) for entry in read(item)]
        self.index = compile_index(kept, self.index.cluster)


def document_at(path: str, text: str, number: int) -> Document:
    found = next((each for each in read_documents(path, text)[0] if each.index == number), None)
    if found is None:
        raise CannotEdit("EGR386", number=number + 1)
    return found


def text_of_document(text: str, path: str, kind: str, name: str) -> str:
    """The lines of the manifest of that kind and name, without the markers around it."""
    rows = text.splitlines(keepends=True)
    markers = [at for at, row in enumerate(rows) if row.rstrip() == "---"]
    for document in read_documents(path, text)[0]:
        if document.at("kind") == kind and document.at("metadata", "name") == name:
            end = next((at for at in markers if at >= document.line), len(rows))
            start = max((at + 1 for at in markers if at < document.line), default=0)
            return "".join(rows[start:end])
    raise CannotEdit("EGR393", path=path, host=name)


def _path(entry: Entry) -> str:
    return f"{entry.folder}/Chart.yaml".lstrip("/") if isinstance(entry, Chart) else entry.place.path


def _without(text: str, document: Document) -> str:
    """The file without one document, from its `---` to the next; comments above the first one go with it."""
    rows = text.splitlines(keepends=True)
    markers = [at for at, row in enumerate(rows) if row.rstrip() == "---"]
    end = next((at for at in markers if at >= document.line), len(rows))
    start = max((at for at in markers if at < document.line), default=0)
    left = [*rows[:start], *rows[end:]]
    if start == 0 and left and left[0].rstrip() == "---":
        left = left[1:]
    return "".join(left)


def _inside(text: str, document: Document, spot: Spot, step: Step) -> str:
    """Edits values that stand as a block of text in a manifest: the same step one level deeper, indented again."""
    inner = document.at(*spot.inside)
    holder = document.at(*spot.inside[:-1])
    if not isinstance(inner, str) or holder is None:
        raise CannotEdit("EGR380", path=".".join(map(str, spot.inside)))
    new = step(inner, document_at(spot.file, inner, 0))
    rows = text.split("\n")
    first = document.place(holder, spot.inside[-1]).line
    written = inner.rstrip("\n").split("\n")
    margin = len(rows[first]) - len(rows[first].lstrip(" "))
    last = first + len(written)
    if [row[margin:] for row in rows[first:last]] != written:
        raise CannotEdit("EGR384", path=".".join(map(str, spot.inside)))
    made = [" " * margin + row if row else row for row in new.rstrip("\n").split("\n")]
    result = "\n".join([*rows[:first], *made, *rows[last:]])
    if document_at(spot.file, result, spot.document).at(*spot.inside) != new:
        raise CannotEdit("EGR384", path=".".join(map(str, spot.inside)))
    return result
