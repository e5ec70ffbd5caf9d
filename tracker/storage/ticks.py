"""The store: quotes go in, ticks and the source's state come out; and exchange rates.

A store is of one market: what was simulated, or priced in euros, never mixes
with the rest. Candles are in `rollup`, what charts show is in `history`.
Times are unix milliseconds.

Ids rise, and are true times. Where a clock was ahead for a while and is right again, no id
could be both: so the ticks of that while are set aside, readers are told, and `rollup`
deletes them later. Two workers whose clocks differ do so once in an hour at most.
The trap: a clock that is behind now makes true ticks look the same.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, fields, replace
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from tracker.errors import MessageError, StoreError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Market, Quote, Tick, directed
from tracker.market.rates import Rates
from tracker.storage.damage import NO_NUMBER, sound_quotes, tell
from tracker.storage.engine import reading, writing
from tracker.storage.models import (
    SET_ASIDE,
    CandleRow,
    CoinRow,
    InstallationRow,
    QuoteRow,
    RatesRow,
    RollUpRow,
    SourceStateRow,
    TickRow,
    of_market,
    put,
)
from tracker.times import iso

MAX_AHEAD_MS = 30_000
"""How far the newest tick may be ahead of the clock: hosts' clocks differ a little."""

_COIN_FIELDS = ("symbol", "name", "image")
_QUOTE_FIELDS = tuple(
    field.name for field in fields(Quote) if field.name not in ("id", *_COIN_FIELDS)
)
_QUOTES = (
    select(
        QuoteRow.tick_id,
        QuoteRow.coin_id.label("id"),
        CoinRow.symbol,
        func.coalesce(CoinRow.display_name, CoinRow.name).label("name"),
        CoinRow.image,
        *(getattr(QuoteRow, field) for field in _QUOTE_FIELDS),
    )
    .join(TickRow, TickRow.id == QuoteRow.tick_id)
    .join(CoinRow, CoinRow.id == QuoteRow.coin_id)
    .order_by(QuoteRow.tick_id, QuoteRow.position)
)
"""The query of whole quotes, in the order of ticks and of the source."""

# What each tick needs is built once: SQLAlchemy takes longer for it than the database.
_NEWEST_OF_ALL = select(func.max(TickRow.id)).where(TickRow.source != SET_ASIDE)
_ANY_SET_ASIDE = select(exists().where(TickRow.source == SET_ASIDE))
_PRICES = select(QuoteRow.coin_id, QuoteRow.price).where(QuoteRow.tick_id == bindparam("tick"))
_COINS = select(
    CoinRow.id,
    CoinRow.display_name,
    CoinRow.hidden,
    *(getattr(CoinRow, field) for field in _COIN_FIELDS),
).where(CoinRow.id.in_(bindparam("ids", expanding=True)))
_COIN_VALUES = attrgetter(*_COIN_FIELDS)
_QUOTE_VALUES = attrgetter(*_QUOTE_FIELDS)
_INSERT_COIN, _INSERT_TICK, _INSERT_QUOTE = map(insert, (CoinRow, TickRow, QuoteRow))

Change = Callable[[SourceState], SourceState]
Then = Callable[[Connection, Tick, SourceState], object]
"""What belongs to a tick and the source's state with it: done before they are committed."""

log = logging.getLogger(__name__)


class Saved(NamedTuple):
    """A tick that was committed, the id of the one before it, and the source's state with it."""

    tick: Tick
    previous: int | None
    state: SourceState


