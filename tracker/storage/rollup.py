"""Upkeep of the history: ticks roll up into hourly candles, which outlive pruned ticks.

The trap: a tick must go into its candle once. So each market has a mark, the newest tick
that is in its candles. It moves in the transaction that writes the candles, and only from
where it was when they were made.

An hour's candle comes from ticks or from a sparkline. Ticks win: `fill` first rolls up the
hours before the last one it fills, and adds candles only where there are none. Later ticks
of the same hour continue a filled candle: high and low widen, the close is theirs.

Times are unix milliseconds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from typing import Any, Self

from sqlalchemy import Connection, Engine, Row, Select, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from tracker.market.candles import Candle, Point, from_points, hour_of
from tracker.market.quotes import Market
from tracker.storage.engine import reading, writing
from tracker.storage.models import CandleRow, QuoteRow, RollUpRow, SourceStateRow, TickRow
from tracker.times import HOUR_MS

Key = tuple[str, int]
"""A coin and an hour."""

STEP_QUOTES = 5000
"""Quotes rolled up in one step."""
BATCH_ROWS = 500
"""Quotes deleted, or candles added, in one transaction: other writers wait for its end."""
TIME_LIMIT_S = 5.0
"""Roll-up and pruning then leave the rest for the next time: refreshes wait meanwhile."""
MAX_FILLS = 3
"""Ticks that may bring the hours before them, since a source may have no past at all."""

FIELDS = tuple(field.name for field in fields(Candle))


class RollUp:
    """The upkeep of one market's history."""

    def __init__(self, engine: Engine, market: Market) -> None:
        self._engine = engine
        self.market = market

    def of_all_markets(self) -> list[Self]:
        """Return one `RollUp` for each market that was ever refreshed."""
        with reading(self._engine) as connection:
            markets = connection.execute(
                select(SourceStateRow.source, SourceStateRow.currency)
            ).all()
        return [type(self)(self._engine, Market(*names)) for names in markets]

    def needs_filling(self, now: int) -> bool:
        """Return whether the hours before *now* are to be filled in from sparklines.

        They are when there is no tick in the last hour; and when one of the last ticks was
        the first in an hour, but its filling did not finish (retried `MAX_FILLS` - 1 times).
        """
        query = select(TickRow.id).where(self._is_its(TickRow)).order_by(TickRow.id.desc())
        with reading(self._engine) as connection:
            ids = connection.scalars(query.limit(MAX_FILLS)).all()
            if not ids or now - ids[0] > HOUR_MS:
                return True
            before = [*ids[1:], 0][: MAX_FILLS - 1]
            firsts = [id for id, last in zip(ids, before, strict=False) if id - last > HOUR_MS]
            return any(not self._is_filled(connection, first) for first in firsts)

    def _is_filled(self, connection: Connection, first: int) -> bool:
        """Return whether a coin of the tick *first* has a candle of the hour before.

        One is enough: `fill` adds the newest candles last, and hardly any ticks made one.
        """
        candle = (
            select(CandleRow.hour)
            .join(QuoteRow, QuoteRow.coin_id == CandleRow.coin_id)
            .where(QuoteRow.tick_id == first)
            .where(self._is_its(CandleRow), CandleRow.hour == hour_of(first) - HOUR_MS)
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
        for begin in range(0, len(items), BATCH_ROWS):
            batch = dict(items[begin : begin + BATCH_ROWS])
            with writing(self._engine) as connection:
                known = self._known(connection, batch)
                new = self._rows(item for item in batch.items() if item[0] not in known)
                if new:
                    connection.execute(insert(CandleRow), new)
            added += len(new)
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
                points[quote.coin_id].append((quote.tick_id, quote.price))
            candles = {
                (coin, one.hour): one for coin in points for one in from_points(points[coin])
            }
            with writing(self._engine) as connection:
                if self._mark(connection) == mark:
                    self._widen(connection, candles)
                    session = Session(connection)
                    session.merge(
                        RollUpRow(**self.market._asdict(), rolled_up_to=quotes[-1].tick_id)
                    )
                    session.flush()
                    changed += len(candles)
        return changed

    def prune(self, before: int) -> int:
        """Roll up and delete the ticks *before*, but the newest; return how many were deleted.

        Each transaction is short, and followed by a pause of the same length: a writer that
        waits for SQLite's lock only checks now and then whether it is free.
        """
        self.roll_up(before)
        deleted = 0
        deadline = time.monotonic() + TIME_LIMIT_S
        while time.monotonic() < deadline:
            with writing(self._engine) as connection:
                began = time.monotonic()
                batch = self._prune_some(connection, before)
            if not batch:
                break
            deleted += batch
            time.sleep(time.monotonic() - began)
        return deleted

    def _prune_some(self, connection: Connection, before: int) -> int:
        """Delete the oldest ticks, about `BATCH_ROWS` quotes with them; return how many ticks."""
        newest = connection.scalar(select(func.max(TickRow.id)).where(self._is_its(TickRow))) or 0
        end = min(before, newest, self._mark(connection) + 1)
        oldest = connection.scalars(
            self._oldest(QuoteRow.tick_id)
            .where(TickRow.id < end, QuoteRow.tick_id < end)
            .limit(BATCH_ROWS)
        ).all()
        if not oldest:
            return 0
        pruned = delete(TickRow).where(self._is_its(TickRow), TickRow.id <= oldest[-1])
        return connection.execute(pruned).rowcount

    def _quotes_between(
        self, connection: Connection, mark: int, now: int
    ) -> Sequence[Row[int, str, Decimal]]:
        """Return tick ids, coins and prices of whole ticks after *mark*: about `STEP_QUOTES`."""
        rows = connection.execute(
            self._oldest(QuoteRow.tick_id, QuoteRow.coin_id, QuoteRow.price)
            .where(TickRow.id > mark, TickRow.id <= now)
            .where(QuoteRow.tick_id > mark, QuoteRow.tick_id <= now)
            .limit(STEP_QUOTES)
        ).all()
        if len(rows) < STEP_QUOTES:
            return rows
        return [row for row in rows if row.tick_id != rows[-1].tick_id]  # it may be cut off

    def _oldest(self, *columns: Any) -> Select[Any]:
        """Return the query of the market's quotes, oldest first.

        Limit the ids of both tables, or PostgreSQL reads one of them in full.
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

    def _widen(self, connection: Connection, candles: Mapping[Key, Candle]) -> None:
        """Write *candles*, each merged into the stored one of its hour, if there is one."""
        known = self._known(connection, candles)
        new = self._rows(item for item in candles.items() if item[0] not in known)
        changed = self._rows((key, old.then(candles[key])) for key, old in known.items())
        if new:
            connection.execute(insert(CandleRow), new)
        if changed:
            Session(connection).execute(update(CandleRow), changed)  # by primary key

    def _known(self, connection: Connection, keys: Collection[Key]) -> dict[Key, Candle]:
        """Return the stored candles of *keys*."""
        hours = [hour for _, hour in keys]
        rows = connection.execute(
            select(CandleRow.__table__).where(
                self._is_its(CandleRow),
                CandleRow.coin_id.in_({coin for coin, _ in keys}),
                CandleRow.hour.between(min(hours), max(hours)),
            )
        ).mappings()
        found = {
            (row["coin_id"], row["hour"]): Candle(*(row[field] for field in FIELDS)) for row in rows
        }
        return {key: candle for key, candle in found.items() if key in keys}

    def _rows(self, candles: Iterable[tuple[Key, Candle]]) -> list[dict[str, Any]]:
        market = self.market._asdict()
        return [market | {"coin_id": coin} | asdict(candle) for (coin, _), candle in candles]

    def _is_its(self, table: type[TickRow | CandleRow | RollUpRow]) -> Any:
        return and_(table.source == self.market.source, table.currency == self.market.currency)
