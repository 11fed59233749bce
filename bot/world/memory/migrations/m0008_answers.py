"""7 to 8: what was answered about an app, for its next ask."""

from alembic import op
from sqlalchemy import Column, PrimaryKeyConstraint, String, Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "app_answers",
        Column("repository", Text, nullable=False),
        Column("app", Text, nullable=False),
        Column("question", Text, nullable=False),
        Column("answer", Text, nullable=False),
        Column("request", Text, nullable=False),
        Column("by_whom", Text, nullable=False),
        Column("at", String(32), nullable=False),
        PrimaryKeyConstraint("repository", "app", "question"),
    )
