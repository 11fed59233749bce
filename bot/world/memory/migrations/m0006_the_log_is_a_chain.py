"""5 to 6: the lines of the audit log become a chain of hashes, those that stand included."""

import json
from hashlib import sha256

from alembic import op
from sqlalchemy import JSON, Column, Integer, MetaData, String, Table, Text, insert, select, update

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("log", Column("hash", String(64)))
    op.create_table(
        "log_head",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("lines", Integer, nullable=False),
        Column("hash", String(64), nullable=False),
    )
    words = (Column(name, Text) for name in ("at", "who", "where_from", "kind"))
    log = Table("log", MetaData(), Column("seq", Integer), *words, Column("facts", JSON), Column("hash", String(64)))
    head = Table("log_head", MetaData(), Column("id", Integer), Column("lines", Integer), Column("hash", String(64)))
    connection, last, lines = op.get_bind(), "0" * 64, 0
    for row in connection.execute(select(log).order_by(log.c.seq)).mappings().all():
        last = _linked(last, row)
        lines += 1
        connection.execute(update(log).where(log.c.seq == row["seq"]).values(hash=last))
    connection.execute(insert(head).values(id=1, lines=lines, hash=last))


def _linked(before: str, row) -> str:  # type: ignore[no-untyped-def]
    line = {"at": row["at"], "who": row["who"], "where": row["where_from"], "kind": row["kind"], "facts": row["facts"]}
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256(f"{before}\n{text}".encode()).hexdigest()
