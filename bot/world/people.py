"""Who is who: a chat user as a person, a person as a user of the forge, over two small directories.

The embedded default needs neither Slack nor GitLab: an e-mail address is the person, everywhere.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from typing import Protocol

from skills.core.errors import AskUnclear
from skills.core.model import Person

_LONGEST = 254  # of an e-mail address, RFC 5321 4.5.3.1.3
_PATIENCE = 5.0  # seconds for git to tell who it works for


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
