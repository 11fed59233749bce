"""The plain values that every part of Postern speaks in. No behaviour beyond comparison and display."""

from skills.core.model.changes import Change, Edit, Grant, Isolation, Plan, Proof, Role
from skills.core.model.findings import Evidence, Fact, Finding, Question, finding, unique
from skills.core.model.flows import Destination, Need, Ports, Workload, WorkloadRef
from skills.core.model.people import Person
from skills.core.model.places import Place
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
    "LAYERS",
    "Change",
    "Decision",
    "Default",
    "Destination",
    "Edit",
    "Evidence",
    "Fact",
    "Finding",
    "Grant",
    "Isolation",
    "LayerVerdict",
    "LayerView",
    "NearMiss",
    "Need",
    "Person",
    "Place",
    "Plan",
    "Ports",
    "Proof",
    "Question",
    "Role",
    "RuleHit",
    "Verdict",
    "Workload",
    "WorkloadRef",
    "finding",
    "unique",
]
