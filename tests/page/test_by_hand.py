"""The other ways through the page: forms, refusals, the keyboard alone, a telephone, the dark."""

from __future__ import annotations

from typing import Any

import pytest

from tests.page.conftest import Open
from tests.page.steps import ask, be, choose, confirm, dialog, faults, fill, go, press, says, submit, thread

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("axe-core"), pytest.mark.slow]

REFUSED = "curl: (7) Failed to connect to {} port 443 after 3 ms: Connection refused"
TELEPHONE = {"viewport": {"width": 375, "height": 700}, "has_touch": True}


def _opened(page: Any, workload: str, host: str) -> None:
    ask(page, f"{workload} gets {REFUSED.format(host)}")
    press(page, "Draft")
    says(page, "This change lets")
    press(page, "Open")
    fill(page, "Why is it needed?", f"We call {host}")
    submit(page, "Open merge request")
    says(page, "waits for a decision")


def test_an_approver_rejects_with_a_reason(open_page: Open) -> None:
    page = open_page()
    _opened(page, "payment-gateway", "rates.example.com")
    be(page, "Sam")
    go(page, "security")
    page.get_by_role("main").get_by_role("button", name="Reject").last.click()
    dialog(page).get_by_role("button", name="Reject", exact=True).click()
    dialog(page).get_by_text("This is a required field").wait_for()
    assert faults(page) == []
    dialog(page).get_by_role("textbox").fill("The rates come from the ledger")
    submit(page, "Reject")
    page.get_by_role("main").get_by_text("rejected").first.wait_for()
    be(page, "Dana")
    says(page, "The rates come from the ledger")


def test_whoever_asked_can_not_approve(open_page: Open) -> None:
    page = open_page()
    _opened(page, "payment-gateway", "own.example.com")
    press(page, "Approve")
    confirm(page, "Approve")
    page.get_by_text("You asked for this yourself, so somebody else must decide.").first.wait_for()


