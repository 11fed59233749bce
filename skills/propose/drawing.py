"""How a drafted change looks as a request: its row, its merge request and the text of it."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from skills.contract import World
from skills.core import change, joint, risk
from skills.core.change import Draft
from skills.core.diagram import note as diagram
from skills.core.messages import say
from skills.core.model import (
    ISOLATION,
    NEEDS_APPROVAL,
    Drawn,
    Finding,
    Grant,
    Need,
    OpenMergeRequest,
    Request,
    Weighed,
    few,
    in_words,
    scoped,
)
from skills.core.policy import Answered, names_of, touched
from skills.core.rendering import render, render_foreign
from skills.core.secrets import mask
from skills.draft import asking, weighing
from skills.propose import asides

_DIFF_KEPT = 60_000  # characters
_ERROR_SHOWN = 3_000  # characters
_MOST_LISTED = 100


def key_of(words: Sequence[str], number: int = 0) -> str:
    """The key that these words give; `number` counts re-openings."""
    raw = hashlib.sha256("\n".join(words).encode()).digest()
    key = f"EG-{base64.b32encode(raw).decode()[:7]}"
    return f"{key}-{number + 1}" if number else key


def request(key: str, drafted: Draft, need: Need, world: World, asked: str, need_key: str) -> Request:
    """A new request. `asked` is the ask as JSON; with it the same can be drawn anew on another commit."""
    paths = drafted.change.governed
    diff = "".join(change.unified_diff(edit) for edit in drafted.change.edits if edit.path in paths)
    made = Request(
        key=key,
        state="drafted",
        version=0,
        workload=need.who,
        destinations=ISOLATION if need.isolate else tuple(map(str, need.destinations)),
        digest=drafted.change.digest,
        base=drafted.change.base or "",
        branch=f"egress/{key}",
        asked_by=world.person.id,
        reason=need.reason,
        until=need.until,
        since=world.now.isoformat(timespec="seconds"),
        paths=paths,
        environment=",".join(_environments(need)) or None,
        thread=world.thread,
        remove=need.remove,
        drawn=Drawn(asked, need_key, change.effect(drafted.change), diff[:_DIFF_KEPT]),
        weighed=_weighed(drafted, need, world, asked),
    )
    return replace(made, waits_for=world.policy.asked(made, world.now, but=(world.person.id,)))


def _weighed(drafted: Draft, need: Need, world: World, asked: str) -> Weighed:
    proof = drafted.change.proof
    assessed = weighing.assess(need, proof, json.loads(asked).get("answer", ()), world)
    return Weighed(
        assessed.band,
        need.workload.platform,
        assessed.reasons,
        (*proof.wider_than_asked, *proof.lost)[:_MOST_LISTED],
        tuple(_permission(grant) for grant in proof.newly_allowed[:_MOST_LISTED]),
        tuple(world.owners(drafted.change.governed)),
        tuple(dict.fromkeys(grant.target for grant in proof.newly_allowed)),
        touched(drafted.change.edits),
        tuple(names_of(need.workload)),
    )


def _permission(grant: Grant) -> str:
    return f"{in_words(grant.source)} → {grant.target} ({grant.ports}, {grant.protocol})"


def effect(request: Request, drafted: Draft, need: Need, world: World) -> tuple[OpenMergeRequest, tuple[Finding, ...]]:
    """The merge request, and what must be said of how it was written."""
    asked = json.loads(request.drawn.asked) if request.drawn else {}
    assessed = weighing.assess(need, drafted.change.proof, asked.get("answer", ()), world)
    body, said = _body(request, drafted, need, assessed, world)
    made = OpenMergeRequest(
        request_key=request.key,
        base=request.base,
        branch=request.branch,
        target=world.target,
        edits=drafted.change.edits,
        digest=request.digest,
        title=_headline(request, need),
        body=body,
        labels=(
            NEEDS_APPROVAL,
            *scoped("dialect", need.workload.platform),
            *scoped("environment", *_environments(need)),
            *scoped("risk", assessed.band),
            *asides.labels(request),
        ),
        reviewers=_reviewers(request, world),
        author=request.asked_by,
        created_at=request.since,
    )
    return made, said


def _environments(need: Need) -> list[str]:
    return [each.environment for each in (need.workload, *need.others) if each.environment]


def _headline(request: Request, need: Need) -> str:
    code = "EGR373" if need.isolate else "EGR331" if need.remove else "EGR330"
    facts = {"workload": need.who, "destinations": few(request.destinations, 1), "namespace": str(need.workload)}
    return say(Finding(code, facts)).says


def _body(
    request: Request, drafted: Draft, need: Need, assessed: risk.Risk, world: World
) -> tuple[str, tuple[Finding, ...]]:
    """The merge request's text: everything in it that people or manifests wrote is escaped in the template.

    A team's own template is rendered where it can do no harm; where it fails, ours is taken and that is said. What
    Postern has to find again stands behind either.
    """
    facts = _facts(request, drafted, need, assessed, world)
    trailer = render("merge_request_trailer.md.j2", request=request, answers=facts["asked"], beside=facts["beside"])
    if world.template is None:
        return render("merge_request.md.j2", **facts) + trailer, ()
    own, fault = render_foreign(world.template, **facts)
    if own is None:
        return render("merge_request.md.j2", **facts) + trailer, (Finding("EGR065", {"fault": fault}),)
    return own + trailer, ()


def _facts(request: Request, drafted: Draft, need: Need, assessed: risk.Risk, world: World) -> dict[str, Any]:
    proof = drafted.change.proof
    note = diagram.note(diagram.connections(need), removed=need.remove or need.isolate)
    asked: Mapping[str, Any] = json.loads(request.drawn.asked) if request.drawn else {}
    error = mask(str(asked.get("error") or "")).text.strip()
    answers = asking.answers(asked.get("answer", ()), need, world)
    return {
        "headline": _headline(request, need),
        "request": request,
        "beside": joint.beside(request, world.elsewhere),
        "need": need,
        "draft": drafted,
        "proof": proof,
        "wider": [say(finding).says for finding in proof.wider_than_asked],
        "lost": [say(finding).says for finding in proof.lost],
        "risk": assessed,
        "band": assessed.band,
        "reasons": [say(reason).says for reason in assessed.reasons],
        "approvals": _approvals(request, world),
        "groups": world.policy.groups_for(request),
        "owners": world.owners(request.paths),
        "asked": answers,
        "answers": [*map(_shown, answers), *_answers(asked, {each.id for each in answers})],
        "error": error[:_ERROR_SHOWN],
        "error_cut": len(error) > _ERROR_SHOWN,
        "thread": thread_link(request.thread),
        "note": note.markdown,
        "elsewhere": drafted.elsewhere,
        "ticket_project": asides.ticket_project(need, world),
        "commands": drafted.change.commands,
        "verify": _verify(asked, need),
        "undo": _undo(asked, need),
        "most": _MOST_LISTED,
    }


def _approvals(request: Request, world: World) -> list[tuple[int, tuple[str, ...]]]:
    """What the policy demands, all of it together: how many, and of which groups."""
    return list(dict.fromkeys((each.needed, each.rule.groups) for each in world.policy.demands(request)))


def _reviewers(request: Request, world: World) -> tuple[str, ...]:
    """Who may approve, and the people whom CODEOWNERS names; never whoever asked."""
    people = [name[1:] for name in world.owners(request.paths) if name[0] == "@" and not {"@", "/"} & set(name[1:])]
    asked = {name.casefold() for name in (request.asked_by, *request.watchers)}
    return tuple(name for name in dict.fromkeys((*request.waits_for, *people)) if name.casefold() not in asked)


def _shown(each: Answered) -> tuple[str, str]:
    """A question of the policy, and how its answer came about."""
    how = {"derived": " (follows from the request)", "remembered": f" (remembered from {each.source})"}
    return say(each.asks).says, f"{each.answer or 'open'}{how.get(each.how, '')}"


def _answers(asked: Mapping[str, Any], but: Collection[str]) -> list[tuple[str, str]]:
    """What else was asked of the drafter, and what they chose."""
    given = [item.partition("=")[::2] for item in asked.get("answer", ()) if item.partition("=")[0] not in but]
    if asked.get("choose"):
        given.append(("way to open the host", asked["choose"]))
    if asked.get("ip"):
        given.append(("addresses given by the asker", f"{', '.join(asked['ip'])} (noted {asked.get('on', '')})"))
    return [(name.replace("_", " ").rstrip(":"), str(answer)) for name, answer in given]


def _verify(asked: Mapping[str, Any], need: Need) -> list[str]:
    if need.isolate:
        return [f"postern draft --default-deny {shlex.quote(str(asked.get('default_deny') or need.workload.name))}"]
    workload = shlex.quote(_named(asked, need))
    check = f"postern check --for {workload} " + " ".join(f"--to {shlex.quote(to)}" for to in asked.get("to", ()))
    hosts = [to for to in need.destinations if to.host and not to.host.startswith("*") and str(to).endswith(":443")]
    return [
        check,
        *(f"curl -sv --connect-timeout 5 {shlex.quote(f'https://{to.name}/')} -o /dev/null" for to in hosts[:5]),
    ]


def _undo(asked: Mapping[str, Any], need: Need) -> str:
    if need.remove or need.isolate:
        return "git revert -m 1 COMMIT"
    to = " ".join(f"--to {shlex.quote(to)}" for to in asked.get("to", ()))
    return f"postern propose --remove --for {shlex.quote(_named(asked, need))} {to} --reason WHY"


def _named(asked: Mapping[str, Any], need: Need) -> str:
    return str(asked.get("for") or need.workload.name)


def thread_link(thread: str) -> str:
    """The address of a Slack thread, in the form that needs no workspace name; nothing for other surfaces, and for what
    one person alone was answered: after a slash command that person stands where the thread would."""
    surface, _, rest = thread.partition(":")
    parts = rest.split(":")
    if surface != "slack" or len(parts) != 3 or not all(part.replace(".", "").isalnum() for part in parts):
        return ""
    team, channel, moment = parts
    if not moment.replace(".", "", 1).isdecimal():
        return ""
    return f"https://app.slack.com/client/{team}/{channel}/thread/{channel}-{moment}"


def differs(key: str, old: Drawn, now: Drawn | None) -> Finding:
    """How what is opened now differs from what was: in its lines, or only in where they stand."""
    assert now is not None
    was, is_now = _turned(old.diff), _turned(now.diff)
    if was == is_now:
        return Finding("EGR059", {"key": key})
    gone = [line for line in was if line not in is_now]
    new = [line for line in is_now if line not in was]
    return Finding("EGR060", {"key": key, "gone": _quoted(gone), "new": _quoted(new)})


def _turned(diff: str) -> list[str]:
    """Added and removed lines, without the indentation that the text around them has now."""
    lines = [line for line in diff.splitlines() if line[:1] in ("+", "-") and line[:4] not in ("+++ ", "--- ")]
    return [line[0] + line[1:].strip() for line in lines]


def _quoted(lines: list[str]) -> str:
    return " · ".join(line[1:] for line in lines[:3]) + (" …" if len(lines) > 3 else "") or "nothing"
