"""6 to 7: what each call of a language model took, for budgets a team and day."""

from alembic import op
from sqlalchemy import Column, Integer, String, Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "model_calls",
        Column("id", Integer, primary_key=True),
        Column("at", String(32), nullable=False),
        Column("team", Text, nullable=False),
        Column("thread", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("prompt", Text, nullable=False),
        Column("purpose", Text, nullable=False),
        Column("read", Integer, nullable=False),
        Column("written", Integer, nullable=False),
        Column("money", Integer, nullable=False),
        Column("milliseconds", Integer, nullable=False),
        Column("outcome", Text, nullable=False),
    )
    op.create_index("model_calls_of_team", "model_calls", ["team", "at"])
