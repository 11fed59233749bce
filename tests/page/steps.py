"""What a person does on the page, in the words of a person."""

from __future__ import annotations

import json
from typing import Any

from tests.shared import ROOT

AXE = ROOT / "tests" / "counterparts" / "node_modules" / "axe-core" / "axe.min.js"


def be(page: Any, name: str) -> None:
    if page.get_by_role("button", name="Menu").is_visible():
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("group", name="You are").get_by_role("button", name=name).click()


def go(page: Any, name: str) -> None:
    if page.get_by_role("button", name="Menu").is_visible():
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("navigation").get_by_role("button", name=name).click()


def ask(page: Any, words: str) -> None:
    page.get_by_label("Message #payments").fill(f"@Postern {words}")
    page.keyboard.press("Enter")
    answered(page, 1)


def thread(page: Any) -> Any:
    return page.get_by_role("region", name="Thread")


def answered(page: Any, times: int) -> None:
    """Waits until the bot has said so much in the open thread."""
    thread(page).get_by_role("article").filter(has_text="app").nth(times - 1).wait_for()


def press(page: Any, name: str) -> None:
    thread(page).locator("button.button", has_text=name).last.click()


def reply(page: Any, words: str) -> None:
    thread(page).get_by_label("Reply").fill(words)
    page.keyboard.press("Enter")


def says(page: Any, words: str) -> None:
    thread(page).get_by_text(words).last.wait_for()


def faults(page: Any) -> list[str]:
    """What axe calls serious or critical, each with its first place."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => JSON.stringify((await axe.run()).violations)")
    return [
        f"{each['id']}: {each['help']} at {each['nodes'][0]['target']} {each['nodes'][0].get('failureSummary', '')}"
        for each in json.loads(found)
        if each["impact"] in ("serious", "critical")
    ]


def confirm(page: Any, name: str) -> None:
    """Answers the question that the browser's own dialog asks."""
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def dialog(page: Any) -> Any:
    return page.get_by_role("dialog")


def fill(page: Any, label: str, words: str) -> None:
    dialog(page).get_by_label(label).fill(words)


def choose(page: Any, label: str, words: str) -> None:
    """Of an external select: types, and takes what the bot suggests."""
    fill(page, label, words)
    dialog(page).get_by_role("option", name=words, exact=True).click()


def submit(page: Any, name: str) -> None:
    """Sends the modal and waits until it is gone or another."""
    pressed = dialog(page).locator("footer").get_by_role("button", name=name, exact=True)
    pressed.click()
    pressed.wait_for(state="detached")
