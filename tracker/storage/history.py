"""The history of a market: few points that show a long past, from candles and ticks.

How candles come to be is in `rollup`. Times are unix milliseconds.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Literal, NamedTuple

from sqlalchemy import CTE, Connection, Float, and_, cast, func, or_, select

from tracker.market.candles import HOUR, MOST, Candle, Point, hour_of, thin
from tracker.storage.engine import reading
from tracker.storage.models import CandleRow, QuoteRow, TickRow
from tracker.storage.rollup import FIELDS, RollUp
from tracker.times import DAY_MS

Resolution = Literal["tick", "hour"]

RANGES = {"1h": HOUR, "24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, "1y": 365 * DAY_MS}
"""What a history may be asked for, and how long that is."""
FROM_TICKS = ("1h", "24h")
"""The ranges that are made of ticks; the others are made of candles."""

MOST_TICKS = 3000
"""Ticks read for a range; closer ones are passed over: while SQLite reads, the web stands still."""
BUCKETS = 250
"""Parts of a range of which two candles are read each: they show its points, and more."""


class Series(NamedTuple):
    """A history's *points*, and the coarsest kind of what they were made of."""

    points: list[Point]
    resolution: Resolution


class History(RollUp):
    """The past of one market: its points, and what `RollUp` keeps them from."""

    def points(self, coin: str, range: str, now: int, *, most: int = MOST) -> Series:
        """Return *coin*'s prices in the *range* (of `RANGES`) up to *now*, at most *most* points.

        1h and 24h are made of ticks, and of candles where an hour has no tick;
        the others of candles, of ticks that are in none yet, and of the newest price.
        """
        since = now - RANGES[range]
        with reading(self._engine) as connection:
            candles = self._candles(connection, coin, since, now)
            if range in FROM_TICKS:
                ticks = self._ticks(connection, coin, since, now)
                hours = {hour_of(at) for at, _ in ticks}
                candles = [candle for candle in candles if candle.hour not in hours]
            else:
                mark = self._mark(connection)
                ticks = self._ticks(connection, coin, max(since, mark + 1), now)
                ticks = ticks or self._newest(connection, coin, since)
        resolution: Resolution = "hour" if candles else "tick"
        return Series(thin(_joined(candles, ticks, since, now), most), resolution)

    def _candles(self, connection: Connection, coin: str, since: int, now: int) -> list[Candle]:
        """Return *coin*'s candles of the hours that lie mostly after *since*.

        Of many only those with a bucket's lowest low and highest high, which
        the database finds: Python would take three times as long.
        """
        row = CandleRow
        wanted = and_(self._is_its(row), row.coin_id == coin, row.hour >= since - HOUR // 2)
        first = connection.scalar(select(func.min(row.hour)).where(wanted)) or now
        bucket = row.hour // max(HOUR, (now - first) // BUCKETS)
        lowest = func.row_number().over(partition_by=bucket, order_by=cast(row.low, Float))
        highest = func.row_number().over(partition_by=bucket, order_by=cast(row.high, Float).desc())
        telling = (
            select(row, lowest.label("lowest"), highest.label("highest")).where(wanted).subquery().c
        )
        rows = connection.execute(
            select(*(telling[field] for field in FIELDS))
            .where(or_(telling.lowest == 1, telling.highest == 1))
            .order_by(telling.hour)
        )
        return [Candle(*row) for row in rows]

    def _ticks(self, connection: Connection, coin: str, since: int, now: int) -> list[Point]:
        """Return *coin*'s prices since then, the newest and about `MOST_TICKS` evenly taken."""
        ids = self._walk(since, max(1, (now - since) // MOST_TICKS))
        price = (
            select(QuoteRow.price)
            .where(QuoteRow.tick_id == ids.c.id, QuoteRow.coin_id == coin)
            .limit(1)
            .scalar_subquery()
        )
        rows = connection.execute(select(ids.c.id, price)).all()
        taken = {(id, price) for id, price in rows if price is not None}
        return sorted(taken.union(self._newest(connection, coin, since)))

    def _walk(self, since: int, step: int) -> CTE:
        """Return ids of ticks that are *step* or more apart, from the first *since* then.

        Each is looked up in the index from the one before, so that what is
        passed over is not read.
        """
        first = select(func.min(TickRow.id)).where(self._is_its(TickRow), TickRow.id >= since)
        walk = select(first.scalar_subquery().label("id")).cte("walk", recursive=True)
        further = select(func.min(TickRow.id)).where(
            self._is_its(TickRow), TickRow.id >= walk.c.id + step
        )
        return walk.union_all(select(further.scalar_subquery()).where(walk.c.id.is_not(None)))

    def _newest(self, connection: Connection, coin: str, since: int) -> list[Point]:
        """Return *coin*'s newest price, if it has one since then."""
        rows = connection.execute(
            select(QuoteRow.tick_id, QuoteRow.price)
            .join(TickRow, TickRow.id == QuoteRow.tick_id)
            .where(self._is_its(TickRow), QuoteRow.coin_id == coin, QuoteRow.tick_id >= since)
            .order_by(QuoteRow.tick_id.desc())
            .limit(1)
        )
        return [(at, price) for at, price in rows]


def _joined(candles: list[Candle], ticks: list[Point], since: int, now: int) -> list[Point]:
    """Return the candles' paths and the *ticks* in one; the newest tick ends its hour's path."""
    newest = ticks[-1][0] if ticks else now
    paths = [
        point
        for candle in candles
        for point in candle.path(newest if newest >= candle.hour else now)
    ]
    return sorted((point for point in paths + ticks if point[0] >= since), key=itemgetter(0))
