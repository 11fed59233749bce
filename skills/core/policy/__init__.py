"""What a team decides about Postern: `egress-policy.yaml` on the target branch, as values."""

from skills.core.policy.beside import PLATFORMS, DiagramSetting, HelpDesk, Timers
from skills.core.policy.people import BreakGlass, HandOff, Known
from skills.core.policy.read import faults_in, policy_or_fault, read_policy
from skills.core.policy.shapes import (
    LEVELS,
    ApprovalRule,
    Band,
    Freeze,
    Level,
    Team,
)
from skills.core.policy.values import NO_POLICY, PATH, TEMPLATE, Demand, Policy, Subject

__all__ = [
    "LEVELS",
    "NO_POLICY",
    "PATH",
    "PLATFORMS",
    "TEMPLATE",
    "ApprovalRule",
    "Band",
    "BreakGlass",
    "Demand",
    "DiagramSetting",
    "Freeze",
    "HandOff",
    "HelpDesk",
    "Known",
    "Level",
    "Policy",
    "Subject",
    "Team",
    "Timers",
    "faults_in",
    "policy_or_fault",
    "read_policy",
]
