"""1 to 2: what was seen of a merge request, rounds of approval, news of a request, deliveries of webhooks."""

from alembic import op
from sqlalchemy import JSON, Column, Integer, String, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("requests", Column("forge", JSON))
    op.add_column("requests", Column("seen", Integer, nullable=False, server_default="0"))
    op.add_column("requests", Column("round", Integer, nullable=False, server_default="0"))
    op.add_column("requests", Column("pushed", Text))
    with op.batch_alter_table("outbox") as outbox:
        outbox.add_column(Column("request", Text))
        outbox.create_foreign_key("outbox_request_fkey", "requests", ["request"], ["key"])
        outbox.create_index("outbox_of_request", ["request", "id"])
    with op.batch_alter_table("decisions") as decisions:
        decisions.add_column(Column("round", Integer, nullable=False, server_default="0"))
        decisions.drop_constraint("decision_once", type_="unique")
        decisions.create_unique_constraint(
            "decision_once_a_round", ["request", "decided_by", "verb", "digest", "round"]
        )
    op.create_table(
        "deliveries",
        Column("id", Integer, primary_key=True),
        Column("key", Text, nullable=False, unique=True),
        Column("kind", Text, nullable=False),
        Column("payload", JSON, nullable=False),
        Column("state", Text, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("created_at", String(32), nullable=False),
        Column("updated_at", String(32), nullable=False),
    )
    op.create_index("deliveries_by_state", "deliveries", ["state", "id"])
