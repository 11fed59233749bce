"""4 to 5: what Slack says to us, kept before it is answered; messages that change after they were sent."""

from alembic import op
from sqlalchemy import Boolean, Column, Integer, String, Text, UniqueConstraint, false

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("outbox", Column("version", Integer, nullable=False, server_default="1"))
    op.add_column("outbox", Column("shown", Integer, nullable=False, server_default="0"))
    op.add_column("outbox", Column("final", Boolean, nullable=False, server_default=false()))
    op.add_column("outbox", Column("repository", Text))
    op.create_table(
        "inbox",
        Column("id", Integer, primary_key=True),
        Column("repository", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("lane", Text, nullable=False),
        Column("payload", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("holder", Text),
        Column("due", String(32)),
        Column("created_at", String(32), nullable=False),
        Column("updated_at", String(32), nullable=False),
        UniqueConstraint("repository", "key", name="arrives_once"),
    )
    op.create_index("inbox_by_state", "inbox", ["state", "id"])
    op.create_index("inbox_of_lane", "inbox", ["lane", "state", "id"])
