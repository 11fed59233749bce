"""All manifests of a commit, compiled for looking up projects, applications and who lists what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from skills.core.hosts import parent_of
from skills.core.model import Workload, WorkloadRef
from skills.core.platform_base import Touched
from skills.core.platforms.infrastream.entries import Item, Kind
from skills.core.platforms.infrastream.manifests import NAME, Application, Entry, Organization, Project
from skills.core.shelves import Table, changed

_SHORT_FORMS = {"prod": "production", "prd": "production", "stage": "staging", "stg": "staging", "dev": "development"}

_COVERING = (Kind.HOST, Kind.WILDCARD, Kind.RANGE)

Key = tuple[str, str | None]
"""A project's scope and environment."""

Listed = tuple[str | None, str | None, str]
"""Organisation, unit, and the canonical spelling of an item."""

Listing = tuple[Project, Item]


@dataclass(frozen=True)
class Index:
    """`projects` holds all manifests of one project in one environment; more than one is a fault of the repository."""

    projects: Mapping[Key, tuple[Project, ...]]
    applications: tuple[Application, ...]
    organizations: tuple[Organization, ...]
    unnamed: tuple[Project, ...] = ()

    def of(self, workload: Workload) -> tuple[Project, ...]:
        return self.projects.get((workload.scope, workload.environment), ()) if workload.kind == "infra" else ()

    def all_projects(self) -> Iterator[Project]:
        for manifests in sorted(self.projects.values(), key=lambda group: _stand(group[0])):
            yield from manifests

    @cached_property
    def _listings(self) -> Table[Listed, tuple[Listing, ...]]:
        return Table(_listings(self.all_projects()))

    def listing(self, project: Project, canonical: str) -> tuple[Listing, ...]:
        """Who in the project's unit lists an item, by its canonical spelling; ranges stand under `/`."""
        return self._listings.get((project.organization, project.unit, canonical)) or ()

    @cached_property
    def _applications_by_project(self) -> Mapping[str, tuple[Application, ...]]:
        found: dict[str, list[Application]] = {}
        for application in self.applications:
            found.setdefault(application.project, []).append(application)
        return {name: tuple(applications) for name, applications in found.items()}

    def applications_of(self, project: Project) -> list[str]:
        """Names of the applications that belong to the project, whatever its environment."""
        fitting = self._applications_by_project.get(project.name, ())
        return sorted({each.name for each in fitting if _belongs(each, project)})

    @cached_property
    def _names(self) -> Mapping[str, tuple[tuple[Key, bool], ...]]:
        """Projects by their own name and by the names of their applications (then True), in lower case."""
        found: dict[str, list[tuple[Key, bool]]] = {}
        for key, (project, *_) in self.projects.items():
            found.setdefault(project.name.casefold(), []).append((key, False))
            for name in self.applications_of(project):
                found.setdefault(name.casefold(), []).append((key, True))
        return {name: tuple(pairs) for name, pairs in found.items()}

    def called(self, parts: tuple[str, ...]) -> list[Project]:
        """The projects that `parts` name, themselves or by an application."""
        last = parts[-1].casefold()
        before = tuple(part.casefold() for part in parts[:-1])
        named: dict[Key, Project] = {}
        for key, by_application in self._names.get(last, ()):
            project = self.projects[key][0]
            if _fits(project, before, by_application):
                named.setdefault(key, project)
        return sorted(named.values(), key=_stand)

    @cached_property
    def _internal_domains(self) -> Mapping[str, str]:
        return {each.name: each.internal.lower().rstrip(".") for each in self.organizations if each.internal}

    def is_internal(self, project: Project, host: str) -> bool:
        """Whether a host lies in the internal domain of the project's organisation."""
        domain = self._internal_domains.get(project.organization or "")
        return domain is not None and (host == domain or parent_of(domain, host))


def _listings(projects: Iterable[Project]) -> dict[Listed, tuple[Listing, ...]]:
    found: dict[Listed, list[Listing]] = {}
    for project in projects:
        for item in project.items:
            if item.kind in _COVERING:
                canonical = "/" if item.kind is Kind.RANGE else item.canonical
                found.setdefault((project.organization, project.unit, canonical), []).append((project, item))
    return {key: tuple(pairs) for key, pairs in found.items()}


def compile_index(entries: Sequence[Entry]) -> Index:
    projects: dict[Key, list[Project]] = {}
    for entry in entries:
        if isinstance(entry, Project) and entry.name:
            projects.setdefault(_key(entry), []).append(entry)
    return Index(
        {key: tuple(manifests) for key, manifests in projects.items()},
        tuple(entry for entry in entries if isinstance(entry, Application)),
        tuple(entry for entry in entries if isinstance(entry, Organization)),
        tuple(entry for entry in entries if isinstance(entry, Project) and not entry.name),
    )


