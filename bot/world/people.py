"""Who is who: a chat user as a person, a person as a user of the forge, over two small directories.

The embedded default needs neither Slack nor GitLab: an e-mail address is the person, everywhere.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from bot.world.forge import Forge
from skills.core.errors import AskUnclear, Mendable, NotAllowed, Unreachable
from skills.core.messages import say
from skills.core.model import Membership, Person, Standing
from skills.core.policy import Policy
from skills.core.rights import DEVELOPER, are_one, gone, refuse_gone

_LONGEST = 254  # of an e-mail address, RFC 5321 4.5.3.1.3
_PATIENCE = 5.0  # seconds for git to tell who it works for


def also_them(
    who: Person,
    standing: Standing | None,
    directory: Callable[[Person], Standing | None],
    names: Iterable[str],
    *,
    by_email: bool,
) -> list[str]:
    """Those of these names that the chat says are the same person as `who` under another id: by the organisation's id,
    or by the address where that counts."""
    if standing is None or not (standing.org_id or (by_email and standing.email)):
        return []
    others = [(name, directory(Person(name))) for name in names if not who.is_same(name)]
    return [name for name, other in others if other is not None and are_one(standing, other, by_email=by_email)]


class ChatDirectory(Protocol):
    """Chat user to person."""

    def person(self, chat_user: str) -> Person | None:
        """None for a user that the chat does not know, or knows no address of."""


class ForgeDirectory(Protocol):
    """Person to user of the forge."""

    def forge_user(self, person: Person) -> str | None:
        """None for a person who has no account there."""


class ByEmail:
    """Both directories at once, for the embedded default: the address is the name in the chat and at the forge."""

    def __init__(self, known: Iterable[Person] = ()) -> None:
        """`known` are people with names, and whoever may be called by the part before the @ alone."""
        self._known = {person.id.strip().casefold(): person for person in known if person.id.strip()}

    def person(self, chat_user: str) -> Person | None:
        return self.named(chat_user) if chat_user.strip() else None

    def forge_user(self, person: Person) -> str | None:
        return person.id.strip() or None

    def named(self, written: str) -> Person:
        """The person whom somebody wrote: an address, or the part before the @ of somebody who is known.

        Raises AskUnclear EGR581 for what can't be anybody's name, EGR582 for a short name of several.
        """
        name = written.strip()
        if not name or len(name) > _LONGEST or not name.isprintable() or any(c.isspace() or c in ',;<>"' for c in name):
            raise AskUnclear("EGR581", written=_shown(written))
        if known := self._known.get(name.casefold()):
            return known
        if "@" in name:
            return Person(name)
        fits = [person for key, person in self._known.items() if key.partition("@")[0] == name.casefold()]
        if len(fits) > 1:
            raise AskUnclear("EGR582", written=name, people=", ".join(sorted(person.id for person in fits)))
        return fits[0] if fits else Person(name)


def git_person() -> Person | None:
    """Whom git would name as the author here; None when it names nobody or is not there."""
    email = _git("user.email")
    return Person(email, _git("user.name")) if email else None


def whoami(named: str | None, people: ByEmail, git: Callable[[], Person | None] = git_person) -> Person:
    """Who sits at the command line: whom they named (`--as`, the setting), else git's user.

    A person without an id when neither says; then the rights refuse whatever needs a name.
    """
    if named and named.strip():
        return people.named(named)
    return git() or Person("")


def _git(key: str) -> str:
    """A value of git's configuration. Asks the program, for only it knows all the files that may hold it."""
    try:
        asked = subprocess.run(
            ["git", "--no-pager", "config", "--get", key], capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    value = asked.stdout.decode("utf-8", "replace").strip() if asked.returncode == 0 else ""
    return value if value.isprintable() and len(value) <= _LONGEST else ""


def _shown(written: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in written[:40])


class InForge:
    """Who of a policy's people is still somebody at the forge, asked anew each time. `forge` gives the one that knows
    people and groups of its own, None where there is none; it may be away, and then nobody decides.
    """

    def __init__(self, forge: Callable[[], Forge | None]) -> None:
        self._forge = forge

    def filled(self, policy: Policy) -> Policy:
        """The same policy, whose groups of the forge are looked up when somebody asks who is in them, and once. Away
        from GitLab nobody is in them, so that a copy on a disk can be read and nothing of theirs be approved."""
        if not policy.in_gitlab:
            return policy
        forge = self._forge()
        return replace(policy, groups=_Groups(policy, forge)) if forge else policy

    def refuse_gone(self, person: Person, policy: Policy) -> None:
        """Raises NotAllowed EGR1659 to EGR1662 for whoever has left, Unreachable EGR1663 where nobody can say."""
        name = _name_there(person.id, policy)
        there = self._ask(name) if name else None
        if there is not None:
            refuse_gone(person, name, there)

    def gone(self, people: Iterable[str], policy: Policy) -> frozenset[str]:
        """Those of these people, as the policy calls them, who have left. Raises Unreachable EGR1663."""
        found = set()
        for person in {policy.canon(each) for each in people}:
            name = _name_there(person, policy)
            there = self._ask(name) if name else None
            if there is not None and gone(there):
                found.add(person)
        return frozenset(found)

    def _ask(self, name: str) -> Membership | None:
        try:
            forge = self._forge()
            return forge.member(name) if forge else None
        except (NotAllowed, Unreachable) as failure:
            raise Unreachable("EGR1663", name=name, why=_why(failure)) from None


class _Groups(Mapping[str, tuple[str, ...]]):
    """Groups of a policy. Of those at the forge only members whom the policy maps count: of another account nobody can
    say whose it is, and so whether they asked themselves."""

    def __init__(self, policy: Policy, forge: Forge) -> None:
        self._policy = policy
        self._own = policy.groups
        self._forge = forge
        self._found: dict[str, tuple[str, ...]] = {}

    def __getitem__(self, group: str) -> tuple[str, ...]:
        path = self._policy.in_gitlab.get(group)
        if path is None:
            return self._own[group]
        if group not in self._found:
            mapped = {known.gitlab.casefold(): key for key, known in self._policy.people.items() if known.gitlab}
            names = [name.casefold() for name in self._asked(path)]
            self._found[group] = tuple(mapped[name] for name in names if name in mapped)
        return self._found[group]

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)

    def _asked(self, path: str) -> tuple[str, ...]:
        try:
            names = self._forge.members_of(path, DEVELOPER)
        except (NotAllowed, Unreachable) as failure:
            if failure.code == "EGR1664":
                raise
            raise Unreachable("EGR1664", group=path, why=_why(failure)) from None
        return names or ()


def _why(failure: Mendable) -> str:
    return say(failure.finding).says.rstrip(".")


def _name_there(person: str, policy: Policy) -> str:
    """Their user name at the forge; empty where the policy does not say it."""
    known = policy.people.get(policy.entry(person) or "")
    return (known.gitlab if known else None) or ""
