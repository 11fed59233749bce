"""A `requests.Session` that refuses what GitLab's own description of its API does not know.

The description lies beside the project (GitLab's words, not ours); without it the session lets everything pass.
Only the token's own user is in neither, so it passes unchecked.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import requests
import yaml

from tests.shared import shared_folder

_UNDESCRIBED = re.compile(r"/api/v4/user(?!s)")
# What the description lacks is described here, by us, from GitLab's documentation: https://docs.gitlab.com/api/jobs/,
# https://docs.gitlab.com/api/deployments/,
# https://docs.gitlab.com/api/commits/, https://docs.gitlab.com/api/issues/, https://docs.gitlab.com/api/notes/.
_PAGES = [{"name": "page", "in": "query"}, {"name": "per_page", "in": "query"}]
_WORDS = {"type": "string"}
_OF_NOTES: dict[str, Any] = {
    "get": {
        "parameters": [
            {"name": "sort", "in": "query", "enum": ["asc", "desc"]},
            {"name": "order_by", "in": "query", "enum": ["created_at", "updated_at"]},
            {"name": "activity_filter", "in": "query", "enum": ["all_notes", "only_comments", "only_activity"]},
            *_PAGES,
        ]
    },
    "post": {"parameters": [{"name": "given", "in": "body", "schema": {"$ref": "#/definitions/ours_note"}}]},
}
_ISSUE = {
    "title": _WORDS,
    "description": _WORDS,
    "labels": {"type": "array", "items": _WORDS},
    "assignee_ids": {"type": "array", "items": {"type": "integer"}},
    "confidential": {"type": "boolean"},
    "due_date": _WORDS,
}
_CHANGES = {
    **_ISSUE,
    "state_event": {"enum": ["close", "reopen"]},
    "add_labels": {"type": "array", "items": _WORDS},
    "remove_labels": {"type": "array", "items": _WORDS},
}
_OURS: dict[str, Any] = {
    "ours_note": {"type": "object", "required": ["body"], "properties": {"body": {**_WORDS, "maxLength": 1_000_000}}},
    "ours_issue": {"type": "object", "required": ["title"], "properties": _ISSUE},
    "ours_issue_change": {"type": "object", "minProperties": 1, "properties": _CHANGES},
}
_BESIDE: dict[str, Any] = {
    "/api/v4/projects/{id}/repository/commits/{sha}": {"get": {"parameters": [{"name": "stats", "in": "query"}]}},
    "/api/v4/projects/{id}/repository/commits/{sha}/statuses": {
        "get": {"parameters": [{"name": "ref", "in": "query"}, {"name": "all", "in": "query"}, *_PAGES]}
    },
    "/api/v4/projects/{id}/deployments": {
        "get": {
            "parameters": [
                {"name": "sort", "in": "query", "enum": ["asc", "desc"]},
                {"name": "order_by", "in": "query", "enum": ["id", "iid", "created_at", "updated_at", "ref"]},
                *_PAGES,
            ]
        }
    },
    "/api/v4/projects/{id}/merge_requests/{merge_request_iid}/notes": _OF_NOTES,
    "/api/v4/projects/{id}/issues/{issue_iid}/notes": _OF_NOTES,
    "/api/v4/projects/{id}/issues": {
        "get": {
            "parameters": [
                {"name": "search", "in": "query"},
                {"name": "in", "in": "query", "enum": ["title", "description", "title,description"]},
                {"name": "state", "in": "query", "enum": ["opened", "closed", "all"]},
                {"name": "scope", "in": "query", "enum": ["created_by_me", "assigned_to_me", "all"]},
                *_PAGES,
            ]
        },
        "post": {"parameters": [{"name": "given", "in": "body", "schema": {"$ref": "#/definitions/ours_issue"}}]},
    },
    "/api/v4/projects/{id}/issues/{issue_iid}": {
        "get": {"parameters": []},
        "put": {"parameters": [{"name": "given", "in": "body", "schema": {"$ref": "#/definitions/ours_issue_change"}}]},
    },
    "/api/v4/projects/{id}/repository/commits/{sha}/merge_requests": {
        "get": {
            "parameters": [{"name": "state", "in": "query", "enum": ["opened", "closed", "merged", "locked"]}, *_PAGES]
        }
    },
    # https://docs.gitlab.com/api/resource_label_events/
    "/api/v4/projects/{id}/merge_requests/{merge_request_iid}/resource_label_events": {"get": {"parameters": _PAGES}},
    "/api/v4/projects/{id}/members/all/{user_id}": {"get": {"parameters": []}},
    # https://docs.gitlab.com/api/users/, https://docs.gitlab.com/api/members/
    "/api/v4/users": {"get": {"parameters": [{"name": "username", "in": "query"}, *_PAGES]}},
    "/api/v4/groups/{id}/members/all": {"get": {"parameters": _PAGES}},
    "/api/v4/projects/{id}/pipelines/{pipeline_id}/jobs": {
        "get": {
            "parameters": [
                {"name": "scope", "in": "query", "enum": ["failed", "success", "running", "canceled", "skipped"]},
                {"name": "include_retried", "in": "query", "enum": ["true", "false"]},
                *_PAGES,
            ]
        }
    },
    "/api/v4/projects/{id}/jobs/{job_id}/trace": {"get": {"parameters": []}},
}
# GitLab takes `a,b` as well as a list; its description only writes the list.
_COMMA = {"labels", "add_labels", "remove_labels"}


@cache
def _description() -> dict[str, Any] | None:
    shared = shared_folder()
    file = shared / "counterparts" / "gitlab-openapi-subset.yaml" if shared else None
    if file is None or not file.is_file():
        return None
    loaded: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return loaded


class Guarded(requests.Session):
    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        objections = list(_objections(request))
        assert not objections, f"{request.method} {request.url}: {'; '.join(objections)}"
        return super().send(request, **kwargs)


def guarded() -> requests.Session:
    return Guarded()


def _objections(request: requests.PreparedRequest) -> Any:
    described = _description()
    parts = urlsplit(str(request.url))
    if described is None or _UNDESCRIBED.fullmatch(parts.path):
        return
    definitions = {**described["definitions"], **_OURS}
    described = {**described, "paths": {**described["paths"], **_BESIDE}, "definitions": definitions}
    operation = _operation(described, str(request.method).lower(), parts.path)
    if operation is None:
        yield "no such call"
        return
    known = {each["name"]: each for each in operation.get("parameters", ())}
    for name, value in parse_qsl(parts.query):
        parameter = known.get(name.removesuffix("[]"))
        if parameter is None or parameter["in"] != "query":
            yield f"unknown parameter {name}"
        elif "enum" in parameter and value not in map(str, parameter["enum"]):
            yield f"{name}={value} is none of {parameter['enum']}"
    body = next((each for each in known.values() if each["in"] == "body"), None)
    if request.body and body:
        yield from _of_body(
            described,
            body,
            json.loads(str(request.body, "utf-8") if isinstance(request.body, bytes) else str(request.body)),
        )


def _operation(described: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    for known in sorted(described["paths"], key=lambda each: each.count("{")):
        pattern = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(known))
        if re.fullmatch(pattern, path):
            found: dict[str, Any] | None = described["paths"][known].get(method)
            return found
    return None


def _of_body(described: dict[str, Any], body: dict[str, Any], given: dict[str, Any]) -> Any:
    schema = described["definitions"][body["schema"]["$ref"].rpartition("/")[2]]
    yield from (f"unknown field {name}" for name in given if name not in schema["properties"])
    listed = {
        name: value.split(",") if name in _COMMA and isinstance(value, str) else value for name, value in given.items()
    }
    whole = {**schema, "definitions": described["definitions"]}
    for error in jsonschema.Draft4Validator(whole).iter_errors(listed):
        yield f"{error.json_path}: {error.message}"
