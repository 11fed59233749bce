"""Verdicts and drafts as the JSON objects of the contract (docs/schema). Shapes here are promises."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skills.core.allowlist import Allowlist
from skills.core.messages import say
from skills.core.model import Destination, Evidence, Finding, LayerVerdict, Place, Question, Verdict, Workload


def verdict(verdict: Verdict, allowlist: Allowlist) -> dict[str, Any]:
    return {
        "decision": verdict.decision,
        "commit": allowlist.commit,
        "dirty": allowlist.dirty,
        "workload": workload(verdict.workload),
        "destination": destination(verdict.destination),
        "layers": [layer(item) for item in verdict.layers],
        "findings": findings(verdict.findings),
        "questions": questions(verdict.questions),
    }


def workload(item: Workload | None) -> dict[str, Any] | None:
    if item is None:
        return None
    return {"platform": item.platform, "name": item.name, "environment": item.environment, "scope": item.scope}


def destination(item: Destination) -> dict[str, Any]:
    """A literal address stands in both `host` and `ip`; a CIDR in `host`; a range of ports is a string."""
    return {
        "host": item.host or item.ip or item.network or item.workload or item.service,
        "ip": item.ip,
        "port": port(item),
        "protocol": item.protocol,
    }


def port(item: Destination) -> int | str | None:
    if item.ports is None:
        return None
    return item.ports.first if item.ports.first == item.ports.last else str(item.ports)


def layer(item: LayerVerdict) -> dict[str, Any]:
    cited = [(rule.effect, rule.place) for rule in item.rules]
    if item.decision == "denied" and not any(rule.effect == "deny" for rule in item.rules):
        cited = [("deny", place) for place in item.isolators]
    return {
        "layer": item.layer,
        "decision": item.decision,
        "default": item.default,
        "rules": [{"effect": effect, **place(where)} for effect, where in cited],
        "near_misses": [
            {
                "code": miss.finding.code,
                "path": miss.place.path,
                "line": miss.place.line,
                "says": say(miss.finding).says,
            }
            for miss in item.near_misses
        ],
    }


def place(item: Place) -> dict[str, Any]:
    return {"path": item.path, "line": item.line, "text": item.text}


def findings(items: Iterable[Finding]) -> list[dict[str, Any]]:
    return [finding(item) for item in items]


def finding(item: Finding) -> dict[str, Any]:
    said = say(item)
    return {
        "code": item.code,
        "level": said.level,
        "says": said.says,
        "do": said.do,
        "facts": dict(item.facts),
        "evidence": [evidence(piece) for piece in item.evidence],
    }


def evidence(item: Evidence) -> dict[str, Any]:
    return place(item.place) if item.place else {"quote": item.quote}


def costs_of(item: Question) -> list[str]:
    """What each choice costs, in one sentence; empty where no choice has a price."""
    return [say(Finding(code, item.facts)).says for code in item.costs]


def questions(items: Iterable[Question]) -> list[dict[str, Any]]:
    return [
        {
            "id": item.id,
            "asks": say(item).says,
            "why": say(item).because,
            "choices": list(item.choices),
            **({"costs": costs} if (costs := costs_of(item)) else {}),
        }
        for item in items
    ]
