"""Upkeep of the history: ticks roll up into hourly candles, then are thinned and pruned.

The trap: a tick must go into its candle once. So each market has a mark, the newest tick
that is in its candles. It moves in the transaction that writes the candles, and only from
where it was when they were made.

An hour's candle comes from ticks or from a sparkline. Ticks win: `fill` first rolls up the
hours before the last one it fills, and adds candles only where there are none. Later ticks
of the same hour continue a filled candle: high and low widen, the close is theirs.

Times are unix milliseconds.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from itertools import pairwise
from typing import Any, Self

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from tracker.market.candles import Candle, Point, from_points, hour_of
from tracker.market.quotes import Market
from tracker.storage.damage import NO_NUMBER, is_time
from tracker.storage.engine import reading, writing
from tracker.storage.models import (
    SET_ASIDE,
    CandleRow,
    QuoteRow,
    RollUpRow,
    SourceStateRow,
    TickRow,
    of_market,
    put,
)
from tracker.times import DAY_MS, HOUR_MS, MINUTE_MS

Key = tuple[str, int]
"""A coin and an hour."""

STEP_QUOTES = 5000
"""Quotes rolled up in one step."""
MAX_CANDLES = 250
"""Candles that `fill` adds in one transaction: other writers wait for its end."""
HOLD_S = 0.02
"""How long one transaction goes on deleting, for the same reason."""
MAX_IDS = 20_000
"""Ticks looked at for deleting: more than there is time to delete."""
WHOLE_MS = HOUR_MS + 5 * MINUTE_MS
"""How long every tick is kept at least: the chart of an hour shows each."""
CLOSE_MS = MINUTE_MS // 2
"""Closer ticks are thinned: those a minute apart may jitter into the same minute."""
TIME_LIMIT_S = 1.0
"""Roll-up and deleting then leave the rest for the next time: refreshes wait meanwhile."""
MAX_FILLS = 3
"""Answers that may bring the hours before them, since a source may have no past at all."""

FIELDS = tuple(field.name for field in fields(Candle))
_DELETE_TICK = delete(TickRow).where(TickRow.id == bindparam("doomed"))


class RollUp:
    """The upkeep of one market's history."""

    def __init__(self, engine: Engine, market: Market) -> None:
        self._engine = engine
        self.market = market
        self._thinned_to = 0
        """The tick up to which this process has nothing left to thin."""

    def of_all_markets(self) -> list[Self]:
        """Return one `RollUp` for each market that was ever refreshed."""
        with reading(self._engine) as connection:
            names = connection.execute(select(SourceStateRow.source, SourceStateRow.currency)).all()
        return [type(self)(self._engine, Market(*name)) for name in names]

    def needs_filling(self, now: int, ticks: int = MAX_FILLS) -> bool:
        """Return whether the hours before *now* are to be filled in from sparklines.

        They are when there is no tick in the last hour; and when one of the last *ticks* was
        the first in an hour, but its filling did not finish: so it is retried while they come.
        """
        its = of_market(TickRow, self.market)
        newest_first = select(TickRow.id).where(its).order_by(TickRow.id.desc())
        with reading(self._engine) as connection:
            ids = connection.scalars(newest_first.limit(ticks)).all()
            if not ids or now - ids[0] > HOUR_MS:
                return True
            before = [*ids[1:], 0][: ticks - 1]
            firsts = [id for id, last in zip(ids, before, strict=False) if id - last > HOUR_MS]
            return any(not self._is_filled(connection, first) for first in firsts)

    def _is_filled(self, connection: Connection, first: int) -> bool:
        """Return whether a coin of the tick *first* has a candle of the hour before.

        One is enough: `fill` adds the newest candles last, and hardly any ticks made one.
        """
        candle = (
            select(CandleRow.hour)
            .join(QuoteRow, QuoteRow.coin_id == CandleRow.coin_id)
            .where(QuoteRow.tick_id == first, of_market(CandleRow, self.market))
            .where(CandleRow.hour == hour_of(first) - HOUR_MS)
        )
        return connection.scalar(candle.limit(1)) is not None

    def fill(self, candles: Mapping[str, Sequence[Candle]]) -> int:
        """Add *candles* (by coin) for hours that have none, oldest first; return how many."""
        items = [((coin, one.hour), one) for coin, own in candles.items() for one in own]
        if not items:
            return 0
        items.sort(key=lambda item: item[1].hour)
        self.roll_up(items[-1][1].hour - 1)
        added = 0
        for begin in range(0, len(items), MAX_CANDLES):
            batch = dict(items[begin : begin + MAX_CANDLES])
            with writing(self._engine) as connection:
                added += len(batch) - len(self._add(connection, batch))
        return added

    def roll_up(self, now: int) -> int:
        """Add the ticks up to *now* to their hours' candles; return how many candles changed.

        It may run twice, or in two processes at once: each tick counts once.
        """
        changed = 0
        deadline = time.monotonic() + TIME_LIMIT_S
        while time.monotonic() < deadline:
            with reading(self._engine) as connection:
                mark = self._mark(connection)
                quotes = self._quotes_between(connection, mark, now)
            if not quotes:
                break
            points: dict[str, list[Point]] = defaultdict(list)
            for quote in quotes:
                if quote.price is not NO_NUMBER:
                    points[quote.coin_id].append((quote.tick_id, quote.price))
            candles = {
                (coin, one.hour): one for coin in points for one in from_points(points[coin])
            }
            with writing(self._engine) as connection:
                if self._mark(connection) == mark:
                    known = self._add(connection, candles) if candles else {}
                    wider = self._rows((key, old.then(candles[key])) for key, old in known.items())
                    if wider:
                        Session(connection).execute(update(CandleRow), wider)  # by primary key
                    put(connection, RollUpRow, self.market, rolled_up_to=quotes[-1].tick_id)
                    changed += len(candles)
        return changed

    def thin(self, before: int, *, newest: int) -> int:
        """Roll up the ticks *before* but the *newest* so many, and keep one a minute of them.

        It is the last one of the minute. Ticks further apart than `CLOSE_MS` all stay.
        Returns how many ticks were deleted.
        """
        if self._thinned_to > before:  # by a clock that was ahead
            self._thinned_to = 0
        ids = self._rolled_up(before, newest, since=self._thinned_to)
        doomed = [id for id, later in pairwise(ids) if _are_close(id, later)]
        deleted = self._delete(doomed)
        if ids and deleted == len(doomed):
            self._thinned_to = ids[-1]
        return deleted

    def prune(self, before: int) -> int:
        """Roll up and delete the ticks *before*, but the newest; return how many were deleted."""
        return self._delete(self._rolled_up(before, 1))

    def has_run_for(self, now: int) -> bool:
        """Return whether there is a tick of an hour to a day before *now*.

        A clock that has just jumped ahead makes all ticks look old; it may be set right.
        """
        aged = TickRow.id.between(now - DAY_MS, now - HOUR_MS)
        with reading(self._engine) as connection:
            found = select(TickRow.id).where(of_market(TickRow, self.market), aged).limit(1)
            return connection.scalar(found) is not None

    def delete_set_aside(self) -> int:
        """Delete the ticks of all markets that were set aside, as far as there is time."""
        ids = select(TickRow.id).where(TickRow.source == SET_ASIDE).limit(MAX_IDS)
        with reading(self._engine) as connection:
            doomed = connection.scalars(ids.order_by(TickRow.id)).all()
        return self._delete(doomed)

    def _rolled_up(self, before: int, newest: int, since: int = 0) -> Sequence[int]:
        """Roll up the ticks *before*; return the ids of those that are, the oldest `MAX_IDS`.

        The *newest* so many are not among them, nor those before *since*.
        """
        self.roll_up(before)
        with reading(self._engine) as connection:
            ids = select(TickRow.id).where(of_market(TickRow, self.market))
            newest_first = ids.order_by(TickRow.id.desc())
            first_of_newest = connection.scalar(newest_first.offset(newest - 1).limit(1)) or 0
            end = min(before, first_of_newest, self._mark(connection) + 1)
            old = ids.where(TickRow.id >= since, TickRow.id < end)
            return connection.scalars(old.order_by(TickRow.id).limit(MAX_IDS)).all()

    def _delete(self, ids: Sequence[int]) -> int:
        """Delete the ticks *ids* and their quotes, in order; return how many there was time for.

        A transaction ends after `HOLD_S`, however slow the disk or large a tick is. A pause of
        the same length follows: a writer that waits for SQLite's lock only checks now and
        then whether it is free.
        """
        deadline, deleted = time.monotonic() + TIME_LIMIT_S, 0
        while deleted < len(ids) and time.monotonic() < deadline:
            with writing(self._engine) as connection:
                began = time.monotonic()
                for id in ids[deleted:]:
                    connection.execute(_DELETE_TICK, {"doomed": id})
                    deleted += 1
                    if time.monotonic() - began >= HOLD_S:
                        break
            time.sleep(time.monotonic() - began)
        return deleted

    def _quotes_between(
        self, connection: Connection, mark: int, now: int
    ) -> Sequence[Row[int, str, Decimal]]:
        """Return tick ids, coins and prices of whole ticks after *mark*: about `STEP_QUOTES`."""
        columns = (QuoteRow.tick_id, QuoteRow.coin_id, QuoteRow.price)
        rows = connection.execute(self._oldest(mark + 1, now, *columns).limit(STEP_QUOTES)).all()
        if len(rows) < STEP_QUOTES:
            return rows
        return [row for row in rows if row.tick_id != rows[-1].tick_id]  # it may be cut off

    def _oldest(self, first: int, last: int, *columns: Any) -> Select[Any]:
        """Return the query of the quotes of the market's ticks from *first* to *last*, in order.

        The ids of both tables are limited, or PostgreSQL reads one of them in full.
        """
        return (
            select(*columns)
            .join(TickRow, TickRow.id == QuoteRow.tick_id)
            .where(of_market(TickRow, self.market), TickRow.id.between(first, last))
            .where(QuoteRow.tick_id.between(first, last))
            .order_by(QuoteRow.tick_id)
        )

    def _mark(self, connection: Connection) -> int:
        """Return the newest tick that is in the candles, 0 for none."""
        query = select(RollUpRow.rolled_up_to).where(of_market(RollUpRow, self.market))
        mark: Any = connection.scalar(query)
        return mark if is_time(mark) else 0  # a tick that is rolled up again changes no candle

    def _add(self, connection: Connection, candles: Mapping[Key, Candle]) -> dict[Key, Candle]:
        """Add *candles* for hours that have none; return the stored ones of the other hours."""
        hours = [hour for _, hour in candles]
        coins = {coin for coin, _ in candles}
        rows = connection.execute(
            select(CandleRow.coin_id, *(getattr(CandleRow, field) for field in FIELDS)).where(
                of_market(CandleRow, self.market),
                CandleRow.coin_id.in_(coins),
                CandleRow.hour.between(min(hours), max(hours)),
            )
        )
        known = {
            key: Candle(*values) if NO_NUMBER not in values else candles[key]
            for coin, *values in rows
            if (key := (coin, values[0])) in candles
        }
        if new := self._rows(item for item in candles.items() if item[0] not in known):
            connection.execute(insert(CandleRow), new)
        return known

    def _rows(self, candles: Iterable[tuple[Key, Candle]]) -> list[dict[str, Any]]:
        market = self.market._asdict()
        return [
            market | {"coin_id": coin} | {name: getattr(candle, name) for name in FIELDS}
            for (coin, _), candle in candles
        ]


def _are_close(id: int, later: int) -> bool:
    return id // MINUTE_MS == later // MINUTE_MS and later - id < CLOSE_MS
