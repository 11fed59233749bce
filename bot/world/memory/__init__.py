"""What Postern remembers: threads, drafts, requests, decisions, intents, the audit log, messages to send.

    memory = Memory(sqlite_url(path))
    seen = memory.thread("terminal:default")
    with memory.transaction() as tx:
        tx.save_thread(seen.id, state, seen.version, now)
        tx.create_request(request, repository, now)
        tx.add_intent(key, kind, payload, request.key, now)
        tx.add_log(who, where, kind, facts, now)

It never reads the clock: whoever writes says when.
"""

from bot.world.memory.claims import Claims, Still
from bot.world.memory.engine import sqlite_url
from bot.world.memory.rows import (
    Arrival,
    CardRow,
    DecisionRow,
    DeliveryRow,
    DraftRow,
    InboxRow,
    IntentRow,
    LogRow,
    PostRow,
    ReplicaRow,
    RequestFields,
    RequestRow,
    ThreadRow,
    TurnRow,
    WorkState,
)
from bot.world.memory.store import Memory, Transaction

__all__ = [
    "Arrival",
    "CardRow",
    "Claims",
    "DecisionRow",
    "DeliveryRow",
    "DraftRow",
    "InboxRow",
    "IntentRow",
    "LogRow",
    "Memory",
    "PostRow",
    "ReplicaRow",
    "RequestFields",
    "RequestRow",
    "Still",
    "ThreadRow",
    "Transaction",
    "TurnRow",
    "WorkState",
    "sqlite_url",
]
