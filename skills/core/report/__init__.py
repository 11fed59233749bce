"""Pasted text -> facts: what was wanted, what came back, who said it. Secrets are masked before anything is read."""

from skills.core.report.facts import Access, Drop, Report, Seen
from skills.core.report.read import read_report

__all__ = ["Access", "Drop", "Report", "Seen", "read_report"]
