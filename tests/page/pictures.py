"""Takes the pictures of the documentation: `make pictures`. People look at them before they are committed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.page.conftest import CHROMIUM, FLAGS, demo
from tests.page.steps import ask, be, choose, confirm, dialog, fill, go, press, says, submit
from tests.page.test_main_job import TIMEOUT
from tests.shared import ROOT

OUT = ROOT / "docs" / "pictures"
_WIDE, _TELEPHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 720}


def _take(page: Any, name: str) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    page.screenshot(path=OUT / f"{name}.png", animations="disabled", caret="hide")
    print(f"docs/pictures/{name}.png")


def _take_all(open_page: Any) -> None:
    page = open_page(viewport=_WIDE)
    ask(page, f"payment-gateway gets {TIMEOUT}")
    says(page, "can't reach api.twilio.com:443")
    press(page, "Draft")
    says(page, "This change lets payment-gateway (production) reach api.twilio.com:443.")
    _take(page, "thread")
    page.get_by_label("Message #payments").fill("/egress request")
    page.keyboard.press("Enter")
    choose(page, "Which workload must reach it?", "payment-gateway")
    dialog(page).get_by_label("What must it reach?").fill("api.twilio.com")
    dialog(page).get_by_role("option").first.wait_for()
    _take(page, "modal")
    submit(page, "Not now")
    press(page, "Open")
    fill(page, "Why is it needed?", "The gateway sends SMS confirmations through Twilio")
    submit(page, "Open merge request")
    says(page, "waits for a decision")
    press(page, "Merge request")
    page.get_by_role("img", name="Architecture diagram").wait_for()
    _take(page, "merge-request")
    be(page, "Sam")
    go(page, "security")
    page.get_by_role("main").get_by_role("button", name="Approve").wait_for()
    _take(page, "card")
    small = open_page(viewport=_TELEPHONE, device_scale_factor=2)
    small.get_by_role("button", name="replies").click()
    _take(small, "telephone")
    page.get_by_role("main").get_by_role("button", name="Approve").click()
    confirm(page, "Approve")
    page.get_by_role("main").get_by_text("merged", exact=True).wait_for()
    dark = open_page(viewport=_WIDE, color_scheme="dark")
    dark.get_by_role("button", name="replies").click()
    says(dark, "is merged")
    _take(dark, "dark")


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as address, sync_playwright() as here:
        browser = here.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())

        def opened(**options: Any) -> Any:
            page = browser.new_context(**options).new_page()
            page.goto(address)
            page.get_by_role("article").first.wait_for()
            return page

        _take_all(opened)
        browser.close()


if __name__ == "__main__":
    main()
