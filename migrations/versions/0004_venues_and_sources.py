"""Which exchanges a price is from, and how each source does."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; prices stored so far are the source's own."""
    op.add_column("quote", sa.Column("venues", sa.String(100)))
    op.add_column("health", sa.Column("sources", sa.JSON()))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("health", "sources")
    op.drop_column("quote", "venues")
