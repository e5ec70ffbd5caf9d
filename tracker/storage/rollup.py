"""Keeping the past: ticks roll up into hourly candles, which stay when the ticks are pruned.

The trap: a tick must go into its candle once. So each market has a mark, the
newest tick that is in its candles, and whoever rolls up moves the mark in the
transaction that writes the candles, and only from where it was when they were made.

An hour is known from ticks or from a sparkline, and this is the rule:
ticks win, since `fill` first rolls up the hours before the last it fills, and
adds candles only where there are none. Ticks that come after the filling, in
the same hour, go on from there: the open stays, high and low widen, the close
is theirs.

Times are unix milliseconds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from operator import itemgetter
from typing import Any, Self

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from tracker.market.candles import HOUR, Candle, Point, from_points, hour_of
from tracker.market.quotes import Market
from tracker.storage.engine import reading, writing
from tracker.storage.models import CandleRow, HealthRow, QuoteRow, RollUpRow, TickRow

Priced = Row[int, str, Decimal]
"""A tick's id, a coin and its price."""

ROLLED = 5000
"""Quotes rolled up in one step."""
BATCH = 500
"""Quotes deleted, or candles added, in one transaction: other writers wait for its end."""
PATIENCE = 5.0
"""Seconds after which roll-up and pruning leave the rest for the next time: refreshes wait."""
FILLS = 3
"""Ticks that may bring the hours before them: a source that has no past is not asked for ever."""

FIELDS = tuple(field.name for field in fields(Candle))
_KEY = tuple(column.name for column in CandleRow.__table__.primary_key)
_REPLACE = update(CandleRow).where(
    *(getattr(CandleRow, name) == bindparam(f"its_{name}") for name in _KEY)
)


