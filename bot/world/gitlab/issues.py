"""The help desk's tickets on GitLab: issues that are found by a hidden mark before they are made."""

from __future__ import annotations

from typing import Any

from bot.world.gitlab import words
from bot.world.gitlab.calls import Calls, Refused, Unsure
from skills.core.errors import NotAllowed, Unreachable
from skills.core.model import OpenIssue


def open_or_update(calls: Calls, where: str, effect: OpenIssue) -> dict[str, Any]:
    """The ticket of a request, with these words. `calls` are for the help desk's project.

    Raises:
        NotAllowed: EGR494, GitLab refuses it; EGR490 to EGR492.
        Unreachable: EGR489, EGR493.
    """
    # GitLab searches by the key, which stands here whatever the words are; the mark then says that it is ours.
    text = f"{effect.body.rstrip()}\n\nPostern-Request: {effect.request_key}\n{words.mark(_key(effect.request_key))}"
    found = _found(calls, effect.request_key)
    try:
        if found is None:
            fields = {"title": effect.title, "description": text, "labels": ",".join(effect.labels)}
            return calls.create_issue({name: value for name, value in fields.items() if value})
        if found["description"].replace("\r\n", "\n").rstrip() == text and found["title"] == effect.title:
            return found
        return calls.update_issue(found["iid"], {"title": effect.title, "description": text})
    except Refused as refusal:
        raise NotAllowed("EGR494", where=where, branch=effect.project, says=refusal.says) from None
    except Unsure as unsure:
        found = _found(calls, effect.request_key)
        if found is None:
            raise Unreachable("EGR489", where=where, says=str(unsure)) from None
        return found


def settle(
    calls: Calls, where: str, project: str, request_key: str, text: str, *, close: bool
) -> dict[str, Any] | None:
    """A remark at the ticket of a request, once, and with `close` its end. None where there is none.

    Raises as `open_or_update`.
    """
    found = _found(calls, request_key)
    if found is None:
        return None
    key = f"{_key(request_key)}:{'closed' if close else 'merged'}"
    try:
        if not any(words.has_mark(each["body"], key) for each in calls.issue_notes(found["iid"])):
            calls.add_issue_note(found["iid"], words.note("Postern", text, key))
        if close and found["state"] == "opened":
            return calls.update_issue(found["iid"], {"state_event": "close"})
    except Refused as refusal:
        raise NotAllowed("EGR494", where=where, branch=project, says=refusal.says) from None
    except Unsure as unsure:
        raise Unreachable("EGR489", where=where, says=str(unsure)) from None  # the next try finds what was done
    return found


def _found(calls: Calls, request_key: str) -> dict[str, Any] | None:
    """The first that Postern itself opened for the request; what others write never counts as a mark."""
    known = calls.issues(request_key)
    marked = [each for each in known if words.has_mark(each["description"] or "", _key(request_key))]
    return min(marked, key=lambda each: int(each["iid"]), default=None)


def _key(request_key: str) -> str:
    return f"ticket:{request_key}"
