"""2 to 3: who holds an intent, how often it was tried and when it is next; the replicas and their beats."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("intents", Column("holder", Text))
    op.add_column("intents", Column("tries", Integer, nullable=False, server_default="0"))
    op.add_column("intents", Column("due", String(32)))
    op.create_table(
        "replicas",
        Column("id", Text, primary_key=True),
        Column("repository", Text, nullable=False),
        Column("version", Text, nullable=False),
        Column("started", String(32), nullable=False),
        Column("beat", String(32), nullable=False),
        Column("beats", Integer, nullable=False),
        Column("taken_by", Text),
    )
