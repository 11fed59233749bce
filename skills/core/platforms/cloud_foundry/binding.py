"""Binding a group to a space: one more name in the list of its spaceConfig.yml."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from skills.core.model import Edit, Finding, finding
from skills.core.platforms.cloud_foundry import cli, known
from skills.core.platforms.cloud_foundry.documents import Group, SpaceConfig, read
from skills.core.platforms.cloud_foundry.index import Index, Space
from skills.core.yaml_text import Document, append_item, insert_key, read_documents, remove_item, replace_value

LIST = "named-security-groups"
ENABLED = "enable-security-group"


@dataclass(slots=True)
class Desk:
    """The texts while they are edited, and what has to be said about it."""

    index: Index
    space: Space
    texts: dict[str, str]
    originals: dict[str, str | None]
    comment: str | None
    app: str = ""
    findings: list[Finding] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def say(self, code: str, **facts: str) -> None:
        self.findings.append(finding(code, self.space.list_place, space=str(self.space), **facts))

    def write(self, path: str, text: str) -> None:
        self.originals.setdefault(path, self.texts.get(path))
        self.texts[path] = text

    def copy(self) -> Desk:
        return replace(
            self,
            texts=dict(self.texts),
            originals=dict(self.originals),
            findings=list(self.findings),
            commands=list(self.commands),
        )

    def back_to(self, before: Desk) -> None:
        """As if nothing had been written or said since the copy was made: half a change is none."""
        self.texts, self.originals = before.texts, before.originals
        self.findings, self.commands = before.findings, before.commands

    def document(self, path: str, number: int) -> Document:
        documents, _ = read_documents(path, self.texts[path])
        return next(each for each in documents if each.index == number)

    @property
    def edits(self) -> tuple[Edit, ...]:
        return tuple(
            Edit(path, old, self.texts[path]) for path, old in self.originals.items() if self.texts[path] != old
        )


def takes_effect(desk: Desk, group: str, *, unbinds: bool = False) -> None:
    """What it takes until running apps feel the change, and whose commands it would be by hand."""
    space = desk.space
    command = (cli.unbind if unbinds else cli.bind)(group, space.org, space.space)
    restart = cli.restart(desk.app)
    if desk.edits:  # else the command that binds comes first, and the sentence names the restart
        desk.commands.append(restart)
    desk.say("EGR349" if unbinds else "EGR728", group=group, name=space.space, command=command, restart=restart)


def rules_take_effect(desk: Desk, group: str) -> None:
    """The same where rules of a group change, which only its owner may do by hand."""
    restart = cli.restart(desk.app)
    desk.commands.append(restart)
    desk.say("EGR1908", group=group, restart=restart)


def config_of(desk: Desk) -> tuple[Document, SpaceConfig] | None:
    """The space's file as its text stands now; None where no file rules it."""
    for config in desk.space.configs:
        path = config.place.path
        if path in desk.texts:
            document = desk.document(path, config.document)
            entry = next((each for each in read(document) if isinstance(each, SpaceConfig)), None)
            if entry is not None:
                return document, entry
    return None


def group_now(desk: Desk, group: Group) -> tuple[Document, Group] | None:
    """A group as its text stands now."""
    path = group.place.path
    if path not in desk.texts:
        return None
    document = desk.document(path, group.document)
    entries = [each for each in read(document) if isinstance(each, Group) and each.path == group.path]
    return (document, entries[0]) if entries else None


def bind(desk: Desk, name: str) -> bool:
    """Names the group in the space's own list; False where no file of the repository does the binding."""
    found = config_of(desk)
    if found is None:
        return False
    document, config = found
    path, text = config.place.path, desk.texts[config.place.path]
    wrong = next((each for each in config.groups or () if known.LABELS.get(each.name) == name), None)
    if any(each.name == name for each in config.groups or ()):
        return True
    if wrong is not None and isinstance(document.at(LIST, wrong.position), str):
        desk.write(path, replace_value(text, document, (LIST, wrong.position), name))
    elif config.groups is None:
        # A list of its own replaces the defaults, so it must repeat them.
        inherited = (desk.space.defaults.groups if desk.space.defaults else None) or ()
        names = [*(each.name for each in inherited), name]
        desk.write(path, insert_key(text, document, (), LIST, names, comment=None if inherited else desk.comment))
    elif isinstance(document.at(LIST), list):
        desk.write(path, append_item(text, document, (LIST,), name, comment=desk.comment))
    else:
        desk.write(path, replace_value(text, document, (LIST,), [*(each.name for each in config.groups), name]))
    return True


def enable_own(desk: Desk) -> bool:
    """Puts the space's own security-group.json into force."""
    found = config_of(desk)
    if found is None:
        return False
    document, config = found
    path, text = config.place.path, desk.texts[config.place.path]
    if config.enabled:
        return True
    if config.enabled is None:
        desk.write(path, insert_key(text, document, (), ENABLED, True))
    else:
        desk.write(path, replace_value(text, document, (ENABLED,), True))
    desk.say("EGR1911")
    return True


def unbind_in_config(desk: Desk, group: str) -> bool:
    """Takes the group out of the space's own list."""
    found = config_of(desk)
    if found is None:
        return False
    document, config = found
    named = [each.name for each in config.groups or ()]
    if group not in named or not isinstance(document.at(LIST), list):
        return False
    path, at = config.place.path, named.index(group)
    inherited = [each.name for each in (desk.space.defaults.groups if desk.space.defaults else None) or ()]
    flow = config.groups_place is not None and "[" in config.groups_place.text
    # A list that says no more than the defaults is one that only the group made necessary.
    whole = not flow and [*named[:at], *named[at + 1 :]] == inherited
    desk.write(path, remove_item(desk.texts[path], document, (LIST,) if whole else (LIST, at)))
    return True
