"""Rules of alerts, what they told, and to whom."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Milliseconds = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Digits = sa.Text().with_variant(sa.Numeric(), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("source", sa.String(20), nullable=False, index=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("coin", sa.String(100), nullable=False),
        sa.Column("currency", sa.String(100), nullable=False),
        sa.Column("threshold", Digits, nullable=False),
        sa.Column("within", sa.String(10), nullable=False),
        sa.Column("margin", Digits, nullable=False),
        sa.Column("once", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("expires_at", Milliseconds),
        sa.Column("armed", sa.Boolean()),
        sa.Column("fired_at", Milliseconds),
    )
    op.create_table(
        "alert_version",
        sa.Column("source", sa.String(20), primary_key=True),
        sa.Column("version", sa.String(40), nullable=False),
    )
    op.create_table(
        "alert_event",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("rule_id", sa.Integer()),
        sa.Column("coin", sa.String(100), nullable=False),
        sa.Column("at", Milliseconds, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
    )
    op.create_table(
        "alert_delivery",
        sa.Column(
            "event_id",
            sa.Integer(),
            sa.ForeignKey("alert_event.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("target", sa.String(40), primary_key=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("done_at", Milliseconds),
    )
    op.create_index("delivery_by_state", "alert_delivery", ["state", "target"])
    op.create_table(
        "alert_target",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("holder", sa.String(200)),
        sa.Column("held_until", Milliseconds, nullable=False),
        sa.Column("next_at", Milliseconds, nullable=False),
        sa.Column("allowed_at", Milliseconds, nullable=False),
        sa.Column("sent_at", Milliseconds),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", Milliseconds),
        sa.Column("reason", sa.Text()),
        sa.Column("is_told", sa.Boolean(), nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("alert_delivery", "alert_event", "alert_target", "alert_version", "alert"):
        op.drop_table(table)
