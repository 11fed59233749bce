"""Requests that are parts of one ask, in different repositories: their merge requests link each other, and what is half
allowed while only one of them stands is said in both."""

from __future__ import annotations

from datetime import datetime

from bot.intents import intend
from bot.world.memory import Transaction
from skills.core import joint
from skills.core.messages import say
from skills.core.model import Finding, NameBeside, Request


def link(tx: Transaction, request: Request, url: str, now: datetime) -> None:
    """As soon as both stand, each gets a note with the address of the other. Said again, it stands once."""
    for other in joint.beside(request, tx.asked_for):
        there = other.request
        if there is not None and there.url:
            _note(tx, request, other.part, there.url, now)
            own = next((part for part in joint.parts(there) if part.key == request.key), None)
            if own is not None:
                _note(tx, there, own, url, now)


def tell(tx: Transaction, request: Request, now: datetime) -> None:
    """This part is merged: both threads hear what is allowed by now and what is not."""
    others = joint.beside(request, tx.asked_for)
    found = joint.half(request, others)
    if found is None:
        return
    tx.tell(request, f"{request.key}:half", found, now)
    threads = {request.thread}
    for there in (other.request for other in others if other.request):
        if there.thread not in threads:
            threads.add(there.thread)
            tx.tell(there, f"{there.key}:half:{request.key}", found, now)


def _note(tx: Transaction, at: Request, part: joint.Part, url: str, now: datetime) -> None:
    facts = {"key": part.key, "repository": part.repository, "workload": part.workload}
    text = say(Finding("EGR1870", facts)).says
    intend(tx, NameBeside(at.key, at.digest, f"beside:{part.key}", text, url), now)
