"""What people want of a coin: another name, or not to see it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nothing is hidden or named otherwise yet."""
    op.add_column("coin", sa.Column("display_name", sa.String(200)))
    op.add_column(
        "coin", sa.Column("hidden", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Drop them: what was hidden shows again, by the source's name."""
    op.drop_column("coin", "hidden")
    op.drop_column("coin", "display_name")
