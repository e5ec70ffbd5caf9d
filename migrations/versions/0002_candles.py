"""Candles, and how far the ticks are in them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Milliseconds = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digits = sa.Text().with_variant(sa.Numeric(), "postgresql")


def upgrade() -> None:
    """Make the tables; the candles of ticks that are there come with the next roll-up."""
    op.create_table(
        "candle",
        sa.Column("source", sa.String(20), primary_key=True),
        sa.Column("currency", sa.String(10), primary_key=True),
        sa.Column("coin_id", sa.String(100), primary_key=True),
        sa.Column("hour", Milliseconds, primary_key=True, autoincrement=False),
        sa.Column("open", Digits, nullable=False),
        sa.Column("high", Digits, nullable=False),
        sa.Column("low", Digits, nullable=False),
        sa.Column("close", Digits, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "roll_up",
        sa.Column("source", sa.String(20), primary_key=True),
        sa.Column("currency", sa.String(10), primary_key=True),
        sa.Column("rolled_up_to", Milliseconds, nullable=False),
    )


def downgrade() -> None:
    """Drop them: what is older than the ticks is lost."""
    op.drop_table("roll_up")
    op.drop_table("candle")
