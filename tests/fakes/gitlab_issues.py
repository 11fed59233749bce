"""Issues of the small GitLab: a project that keeps tickets, with the fields of python-gitlab's recorded samples."""

from __future__ import annotations

import re
from typing import Any


class HelpDesk:
    """One project's issues. `url` is its page on the server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.issues: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, list[dict[str, Any]]] = {}

    def answer(
        self, method: str, rest: str, query: dict[str, list[str]], given: dict[str, Any], by: dict[str, Any]
    ) -> tuple[int, Any]:
        if rest == "issues" and method == "POST":
            return self.create(given, by)
        if rest == "issues":
            words = query.get("search", [""])[0].casefold()
            return 200, [
                each for each in self.issues.values() if words in f"{each['title']} {each['description']}".casefold()
            ]
        found = re.fullmatch(r"issues/(\d+)(/notes)?", rest)
        if not found or int(found[1]) not in self.issues:
            return 404, {"message": "404 Not found"}
        issue = self.issues[int(found[1])]
        if found[2]:
            return self.noted(int(found[1]), method, given, by)
        if method == "PUT":
            issue.update({name: given[name] for name in ("title", "description") if name in given})
            if given.get("state_event"):
                issue["state"] = {"close": "closed", "reopen": "opened"}[given["state_event"]]
        return 200, issue

    def noted(self, number: int, method: str, given: dict[str, Any], by: dict[str, Any]) -> tuple[int, Any]:
        known = self.notes.setdefault(number, [])
        if method == "GET":
            return 200, known
        at = f"2026-03-01T10:00:{len(known):02}Z"
        note = {"id": len(known) + 1, "body": given["body"], "author": by, "created_at": at, "system": False}
        known.append(note)
        return 201, note

    def create(self, given: dict[str, Any], by: dict[str, Any]) -> tuple[int, Any]:
        if not given.get("title", "").strip():
            return 400, {"error": "title is missing"}
        number = len(self.issues) + 1
        self.issues[number] = {
            "id": 5000 + number,
            "iid": number,
            "title": given["title"],
            "description": given.get("description", ""),
            "state": "opened",
            "labels": [label for label in given.get("labels", "").split(",") if label],
            "author": by,
            "web_url": f"{self.url}/-/issues/{number}",
        }
        return 201, self.issues[number]
