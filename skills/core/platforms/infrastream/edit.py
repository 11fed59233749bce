"""The smallest change of a project's list: one line more or one less, in the style of its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from skills.core.enforce.kube_objects import expand
from skills.core.model import Destination, Edit, Finding, Need, Place, Plan, finding
from skills.core.platform_base import Sources
from skills.core.platforms.infrastream.audit import very_wide
from skills.core.platforms.infrastream.decide import declared_twice, match, not_governed
from skills.core.platforms.infrastream.entries import Item, Kind, read_item
from skills.core.platforms.infrastream.index import Index, others
from skills.core.platforms.infrastream.manifests import Project, read
from skills.core.yaml_text import (
    CannotEdit,
    Document,
    Map,
    append_item,
    insert_key,
    read_documents,
    remove_item,
    replace_value,
)

_LIST = ("spec", "allowedEgress")
_LONGEST_COMMENT = 100
_Way = tuple[str | int, ...]


@dataclass(slots=True)
class _Draft:
    """One project's manifest while it is edited, with the destinations that the text gained and lost."""

    index: Index
    manifest: Project
    text: str
    comment: str | None
    findings: list[Finding] = field(default_factory=list)
    added: list[Destination] = field(default_factory=list)
    removed: list[Destination] = field(default_factory=list)

    def reread(self) -> tuple[Document, Project, _Way]:
        """The manifest as the text stands now, and the way to it in its document, which may be a `List`.

        Each step stands on the lines that the last one left.
        """
        documents, _ = read_documents(self.manifest.path, self.text)
        document = next(each for each in documents if each.index == self.manifest.document)
        found = ((entry, item.way) for item in expand(document) for entry in read(item))
        mine = ((entry, way) for entry, way in found if isinstance(entry, Project) and entry.id == self.manifest.id)
        return (document, *next(mine))

    def say(self, code: str, *places: Place, **facts: str) -> None:
        self.findings.append(finding(code, *places, project=str(self.manifest), **facts))


def edit(index: Index, sources: Sources, need: Need) -> Plan:
    """One edit for all destinations of the need; or none, and findings that say why."""
    manifests = index.of(need.workload)
    if not manifests:
        return Plan()
    mine = manifests[0]
    old = sources.texts.get(mine.path)
    if len(manifests) > 1:
        return Plan(findings=(declared_twice(manifests),))
    if not mine.is_list:
        return Plan(findings=(finding("EGR711", mine.list_place or mine.place, project=str(mine)),))
    if old is None:
        return Plan(findings=(finding("EGR739", mine.place, project=str(mine), place=str(mine.place)),))
    draft = _Draft(index, mine, old, _comment(need.reason))
    step = _remove if need.remove else _add
    for destination in dict.fromkeys(need.destinations):
        try:
            step(draft, destination)
        except CannotEdit as refused:
            draft.findings.append(refused.finding)
            place = mine.list_place or mine.place
            draft.say("EGR739", place, place=str(place))
    findings = (*draft.findings, *_context(draft))
    return Plan((Edit(mine.path, old, draft.text),) if draft.text != old else (), findings=findings)


def _add(draft: _Draft, destination: Destination) -> None:
    document, project, way = draft.reread()
    outside = not_governed(draft.index, project, destination)
    if outside is not None:
        draft.findings.append(outside)
        return
    listed = match(project, destination).items
    if listed:
        _say_listed(draft, destination, listed[0])
        return
    entry = destination.host or destination.network or ""
    if read_item(entry, project.place, 0).fault is not None:
        draft.say("EGR734", project.place, destination=entry)
        return
    broken = next((item for item in project.items if item.meant == entry), None)
    if broken is not None:
        draft.text = replace_value(draft.text, document, (*way, *_LIST, broken.position), entry)
        draft.say("EGR735", broken.place, entry=broken.written, meant=entry)
    else:
        draft.text = _with_item(draft, document, project, way, entry)
    draft.added.append(destination)
    _say_wide(draft, destination, entry)


def _with_item(draft: _Draft, document: Document, project: Project, way: _Way, entry: str) -> str:
    spec, listed = (*way, "spec"), (*way, *_LIST)
    if project.list_place is None and document.at(*spec) is None and not project.misplaced:
        holder = document.at(*way)
        if isinstance(holder, Map) and "spec" in holder:
            return replace_value(draft.text, document, spec, {"allowedEgress": [entry]})
        return insert_key(draft.text, document, way, "spec", {"allowedEgress": [entry]}, comment=draft.comment)
    if project.list_place is None:
        return insert_key(draft.text, document, spec, "allowedEgress", [entry], comment=draft.comment)
    if document.at(*listed) is None:
        return replace_value(draft.text, document, listed, [entry])
    # Behind a list on one line nobody could tell which item a comment is about.
    on_one_line = not project.items or project.items[-1].place.line == project.list_place.line
    return append_item(draft.text, document, listed, entry, comment=None if on_one_line else draft.comment)


def _remove(draft: _Draft, destination: Destination) -> None:
    """Takes away every item that names exactly the destination; what covers more stays, and is named."""
    document, project, way = draft.reread()
    entry = destination.host or destination.network
    exact = [item for item in project.items if item.canonical == entry and item.kind is not Kind.TEMPLATED]
    for item in reversed(exact):
        draft.text = remove_item(draft.text, document, (*way, *_LIST), item.position)
        document, project, way = draft.reread()
    if exact:
        draft.removed.append(destination)
        draft.say("EGR746", exact[0].place, destination=destination.name)
    left = match(project, destination).items if destination.host or destination.network else ()
    if left:
        draft.say("EGR745", left[0].place, destination=destination.name, entry=left[0].written)
    elif not exact:
        draft.say("EGR747", project.place, destination=destination.name)


def _say_listed(draft: _Draft, destination: Destination, item: Item) -> None:
    """A port needs no change: an item opens every port, and has no field for one."""
    port = str(destination.ports) if destination.ports else "that port"
    draft.say("EGR730", item.place, destination=destination.name, entry=item.written)
    draft.say("EGR704", item.place, entry=item.written, port=port, protocol=destination.protocol)


def _say_wide(draft: _Draft, destination: Destination, entry: str) -> None:
    place = draft.manifest.place
    if destination.host is None:
        if very_wide(entry):
            draft.say("EGR744", place, destination=entry)
    elif entry.startswith("*."):
        draft.say("EGR732", place, entry=entry)
        draft.say("EGR733", place, entry=entry, apex=entry[2:])
    else:
        draft.say("EGR737", place, destination=entry)


def _context(draft: _Draft) -> Iterator[Finding]:
    """Whom the change serves besides the asker, and where it is not made."""
    touched = [*draft.added, *draft.removed]
    if not touched:
        return
    applications = draft.index.applications_of(draft.manifest)
    if applications:
        named = ", ".join(applications)
        yield finding("EGR736", draft.manifest.place, project=str(draft.manifest), applications=named)
    same, _ = others([draft.manifest], draft.index)
    without = [project for project in same if not all(match(project, each).items for each in draft.added)]
    if draft.added and without:
        places = [project.list_place or project.place for project in without]
        yield finding("EGR738", *places, environments=", ".join(project.environment or "" for project in without))


def _comment(reason: str) -> str | None:
    """The reason on one short line. Whatever YAML could take for a line break is a space."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in reason[:1000]).split())
    if len(words) <= _LONGEST_COMMENT:
        return words or None
    return words[:_LONGEST_COMMENT].rsplit(" ", 1)[0].rstrip(",;:") + " …"
