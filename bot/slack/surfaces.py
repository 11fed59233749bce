"""The surfaces beside the conversation in threads, all on the same parts."""

from __future__ import annotations

from bot.slack.forms import Forms
from bot.slack.parts import Parts
from bot.slack.places import Places
from bot.slack.step_forms import StepForms


def add_surfaces(parts: Parts) -> None:
    """Forms, buttons that open one, the home page and the shortcut; each adds its handlers to the inbox."""
    for surface in (Forms, StepForms, Places):
        surface(parts)
