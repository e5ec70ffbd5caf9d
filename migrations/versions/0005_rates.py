"""The exchange rates of a market's currency."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; the first rates come with the next refresh."""
    op.create_table(
        "rates",
        sa.Column("source", sa.String(20), primary_key=True),
        sa.Column("currency", sa.String(10), primary_key=True),
        sa.Column("json", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("rates")