class Store:
    """The database, seen as one market."""

    def __init__(self, engine: Engine, market: Market) -> None:
        self._engine = engine
        self.market = market
        self._newest_of_market = select(func.max(TickRow.id)).where(of_market(TickRow, market))
        names = (field.name for field in fields(SourceState))
        columns = (getattr(SourceStateRow, name).label(name) for name in names)
        self._state = select(*columns).where(of_market(SourceStateRow, market))

    def save(
        self,
        quotes: Iterable[Quote],
        *,
        at: int,
        change: Change,
        min_gap: int = 0,
        told: int | None = None,
        then: Then | None = None,
    ) -> Saved | None:
        """Commit *quotes*, as of *at*, as the next tick, and the *change* of the source's state.

        What *then* does with the connection is committed with them.

        Quotes get their directions. The tick's id is *at*, or one more than the newest id
        where the clock has stepped back. Where it was far ahead, and is right now by what
        other hosts *told*, what was stored meanwhile is set aside. None, and nothing stored,
        when the newest tick is closer than *min_gap*: another worker was quicker.
        """
        with writing(self._engine) as connection:
            newest_of_all = connection.scalar(_NEWEST_OF_ALL) or 0
            is_right = told is not None and abs(at - told) <= MAX_AHEAD_MS
            if is_right and newest_of_all > at + MAX_AHEAD_MS:
                _set_aside(connection, after=at + MAX_AHEAD_MS)
                newest_of_all = connection.scalar(_NEWEST_OF_ALL) or 0
            previous = connection.scalar(self._newest_of_market)
            if previous is not None and abs(at - previous) < min_gap:
                return None
            before = connection.execute(_PRICES, {"tick": previous})
            prices = {id: price for id, price in before if price is not NO_NUMBER}
            shown = _write_coins(connection, tuple(quotes))
            tick = self._tick(max(at, newest_of_all + 1), directed(shown, prices))
            _insert(connection, tick)
            state = self._change_state(connection, change)
            if then:
                then(connection, tick, state)
        return Saved(tick, previous, state)

    def change_state(self, change: Change) -> SourceState:
        """Store the *change* of the source's state, and return the state."""
        with writing(self._engine) as connection:
            return self._change_state(connection, change)

    def source_state(self) -> SourceState:
        """Return the state of the source."""
        with reading(self._engine) as connection:
            return self.read_state(connection)

    def save_rates(self, rates: Rates) -> None:
        """Store *rates* instead of those before."""
        with writing(self._engine) as connection:
            put(connection, RatesRow, self.market, json=rates.to_json())

    def rates(self) -> Rates | None:
        """Return the newest rates; None if there are none that can be read."""
        with reading(self._engine) as connection:
            json = connection.scalar(select(RatesRow.json).where(of_market(RatesRow, self.market)))
        try:
            return Rates.from_json(json) if json else None
        except MessageError:  # new ones replace them in a few minutes
            return None

    def installation(self) -> str | None:
        """Return the database's own id; None if it cannot be read: no price waits for it."""
        with suppress(SQLAlchemyError, StoreError), reading(self._engine) as connection:
            return connection.scalar(select(InstallationRow.id))
        return None

    def coins(self) -> frozenset[str]:
        """Return the ids of all coins that were ever stored."""
        with reading(self._engine) as connection:
            ids = connection.scalars(select(CoinRow.id))
            return frozenset(id for id in ids if isinstance(id, str))

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

    def newest(self, limit: int, *, after: int = 0) -> list[Tick]:
        """Return the newest ticks with ids above *after*, at most *limit*, oldest first."""
        with reading(self._engine) as connection:
            return self._newest(connection, limit, after)

    def newest_of_source(self) -> tuple[Quote, ...]:
        """Return the quotes of the newest tick, by the source's names; () when there is none."""
        with reading(self._engine) as connection:
            ticks = self._newest(connection, 1)
            quotes = ticks[0].quotes if ticks else ()
            ids = [quote.id for quote in quotes]
            rows = connection.execute(select(CoinRow.id, CoinRow.name).where(CoinRow.id.in_(ids)))
            names = {row.id: row.name for row in rows if isinstance(row.name, str)}
        return tuple(replace(quote, name=names.get(quote.id, quote.id)) for quote in quotes)

    def _is_last_shown(self, connection: Connection, id: str) -> bool:
        followed = [quote.id for tick in self._newest(connection, 1) for quote in tick.quotes]
        others = select(CoinRow.id).where(
            CoinRow.id.in_(followed), CoinRow.id != id, CoinRow.hidden.is_(False)
        )
        return id in followed and connection.scalar(others.limit(1)) is None

    def _newest(self, connection: Connection, limit: int, after: int = 0) -> list[Tick]:
        its = of_market(TickRow, self.market)
        newest_first = select(TickRow.id).where(its, TickRow.id > after).order_by(TickRow.id.desc())
        ids = connection.scalars(newest_first.limit(limit)).all()
        if not ids:
            return []
        rows = connection.execute(_QUOTES.where(its, TickRow.id >= ids[-1])).mappings()
        # without its tick, a row is the arguments of a `Quote`
        ticks = groupby(sound_quotes(map(dict, rows)), lambda row: row.pop("tick_id"))
        return [self._tick(id, tuple(Quote(**row) for row in quotes)) for id, quotes in ticks]

    def _tick(self, id: int, quotes: tuple[Quote, ...]) -> Tick:
        return Tick(id=id, **self.market._asdict(), quotes=quotes)

    def _change_state(self, connection: Connection, change: Change) -> SourceState:
        state = change(self.read_state(connection))
        put(connection, SourceStateRow, self.market, **asdict(state))
        return state

    def read_state(self, connection: Connection) -> SourceState:
        """Return the state of the source as *connection* sees it."""
        try:
            row = connection.execute(self._state).mappings().first()
            return SourceState(**row).checked() if row else SourceState()
        except (MessageError, TypeError, ValueError):  # what is no JSON among them
            tell("health", "no usable state of the source", **self.market._asdict())
            return SourceState()


