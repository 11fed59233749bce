"""All manifests of a commit, compiled for looking up projects, applications and who lists what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from skills.core.hosts import parent_of
from skills.core.model import Workload, WorkloadRef
from skills.core.platforms.infrastream.entries import Item, Kind
from skills.core.platforms.infrastream.manifests import NAME, Application, Entry, Organization, Project

_SHORT_FORMS = {"prod": "production", "prd": "production", "stage": "staging", "stg": "staging", "dev": "development"}

Key = tuple[str, str | None]
"""A project's scope and environment."""


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
        for manifests in self.projects.values():
            yield from manifests

    @cached_property
    def items(self) -> Mapping[str, tuple[tuple[Project, Item], ...]]:
        """Who lists what, by canonical spelling; ranges stand under the key `/`."""
        found: dict[str, list[tuple[Project, Item]]] = {}
        for project in self.all_projects():
            for item in project.items:
                if item.kind in (Kind.HOST, Kind.WILDCARD, Kind.RANGE):
                    found.setdefault("/" if item.kind is Kind.RANGE else item.canonical, []).append((project, item))
        return {key: tuple(pairs) for key, pairs in found.items()}

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
    def _names(self) -> Mapping[str, tuple[tuple[Project, bool], ...]]:
        """Projects by their own name and by the names of their applications (then True), in lower case."""
        found: dict[str, list[tuple[Project, bool]]] = {}
        for project, *_ in self.projects.values():
            found.setdefault(project.name.casefold(), []).append((project, False))
            for name in self.applications_of(project):
                found.setdefault(name.casefold(), []).append((project, True))
        return {name: tuple(pairs) for name, pairs in found.items()}

    def called(self, parts: tuple[str, ...]) -> list[Project]:
        """The projects that `parts` name, themselves or by an application."""
        last = parts[-1].casefold()
        before = tuple(part.casefold() for part in parts[:-1])
        named = [
            project for project, by_application in self._names.get(last, ()) if _fits(project, before, by_application)
        ]
        return [project for at, project in enumerate(named) if not any(project is each for each in named[:at])]

    @cached_property
    def _internal_domains(self) -> Mapping[str, str]:
        return {each.name: each.internal.lower().rstrip(".") for each in self.organizations if each.internal}

    def is_internal(self, project: Project, host: str) -> bool:
        """Whether a host lies in the internal domain of the project's organisation."""
        domain = self._internal_domains.get(project.organization or "")
        return domain is not None and (host == domain or parent_of(domain, host))


def compile_index(entries: Sequence[Entry]) -> Index:
    projects: dict[Key, list[Project]] = {}
    for entry in entries:
        if isinstance(entry, Project) and entry.name:
            projects.setdefault((entry.scope, entry.environment), []).append(entry)
    return Index(
        {key: tuple(manifests) for key, manifests in projects.items()},
        tuple(entry for entry in entries if isinstance(entry, Application)),
        tuple(entry for entry in entries if isinstance(entry, Organization)),
        tuple(entry for entry in entries if isinstance(entry, Project) and not entry.name),
    )


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