class RollUp:
    """The keeping of one market's past, a source in a currency."""

    def __init__(self, engine: Engine, market: Market) -> None:
        self._engine = engine
        self.market = market

    def of_all_markets(self) -> list[Self]:
        """Return one for each market that was ever refreshed."""
        with reading(self._engine) as connection:
            markets = connection.execute(select(HealthRow.source, HealthRow.currency)).all()
        return [type(self)(self._engine, Market(*names)) for names in markets]

    def needs_filling(self, now: int) -> bool:
        """Return whether there is no tick yet, or none in the hour before *now*.

        Or whether one of the last ticks was such a first one, and the filling that
        goes with it did not come to its end; it is made up at most `FILLS` - 1 times.
        """
        with reading(self._engine) as connection:
            ids = connection.scalars(
                select(TickRow.id)
                .where(self._is_its(TickRow))
                .order_by(TickRow.id.desc())
                .limit(FILLS)
            ).all()
            if not ids or now - ids[0] > HOUR:
                return True
            before = [*ids[1:], 0][: FILLS - 1]
            firsts = [id for id, last in zip(ids, before, strict=False) if id - last > HOUR]
            return any(not self._is_filled(connection, first) for first in firsts)

    def _is_filled(self, connection: Connection, first: int) -> bool:
        """Return whether a coin of the tick *first* has a candle of the hour before.

        Then all were filled: `fill` adds the newest last, and there were hardly ticks.
        """
        candle = (
            select(CandleRow.hour)
            .join(QuoteRow, QuoteRow.coin_id == CandleRow.coin_id)
            .where(QuoteRow.tick_id == first)
            .where(self._is_its(CandleRow), CandleRow.hour == hour_of(first) - HOUR)
        )
        return connection.scalar(candle.limit(1)) is not None

    def fill(self, candles: Mapping[str, Sequence[Candle]]) -> int:
        """Add *candles* (by coin) for hours that have none, oldest first; return how many."""
        rows = [self._row(coin, candle) for coin, own in candles.items() for candle in own]
        if not rows:
            return 0
        rows.sort(key=itemgetter("hour"))
        self.roll_up(rows[-1]["hour"] - 1)
        added = 0
        for begin in range(0, len(rows), BATCH):
            some = rows[begin : begin + BATCH]
            with writing(self._engine) as connection:
                known = self._known(connection, some)
                new = [row for row in some if (row["coin_id"], row["hour"]) not in known]
                if new:
                    connection.execute(insert(CandleRow), new)
            added += len(new)
        return added

    def roll_up(self, now: int) -> int:
        """Bring the ticks up to *now* into their hours' candles; return how many candles changed.

        It may run twice, or in two processes at once: each tick counts once.
        """
        changed = 0
        ends_at = time.monotonic() + PATIENCE
        while time.monotonic() < ends_at:
            with reading(self._engine) as connection:
                mark = self._mark(connection)
                quotes = self._quotes_between(connection, mark, now)
            if not quotes:
                break
            rows = [
                self._row(coin, candle)
                for coin, points in _by_coin(quotes).items()
                for candle in from_points(points)
            ]
            with writing(self._engine) as connection:
                if self._mark(connection) == mark:
                    self._widen(connection, rows)
                    self._set_mark(connection, quotes[-1].tick_id)
                    changed += len(rows)
        return changed

    def prune(self, before: int) -> int:
        """Roll up and delete the ticks *before*, but the newest; return how many were deleted.

        Each transaction is short and a pause as long follows it: a writer that
        waits for SQLite's lock only looks now and then whether it is free.
        """
        self.roll_up(before)
        deleted = 0
        ends_at = time.monotonic() + PATIENCE
        while time.monotonic() < ends_at:
            with writing(self._engine) as connection:
                began = time.monotonic()
                batch = self._prune_some(connection, before)
            if not batch:
                break
            deleted += batch
            time.sleep(time.monotonic() - began)
        return deleted

    def _prune_some(self, connection: Connection, before: int) -> int:
        """Delete the oldest ticks, about `BATCH` quotes with them; return how many ticks."""
        newest = self._newest_id(connection) or 0
        end = min(before, newest, self._mark(connection) + 1)
        oldest = connection.scalars(
            self._oldest(QuoteRow.tick_id)
            .where(TickRow.id < end, QuoteRow.tick_id < end)
            .limit(BATCH)
        ).all()
        if not oldest:
            return 0
        pruned = delete(TickRow).where(self._is_its(TickRow), TickRow.id <= oldest[-1])
        return connection.execute(pruned).rowcount

    def _newest_id(self, connection: Connection) -> int | None:
        return connection.scalar(select(func.max(TickRow.id)).where(self._is_its(TickRow)))

    def _quotes_between(self, connection: Connection, mark: int, now: int) -> Sequence[Priced]:
        """Return the quotes of whole ticks after *mark*, about `ROLLED`, in the order of time."""
        rows = connection.execute(
            self._oldest(QuoteRow.tick_id, QuoteRow.coin_id, QuoteRow.price)
            .where(TickRow.id > mark, TickRow.id <= now)
            .where(QuoteRow.tick_id > mark, QuoteRow.tick_id <= now)
            .limit(ROLLED)
        ).all()
        if len(rows) < ROLLED:
            return rows
        cut = rows[-1].tick_id
        return [row for row in rows if row.tick_id != cut]

    def _oldest(self, *columns: Any) -> Select[Any]:
        """Return the query of the market's quotes, oldest first.

        Say of both tables what is wanted, or PostgreSQL reads one of them in full.
        """
        return (
            select(*columns)
            .join(TickRow, TickRow.id == QuoteRow.tick_id)
            .where(self._is_its(TickRow))
            .order_by(QuoteRow.tick_id)
        )

    def _mark(self, connection: Connection) -> int:
        """Return the newest tick that is in the candles, 0 for none."""
        query = select(RollUpRow.rolled_up_to).where(self._is_its(RollUpRow))
        return connection.scalar(query) or 0

    def _set_mark(self, connection: Connection, to: int) -> None:
        mark = update(RollUpRow).where(self._is_its(RollUpRow)).values(rolled_up_to=to)
        if not connection.execute(mark).rowcount:
            key = {"source": self.market.source, "currency": self.market.currency}
            connection.execute(insert(RollUpRow).values(key | {"rolled_up_to": to}))

    def _widen(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        """Write the candles in *rows*, each after what is known of its hour already."""
        known = self._known(connection, rows)
        new, changed = [], []
        for row in rows:
            before = known.get((row["coin_id"], row["hour"]))
            if before is None:
                new.append(row)
            else:
                changed.append(self._row(row["coin_id"], before.then(candle_of(row))))
        if new:
            connection.execute(insert(CandleRow), new)
        if changed:
            its = [{f"its_{name}": row[name] for name in _KEY} | row for row in changed]
            connection.execute(_REPLACE, its)

    def _known(
        self, connection: Connection, rows: list[dict[str, Any]]
    ) -> dict[tuple[str, int], Candle]:
        """Return the stored candles between the hours of *rows*, by coin and hour."""
        hours = [row["hour"] for row in rows]
        found = connection.execute(
            select(CandleRow.__table__).where(
                self._is_its(CandleRow),
                CandleRow.coin_id.in_({row["coin_id"] for row in rows}),
                CandleRow.hour.between(min(hours), max(hours)),
            )
        )
        return {(row.coin_id, row.hour): candle_of(row._mapping) for row in found}

    def _row(self, coin: str, candle: Candle) -> dict[str, Any]:
        return {
            "source": self.market.source,
            "currency": self.market.currency,
            "coin_id": coin,
            **asdict(candle),
        }

    def _is_its(self, table: type[TickRow | CandleRow | RollUpRow]) -> Any:
        return and_(table.source == self.market.source, table.currency == self.market.currency)


def _by_coin(quotes: Sequence[Priced]) -> dict[str, list[Point]]:
    points = defaultdict(list)
    for quote in quotes:
        points[quote.coin_id].append((quote.tick_id, quote.price))
    return points


def candle_of(row: Mapping[Any, Any]) -> Candle:
    """Return the candle in a *row* of the table."""
    return Candle(*(row[field] for field in FIELDS))
