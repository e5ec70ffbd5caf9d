"""The store: quotes go in, ticks and the source's state come out.

A store is of one market: what was simulated, or priced in euros, never mixes
with the rest. Candles are in `rollup`, what charts show is in `history`.
Times are unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, replace
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, Select, and_, func, insert, select, update

from tracker.errors import StoreError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Market, Quote, Tick, directed
from tracker.storage.engine import reading, writing
from tracker.storage.models import CoinRow, QuoteRow, SourceStateRow, TickRow

_COIN_FIELDS = ("symbol", "name", "image")
_QUOTE_FIELDS = tuple(
    field.name for field in fields(Quote) if field.name not in ("id", *_COIN_FIELDS)
)


class Saved(NamedTuple):
    """A tick that was committed, the id of the one before it, and the source's state with it."""

    tick: Tick
    previous: int | None
    state: SourceState


class Store:
    """The database, seen as one market. *stale_after* is in milliseconds."""

    def __init__(self, engine: Engine, market: Market, *, stale_after: int) -> None:
        self._engine = engine
        self.market = market
        self.stale_after = stale_after

    def save(
        self,
        quotes: Iterable[Quote],
        *,
        at: int,
        next_attempt_at: int,
        min_gap: int = 0,
        etag: str | None = None,
    ) -> Saved | None:
        """Commit *quotes*, fetched *at*, as the next tick, with their directions.

        The tick's id is *at*, or one more than the newest id where the clock
        has stepped back. None, and nothing stored, when the newest tick is
        closer than *min_gap*: another worker was quicker.
        """
        with writing(self._engine) as connection:
            before = self._newest(connection, 1)
            previous = before[0].id if before else None
            if previous is not None and abs(at - previous) < min_gap:
                return None
            newest_of_all = connection.scalar(select(func.max(TickRow.id))) or 0
            prices = {quote.id: quote.price for quote in before[0].quotes} if before else {}
            shown = _as_shown(_write_coins(connection, tuple(quotes)))
            tick = Tick(
                id=max(at, newest_of_all + 1),
                currency=self.market.currency,
                source=self.market.source,
                quotes=directed(shown, prices),
            )
            _insert(connection, tick)
            state = self._confirm(connection, at, next_attempt_at, etag)
        return Saved(tick, previous, state)

    def save_confirmation(self, *, at: int, next_attempt_at: int, etag: str | None) -> SourceState:
        """Store that the source confirmed the newest tick *at*; return its state then."""
        with writing(self._engine) as connection:
            return self._confirm(connection, at, next_attempt_at, etag)

    def save_failure(
        self, reason: str, *, at: int, next_attempt_at: int, not_before: int | None = None
    ) -> SourceState:
        """Store that an attempt *at* failed for *reason*; return the source's state then."""
        with writing(self._engine) as connection:
            state = self._source_state(connection).failed(
                at, reason, next_attempt_at=next_attempt_at, not_before=not_before
            )
            self._set_source_state(connection, state)
        return state

    def source_state(self) -> SourceState:
        """Return the state of the source."""
        with reading(self._engine) as connection:
            return self._source_state(connection)

    def coins(self) -> frozenset[str]:
        """Return the ids of all coins that were ever stored."""
        with reading(self._engine) as connection:
            return frozenset(connection.scalars(select(CoinRow.id)))

    def show_coin(self, id: str, *, display_name: str | None, hidden: bool) -> None:
        """Have the coin *id* shown by this name, or not at all, from the next tick on.

        Every source is asked for all its prices again, so that there is a next
        tick soon. Raises `StoreError` if no coin were left to be shown.
        """
        with writing(self._engine) as connection:
            if hidden and self._is_last_shown(connection, id):
                raise StoreError(f"{id} is the last coin that is shown: show another one first")
            connection.execute(
                update(CoinRow)
                .where(CoinRow.id == id)
                .values(display_name=display_name or None, hidden=hidden)
            )
            connection.execute(update(SourceStateRow).values(etag=None))

    def _is_last_shown(self, connection: Connection, id: str) -> bool:
        newest = self._newest(connection, 1)
        followed = [quote.id for quote in newest[0].quotes] if newest else []
        others = connection.scalar(
            select(func.count())
            .select_from(CoinRow)
            .where(CoinRow.id.in_(followed), CoinRow.id != id, CoinRow.hidden.is_(False))
        )
        return id in followed and not others

    def newest(self, limit: int, *, after: int = 0) -> list[Tick]:
        """Return the newest ticks with ids above *after*, at most *limit*, oldest first."""
        with reading(self._engine) as connection:
            return self._newest(connection, limit, after)

    def _newest(self, connection: Connection, limit: int, after: int = 0) -> list[Tick]:
        of_market = and_(
            TickRow.source == self.market.source, TickRow.currency == self.market.currency
        )
        ids = connection.scalars(
            select(TickRow.id)
            .where(of_market, TickRow.id > after)
            .order_by(TickRow.id.desc())
            .limit(limit)
        ).all()
        if not ids:
            return []
        rows = connection.execute(_quotes().where(of_market, TickRow.id >= ids[-1])).all()
        return [
            Tick(
                id=id,
                currency=self.market.currency,
                source=self.market.source,
                quotes=tuple(_quote(row) for row in quotes),
            )
            for id, quotes in groupby(rows, attrgetter("tick_id"))
        ]

    def _confirm(
        self, connection: Connection, at: int, next_attempt_at: int, etag: str | None
    ) -> SourceState:
        state = self._source_state(connection).succeeded(
            at, next_attempt_at=next_attempt_at, stale_after=self.stale_after, etag=etag
        )
        self._set_source_state(connection, state)
        return state

    def _source_state(self, connection: Connection) -> SourceState:
        query = select(SourceStateRow.__table__).where(self._is_its_source())
        row = connection.execute(query).first()
        if row is None:
            return SourceState()
        return SourceState(
            **{field.name: getattr(row, field.name) for field in fields(SourceState)}
        )

    def _set_source_state(self, connection: Connection, state: SourceState) -> None:
        values = asdict(state)
        change = update(SourceStateRow).where(self._is_its_source()).values(values)
        if not connection.execute(change).rowcount:
            connection.execute(insert(SourceStateRow).values(self.market._asdict() | values))

    def _is_its_source(self) -> Any:
        return and_(
            SourceStateRow.source == self.market.source,
            SourceStateRow.currency == self.market.currency,
        )


