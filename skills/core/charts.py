"""Helm charts of the repository as what they render, with the places of the templates that people wrote.

Rendering itself is given from outside (`Render`); here is which charts there are, with which values, and what of it is
certain: where environments differ in their values, only what comes out alike.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import re2

from skills.core.enforce.delivery import REGISTRY, Release
from skills.core.enforce.kube_objects import expand, mapping_of, sequence_of, templated, text_of
from skills.core.enforce.overlay.objects import CLUSTER_WIDE
from skills.core.enforce.templates import RELEASE_NAMESPACE
from skills.core.enforce.unnamed import STAND_IN, without_name
from skills.core.environments import canonical, known
from skills.core.model import Fact, Finding, Place
from skills.core.reading import ALL_MARKS, DENYING, Blind, marks_in
from skills.core.yaml_text import Document, Map, Seq, read_documents

Rendered = Mapping[str, str] | str
"""Manifests by path below the chart's own folder, or why there are none."""

Render = Callable[[Mapping[str, str], Sequence[tuple[str, str, Sequence[Mapping[str, Any]]]]], Sequence[Rendered]]
"""Renders one chart: its files by path below its folder, and of each release the name, namespace and values."""

_NOWHERE = "postern-release-namespace"
_WORDS = re2.compile(r"[A-Za-z0-9]+")
_MOST_CHARTS = 300
_MOST_ROWS = 4_000


@dataclass(slots=True)
class Charts:
    """`documents` by template; what else is not known as blind spots; templates that a draft must not touch; templates
    that count with values of which nothing says that they are the deployed ones; templates in which the name of the
    release decides, of which nothing says it."""

    documents: dict[str, list[Document]] = field(default_factory=dict)
    blind: list[Blind] = field(default_factory=list)
    by_hand: dict[str, Finding] = field(default_factory=dict)
    assumed: dict[str, Finding] = field(default_factory=dict)
    nameless: dict[str, Finding] = field(default_factory=dict)


def render_charts(
    releases: Sequence[Release],
    texts: Mapping[str, str],
    render: Render,
    environment: str | None,
) -> Charts:
    """Every chart of the repository; one that can't be rendered stays as its templates were read."""
    made = Charts()
    roots = [path.removesuffix("Chart.yaml") for path in sorted(texts) if _is_chart(path)]
    for root in roots[:_MOST_CHARTS]:
        if any(root.startswith(f"{other}charts/") for other in roots if other != root):
            continue
        files = {path[len(root) :]: text for path, text in texts.items() if path.startswith(root)}
        chart = _Chart(root, files, texts, made)
        chart.render([item for item in releases if chart.is_of(item)], render, environment)
    return made


def _is_chart(path: str) -> bool:
    return path == "Chart.yaml" or path.endswith("/Chart.yaml")


