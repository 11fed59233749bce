"""One short function an effect. Each is safe to repeat: its natural key makes twice the same as once."""

from __future__ import annotations

from bot.world.forge import Forge, MergeRequest
from skills.core.errors import Outdated
from skills.core.model import (
    CloseMergeRequest,
    Effect,
    MergeRequestDecision,
    OpenMergeRequest,
)


def perform(effect: Effect, forge: Forge) -> MergeRequest:
    """Carries the effect out and gives the merge request as it is afterwards."""
    match effect:
        case OpenMergeRequest():
            return forge.open_or_update(effect).merge_request
        case MergeRequestDecision():
            return _decide(effect, forge)
        case CloseMergeRequest():
            return _close(effect, forge)


def _close(effect: CloseMergeRequest, forge: Forge) -> MergeRequest:
    merge_request = forge.find(effect.request_key)
    if merge_request is None:
        raise Outdated("EGR475", key=effect.request_key)
    if merge_request.state != "opened":
        return merge_request
    return forge.close(merge_request.number, "Postern", effect.reason)


def _decide(effect: MergeRequestDecision, forge: Forge) -> MergeRequest:
    merge_request = forge.find(effect.request_key)
    if merge_request is None:
        raise Outdated("EGR475", key=effect.request_key)
    if effect.merge and merge_request.target_branch != effect.target:
        raise Outdated("EGR479", key=effect.request_key, branch=merge_request.target_branch, read=effect.target)
    words = f"{effect.verb} by {effect.by}" + (f": {effect.reason}" if effect.reason else "")
    forge.note(merge_request.number, effect.by, words, key=f"{effect.verb}:{effect.by}:{effect.digest}")
    if effect.verb == "reject":
        return forge.close(merge_request.number, effect.by, effect.reason)
    if effect.verb == "approve" and merge_request.state == "opened":
        merge_request = forge.approve(merge_request.number, effect.head, effect.by)
    if effect.merge:
        return forge.merge(merge_request.number, effect.head, effect.by)
    return merge_request
