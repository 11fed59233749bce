"""9 to 10: whose a delivery of the forge is, so that nobody reads what waits for another service.

Of several repositories each delivery said so among its hints; what said nothing says nothing now.
"""

from alembic import op
from sqlalchemy import JSON, Column, Integer, MetaData, Table, Text, select, update

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("deliveries", Column("repository", Text))
    named = (Column("id", Integer), Column("payload", JSON), Column("repository", Text))
    deliveries = Table("deliveries", MetaData(), *named)
    connection = op.get_bind()
    for row in connection.execute(select(deliveries.c.id, deliveries.c.payload)).mappings().all():
        whose = row["payload"].get("repository")
        if whose:
            connection.execute(update(deliveries).where(deliveries.c.id == row["id"]).values(repository=whose))
