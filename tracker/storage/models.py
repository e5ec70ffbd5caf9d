"""The tables. Queries on them are in `ticks`, `rollup`, `history` and the admin's views."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import (
    BigInteger,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    String,
    Text,
    TypeDecorator,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from tracker.errors import StoreError


class Base(DeclarativeBase):
    """Base of all tables."""


Milliseconds = BigInteger().with_variant(Integer, "sqlite")
"""Unix milliseconds. SQLite's INTEGER has 64 bits, and as primary key is the row's own id."""


class Digits(TypeDecorator[Decimal]):
    """A `Decimal` with just the digits it was given, 0.10 as 0.10.

    PostgreSQL's unconstrained NUMERIC keeps them; elsewhere they are stored as
    text, since SQLite would make floats of them.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return NUMERIC for PostgreSQL, TEXT for the others."""
        kind = Numeric() if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Return *value* as the database takes it."""
        return value if value is None or dialect.name == "postgresql" else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the stored number. Raises `StoreError` if it is none."""
        try:
            return None if value is None else Decimal(value)
        except InvalidOperation as error:
            raise StoreError(
                f"the database has {str(value)[:50]!r} where a number belongs: correct or delete it"
            ) from error


class CoinRow(Base):
    """A coin, as the source last named it, and what people here want of it.

    From the next tick on, *display_name* is shown where there is one, and a
    *hidden* coin is in none.
    """

    __tablename__ = "coin"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    symbol: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    image: Mapped[str | None] = mapped_column(Text)
    display_name: Mapped[str | None] = mapped_column(String(200))
    hidden: Mapped[bool] = mapped_column(default=False, server_default=false())


class TickRow(Base):
    """One poll. The id is its time in unix milliseconds."""

    __tablename__ = "tick"
    __table_args__ = (Index("tick_of_market", "source", "currency", "id"),)

    id: Mapped[int] = mapped_column(Milliseconds, primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(20))
    currency: Mapped[str] = mapped_column(String(10))


class QuoteRow(Base):
    """One coin's numbers in one tick; *position* is its place in the source's order.

    The direction is stored, since the tick before may be pruned.
    """

    __tablename__ = "quote"
    __table_args__ = (
        Index("quote_of_coin", "coin_id", "tick_id"),
        {"sqlite_with_rowid": False},
    )

    tick_id: Mapped[int] = mapped_column(
        Milliseconds, ForeignKey("tick.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    coin_id: Mapped[str] = mapped_column(ForeignKey("coin.id"))
    rank: Mapped[int | None]
    price: Mapped[Decimal] = mapped_column(Digits)
    direction: Mapped[str] = mapped_column(String(4))
    change_1h: Mapped[Decimal | None] = mapped_column(Digits)
    change_24h: Mapped[Decimal | None] = mapped_column(Digits)
    change_7d: Mapped[Decimal | None] = mapped_column(Digits)
    market_cap: Mapped[Decimal | None] = mapped_column(Digits)
    volume_24h: Mapped[Decimal | None] = mapped_column(Digits)
    high_24h: Mapped[Decimal | None] = mapped_column(Digits)
    low_24h: Mapped[Decimal | None] = mapped_column(Digits)
    updated_at: Mapped[int | None] = mapped_column(Milliseconds)


class CandleRow(Base):
    """What a coin's price did in one hour, see `candles.Candle`. It outlives the ticks."""

    __tablename__ = "candle"
    __table_args__ = ({"sqlite_with_rowid": False},)

    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    currency: Mapped[str] = mapped_column(String(10), primary_key=True)
    coin_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    hour: Mapped[int] = mapped_column(Milliseconds, primary_key=True)
    open: Mapped[Decimal] = mapped_column(Digits)
    high: Mapped[Decimal] = mapped_column(Digits)
    low: Mapped[Decimal] = mapped_column(Digits)
    close: Mapped[Decimal] = mapped_column(Digits)


class RollUpRow(Base):
    """How far a market's ticks are in its candles: up to the tick *rolled_up_to*, with it."""

    __tablename__ = "roll_up"

    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    currency: Mapped[str] = mapped_column(String(10), primary_key=True)
    rolled_up_to: Mapped[int] = mapped_column(Milliseconds)


class SourceStateRow(Base):
    """The state of a market's source: one row each, see `freshness.SourceState`."""

    __tablename__ = "health"

    source: Mapped[str] = mapped_column(String(20), primary_key=True)
    currency: Mapped[str] = mapped_column(String(10), primary_key=True)
    fresh_at: Mapped[int | None] = mapped_column(Milliseconds)
    fresh_since: Mapped[int | None] = mapped_column(Milliseconds)
    failing_since: Mapped[int | None] = mapped_column(Milliseconds)
    failures: Mapped[int]
    reason: Mapped[str | None] = mapped_column(Text)
    attempted_at: Mapped[int | None] = mapped_column(Milliseconds)
    next_attempt_at: Mapped[int | None] = mapped_column(Milliseconds)
    not_before: Mapped[int | None] = mapped_column("barred_until", Milliseconds, key="not_before")
    etag: Mapped[str | None] = mapped_column(Text)
