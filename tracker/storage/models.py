"""The tables. Queries on them are in the modules beside this one and in the admin's views."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tracker.market.freshness import SourceHealth
from tracker.market.quotes import MAX_EXPONENT, Market
from tracker.storage.damage import NO_NUMBER


class Digits(sa.TypeDecorator[Decimal]):
    """A `Decimal` with just the digits it was given, 0.10 as 0.10.

    PostgreSQL's unconstrained NUMERIC keeps them; elsewhere they are stored as
    text, since SQLite would make floats of them.
    """

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Return NUMERIC for PostgreSQL, TEXT for the others."""
        return dialect.type_descriptor(sa.Numeric() if _has_decimals(dialect) else sa.Text())

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Decimal | None], Any] | None:
        """Return what makes of a number what the database takes, once for all of a tick."""
        return None if _has_decimals(dialect) else _as_text

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        """Return the stored number; `NO_NUMBER` if it is none."""
        if value is None:
            return None
        try:
            number = Decimal(value)
        except (InvalidOperation, TypeError, ValueError):
            return NO_NUMBER
        is_sound = number.is_finite() and abs(number.adjusted()) <= MAX_EXPONENT
        return number if is_sound else NO_NUMBER


def _as_text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _has_decimals(dialect: sa.Dialect) -> bool:
    return dialect.name == "postgresql"


class Names(sa.TypeDecorator[tuple[str, ...]]):
    """Some words, stored as one text with commas; none is NULL."""

    impl = sa.String(100)
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: sa.Dialect) -> Any:
        """Return *value* as the database takes it."""
        return ",".join(value or ()) or None

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[str, ...]:
        """Return the words."""
        return tuple(value.split(",")) if isinstance(value, str) and value else ()


class Healths(sa.TypeDecorator[tuple[SourceHealth, ...]]):
    """How each source does, as JSON."""

    impl = sa.JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> tuple[SourceHealth, ...]:
        """Return what was stored; () for anything else, since each refresh writes it anew."""
        try:
            return tuple(map(SourceHealth.from_dict, value or ()))
        except (TypeError, ValueError):
            return ()


