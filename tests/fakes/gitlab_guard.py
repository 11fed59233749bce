"""A `requests.Session` that refuses what GitLab's own description of its API does not know.

The description lies beside the project (GitLab's words, not ours); without it the session lets everything pass.
Notes, members by name and the token's own user are not in that description, so they pass unchecked.
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

_UNDESCRIBED = re.compile(r".*/issues(?:/\d+)?|/api/v4/user|.*/notes")
# https://docs.gitlab.com/api/jobs/ and its log: not in the description either, so they are described here.
_BESIDE: dict[str, Any] = {
    "/api/v4/projects/{id}/pipelines/{pipeline_id}/jobs": {
        "get": {
            "parameters": [
                {"name": "scope", "in": "query", "enum": ["failed", "success", "running", "canceled", "skipped"]},
                {"name": "include_retried", "in": "query", "enum": ["true", "false"]},
                {"name": "page", "in": "query"},
                {"name": "per_page", "in": "query"},
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
    described = {**described, "paths": {**described["paths"], **_BESIDE}}
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