def _set_aside(connection: Connection, *, after: int) -> None:
    """Set aside what a clock that was ahead has left *after* this time, unless some is already."""
    if connection.scalar(_ANY_SET_ASIDE):
        return
    wrong = update(TickRow).where(TickRow.id > after).values(source=SET_ASIDE)
    count = connection.execute(wrong).rowcount
    connection.execute(delete(CandleRow).where(CandleRow.hour > after))
    # all is rolled up again: a tick that already was changes no candle
    connection.execute(delete(RollUpRow).where(RollUpRow.rolled_up_to > after))
    log.warning("the clock was ahead: %d ticks after %s are set aside", count, iso(after))


def _insert(connection: Connection, tick: Tick) -> None:
    its = {"id": tick.id, "source": tick.source, "currency": tick.currency}
    connection.execute(_INSERT_TICK, its)
    connection.execute(
        _INSERT_QUOTE,
        [
            {"tick_id": tick.id, "position": position, "coin_id": quote.id}
            | dict(zip(_QUOTE_FIELDS, _QUOTE_VALUES(quote), strict=True))
            for position, quote in enumerate(tick.quotes)
        ],
    )


def _write_coins(connection: Connection, quotes: Sequence[Quote]) -> list[Quote]:
    """Add the coins that are new, and change those that were renamed.

    Returns the quotes without the hidden coins, by the names people here gave them.
    A tick without a quote says nothing: where all are hidden, all are returned.
    """
    rows = connection.execute(_COINS, {"ids": [quote.id for quote in quotes]})
    known = {id: (name, hidden, values) for id, name, hidden, *values in rows}
    new: list[dict[str, str | None]] = []
    shown, everything = [], []
    for quote in quotes:
        values = [*_COIN_VALUES(quote)]
        name, is_hidden, stored = known.get(quote.id, (None, False, None))
        if stored != values:
            named = dict(zip(_COIN_FIELDS, values, strict=True))
            if stored is None:
                new.append({"id": quote.id} | named)
            else:
                connection.execute(update(CoinRow).where(CoinRow.id == quote.id).values(named))
        named_here = replace(quote, name=name) if name and isinstance(name, str) else quote
        everything.append(named_here)
        if not is_hidden:
            shown.append(named_here)
    if new:
        connection.execute(_INSERT_COIN, new)
    return shown or everything
