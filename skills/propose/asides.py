"""What a request needs beside its merge request: a diagram elsewhere, a help-desk ticket, a task to tick."""

from __future__ import annotations

from skills.contract import World
from skills.core.change import Draft
from skills.core.diagram import note as diagram
from skills.core.messages import say
from skills.core.model import (
    DIAGRAM_OPEN,
    DIAGRAM_UPDATE,
    DiagramTask,
    Effect,
    Finding,
    Need,
    OpenDiagram,
    OpenIssue,
    Request,
)
from skills.core.rendering import render
from skills.draft import asking
from skills.draft.architecture import is_open
from skills.propose import ticket


def diagram_task(drafted: Draft, need: Need, world: World, old: Request | None) -> DiagramTask | None:
    """The open task, or what became of it: a tick stands as long as the request is for the same destinations."""
    if not is_open(drafted, need, world):
        return None
    same = old is not None and old.destinations == tuple(map(str, need.destinations))
    return old.diagram if same and old and old.diagram else DiagramTask(open=True)


def effects(request: Request, drafted: Draft, need: Need, world: World) -> tuple[Effect, ...]:
    found: list[Effect] = []
    there = drafted.elsewhere
    if there is not None:
        title = say(Finding("EGR039", {"workload": request.workload, "path": there.path})).says
        found.append(
            OpenDiagram(
                request_key=request.key,
                digest=request.digest,
                repository=there.repository,
                path=there.path,
                block=there.block,
                branch=request.branch,
                title=title,
                body=render("diagram_request.md.j2", request=request, path=there.path),
                labels=(DIAGRAM_UPDATE,),
                author=request.asked_by,
                created_at=request.since,
            )
        )
    if ticket.is_wanted(need, world):
        found.append(_ticket(request, need, world))
    return tuple(found)


def labels(request: Request) -> tuple[str, ...]:
    return (DIAGRAM_OPEN,) if request.diagram and request.diagram.open else ()


def ticket_project(need: Need, world: World) -> str:
    """The help desk's project, where a ticket is opened for the request; else empty."""
    return world.policy.help_desk.project if world.policy.help_desk and ticket.is_wanted(need, world) else ""


def findings(request: Request, need: Need, world: World) -> tuple[Finding, ...]:
    """What the asker hears: the diagram that is theirs to mend, the answers that the ticket still lacks."""
    found = [Finding("EGR034", {"key": request.key})] if request.diagram and request.diagram.open else []
    if ticket.is_wanted(need, world):
        given = asking.in_words(ticket.answers_of(request), need, world)
        left = [line.id for line in ticket.lines(need, given) if line.asked]
        if left:
            found.append(Finding("EGR041", {"key": request.key, "count": len(left), "ids": ", ".join(left)}))
    return tuple(found)


def _ticket(request: Request, need: Need, world: World) -> OpenIssue:
    desk = world.policy.help_desk
    assert desk is not None
    answers = asking.in_words(ticket.answers_of(request), need, world)
    facts = {"workload": request.workload, "destinations": ", ".join(request.destinations), "key": request.key}
    return OpenIssue(
        request_key=request.key,
        digest=request.digest,
        project=desk.project,
        title=say(Finding("EGR042", facts)).says,
        body=render(
            "help_desk.md.j2",
            request=request,
            need=need,
            rows=diagram.connections(need),
            lines=ticket.lines(need, answers),
        ),
        labels=desk.labels,
        author=request.asked_by,
    )
