"""The history: ticks roll up into hourly candles, which stay when the ticks are pruned.

The trap: a tick must go into its candle once. So each market has a mark, the
newest tick that is in its candles, and whoever rolls up moves the mark in the
transaction that writes the candles, and only from where it was when they were made.

An hour is known from ticks or from a sparkline, and this is the rule:
ticks win, since `fill` first rolls up the hours before the last it fills, and
adds candles only where there are none. Ticks that come after the filling, in
the same hour, go on from there: the open stays, high and low widen, the close
is theirs.

All calls need Flask's application context. Times are unix milliseconds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from operator import itemgetter
from typing import Any, Literal, NamedTuple, Self

from sqlalchemy import (
    CTE,
    Connection,
    Float,
    Row,
    Select,
    and_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from tracker.candles import HOUR, MOST, Candle, Point, from_points, hour_of, thin
from tracker.database import reading, writing
from tracker.models import CandleRow, HealthRow, QuoteRow, RollUpRow, TickRow

Quote = Row[int, str, Decimal]
"""A tick's id, a coin and its price."""
Resolution = Literal["tick", "hour"]

DAY = 24 * HOUR
RANGES = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "1y": 365 * DAY}
"""What a history may be asked for, and how long that is."""
FROM_TICKS = ("1h", "24h")
"""The ranges that are made of ticks; the others are made of candles."""

MOST_TICKS = 3000
"""Ticks read for a range; closer ones are passed over: while SQLite reads, the web stands still."""
BUCKETS = 250
"""Parts of a range of which two candles are read each: they show its points, and more."""
ROLLED = 5000
"""Quotes rolled up in one step."""
BATCH = 500
"""Quotes deleted, or candles added, in one transaction: other writers wait for its end."""
PATIENCE = 5.0
"""Seconds after which roll-up and pruning leave the rest for the next time: refreshes wait."""

_FIELDS = tuple(field.name for field in fields(Candle))
_KEY = tuple(column.name for column in CandleRow.__table__.primary_key)
_REPLACE = update(CandleRow).where(
    *(getattr(CandleRow, name) == bindparam(f"its_{name}") for name in _KEY)
)


class Series(NamedTuple):
    """A history's *points*, and the coarsest kind of what they were made of."""

    points: list[Point]
    resolution: Resolution


class History:
    """The past of one market, a source in a currency."""

    def __init__(self, source: str, currency: str) -> None:
        self.source = source
        self.currency = currency

    @classmethod
    def of_all_markets(cls) -> list[Self]:
        """Return the history of each market that was ever refreshed."""
        with reading() as connection:
            markets = connection.execute(select(HealthRow.source, HealthRow.currency)).all()
        return [cls(source, currency) for source, currency in markets]

    def points(self, coin: str, range: str, now: int, *, most: int = MOST) -> Series:
        """Return *coin*'s prices in the *range* (of `RANGES`) up to *now*, at most *most* points.

        1h and 24h are made of ticks, and of candles where an hour has no tick;
        the others of candles, of ticks that are in none yet, and of the newest price.
        """
        since = now - RANGES[range]
        with reading() as connection:
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

    def needs_filling(self, now: int) -> bool:
        """Return whether there is no tick yet, or none in the hour before *now*."""
        with reading() as connection:
            newest = self._newest_id(connection)
        return newest is None or now - newest > HOUR

    def fill(self, candles: Mapping[str, Sequence[Candle]]) -> int:
        """Add *candles* (by coin) for hours that have none; return how many."""
        rows = [self._row(coin, candle) for coin, own in candles.items() for candle in own]
        if not rows:
            return 0
        self.roll_up(max(row["hour"] for row in rows) - 1)
        added = 0
        for begin in range(0, len(rows), BATCH):
            some = rows[begin : begin + BATCH]
            with writing() as connection:
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
            with reading() as connection:
                mark = self._mark(connection)
                quotes = self._quotes_between(connection, mark, now)
            if not quotes:
                break
            rows = [
                self._row(coin, candle)
                for coin, points in _by_coin(quotes).items()
                for candle in from_points(points)
            ]
            with writing() as connection:
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
            with writing() as connection:
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
            select(*(telling[field] for field in _FIELDS))
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

    def _newest_id(self, connection: Connection) -> int | None:
        return connection.scalar(select(func.max(TickRow.id)).where(self._is_its(TickRow)))

    def _quotes_between(self, connection: Connection, mark: int, now: int) -> Sequence[Quote]:
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
            key = {"source": self.source, "currency": self.currency}
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
                changed.append(self._row(row["coin_id"], before.then(_candle(row))))
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
        return {(row.coin_id, row.hour): _candle(row._mapping) for row in found}

    def _row(self, coin: str, candle: Candle) -> dict[str, Any]:
        return {
            "source": self.source,
            "currency": self.currency,
            "coin_id": coin,
            **asdict(candle),
        }

    def _is_its(self, table: type[TickRow | CandleRow | RollUpRow]) -> Any:
        return and_(table.source == self.source, table.currency == self.currency)


def _by_coin(quotes: Sequence[Quote]) -> dict[str, list[Point]]:
    points = defaultdict(list)
    for quote in quotes:
        points[quote.coin_id].append((quote.tick_id, quote.price))
    return points


def _candle(row: Mapping[Any, Any]) -> Candle:
    return Candle(*(row[field] for field in _FIELDS))


def _joined(candles: list[Candle], ticks: list[Point], since: int, now: int) -> list[Point]:
    """Return the candles' paths and the *ticks* in one; the newest tick ends its hour's path."""
    newest = ticks[-1][0] if ticks else now
    paths = [
        point
        for candle in candles
        for point in candle.path(newest if newest >= candle.hour else now)
    ]
    return sorted((point for point in paths + ticks if point[0] >= since), key=itemgetter(0))
