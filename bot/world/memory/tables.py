"""The tables. The same definitions serve SQLite and PostgreSQL; what differs is in engine.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

SCHEMA = 10
"""Raised with every change of a table, by one more revision in migrations/; schema.py refuses a higher number."""


def storable(text: str) -> str:
    """Text as any database gives it back: PostgreSQL refuses NUL, and no encoder takes a lone surrogate."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


class Words(TypeDecorator[str]):
    """Text, made storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """A point in time as ISO 8601 in UTC with microseconds: of one width, so that text order is time order."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a time without a zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData()


def of(column: Column[Any], repository: str) -> ColumnElement[bool]:
    """Rows of a repository, or of several: where one service serves more than one, their names stand a line each."""
    names = repository.splitlines()
    return column == repository if len(names) < 2 else column.in_(names)


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

# What Alembic keeps beside it. It is written with it, so that Alembic's own programs show the same.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

threads = Table(
    "threads",
    metadata,
    Column("id", Words, primary_key=True),
    Column("state", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

turns = Table(
    "turns",
    metadata,
    Column("thread", Words, ForeignKey("threads.id"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("who", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("said", Words, nullable=False),
    Column("answer", JSON, nullable=False),
)

drafts = Table(
    "drafts",
    metadata,
    Column("digest", Words, primary_key=True),
    Column("thread", Words, nullable=False),
    Column("repository", Words, nullable=False),
    Column("base", Words),
    Column("need", JSON, nullable=False),
    Column("edits", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
)

requests = Table(
    "requests",
    metadata,
    Column("key", Words, primary_key=True),
    Column("repository", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("workload", Words, nullable=False),
    Column("environment", Words),
    Column("destinations", JSON, nullable=False),
    Column("remove", Boolean, nullable=False),
    Column("digest", Words, nullable=False),
    Column("base", Words, nullable=False),
    Column("branch", Words, nullable=False),
    Column("commit_id", Words),
    Column("number", Integer),
    Column("url", Words),
    Column("asked_by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("until", Words),
    Column("paths", JSON, nullable=False),
    Column("watchers", JSON, nullable=False),
    Column("waits_for", JSON, nullable=False),
    Column("thread", Words, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("forge", JSON(none_as_null=True)),
    Column("seen", Integer, nullable=False, server_default="0"),
    Column("round", Integer, nullable=False, server_default="0"),
    Column("pushed", Words),
    Index("requests_of_repository", "repository", "state"),
    Index("requests_of_thread", "thread"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("request", Words, ForeignKey("requests.key"), nullable=False),
    Column("verb", Words, nullable=False),
    Column("decided_by", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("head", Words),
    Column("version", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("round", Integer, nullable=False, server_default="0"),
    Column("there", Words),
    UniqueConstraint("request", "decided_by", "verb", "digest", "version", name="decision_once_a_version"),
)

intents = Table(
    "intents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Words, nullable=False, unique=True),
    Column("kind", Words, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("request", Words, ForeignKey("requests.key")),
    Column("state", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("receipt", JSON(none_as_null=True)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("holder", Words),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("due", Moment),
    Index("intents_by_state", "state", "id"),
    Index("intents_of_request", "request"),
)

log = Table(
    "log",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", Words, nullable=False),
    Column("where_from", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("hash", String(64)),
)

# The end of the log's chain: whoever adds a line holds this row until it is committed.
log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("lines", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Words, nullable=False, unique=True),
    Column("channel", Words, nullable=False),
    Column("thread", Words),
    Column("payload", JSON, nullable=False),
    Column("state", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("ts", Words),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("request", Words, ForeignKey("requests.key")),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("shown", Integer, nullable=False, server_default="0"),
    Column("final", Boolean, nullable=False, server_default=false()),
    Column("repository", Words),
    Index("outbox_by_state", "state", "id"),
    Index("outbox_of_request", "request", "id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", Words, nullable=False, unique=True),
    Column("kind", Words, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("state", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("repository", Words),
    Index("deliveries_by_state", "state", "id"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("lane", Words, nullable=False),
    Column("payload", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("holder", Words),
    Column("due", Moment),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("repository", "key", name="arrives_once"),
    Index("inbox_by_state", "state", "id"),
    Index("inbox_of_lane", "lane", "state", "id"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("id", Words, primary_key=True),
    Column("repository", Words, nullable=False),
    Column("version", Words, nullable=False),
    Column("started", Moment, nullable=False),
    Column("beat", Moment, nullable=False),
    Column("beats", Integer, nullable=False),
    Column("taken_by", Words),
)

# Copies of a request's card in the chat. `mark` says what was drawn last, `over` that nothing of it will change.
cards = Table(
    "cards",
    metadata,
    Column("key", Words, primary_key=True),
    Column("request", Words, ForeignKey("requests.key"), nullable=False),
    Column("channel", Words, nullable=False),
    Column("mark", Words, nullable=False),
    Column("over", Boolean, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Index("cards_of_request", "request"),
    Index("cards_by_end", "over", "key"),
)

# What a channel speaks of where a message does not say it.
channels = Table(
    "channels",
    metadata,
    Column("id", Words, primary_key=True),
    Column("speaks_of", JSON, nullable=False),
    Column("set_by", Words, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

# `money` is in millionths of whatever the prices are in; nothing that was said stands here.
model_calls = Table(
    "model_calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("team", Words, nullable=False),
    Column("thread", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("prompt", Words, nullable=False),
    Column("purpose", Words, nullable=False),
    Column("read", Integer, nullable=False),
    Column("written", Integer, nullable=False),
    Column("money", Integer, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("outcome", Words, nullable=False),
    Index("model_calls_of_team", "team", "at"),
)

# What was answered about an app, as far as it holds for its next ask; `request` is the one it was said for.
app_answers = Table(
    "app_answers",
    metadata,
    Column("repository", Words, nullable=False),
    Column("app", Words, nullable=False),
    Column("question", Words, nullable=False),
    Column("answer", Words, nullable=False),
    Column("request", Words, nullable=False),
    Column("by_whom", Words, nullable=False),
    Column("at", Moment, nullable=False),
    PrimaryKeyConstraint("repository", "app", "question"),
)
