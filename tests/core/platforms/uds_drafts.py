"""Drafts on small UDS repositories, for tests: what changes, and what is said about it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from skills.core.allowlist import Allowlist
from skills.core.change import Draft, draft
from skills.core.flows import read_flow
from tests.core.platforms.uds_support import API_SERVICE, codes, deployment, package


def drafted(
    allowed: Allowlist,
    to: str | Sequence[str],
    *,
    for_: str = "web{app=web}",
    account: str | None = None,
    ip: Sequence[str] = (),
    reason: str = "",
    remove: bool = False,
) -> Draft:
    flow = read_flow(allowed, for_, [to] if isinstance(to, str) else to, ip, account)
    need = flow.need(reason, remove=remove)
    assert need is not None
    return draft(allowed, need)


def added(made: Draft, path: str | None = None) -> str:
    """The changed lines, with their signs and without common indentation."""
    lines: list[str] = []
    for edit in made.change.edits:
        if path is None or edit.path == path:
            old, new = (edit.old_text or "").splitlines(), edit.new_text.splitlines()
            lines += [
                line for line in difflib.unified_diff(old, new, n=0, lineterm="") if line[:2] not in {"++", "--", "@@"}
            ]
    return "\n".join(lines)


def says(made: Draft) -> set[str]:
    return codes([*made.change.findings, *made.change.proof.wider_than_asked, *made.change.proof.lost])


BLOCK = """
- direction: Egress
  selector:
    app: web
  remoteHost: api.stripe.com
  remoteProtocol: TLS
  port: 443
  description: "Stripe payouts"
"""

BOTH = [("0.yaml", "allowlist"), ("1.yaml", "counterpart")]
PAYMENTS = [package("", name="pay", namespace="payments"), deployment("api", namespace="payments"), API_SERVICE]