def test_a_command_opens_a_form_with_suggestions(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Message #payments").fill("/egress request")
    page.keyboard.press("Enter")
    choose(page, "Which workload must reach it?", "payment-gateway")
    dialog(page).get_by_role("button", name="Show the change").click()
    dialog(page).get_by_text("This is a required field").first.wait_for()
    assert faults(page) == []
    choose(page, "What must it reach?", "form.example.com:443")
    fill(page, "Why is it needed?", "The form is tried")
    submit(page, "Show the change")
    dialog(page).get_by_text('+    - "form.example.com"').wait_for()
    assert faults(page) == []
    submit(page, "Open merge request")
    submit(page, "Close")
    go(page, "Merge requests")
    page.get_by_role("button", name="form.example.com").wait_for()


def test_a_command_answers_in_private(open_page: Open) -> None:
    page = open_page()
    page.get_by_label("Message #payments").fill("/egress check --for payment-gateway --to hooks.slack.com")
    page.keyboard.press("Enter")
    page.get_by_text("Only visible to you").first.wait_for()
    be(page, "Sam")
    go(page, "payments")
    assert page.get_by_text("Only visible to you").count() == 0


def test_an_alert_is_diagnosed_by_its_shortcut(open_page: Open) -> None:
    page = open_page()
    alert = page.get_by_role("article").filter(has_text="Grafana").first
    alert.get_by_role("button", name="More actions").click()
    alert.get_by_role("button", name="Diagnose this message").click()
    page.get_by_text("can't reach api.twilio.com:443").or_(page.get_by_role("dialog")).first.wait_for()


def test_a_long_paste_becomes_a_snippet_that_is_read(open_page: Open) -> None:
    page = open_page()
    log = "\n".join(f"2026-11-28 10:00:{number % 60:02} INFO payment {number} was taken" for number in range(400))
    ask(page, f"payment-gateway\n{log}\n{REFUSED.format('snippet.example.com')}")
    page.get_by_role("button", name="Show all").first.wait_for()
    says(page, "snippet.example.com")


def test_who_loads_the_page_anew_is_there_again_and_back_goes_back(open_page: Open) -> None:
    page = open_page()
    ask(page, f"payment-gateway gets {REFUSED.format('again.example.com')}")
    page.reload()
    says(page, "can't reach again.example.com:443")
    be(page, "Sam")
    go(page, "Home")
    page.get_by_role("region", name="Home").wait_for()
    page.reload()
    page.get_by_role("region", name="Home").wait_for()
    page.go_back()
    page.go_back()
    says(page, "can't reach again.example.com:443")
    page.go_back()
    thread(page).wait_for(state="detached")


def test_a_choice_is_pressed_and_stands_there_with_a_name(open_page: Open) -> None:
    page = open_page()
    ask(page, f"payments gets {REFUSED.format('choice.example.com')}")
    assert faults(page) == []
    press(page, "2) payment-gateway")
    says(page, "payment-gateway (production) can't reach choice.example.com:443")
    says(page, "Chosen: 2) payment-gateway, by")
    assert thread(page).locator("button.button", has_text="payment-api").count() == 0


def test_a_part_is_approved_by_its_form(open_page: Open) -> None:
    page = open_page()
    ask(page, "payment-gateway must reach part.example.com and whole.example.com")
    press(page, "Draft")
    says(page, "This change lets")
    press(page, "Open")
    fill(page, "Why is it needed?", "Only one of them is needed")
    submit(page, "Open merge request")
    says(page, "waits for a decision")
    be(page, "Sam")
    go(page, "security")
    more = page.get_by_role("main").get_by_label("More", exact=True).last
    more.select_option(label="Approve a part …")
    dialog(page).get_by_label("part.example.com:443").check()
    assert faults(page) == []
    submit(page, "Approve this part")
    page.get_by_role("main").get_by_text("merged").first.wait_for()


def test_home_lists_what_waits_for_whom(open_page: Open) -> None:
    page = open_page()
    _opened(page, "payment-gateway", "home.example.com")
    go(page, "Home")
    page.get_by_role("region", name="Home").get_by_text("home.example.com").first.wait_for()
    assert faults(page) == []
    be(page, "Sam")
    go(page, "Home")
    page.get_by_role("region", name="Home").get_by_text("home.example.com").first.wait_for()
    page.get_by_role("region", name="Home").get_by_role("button", name="New request").click()
    dialog(page).get_by_label("What must it reach?").wait_for()
    submit(page, "Not now")  # who comes as Sam after this would find it open


def test_the_whole_of_it_fits_a_telephone(open_page: Open) -> None:
    page = open_page(**TELEPHONE)
    _opened(page, "payment-gateway", "telephone.example.com")
    assert _width(page) == 375
    assert faults(page) == []
    thread(page).get_by_role("button", name="Close thread").click()
    for place in ("Home", "Merge requests", "Postern", "payments"):
        go(page, place)
        page.get_by_role("heading", level=1).wait_for()
        assert _width(page) == 375
        assert faults(page) == []


def _width(page: Any) -> int:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    return width


def test_it_is_readable_in_the_dark(open_page: Open) -> None:
    page = open_page(color_scheme="dark")
    _opened(page, "payment-gateway", "dark.example.com")
    assert faults(page) == []
    press(page, "Reject")
    page.get_by_text("You asked for this yourself, so somebody else must decide.").first.wait_for()
    assert dialog(page).count() == 0, "whoever may not is told at the click"
    press(page, "Merge request")
    page.get_by_role("img", name="Architecture diagram").wait_for()
    assert faults(page) == []
    be(page, "Sam")
    go(page, "security")
    page.get_by_role("main").get_by_role("button", name="Reject").last.click()
    dialog(page).wait_for()
    assert faults(page) == []
    submit(page, "Not now")


def test_the_keyboard_alone_is_enough(open_page: Open) -> None:
    page = open_page()
    _tab_to(page, "Message #payments")
    page.keyboard.type(f"@Postern payment-gateway gets {REFUSED.format('keys.example.com')}")
    page.keyboard.press("Enter")
    says(page, "can't reach keys.example.com:443")
    _tab_to(page, "Draft", back=True)
    page.keyboard.press("Enter")
    says(page, "This change lets")
    assert _focused(page).startswith("Draft"), "drawing anew must not lose the focus"
    _tab_to(page, "Open")
    page.keyboard.press("Enter")
    dialog(page).wait_for()
    assert _focused(page) == "Why is it needed?"
    page.keyboard.press("Escape")
    dialog(page).wait_for(state="detached")
    assert _focused(page).startswith("Open"), "the focus goes back to where the form was opened"
    page.keyboard.press("Enter")
    dialog(page).wait_for()
    page.keyboard.type("By the keyboard alone")
    _tab_to(page, "Open merge request")
    page.keyboard.press("Enter")
    says(page, "waits for a decision")


def _tab_to(page: Any, name: str, *, back: bool = False) -> None:
    for _ in range(60):
        if _focused(page).startswith(name):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
    raise AssertionError(f"{name} is not reached with the keyboard")


def _focused(page: Any) -> str:
    script = "e => { e = document.activeElement; return e.labels?.[0]?.innerText || e.ariaLabel || e.innerText || '' }"
    found: str = page.evaluate(script)
    return found.strip()
