"""The plain values that every part of Postern speaks in. No behaviour beyond comparison and display."""

from skills.core.model.changes import Change, Edit, Grant, Isolation, Plan, Proof, Role
from skills.core.model.effects import CloseMergeRequest, Effect, MergeRequestDecision, OpenMergeRequest
from skills.core.model.findings import Evidence, Fact, Finding, Question, finding, unique
from skills.core.model.flows import Destination, Need, Ports, Workload, WorkloadRef
from skills.core.model.origins import Origin
from skills.core.model.people import Person
from skills.core.model.places import Place
from skills.core.model.requests import (
    ISOLATION,
    OPEN_STATES,
    Decided,
    Drawn,
    MoveRequest,
    OpenRequest,
    Record,
    Request,
    RequestState,
    Verb,
    WatchRequest,
)
from skills.core.model.seen import Job, Pipeline, Remark, Seen
from skills.core.model.verdicts import (
    LAYERS,
    Decision,
    Default,
    LayerVerdict,
    LayerView,
    NearMiss,
    RuleHit,
    Verdict,
)

__all__ = [
    "ISOLATION",
    "LAYERS",
    "OPEN_STATES",
    "Change",
    "CloseMergeRequest",
    "Decided",
    "Decision",
    "Default",
    "Destination",
    "Drawn",
    "Edit",
    "Effect",
    "Evidence",
    "Fact",
    "Finding",
    "Grant",
    "Isolation",
    "Job",
    "LayerVerdict",
    "LayerView",
    "MergeRequestDecision",
    "MoveRequest",
    "NearMiss",
    "Need",
    "OpenMergeRequest",
    "OpenRequest",
    "Origin",
    "Person",
    "Pipeline",
    "Place",
    "Plan",
    "Ports",
    "Proof",
    "Question",
    "Record",
    "Remark",
    "Request",
    "RequestState",
    "Role",
    "RuleHit",
    "Seen",
    "Verb",
    "Verdict",
    "WatchRequest",
    "Workload",
    "WorkloadRef",
    "finding",
    "unique",
]