def _quotes() -> Select[Any]:
    """Return the query of whole quotes, in the order of ticks and of the source."""
    return (
        select(
            QuoteRow.tick_id,
            QuoteRow.coin_id,
            CoinRow.symbol,
            func.coalesce(CoinRow.display_name, CoinRow.name).label("name"),
            CoinRow.image,
            *(getattr(QuoteRow, field) for field in _QUOTE_FIELDS),
        )
        .join(TickRow, TickRow.id == QuoteRow.tick_id)
        .join(CoinRow, CoinRow.id == QuoteRow.coin_id)
        .order_by(QuoteRow.tick_id, QuoteRow.position)
    )


def _quote(row: Row[Any]) -> Quote:
    values = dict(row._mapping)
    del values["tick_id"]
    values["id"] = values.pop("coin_id")
    return Quote(**values)


def _insert(connection: Connection, tick: Tick) -> None:
    connection.execute(
        insert(TickRow).values(id=tick.id, source=tick.source, currency=tick.currency)
    )
    connection.execute(
        insert(QuoteRow),
        [
            {"tick_id": tick.id, "position": position, "coin_id": quote.id}
            | {field: getattr(quote, field) for field in _QUOTE_FIELDS}
            for position, quote in enumerate(tick.quotes)
        ],
    )


class _Wanted(NamedTuple):
    """What the source says of a coin, and its row, where there was one already."""

    quote: Quote
    row: Row[Any] | None


def _write_coins(connection: Connection, quotes: Sequence[Quote]) -> list[_Wanted]:
    """Add the coins that are new, and change those that were renamed; return what is wanted."""
    ids = [quote.id for quote in quotes]
    known = {
        row.id: row
        for row in connection.execute(select(CoinRow.__table__).where(CoinRow.id.in_(ids)))
    }
    for quote in quotes:
        values = {field: getattr(quote, field) for field in _COIN_FIELDS}
        row = known.get(quote.id)
        if row is None:
            connection.execute(insert(CoinRow).values(id=quote.id, **values))
        elif any(getattr(row, field) != value for field, value in values.items()):
            connection.execute(update(CoinRow).where(CoinRow.id == quote.id).values(**values))
    return [_Wanted(quote, known.get(quote.id)) for quote in quotes]


def _as_shown(wanted: Sequence[_Wanted]) -> list[Quote]:
    """Return the quotes without the hidden coins, by the names people here gave them.

    A tick without a quote says nothing: where all are hidden, all are shown.
    """
    named = [
        replace(quote, name=row.display_name) if row and row.display_name else quote
        for quote, row in wanted
    ]
    shown = [
        quote for quote, (_, row) in zip(named, wanted, strict=True) if not (row and row.hidden)
    ]
    return shown or named
