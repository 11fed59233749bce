"""What is fuzzed: every reader of foreign text, with what must hold of it. Nothing here may raise, whatever it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from skills.core.allowlist import Allowlist
from skills.core.enforce.templates import read_template
from skills.core.expansion import Scope, expand
from skills.core.flows import read_flow
from skills.core.reading import is_manifest, read_file
from skills.core.report import read_report
from skills.core.yaml_text import read_documents


def yaml_text(text: str) -> None:
    documents, unreadable = read_documents("a.yaml", text)
    rows = text.count("\n") + 1
    assert all(1 <= item.line <= rows for item in unreadable)
    assert all(1 <= document.line <= rows for document in documents)


def raw_bytes(text: str) -> None:
    read_file("templates/a.yaml", text.encode("utf-8", "surrogatepass"))


def file(text: str) -> None:
    for path in ("a.yaml", "templates/a.yaml", "kustomization.yaml", "security-groups.json", "main.tf"):
        reading = read_file(path, text)
        assert all(spot.line >= 1 for spot in reading.blind)


def template(text: str) -> None:
    sure, unsure, _ = read_template("templates/a.yaml", text)
    rows = text.count("\n") + 1
    assert all(1 <= document.line <= rows for document in [*sure, *(one for one, _ in unsure)])


def whole(text: str) -> None:
    """A repository whose files are the text's parts, expanded and asked."""
    parts = text.split("\n%%% ")
    files = {f"{'base' if number % 2 else 'live'}/{number}.yaml": part for number, part in enumerate(parts)}
    files |= {
        "live/kustomization.yaml": parts[-1],
        "base/kustomization.yaml": "resources: [1.yaml, 3.yaml]\n",
        "flux.yaml": parts[0],
    }
    readings = {path: read_file(path, said) for path, said in files.items() if is_manifest(path)}
    expand(readings, files, Scope())
    made = Allowlist(readings, files)
    for workload in ("shop/web", "prod:shop/web"):
        read_flow(made, workload, ("api.example.com:443", "198.51.100.7:443")).verdicts(made)


def report(text: str) -> None:
    read_report(text)


TARGETS: Mapping[str, Callable[[str], None]] = {
    "yaml_text": yaml_text,
    "raw_bytes": raw_bytes,
    "file": file,
    "template": template,
    "whole": whole,
    "report": report,
}