class _Chart:
    def __init__(self, root: str, files: Mapping[str, str], texts: Mapping[str, str], made: Charts) -> None:
        self.root, self.files, self.texts, self.made = root, files, texts, made
        self.about = _first(files["Chart.yaml"])
        self.apart: set[int] = set()

    def is_of(self, release: Release) -> bool:
        """By its folder, by the beginning of it where the rest is filled in, or by its name in a registry."""
        if release.chart.endswith("*"):
            return self.root.startswith(release.chart[:-1])
        name = text_of(self.about.get("name"))
        return self.root in (f"{release.chart}/", release.chart) or (
            bool(name) and release.chart == f"{REGISTRY}{name}"
        )

    def render(self, releases: Sequence[Release], render: Render, environment: str | None) -> None:
        templates = [path for path in self.files if "templates/" in path]
        if not templates or self.about.get("type") == "library":
            return
        if any(".Files." in self.files[path] for path in templates):
            self._fails("it reads files of the chart that Postern does not load")
            return
        chosen = list(releases) or self._by_environment(environment)
        own = text_of(self.about.get("name"))
        wanted = [
            (item.name if _named(item) else own, item.namespace or _NOWHERE, self._values(item)) for item in chosen
        ]
        again = [at for at, item in enumerate(chosen) if not _named(item) or not releases] if self._says_name() else []
        results = render(self.files, [*wanted, *((STAND_IN, *wanted[at][1:]) for at in again)])
        made: list[Mapping[str, str]] = []
        for result in results:
            if isinstance(result, str):
                self._fails(result)
                return
            made.append(result)
        others = dict(zip(again, made[len(chosen) :], strict=True))
        outputs = [self._documents(made[at], item, others.get(at)) for at, item in enumerate(chosen)]
        for path in templates:
            self.made.documents.setdefault(self.root + path, [])
        self._keep(outputs, chosen, every=not releases)
        self._missing(outputs)

    def _by_environment(self, environment: str | None) -> list[Release]:
        """Without anything that installs it: its own values, or those of each environment on top of them."""
        name, place = text_of(self.about.get("name")), Place(f"{self.root}Chart.yaml", 1)
        plain = Release(self.root.rstrip("/"), name, None, place)
        found: dict[str, list[str]] = {}
        others: list[str] = []
        for path in filter(_is_values, sorted(self.files)):
            said = _environment_of(path)
            if said is None:
                others.append(self.root + path)
            elif environment is None or said == canonical(environment):
                found.setdefault(said, []).append(self.root + path)
        chosen = [replace(plain, files=tuple(paths)) for paths in found.values()]
        if not chosen or (len(chosen) == 1 and environment is None):
            chosen += [plain, *(replace(plain, files=(path,)) for path in others)]
        return chosen

    def _values(self, release: Release) -> list[Mapping[str, Any]]:
        return [*(_first(self.texts.get(path, "")) for path in release.files), *release.values]

    def _says_name(self) -> bool:
        return any("Release" in text for path, text in self.files.items() if "templates/" in path)

    def _documents(
        self, result: Mapping[str, str], release: Release, other: Mapping[str, str] | None
    ) -> list[Document]:
        """`other`: what comes out under another name, where nothing says the release's."""
        found: list[Document] = []
        for path in sorted(result):
            template = self.root + path
            source = self.texts.get(template)
            if source is None or not path.endswith((".yaml", ".yml", ".json")):
                continue
            documents, unreadable = read_documents(template, result[path])
            lines = _lines(source.split("\n"), result[path].split("\n"))
            for broken in unreadable:
                why = f"{path} comes out as what is no YAML (line {broken.line} of the output)"
                self.made.blind.append(Blind(template, 1, self._failed(why), marks_in(result[path]), result[path]))
            items = [item for document in documents for item in expand(document) if isinstance(item.data, Map)]
            homed = [self._at_home(item, lines, source.split("\n"), release) for item in items]
            follows = other is not None and other.get(path) != result[path]
            found += self._without_name(homed, (other or {}).get(path, "")) if follows else homed
        return found

    def _without_name(self, items: Sequence[Document], text: str) -> list[Document]:
        twins = [twin for document in read_documents("", text)[0] for twin in expand(document)]
        twins = [twin for twin in twins if isinstance(twin.data, Map)]
        found = []
        for at, item in enumerate(items):
            twin = _placed(twins[at].data, ()) if len(twins) == len(items) else Map()
            if isinstance(twin.get("metadata"), Map) and "namespace" in mapping_of(item.data.get("metadata")):
                twin["metadata"].setdefault("namespace", item.data["metadata"]["namespace"])
            data = without_name(item.data, twin, self.root or ".")
            made = item if data is None else replace(item, data=data)
            if data is None:
                self.apart.add(id(made))
            elif data != item.data:
                self.made.nameless.setdefault(item.path, Finding("EGR575", {**_facts(item), "chart": self.root or "."}))
            found.append(made)
        return found

    def _at_home(self, item: Document, lines: Sequence[int], rows: list[str], release: Release) -> Document:
        data = _placed(item.data, lines)
        metadata, kind = data.get("metadata"), text_of(data.get("kind"))
        housed = kind and kind not in CLUSTER_WIDE and "Clusterwide" not in kind
        if housed and isinstance(metadata, Map) and not text_of(metadata.get("namespace")):
            metadata["namespace"] = release.namespace or RELEASE_NAMESPACE
            metadata.lines.setdefault("namespace", metadata.lines.get("name", metadata.line))
        return Document(item.path, item.index, data, _at(lines, item.line), rows)

    def _keep(self, outputs: Sequence[Sequence[Document]], chosen: Sequence[Release], *, every: bool) -> None:
        """`every`: only one of the outputs is in force, so an object counts where all of them have it."""
        raw: dict[str, list[Document]] = {}
        versions: dict[tuple[str, ...], list[Document]] = {}
        doubtful = {id(document) for found, by in zip(outputs, chosen, strict=True) if by.unknown for document in found}
        for found in outputs:
            for document in found:
                versions.setdefault(_key(document), []).append(document)
        for items in versions.values():
            alike = all(item.data == items[0].data for item in items)
            complete = not every or len(items) == len(outputs)
            unsure = any(id(item) in doubtful for item in items) and not self._is_literal(items[0])
            unsure = unsure or any(id(item) in self.apart for item in items)
            if not (alike and complete) or unsure:
                self._doubt(items[0], chosen)
                continue
            document = items[0]
            self.made.documents.setdefault(document.path, []).append(document)
            if document.path not in raw:
                raw[document.path] = read_documents(document.path, self.texts[document.path])[0]
            if not any(known.index == document.index and known.data == document.data for known in raw[document.path]):
                self._note(document, chosen, every=every)

    def _is_literal(self, document: Document) -> bool:
        """Whether it comes out as it is written, whatever the values: nothing is filled in, not even a namespace."""
        source = self.texts[document.path]
        own = document.path.startswith(f"{self.root}templates/") and "{{" not in source
        return own and any(raw.data == document.data for raw in read_documents(document.path, source)[0])

    def _doubt(self, document: Document, chosen: Sequence[Release]) -> None:
        said = next((f"{item.unknown} in {item.place}, which is not here" for item in chosen if item.unknown), "")
        files = ", ".join(dict.fromkeys(path for item in chosen for path in item.files))
        namespace = _key(document)[3]
        named = "the name of its release" if id(document) in self.apart else ""
        facts = {**_facts(document), "values": named or said or files or "the values of its releases"}
        known_here = None if not namespace or templated(namespace) else frozenset({namespace})
        words = str(document.data)
        self.made.blind.append(
            Blind(document.path, int(document.line), Finding("EGR592", facts), marks_in(words), words, known_here)
        )

    def _note(self, document: Document, chosen: Sequence[Release], *, every: bool) -> None:
        if every and not any(release.files for release in chosen):
            facts = {**_facts(document), "values": f"{self.root}values.yaml"}
            self.made.assumed.setdefault(document.path, Finding("EGR574", facts))
        self.made.by_hand.setdefault(document.path, Finding("EGR319", {**_facts(document), "chart": self.root or "."}))

    def _failed(self, why: str) -> Finding:
        return Finding("EGR593", {"path": f"{self.root}Chart.yaml", "line": 1, "why": why})

    def _fails(self, why: str) -> None:
        """Its templates stay as they were read; what Helm says is kept beside the first of them that matters."""
        left = self._left()
        finding = self._unpacked(left) if left else self._failed(why)
        self.made.blind.append(Blind(f"{self.root}Chart.yaml", 1, finding, frozenset()))

    def _missing(self, outputs: Sequence[Sequence[Document]]) -> None:
        """Dependencies that are not vendored could hold anything; where, is where the chart itself is."""
        left = self._left()
        if not left:
            return
        homes = {_key(document)[3] for found in outputs for document in found if _key(document)[3]}
        known_here = None if not homes or any(map(templated, homes)) else frozenset(homes)
        place = f"{self.root}Chart.yaml"
        self.made.blind.append(Blind(place, 1, self._unpacked(left), ALL_MARKS - DENYING, "", known_here))

    def _left(self) -> list[str]:
        """The dependencies that do not stand in the chart as files."""
        there = {path.split("/")[1] for path in self.files if path.startswith("charts/") and path.count("/") > 1}
        wanted = [text_of(mapping_of(item).get("name")) for item in sequence_of(self.about.get("dependencies"))]
        return [name for name in wanted if name and name not in there]

    def _unpacked(self, left: Sequence[str]) -> Finding:
        rows = self.texts[f"{self.root}Chart.yaml"].split("\n")
        line = next((at for at, row in enumerate(rows, 1) if "name:" in row and left[0] in row), 1)
        facts: dict[str, Fact] = {"path": f"{self.root}Chart.yaml", "line": line, "folder": f"{self.root}charts/"}
        return Finding("EGR1205", {**facts, "names": ", ".join(left)})


