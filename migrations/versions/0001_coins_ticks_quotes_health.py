"""Coins, ticks, quotes, and the health of the source."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Milliseconds = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digits = sa.Text().with_variant(sa.Numeric(), "postgresql")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "coin",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column("symbol", sa.String(100), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("image", sa.Text()),
    )
    op.create_table(
        "tick",
        sa.Column("id", Milliseconds, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("currency", sa.String(10), nullable=False),
    )
    op.create_index("tick_of_market", "tick", ["source", "currency", "id"])
    op.create_table(
        "quote",
        sa.Column(
            "tick_id", Milliseconds, sa.ForeignKey("tick.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("coin_id", sa.String(100), sa.ForeignKey("coin.id"), nullable=False),
        sa.Column("rank", sa.Integer()),
        sa.Column("price", Digits, nullable=False),
        sa.Column("direction", sa.String(4), nullable=False),
        sa.Column("change_1h", Digits),
        sa.Column("change_24h", Digits),
        sa.Column("change_7d", Digits),
        sa.Column("market_cap", Digits),
        sa.Column("volume_24h", Digits),
        sa.Column("high_24h", Digits),
        sa.Column("low_24h", Digits),
        sa.Column("updated_at", Milliseconds),
        sqlite_with_rowid=False,
    )
    op.create_index("quote_of_coin", "quote", ["coin_id", "tick_id"])
    op.create_table(
        "health",
        sa.Column("source", sa.String(20), primary_key=True),
        sa.Column("currency", sa.String(10), primary_key=True),
        sa.Column("fresh_at", Milliseconds),
        sa.Column("fresh_since", Milliseconds),
        sa.Column("failing_since", Milliseconds),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempted_at", Milliseconds),
        sa.Column("next_attempt_at", Milliseconds),
        sa.Column("barred_until", Milliseconds),
        sa.Column("etag", sa.Text()),
    )


def downgrade() -> None:
    """Drop them: all data is lost."""
    for table in ("health", "quote", "tick", "coin"):
        op.drop_table(table)
