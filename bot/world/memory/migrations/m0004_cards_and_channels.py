"""3 to 4: the copies of a request's card, and what a channel speaks of."""

from alembic import op
from sqlalchemy import JSON, Boolean, Column, ForeignKey, String, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "cards",
        Column("key", Text, primary_key=True),
        Column("request", Text, ForeignKey("requests.key"), nullable=False),
        Column("channel", Text, nullable=False),
        Column("mark", Text, nullable=False),
        Column("over", Boolean, nullable=False),
        Column("updated_at", String(32), nullable=False),
    )
    op.create_index("cards_of_request", "cards", ["request"])
    op.create_index("cards_by_end", "cards", ["over", "key"])
    op.create_table(
        "channels",
        Column("id", Text, primary_key=True),
        Column("speaks_of", JSON, nullable=False),
        Column("set_by", Text, nullable=False),
        Column("updated_at", String(32), nullable=False),
    )