def update_index(index: Index, touched: Touched, entries: Callable[[], Sequence[Entry]]) -> Index:
    gone, come = ([entry for held in part.values() for entry in held] for part in (touched.before, touched.after))
    old = [entry for entry in gone if isinstance(entry, Project) and entry.name]
    new = [entry for entry in come if isinstance(entry, Project) and entry.name]
    if len(old) != len(gone) or len(new) != len(come):
        return compile_index(entries())
    now: dict[Key, tuple[Project, ...] | None] = {}
    for key in dict.fromkeys(map(_key, (*old, *new))):
        kept = [project for project in index.projects.get(key, ()) if project.path not in touched.before]
        group = sorted([*kept, *(project for project in new if _key(project) == key)], key=_stand)
        now[key] = tuple(group) or None
    made = replace(index, projects=changed(index.projects, now))
    _keep(index, made, old, new)
    return made


def _keep(index: Index, made: Index, old: Sequence[Project], new: Sequence[Project]) -> None:
    """What the index has worked out and that still holds is handed on."""
    kept = ["_applications_by_project", "_internal_domains"]
    if [*map(_key, old)] == [*map(_key, new)]:
        kept.append("_names")
    for name in kept:
        if name in index.__dict__:
            made.__dict__[name] = index.__dict__[name]
    if "_listings" in index.__dict__:
        made.__dict__["_listings"] = _relisted(index._listings, old, new)


def _key(project: Project) -> Key:
    return project.scope, project.environment


def _stand(project: Project) -> tuple[str, int]:
    return project.path, project.document


def _order(listing: Listing) -> tuple[str, int, int]:
    project, item = listing
    return project.path, project.document, item.position


def _relisted(
    known: Table[Listed, tuple[Listing, ...]], old: Sequence[Project], new: Sequence[Project]
) -> Table[Listed, tuple[Listing, ...]]:
    """Who lists what once some projects are others; listings stand in order of files."""
    paths = {project.path for project in old}
    fresh = _listings(new)
    changes: dict[Listed, tuple[Listing, ...] | None] = {}
    for key in (*_listings(old), *fresh):
        kept = [pair for pair in known.get(key) or () if pair[0].path not in paths]
        changes[key] = tuple(sorted([*kept, *fresh.get(key, ())], key=_order)) or None
    return known.after(changes)


def resolve(index: Index, ref: WorkloadRef) -> Sequence[Workload]:
    """The projects that `ref` names, itself or by one of their applications; several when the environment is open."""
    if ref.kind not in (None, "infra") or ref.labels is not None:
        return ()
    return [
        Workload("infra", NAME, project.name, project.scope, project.environment, place=project.place)
        for project in _in_environment(index.called(ref.parts), ref.environment)
    ]


def _fits(project: Project, before: tuple[str, ...], by_application: bool) -> bool:
    """Whether `before` may stand before the name: org and unit, before an application its project too."""
    unit = tuple((part or "").casefold() for part in (project.organization, project.unit))
    whole = (*unit, project.name.casefold())
    return not before or before == unit[-len(before) :] or (by_application and before == whole[-len(before) :])


def _belongs(application: Application, project: Project) -> bool:
    return (application.project, application.organization, application.unit) == (
        project.name,
        project.organization,
        project.unit,
    ) and application.environment in (None, project.environment)


def _in_environment(projects: Sequence[Project], environment: str | None) -> Sequence[Project]:
    """An environment by its name, or by the short form that people use; `prod` is never `production-dr`."""
    if environment is None:
        return projects
    wanted = environment.casefold()
    exact = [project for project in projects if (project.environment or "").casefold() == wanted]
    if exact or wanted not in _SHORT_FORMS:
        return exact
    return [project for project in projects if (project.environment or "").casefold() == _SHORT_FORMS[wanted]]


def names(index: Index) -> Sequence[str]:
    return sorted({project.name for project in index.all_projects()} | {each.name for each in index.applications})


def environments(index: Index) -> Sequence[str]:
    return sorted({project.environment for project in index.all_projects() if project.environment})


def others(manifests: Iterable[Project], index: Index) -> tuple[list[Project], list[Project]]:
    """The same project in other environments, and the other projects of its unit in the same environment."""
    mine = next(iter(manifests))
    same, family = [], []
    for project in index.all_projects():
        if (project.organization, project.unit) != (mine.organization, mine.unit):
            continue
        if project.name == mine.name and project.environment != mine.environment:
            same.append(project)
        elif project.name != mine.name and project.environment == mine.environment:
            family.append(project)
    return same, family
