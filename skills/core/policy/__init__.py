"""What a team decides about Postern: `egress-policy.yaml` on the target branch, as values."""

from skills.core.policy.beside import PLATFORMS, DiagramSetting, HelpDesk, Timers
from skills.core.policy.bounds import environments_of, frozen
from skills.core.policy.levels import app_of, names_of
from skills.core.policy.people import BreakGlass, HandOff, Known, heads
from skills.core.policy.questions import Answered, Remembered, is_free, worth_keeping
from skills.core.policy.read import faults_in, policy_or_fault, read_policy, schema
from skills.core.policy.shapes import (
    LEVELS,
    ApprovalRule,
    Band,
    Freeze,
    Level,
    Team,
)
from skills.core.policy.touched import touched
from skills.core.policy.values import NO_POLICY, PATH, TEMPLATE, Demand, Policy, Subject, in_environments

__all__ = [
    "LEVELS",
    "NO_POLICY",
    "PATH",
    "PLATFORMS",
    "TEMPLATE",
    "Answered",
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
    "Remembered",
    "Subject",
    "Team",
    "Timers",
    "app_of",
    "environments_of",
    "faults_in",
    "frozen",
    "heads",
    "in_environments",
    "is_free",
    "names_of",
    "policy_or_fault",
    "read_policy",
    "schema",
    "touched",
    "worth_keeping",
]
