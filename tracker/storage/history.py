"""A market's history as few points, read from candles and ticks.

Candles are made in `rollup`. Times are unix milliseconds.
"""

from operator import itemgetter
from typing import Any, Literal, NamedTuple

from sqlalchemy import CTE, Connection, Float, cast, func, or_, select

from tracker.market.candles import Candle, Point, downsample, hour_of
from tracker.storage.damage import NO_NUMBER, is_time, sound_candles
from tracker.storage.engine import reading
from tracker.storage.models import CandleRow, QuoteRow, TickRow, of_market
from tracker.storage.rollup import FIELDS, RollUp
from tracker.times import DAY_MS, HOUR_MS

Resolution = Literal["tick", "hour"]

RANGES = {"1h": HOUR_MS, "24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, "1y": 365 * DAY_MS}
"""The ranges of a history, and how long each is."""
RANGES_OF_TICKS = ("1h", "24h")
"""The ranges that are made of ticks; the others are made of candles."""

MAX_TICKS = 3000
"""Ticks read for a range; closer ones are skipped: reading SQLite holds up the whole process."""
BUCKETS = 250
"""Parts of a range, of which two candles are read each: enough for `candles.MAX_POINTS`."""


class Series(NamedTuple):
    """A history's *points*; *resolution* is the coarsest of their sources."""

    points: list[Point]
    resolution: Resolution


class History(RollUp):
    """The history of one market, and its upkeep by `RollUp`."""

    def points(self, coin: str, range: str, now: int) -> Series:
        """Return *coin*'s prices in the *range* (of `RANGES`) up to *now*, `MAX_POINTS` at most.

        1h and 24h are made of ticks, and of candles in hours without a tick. The others are
        made of candles, of the ticks that are in no candle yet, and of the newest price.
        """
        since = now - RANGES[range]
        with reading(self._engine) as connection:
            candles = self._candles(connection, coin, since, now)
            if range in RANGES_OF_TICKS:
                ticks = self._ticks(connection, coin, since, now)
                hours = {hour_of(at) for at, _ in ticks}
                candles = [candle for candle in candles if candle.hour not in hours]
            else:
                mark = self._mark(connection)
                ticks = self._ticks(connection, coin, max(since, mark + 1), now)
                ticks = ticks or self._newest(connection, coin, since)
        newest = ticks[-1][0] if ticks else now
        points = ticks.copy()
        for candle in candles:  # the newest tick ends its own hour's path
            points += candle.path(newest if newest >= candle.hour else now)
        points = sorted((point for point in points if point[0] >= since), key=itemgetter(0))
        return Series(downsample(points), "hour" if candles else "tick")

    def _candles(self, connection: Connection, coin: str, since: int, now: int) -> list[Candle]:
        """Return *coin*'s candles of the hours that lie mostly after *since*.

        Of many, only those with a bucket's lowest low or highest high. The database finds
        them: Python would take three times as long.
        """
        row = CandleRow
        wanted = of_market(row, self.market), row.coin_id == coin, row.hour >= since - HOUR_MS // 2
        first: Any = connection.scalar(select(func.min(row.hour)).where(*wanted))
        length = now - first if is_time(first) else 0
        bucket = row.hour // max(HOUR_MS, length // BUCKETS)
        lowest = func.row_number().over(partition_by=bucket, order_by=cast(row.low, Float))
        highest = func.row_number().over(partition_by=bucket, order_by=cast(row.high, Float).desc())
        ranked = select(row, lowest.label("lowest"), highest.label("highest")).where(*wanted)
        columns = ranked.subquery().c
        rows = connection.execute(
            select(*(columns[field] for field in FIELDS))
            .where(or_(columns.lowest == 1, columns.highest == 1))
            .order_by(columns.hour)
        )
        return list(sound_candles(rows, coin))

    def _ticks(self, connection: Connection, coin: str, since: int, now: int) -> list[Point]:
        """Return *coin*'s prices after *since*: the newest, and about `MAX_TICKS` evenly spaced."""
        ids = self._spaced_ids(since, max(1, (now - since) // MAX_TICKS))
        price = select(QuoteRow.price).where(QuoteRow.tick_id == ids.c.id, QuoteRow.coin_id == coin)
        rows = connection.execute(select(ids.c.id, price.limit(1).scalar_subquery()))
        taken = {(id, price) for id, price in rows if price not in (None, NO_NUMBER)}
        return sorted(taken.union(self._newest(connection, coin, since)))

    def _spaced_ids(self, since: int, step: int) -> CTE:
        """Return a query of tick ids that are *step* or more apart, from the first after *since*.

        Each is looked up in the index from the one before, so skipped ticks are not read.
        """
        earliest = select(func.min(TickRow.id)).where(of_market(TickRow, self.market))
        first = earliest.where(TickRow.id >= since).scalar_subquery()
        walk = select(first.label("id")).cte("walk", recursive=True)
        further = earliest.where(TickRow.id >= walk.c.id + step)
        return walk.union_all(select(further.scalar_subquery()).where(walk.c.id.is_not(None)))

    def _newest(self, connection: Connection, coin: str, since: int) -> list[Point]:
        """Return *coin*'s newest price, if it has one after *since*."""
        rows = connection.execute(
            select(QuoteRow.tick_id, QuoteRow.price)
            .join(TickRow, TickRow.id == QuoteRow.tick_id)
            .where(of_market(TickRow, self.market))
            .where(QuoteRow.coin_id == coin, QuoteRow.tick_id >= since)
            .order_by(QuoteRow.tick_id.desc())
            .limit(1)
        )
        return [(at, price) for at, price in rows if price is not NO_NUMBER]
