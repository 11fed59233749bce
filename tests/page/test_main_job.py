"""The whole main job in a real browser: ask, draft, open, switch person, approve, merged, works now."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page.conftest import Open
from tests.page.steps import ask, be, confirm, faults, fill, go, press, says, submit, thread

TIMEOUT = "curl: (28) Failed to connect to api.twilio.com port 443 after 30001 ms: Timeout was reached"

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("axe-core")]


def test_from_a_pasted_error_to_works_now(open_page: Open) -> None:
    page = open_page()
    ask(page, f"payment-gateway gets {TIMEOUT}")
    says(page, "can't reach api.twilio.com:443")
    press(page, "Draft")
    says(page, "This change lets payment-gateway (production) reach api.twilio.com:443.")
    press(page, "Open")
    assert faults(page) == []
    fill(page, "Why is it needed?", "The gateway sends SMS confirmations through Twilio")
    submit(page, "Open merge request")
    says(page, "waits for a decision")

    be(page, "Sam")
    go(page, "security")
    page.get_by_role("main").get_by_role("button", name="Approve").click()
    assert faults(page) == []
    confirm(page, "Approve")
    page.get_by_role("main").get_by_text("merged", exact=True).wait_for()

    be(page, "Dana")
    says(page, "is merged: payment-gateway (production) may reach api.twilio.com:443")
    press(page, "Works now")
    says(page, "is closed as working")
    _looked_at(page)


def _looked_at(page: Any) -> None:
    """The merge request that came of it, with diff and diagram, and the way back to the thread."""
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


def test_a_port_between_two_colons_is_no_emoji(open_page: Open) -> None:
    page = open_page()
    ask(page, "payment-gateway: api.twilio.com:443: Connection timed out :smiley:")
    thread(page).get_by_text("Connection timed out").first.wait_for()
    assert "api.twilio.com:443: Connection timed out 😃" in " ".join(thread(page).inner_text().split())
