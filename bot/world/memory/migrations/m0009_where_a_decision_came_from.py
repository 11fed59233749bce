"""8 to 9: under which name a decision was given in the forge, and that people may decide anew what they took back."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("decisions") as decisions:
        decisions.add_column(Column("there", Text))
        decisions.drop_constraint("decision_once_a_round", type_="unique")
        decisions.create_unique_constraint(
            "decision_once_a_version", ["request", "decided_by", "verb", "digest", "version"]
        )