def _named(release: Release) -> bool:
    return bool(release.name) and not templated(release.name)


def _first(text: str) -> Mapping[str, Any]:
    documents = read_documents("", text)[0]
    return mapping_of(documents[0].data) if documents else {}


def _is_values(path: str) -> bool:
    """Whether it can be laid over the chart's own values."""
    *folders, name = path.split("/")
    below = len(folders) > 1 or folders in (["templates"], ["charts"], ["ci"])
    return "values" in path and name.endswith((".yaml", ".yml")) and not below and path != "values.yaml"


def _environment_of(path: str) -> str | None:
    """The environment that a values file of the chart is for, by the words of its name."""
    name = path.rpartition("/")[2]
    return next((canonical(word) for word in _WORDS.findall(name.rpartition(".")[0]) if known(word)), None)


def _key(document: Document) -> tuple[str, ...]:
    metadata = mapping_of(document.data.get("metadata"))
    written = (document.data.get("apiVersion"), document.data.get("kind"), metadata.get("name"))
    return (*map(text_of, written), text_of(metadata.get("namespace")))


def _facts(document: Document) -> dict[str, Fact]:
    _, kind, name, _ = _key(document)
    return {"path": document.path, "line": int(document.line), "kind": kind, "name": name}


def _lines(source: Sequence[str], out: Sequence[str]) -> list[int]:
    """For each rendered row the best known line of the template: the same row, else the one above it."""
    if list(source) == list(out):
        return list(range(1, len(out) + 1))
    lines = [0] * len(out)
    if len(source) + len(out) <= _MOST_ROWS:
        bare, made = [row.strip() for row in source], [row.strip() for row in out]
        for match in difflib.SequenceMatcher(None, bare, made, autojunk=False).get_matching_blocks():
            for step in range(match.size):
                lines[match.b + step] = match.a + step + 1
    last = 1
    for at, line in enumerate(lines):
        lines[at] = last = line or last
    return lines


def _at(lines: Sequence[int], line: int) -> int:
    return lines[line - 1] if 0 < line <= len(lines) else 1


def _placed(node: Any, lines: Sequence[int]) -> Any:
    """The rendered data on the template's lines, with what nothing says of the release as Helm writes it."""
    if isinstance(node, Map):
        mapping = Map({key: _placed(value, lines) for key, value in node.items()})
        mapping.line, mapping.lines = _at(lines, node.line), {key: _at(lines, at) for key, at in node.lines.items()}
        return mapping
    if isinstance(node, Seq):
        sequence = Seq(_placed(item, lines) for item in node)
        sequence.line, sequence.lines = _at(lines, node.line), [_at(lines, at) for at in node.lines]
        return sequence
    return node.replace(_NOWHERE, RELEASE_NAMESPACE) if isinstance(node, str) else node
