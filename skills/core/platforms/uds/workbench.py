"""The texts of a draft while it is made: each step sees what the steps before it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from skills.core.enforce.kube_objects import expand
from skills.core.enforce.templates import is_template, read_template
from skills.core.model import Edit, Finding, Need, Place, Plan, Question, Role, finding
from skills.core.platform_base import Sources
from skills.core.platforms.uds.index import Index, compile_index
from skills.core.platforms.uds.package import Allow, CoreDeployment, Entry, Package
from skills.core.platforms.uds.read import read
from skills.core.platforms.uds.templated import put_first
from skills.core.yaml_text import (
    CannotEdit,
    Document,
    append_item,
    insert_key,
    put_below,
    read_documents,
    remove_item,
    replace_entry,
)

_NETWORK = ("spec", "network")
_ALLOW = ("spec", "network", "allow")
_Way = tuple[str | int, ...]
_Step = Callable[[str, Document], str]


@dataclass
class Workbench:
    """`index` is always that of the texts as they stand now."""

    index: Index
    sources: Sources
    need: Need
    texts: dict[str, str] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)

    @property
    def namespace(self) -> str:
        return self.need.workload.namespace or self.need.workload.scope

    def say(self, code: str, *places: Place, **facts: str | int) -> None:
        found = finding(code, *places)
        self.tell(Finding(code, facts, found.evidence))

    def tell(self, found: Finding) -> None:
        if found not in self.findings:
            self.findings.append(found)

    def ask(self, id: str, code: str, choices: Sequence[str] = (), **facts: str) -> None:
        question = Question(id, code, facts, tuple(choices))
        if all(known.id != id for known in self.questions):
            self.questions.append(question)

    def package(self, namespace: str) -> Package | None:
        """The Package of a namespace as it stands now; None where there is none, or more than one."""
        packages = self.index.packages.get(namespace, ())
        return packages[0] if len(packages) == 1 else None

    def plan(self) -> Plan:
        edits = [
            Edit(path, self.sources.texts.get(path), text, self.roles[path])
            for path, text in self.texts.items()
            if text != self.sources.texts.get(path)
        ]
        return Plan(tuple(edits), findings=tuple(self.findings), questions=tuple(self.questions))

    # --- steps on a Package

    def add_rule(self, package: Package, item: Mapping[str, Any], role: Role = "allowlist") -> bool:
        """Appends a rule to `allow`, which is made where it is missing or empty."""

        at = (*package.way, *_ALLOW)

        def step(text: str, document: Document) -> str:
            if document.at(*at):
                return append_item(text, document, at, dict(item))
            return put_below(text, document, at, [dict(item)])

        text = self._text(package.path)
        if text is not None and is_template(package.path, text):
            return self._into_template(package, text, item, role)
        return self._change(package, step, role)

    def _into_template(self, package: Package, text: str, item: Mapping[str, Any], role: Role) -> bool:
        made = put_first(text, package, _ALLOW, item)
        if made is None:
            why = "its template has no rule on rows of its own that another could stand above"
            self.say("EGR846", package.place, package=package.name, path=package.path, why=why)
            return False
        self._keep(package.path, made, role)
        return True

    def add_ports(self, package: Package, rule: Allow, ports: Sequence[int], role: Role = "allowlist") -> bool:
        """Adds ports to a rule: `port: 443` becomes `ports: [443, 8443]`, a list grows.

        Says nothing where it can't be done (the list stands behind an alias): a rule of its own does it too.
        """
        at = (*package.way, *_ALLOW, rule.position)

        def step(text: str, document: Document) -> str:
            if rule.ports:
                for port in ports:
                    text = append_item(text, document, (*at, "ports"), port)
                    document = _again(text, document)
                return text
            before = list(rule.mesh_ports if rule.remote_host is not None else rule.opened_ports)
            value = [*before, *(port for port in ports if port not in before)]
            if rule.port is not None:
                return replace_entry(text, document, (*at, "port"), "ports", value)
            return insert_key(text, document, at, "ports", value)

        said = len(self.findings)
        done = self._change(package, step, role)
        if not done:
            del self.findings[said:]
        return done

    def remove_rule(self, package: Package, rule: Allow, role: Role = "allowlist") -> bool:
        at = (*package.way, *_ALLOW)
        return self._change(package, lambda text, document: remove_item(text, document, at, rule.position), role)

    def remove_port(self, package: Package, rule: Allow, port: int, role: Role = "allowlist") -> bool:
        """Takes one port out of a list of several."""
        at = (*package.way, *_ALLOW, rule.position, "ports")

        def step(text: str, document: Document) -> str:
            return remove_item(text, document, at, list(rule.ports).index(port))

        return self._change(package, step, role)

    # --- steps on a bundle

    def change_bundle(self, core: CoreDeployment, step: _Step) -> bool:
        return self._apply((core.place.path, core.document, ()), "UDSBundle", step, core.bundle, "counterpart")

    # ---

    def _change(self, package: Package, step: _Step, role: Role) -> bool:
        at = (package.path, package.document, package.way)
        return self._apply(at, "Package", step, package.name, role)

    def _apply(self, at: tuple[str, int, _Way], kind: str, step: _Step, name: str, role: Role) -> bool:
        """Runs one step on the text as it stands; what can't be done without touching more becomes a finding."""
        path, number, way = at
        text = self._text(path)
        document = None if text is None else _document(path, text, number)
        if text is None or document is None or kind not in {it.at("kind") for it in expand(document) if it.way == way}:
            self.say("EGR846", Place(path), package=name, path=path, why="it is not there as I read it")
            return False
        try:
            made = step(text, document)
        except CannotEdit as error:
            self.say("EGR846", Place(path), package=name, path=path, why=str(error).rstrip("."))
            return False
        self._keep(path, made, role)
        return True

    def _text(self, path: str) -> str | None:
        return self.texts.get(path, self.sources.texts.get(path))

    def _keep(self, path: str, text: str, role: Role) -> None:
        self.texts[path] = text
        self.roles.setdefault(path, role)
        if role == "allowlist":
            self.roles[path] = role
        self._reread(path)

    def _reread(self, path: str) -> None:
        kept: list[Entry] = [p for p in self.index.every_package() if p.path != path]
        kept += [core for core in self.index.cores if core.place.path != path]
        kept += [said for said in self.index.stated if said.place.path != path]
        kept += [extra for extra in self.index.extras if extra.place.path != path]
        kept += [use for use in self.index.uses if use.place.path != path]
        text = self.texts[path]
        documents = read_template(path, text)[0] if is_template(path, text) else read_documents(path, text)[0]
        fresh = [entry for document in documents for item in expand(document) for entry in read(item)]
        self.index = compile_index([*kept, *fresh], self.index.cluster, self.index.rules, known=self.index)


def _document(path: str, text: str, number: int) -> Document | None:
    documents, _ = read_documents(path, text)
    return next((document for document in documents if document.index == number), None)


def _again(text: str, document: Document) -> Document:
    return _document(document.path, text, document.index) or document