Number = Annotated[Decimal, mapped_column(Digits)]
Milliseconds = Annotated[int, mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"))]
"""Unix milliseconds. SQLite's INTEGER has 64 bits, and as primary key is the row's own id."""


class Base(DeclarativeBase):
    """Base of all tables."""


class CoinRow(Base):
    """A coin, as the source last named it, and what people here want of it.

    From the next tick on, *display_name* is shown where there is one, and a
    *hidden* coin is in none.
    """

    __tablename__ = "coin"

    id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    symbol: Mapped[str] = mapped_column(sa.String(100))
    name: Mapped[str] = mapped_column(sa.String(200))
    image: Mapped[str | None] = mapped_column(sa.Text)
    display_name: Mapped[str | None] = mapped_column(sa.String(200))
    hidden: Mapped[bool] = mapped_column(default=False, server_default=sa.false())


SET_ASIDE = "set aside"
"""The source of ticks with times that never were: no market's, and soon deleted."""


class TickRow(Base):
    """One poll. The id is its time in unix milliseconds."""

    __tablename__ = "tick"
    __table_args__ = (sa.Index("tick_of_market", "source", "currency", "id"),)

    id: Mapped[Milliseconds] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(sa.String(20))
    currency: Mapped[str] = mapped_column(sa.String(10))


class QuoteRow(Base):
    """One coin's numbers in one tick; *position* is its place in the source's order.

    The direction is stored, since the tick before may be pruned.
    """

    __tablename__ = "quote"
    __table_args__ = (
        sa.Index("quote_of_coin", "coin_id", "tick_id"),
        {"sqlite_with_rowid": False},
    )

    tick_id: Mapped[Milliseconds] = mapped_column(
        sa.ForeignKey("tick.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    coin_id: Mapped[str] = mapped_column(sa.ForeignKey("coin.id"))
    rank: Mapped[int | None]
    price: Mapped[Number]
    direction: Mapped[str] = mapped_column(sa.String(4))
    change_1h: Mapped[Number | None]
    change_24h: Mapped[Number | None]
    change_7d: Mapped[Number | None]
    market_cap: Mapped[Number | None]
    volume_24h: Mapped[Number | None]
    high_24h: Mapped[Number | None]
    low_24h: Mapped[Number | None]
    updated_at: Mapped[Milliseconds | None]
    venues: Mapped[tuple[str, ...]] = mapped_column(Names, nullable=True)


class _OfMarket:
    source: Mapped[str] = mapped_column(sa.String(20), primary_key=True, sort_order=-1)
    currency: Mapped[str] = mapped_column(sa.String(10), primary_key=True, sort_order=-1)


class CandleRow(_OfMarket, Base):
    """What a coin's price did in one hour, see `candles.Candle`. It outlives the ticks."""

    __tablename__ = "candle"
    __table_args__ = ({"sqlite_with_rowid": False},)

    coin_id: Mapped[str] = mapped_column(sa.String(100), primary_key=True)
    hour: Mapped[Milliseconds] = mapped_column(primary_key=True)
    open: Mapped[Number]
    high: Mapped[Number]
    low: Mapped[Number]
    close: Mapped[Number]


class RollUpRow(_OfMarket, Base):
    """How far a market's ticks are in its candles: up to the tick *rolled_up_to*, with it."""

    __tablename__ = "roll_up"

    rolled_up_to: Mapped[Milliseconds]


class RatesRow(_OfMarket, Base):
    """The newest exchange rates of a market's currency, as `Rates.to_json` writes them."""

    __tablename__ = "rates"

    json: Mapped[str] = mapped_column(sa.Text)


class SourceStateRow(_OfMarket, Base):
    """The state of a market's source: one row each, see `freshness.SourceState`."""

    __tablename__ = "health"

    fresh_at: Mapped[Milliseconds | None]
    fresh_since: Mapped[Milliseconds | None]
    failing_since: Mapped[Milliseconds | None]
    failures: Mapped[int]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    attempted_at: Mapped[Milliseconds | None]
    next_attempt_at: Mapped[Milliseconds | None]
    not_before: Mapped[Milliseconds | None] = mapped_column("barred_until", key="not_before")
    etag: Mapped[str | None] = mapped_column(sa.Text)
    sources: Mapped[tuple[SourceHealth, ...]] = mapped_column(Healths, nullable=True)


class InstallationRow(Base):
    """The one row that tells this database from others; a copy of it has the same id."""

    __tablename__ = "installation"

    id: Mapped[str] = mapped_column(sa.String(32), primary_key=True)


class AlertRow(Base):
    """A rule, see `market.alerts.Rule`. It is of a *source*, whatever the tracker's currency is."""

    __tablename__ = "alert"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(sa.String(20), index=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    coin: Mapped[str] = mapped_column(sa.String(100))
    currency: Mapped[str] = mapped_column(sa.String(100))
    limit: Mapped[Number] = mapped_column("threshold", key="limit")
    window: Mapped[str] = mapped_column("within", sa.String(10), key="window")
    margin: Mapped[Number]
    once: Mapped[bool]
    note: Mapped[str] = mapped_column(sa.String(200))
    paused: Mapped[bool]
    expires_at: Mapped[Milliseconds | None]
    armed: Mapped[bool | None]
    fired_at: Mapped[Milliseconds | None]


class AlertVersionRow(Base):
    """A word that is another after each change of a source's rules: they are read once each."""

    __tablename__ = "alert_version"

    source: Mapped[str] = mapped_column(sa.String(20), primary_key=True)
    version: Mapped[str] = mapped_column(sa.String(40))


class AlertEventRow(Base):
    """What is to be told, as it was when its rule fired; *rule_id* is none of what is no rule's."""

    __tablename__ = "alert_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    rule_id: Mapped[int | None]
    coin: Mapped[str] = mapped_column(sa.String(100))
    at: Mapped[Milliseconds]
    text: Mapped[str] = mapped_column(sa.Text)
    note: Mapped[str] = mapped_column(sa.String(200))


class AlertDeliveryRow(Base):
    """An event's way to a target: `waiting`, `sent` or `given_up`, *done_at* a time."""

    __tablename__ = "alert_delivery"
    __table_args__ = (sa.Index("delivery_by_state", "state", "target"),)

    event_id: Mapped[int] = mapped_column(
        sa.ForeignKey("alert_event.id", ondelete="CASCADE"), primary_key=True
    )
    target: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    state: Mapped[str] = mapped_column(sa.String(10))
    done_at: Mapped[Milliseconds | None]


class AlertTargetRow(Base):
    """How a target does: the one who sends to it now, when it may be sent to, and its failure."""

    __tablename__ = "alert_target"

    name: Mapped[str] = mapped_column(sa.String(40), primary_key=True)
    holder: Mapped[str | None] = mapped_column(sa.String(200))
    held_until: Mapped[Milliseconds]
    next_at: Mapped[Milliseconds]
    allowed_at: Mapped[Milliseconds]
    sent_at: Mapped[Milliseconds | None]
    failures: Mapped[int]
    failing_since: Mapped[Milliseconds | None]
    reason: Mapped[str | None] = mapped_column(sa.Text)
    is_told: Mapped[bool]


def of_market(table: type[TickRow | _OfMarket], market: Market) -> sa.ColumnElement[bool]:
    """Return the condition that a row of *table* is of *market*."""
    return sa.and_(table.source == market.source, table.currency == market.currency)


def put(
    connection: sa.Connection,
    table: type[RollUpRow | RatesRow | SourceStateRow],
    market: Market,
    **values: Any,
) -> None:
    """Write *values* to the one row that *market* has in *table*."""
    change = sa.update(table).where(of_market(table, market)).values(values)
    if not connection.execute(change).rowcount:
        connection.execute(sa.insert(table).values(market._asdict() | values))
