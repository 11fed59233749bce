"""The whole main job in a real browser: ask, draft, open, switch person, approve, merged, works now."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page.conftest import Open
from tests.page.steps import answered, ask, be, confirm, faults, press, reply, says, thread

TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"

pytestmark = pytest.mark.needs("chromium")


def test_from_a_pasted_error_to_works_now(open_page: Open) -> None:
    page = open_page()
    ask(page, f"payment-gateway gets {TIMEOUT}")
    says(page, "can't reach api.twilio.com:443")
    press(page, "Draft")
    answered(page, 2)
    reply(page, "open because the gateway sends SMS confirmations through Twilio")
    says(page, "waits for a decision")

    be(page, "Sam")
    page.get_by_role("button", name="replies").first.click()
    assert faults(page) == []
    press(page, "Approve")
    assert faults(page) == []
    confirm(page, "Approve")
    says(page, "is merged: payment-gateway (production) may reach api.twilio.com:443")

    be(page, "Dana")
    press(page, "Works now")
    says(page, "is closed as working")
    _looked_at(page)


def _looked_at(page: Any) -> None:
    """The merge request that came of it, with diff and diagram."""
    press(page, "Merge request")
    sheet = page.get_by_role("region", name="Merge request 1")
    sheet.get_by_text("merged", exact=True).wait_for()
    assert '+    - "api.twilio.com"' in [line.strip("\n") for line in sheet.locator(".diff .added").all_text_contents()]
    drawn = sheet.get_by_role("img", name="Architecture diagram")
    drawn.wait_for()
    assert drawn.evaluate("each => each.decode().then(() => each.naturalWidth)") > 100
    assert faults(page) == []
    sheet.get_by_role("button", name="The thread in which it was asked").click()
    assert "is closed as working" in thread(page).inner_text()
