"""The first layout that was shipped: threads, drafts, requests, decisions, intents, the log, messages to send."""

from typing import Any

from alembic import op
from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, String, Text, UniqueConstraint

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("schema_version", Column("version", Integer, primary_key=True, autoincrement=False))
    _conversations()
    _requests()
    _work()


def _conversations() -> None:
    op.create_table(
        "threads",
        Column("id", Text, primary_key=True),
        Column("state", JSON, nullable=False),
        Column("version", Integer, nullable=False),
        Column("updated_at", String(32), nullable=False),
    )
    op.create_table(
        "turns",
        Column("thread", Text, ForeignKey("threads.id"), primary_key=True),
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("who", Text, nullable=False),
        Column("at", String(32), nullable=False),
        Column("said", Text, nullable=False),
        Column("answer", JSON, nullable=False),
    )
    op.create_table(
        "drafts",
        Column("digest", Text, primary_key=True),
        Column("thread", Text, nullable=False),
        Column("repository", Text, nullable=False),
        Column("base", Text),
        Column("need", JSON, nullable=False),
        Column("edits", JSON, nullable=False),
        Column("created_at", String(32), nullable=False),
    )


def _requests() -> None:
    words = ("repository", "state", "version", "workload", "environment", "destinations", "remove", "digest", "base")
    more = ("branch", "commit_id", "number", "url", "asked_by", "reason", "until", "paths", "watchers", "waits_for")
    op.create_table(
        "requests",
        Column("key", Text, primary_key=True),
        *(_of_a_request(name) for name in (*words, *more, "thread", "facts")),
        Column("created_at", String(32), nullable=False),
        Column("updated_at", String(32), nullable=False),
    )
    op.create_index("requests_of_repository", "requests", ["repository", "state"])
    op.create_index("requests_of_thread", "requests", ["thread"])
    op.create_table(
        "decisions",
        Column("seq", Integer, primary_key=True),
        Column("request", Text, ForeignKey("requests.key"), nullable=False),
        Column("verb", Text, nullable=False),
        Column("decided_by", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("head", Text),
        Column("version", Integer, nullable=False),
        Column("at", String(32), nullable=False),
        UniqueConstraint("request", "decided_by", "verb", "digest", name="decision_once"),
    )


def _of_a_request(name: str) -> Column[Any]:
    kinds = {"destinations": JSON, "paths": JSON, "watchers": JSON, "waits_for": JSON, "facts": JSON, "remove": Boolean}
    kind = {**kinds, "version": Integer, "number": Integer}.get(name, Text)
    return Column(name, kind, nullable=name in {"environment", "commit_id", "number", "url", "until"})


def _work() -> None:
    op.create_table(
        "intents",
        Column("id", Integer, primary_key=True),
        Column("key", Text, nullable=False, unique=True),
        Column("kind", Text, nullable=False),
        Column("payload", JSON, nullable=False),
        Column("request", Text, ForeignKey("requests.key")),
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("error", JSON),
        Column("receipt", JSON),
        Column("created_at", String(32), nullable=False),
        Column("updated_at", String(32), nullable=False),
    )
    op.create_index("intents_by_state", "intents", ["state", "id"])
    op.create_index("intents_of_request", "intents", ["request"])
    op.create_table(
        "log",
        Column("seq", Integer, primary_key=True),
        Column("at", String(32), nullable=False),
        Column("who", Text, nullable=False),
        Column("where_from", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("facts", JSON, nullable=False),
    )
    op.create_table(
        "outbox",
        Column("id", Integer, primary_key=True),
        Column("key", Text, nullable=False, unique=True),
        Column("channel", Text, nullable=False),
        Column("thread", Text),
        Column("payload", JSON, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("ts", Text),
        Column("created_at", String(32), nullable=False),
        Column("updated_at", String(32), nullable=False),
    )
    op.create_index("outbox_by_state", "outbox", ["state", "id"])
