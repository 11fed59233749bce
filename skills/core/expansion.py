"""What manifests become before a cluster sees them: the readings of files, with Kustomize worked out.

Reading is per file; this step joins files. Its results stand under the files that people wrote, so that places and
drafts still point there. What can't be worked out is taken out and becomes a blind spot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from skills.core.charts import Charts, Render, render_charts
from skills.core.enforce import delivery
from skills.core.enforce.delivery import Release, Substitution
from skills.core.enforce.kustomize import FILES, Kustomization
from skills.core.enforce.overlay import Built, Object, build, is_component, is_plain, reached
from skills.core.environments import environments_in
from skills.core.flux import after_flux, substitutions
from skills.core.model import Fact, Finding
from skills.core.reading import ALL_MARKS, DENYING, Blind, Reading, entries_of, is_manifest, marks_in
from skills.core.yaml_text import Document, read_documents

# Kinds of which several versions in one namespace are told apart later, by labels or by asking.
_WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet", "Service"})
_WORKLOADS |= {"ServiceAccount", "Namespace"}

_CHART = "Chart.yaml"

Key = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Expanded:
    """`readings` as the cluster would see them; `by_hand` are files whose objects come out otherwise than they stand
    there, so that a draft must not touch them, with the reason. `roots` are what Kustomize is run on. `assumed` are
    files that count with values of which nothing says that they are the deployed ones, `nameless` those in which a
    release's name decides that nothing says."""

    readings: Mapping[str, Reading]
    by_hand: Mapping[str, Finding] = field(default_factory=dict)
    roots: frozenset[str] = frozenset()
    plain: bool = False
    assumed: Mapping[str, Finding] = field(default_factory=dict)
    nameless: Mapping[str, Finding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """`render` renders charts, where Helm is there. `environment` and `only` are for a part of a repository: what no
    root of the whole (`only`) reaches in the part is not in force there."""

    render: Render | None = None
    environment: str | None = None
    only: frozenset[str] | None = None


def expand(readings: Mapping[str, Reading], texts: Mapping[str, str], scope: Scope) -> Expanded:
    """The readings of one commit, or of one environment's part of it."""
    has_charts = scope.render is not None and any(path.endswith(_CHART) for path in readings)
    by_folder = _kustomizations(readings)
    groups = [group for group in _groups(by_folder) if not _counts_as_it_stands(group, by_folder, readings)]
    flux = substitutions(readings)
    if not groups and not has_charts and not flux:
        return Expanded(readings, plain=True)
    work = _Work(readings, texts, scope.environment)
    roots: set[str] = set()
    for group in groups:
        found = _roots(by_folder, group)
        roots |= found
        work.group(by_folder, group, found if scope.only is None else found & scope.only)
    if scope.render is not None and has_charts:  # after Kustomize, which patches releases as it does all else
        work.charts(render_charts(work.releases(), texts, scope.render, scope.environment))
    if flux:
        work.flux(flux, by_folder)
    return Expanded(work.readings(), work.by_hand, frozenset(roots), assumed=work.assumed, nameless=work.nameless)


def _counts_as_it_stands(
    group: Sequence[str], by_folder: Mapping[str, Kustomization], readings: Mapping[str, Reading]
) -> bool:
    """Whether Kustomize changes nothing but namespaces, and finds all that is named."""
    if not all(is_plain(by_folder[folder]) for folder in group):
        return False
    named = [path for folder in group for path in reached(by_folder[folder])]
    if any(delivery.NAME in readings[path].entries for path in named if path in readings):
        return False  # the namespace of a release is that of its pods
    return not any(path not in readings and path not in by_folder and _is_nowhere(path, readings) for path in named)


def _is_nowhere(path: str, readings: Mapping[str, Reading]) -> bool:
    """Whether there is neither such a manifest nor a folder with manifests."""
    return is_manifest(path) and not any(other.startswith(f"{path}/") for other in readings)


def still_plain(old: Expanded, now: Mapping[str, Reading], touched: Mapping[str, Reading | None]) -> Expanded | None:
    """The readings as they are, where nothing was rendered before and the touched files bring nothing to render."""
    for path, reading in touched.items():
        if reading is None:
            return None  # what is gone may be missed by a kustomization
        for each in (old.readings.get(path), reading):
            entries = each.entries if each else {}
            kustomized = any(isinstance(entry, Kustomization) for entry in entries.get("kube", ()))
            if kustomized or delivery.NAME in entries or path.endswith((_CHART, *FILES)):
                return None
    return Expanded(now, plain=True) if old.plain else None


def differing(old: Expanded, new: Expanded, touched: Iterable[str]) -> dict[str, tuple[Reading | None, Reading | None]]:
    """The readings before and after, of the touched files and of all that changed with them."""
    if old.plain and new.plain:
        paths = set(touched)
    else:
        paths = {path for path in old.readings if old.readings[path] is not new.readings.get(path)}
        paths |= {path for path in new.readings if path not in old.readings}
    return {path: (old.readings.get(path), new.readings.get(path)) for path in paths}


def _kustomizations(readings: Mapping[str, Reading]) -> dict[str, Kustomization]:
    return {
        entry.folder: entry
        for path in sorted(path for path in readings if path.endswith(FILES))
        for entry in readings[path].entries.get("kube", ())
        if isinstance(entry, Kustomization)
    }


def _groups(by_folder: Mapping[str, Kustomization]) -> list[list[str]]:
    """Kustomizations that reach one another, in whichever direction, or that use one file."""
    home: dict[str, str] = {}

    def top(name: str) -> str:
        while home.setdefault(name, name) != name:
            home[name] = name = home.setdefault(home[name], home[name])
        return name

    for folder in sorted(by_folder):
        for path in reached(by_folder[folder]):
            home[top(path)] = top(folder)
        top(folder)
    groups: dict[str, list[str]] = {}
    for folder in sorted(by_folder):
        groups.setdefault(top(folder), []).append(folder)
    return list(groups.values())


def _roots(by_folder: Mapping[str, Kustomization], group: Sequence[str]) -> set[str]:
    used = {path for folder in group for path in reached(by_folder[folder])}
    return {folder for folder in group if folder not in used and not is_component(by_folder[folder])}


class _Work:
    """Collects what files become. A file that is in here has lost what it said by itself."""

    def __init__(self, readings: Mapping[str, Reading], texts: Mapping[str, str], environment: str | None) -> None:
        self._raw, self._texts = readings, texts
        self._environment = environment
        self._documents: dict[str, Sequence[Document] | None] = {}
        self._made: dict[str, list[Document]] = {}
        self._blind: list[Blind] = []
        self._rendered: set[str] = set()
        self._releases: list[Release] = []
        self.by_hand: dict[str, Finding] = {}
        self.assumed: dict[str, Finding] = {}
        self.nameless: dict[str, Finding] = {}

    def releases(self) -> list[Release]:
        """Charts as they are installed; where roots disagree on one, what differs is not known."""
        raw = [entry for path, reading in self._raw.items() if path not in self._made for entry in _releases(reading)]
        return [*raw, *self._releases]

    def charts(self, charts: Charts) -> None:
        """Templates become what they render; that they could not be read alone is no matter any more."""
        self._rendered = set(charts.documents)
        self._made |= charts.documents
        self._documents |= charts.documents
        self._blind += charts.blind
        self.by_hand |= charts.by_hand
        self.assumed |= charts.assumed
        self.nameless |= charts.nameless

    def flux(self, found: Sequence[Substitution], by_folder: Mapping[str, Kustomization]) -> None:
        self._made |= after_flux(
            found, by_folder, self._texts, lambda path: self._made.get(path) or self.documents(path)
        )

    def documents(self, path: str) -> Sequence[Document] | None:
        if path not in self._documents:
            text = self._texts.get(path)
            known = text is not None and path in self._raw
            self._documents[path] = read_documents(path, text)[0] if text is not None and known else self._other(path)
        return self._documents[path]

    def _other(self, path: str) -> Sequence[Document] | None:
        """Of another environment than that of this part: there, but nothing here."""
        elsewhere = environments_in(f"{path}/")
        return () if self._environment and elsewhere and self._environment not in elsewhere else None

    def group(self, by_folder: Mapping[str, Kustomization], group: Sequence[str], roots: Iterable[str]) -> None:
        built = [build(by_folder, self.documents, root) for root in sorted(roots)]
        for folder in group:
            named = [path for path in reached(by_folder[folder]) if path in self._raw]
            for path in [by_folder[folder].path, *(path for path in named if path not in by_folder)]:
                self._made.setdefault(path, [])
        used = {path for made in built for path in made.files}
        for folder in group:
            if by_folder[folder].path not in used and is_component(by_folder[folder]):
                self._unused(by_folder, by_folder[folder])
        for made in built:
            self._troubles(made)
        usable = [made for made in built if not any(trouble.stops for trouble in made.troubles)]
        self._keep([(made.root, item) for made in usable for item in made.objects])

    def _troubles(self, made: Built) -> None:
        stopped = any(trouble.stops for trouble in made.troubles)
        namespaces = frozenset(item.id[3] for item in made.objects) or None
        words = " ".join(item.name for item in made.objects) if stopped else ""
        # What is fetched from elsewhere may hold anything, but a denial in it is not to be assumed.
        marks = (
            frozenset[str]().union(*map(_marks_of, made.objects)) if stopped and made.objects else ALL_MARKS - DENYING
        )
        for trouble in made.troubles:
            self._blind.append(Blind(trouble.path, trouble.line, trouble.finding, marks, words, namespaces))

    def _unused(self, by_folder: Mapping[str, Kustomization], each: Kustomization) -> None:
        """Nothing includes it here; whether something elsewhere does, nobody can say."""
        finding = Finding("EGR519", {"path": each.path, "line": 1})
        text = "".join(self._texts.get(path, "") for path in reached(each) if path not in by_folder)
        if marks_in(text):
            self._blind.append(Blind(each.path, 1, finding, marks_in(text), text))

    def _keep(self, found: Sequence[tuple[str, Object]]) -> None:
        """Objects on which all roots agree; one that comes out differently in the same place is not known."""
        versions: dict[Key, dict[str, Object]] = {}
        for root, item in found:
            versions.setdefault(item.id, {})[root] = item
        for key, by_root in versions.items():
            items = list(by_root.values())
            first, kind = items[0], key[1]
            distinct = [item for at, item in enumerate(items) if item.data not in [known.data for known in items[:at]]]
            unsure = next((item.unsure for item in items if item.unsure), None)
            self._install(distinct, unsure is not None or len(distinct) > 1)
            if len(distinct) > 1 and kind not in _WORKLOADS:
                facts: dict[str, Fact] = {"kind": kind, "name": key[2], "roots": ", ".join(sorted(by_root)[:4])}
                unsure = Finding("EGR518", {"path": first.document.path, "line": int(first.document.line), **facts})
            if unsure is not None:
                self._doubt(first, unsure)
                continue
            for item in distinct:
                self._made.setdefault(item.document.path, []).append(_document(item))
                if item.patched:
                    self._note(item)

    def _install(self, versions: Sequence[Object], unsure: bool) -> None:
        for item in versions:
            found = (each for each in delivery.read(_document(item)) if isinstance(each, Release))
            self._releases += (replace(each, unknown=each.unknown or item.kind) if unsure else each for each in found)

    def _doubt(self, item: Object, finding: Finding) -> None:
        path, line = item.document.path, int(item.document.line)
        facts: dict[str, Fact] = {"path": path, "line": line, **finding.facts}
        known = None if item.kind.startswith("Cilium") and "Clusterwide" in item.kind else frozenset({item.id[3]})
        self._blind.append(Blind(path, line, Finding(finding.code, facts), _marks_of(item), item.name, known))

    def _note(self, item: Object) -> None:
        path = item.document.path
        facts: dict[str, Fact] = {"path": path, "line": int(item.document.line), "kind": item.kind, "name": item.name}
        self.by_hand.setdefault(path, Finding("EGR318", facts))

    def readings(self) -> dict[str, Reading]:
        blind: dict[str, list[Blind]] = {}
        for spot in self._blind:
            blind.setdefault(spot.path, []).append(spot)
        made = dict(self._raw)
        for path, documents in self._made.items():
            if path in made:
                made[path] = replace(made[path], entries=entries_of(documents))
                if path in self._rendered:
                    made[path] = replace(made[path], unreadable=(), blind=())
        for path, spots in blind.items():
            if path in made:
                made[path] = replace(made[path], blind=(*made[path].blind, *spots))
        return made


def _marks_of(item: Object) -> frozenset[str]:
    return marks_in(str(item.data))


def _document(item: Object) -> Document:
    source = item.document
    return Document(source.path, source.index, item.data, source.line, source.rows, source.way)


def _releases(reading: Reading) -> list[Release]:
    return [entry for entry in reading.entries.get(delivery.NAME, ()) if isinstance(entry, Release)]
