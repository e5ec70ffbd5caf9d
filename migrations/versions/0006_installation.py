"""The installation's id, which tells it from others on the same Redis."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table with its one row."""
    table = op.create_table("installation", sa.Column("id", sa.String(32), primary_key=True))
    op.bulk_insert(table, [{"id": uuid4().hex}])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("installation")
