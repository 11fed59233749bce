"""check: the verdict for a workload and one or more destinations."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from skills import contract
from skills.contract import Answer, World
from skills.core import wire
from skills.core.flows import read_flow, with_pending
from skills.core.model import Verdict

NAME = "check"


class Ask(contract.Ask):
    """Which flows to check."""

    for_: str = Field(alias="for", description="your workload, as the allowlist repository names it")
    to: tuple[str, ...] = Field(description="what it must reach: host, host:port, URL, CIDR:port or service")
    ip: tuple[str, ...] = Field((), description="an address that you know the host to have")
    service_account: str | None = Field(None, description="the service account that the workload runs as")


def run(ask: Ask, world: World) -> Answer:
    verdicts = verdicts_for(ask, world)
    results = [wire.verdict(verdict, world.allowlist) for verdict in verdicts]
    decision = contract.worst([verdict.decision for verdict in verdicts])
    data: dict[str, Any] = results[0] if len(results) == 1 else {"decision": decision, "results": results}
    return Answer(
        data,
        findings=tuple(finding for verdict in verdicts for finding in verdict.findings),
        questions=verdicts[0].questions,
        next_steps=next_steps(decision, verdicts[0]),
        exit_status=contract.EXIT_STATUS[decision],
        detail={"verdicts": verdicts},
    )


def verdicts_for(ask: Ask, world: World) -> list[Verdict]:
    """One verdict a destination, in the order asked; requests that are open for the same are named."""
    flow = read_flow(world.allowlist, ask.for_, ask.to, ask.ip, ask.service_account)
    return [with_pending(verdict, world.requests) for verdict in flow.verdicts(world.allowlist)]


def next_steps(decision: str, verdict: Verdict) -> tuple[str, ...]:
    if verdict.questions:
        return ()
    return ("more",) if decision == "allowed" else ("draft", "more")
