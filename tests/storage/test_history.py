"""The history in the database, each test on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event, select, text

from tests.conftest import AppFactory
from tests.support.tools import newest_of, quote
from tracker.market.candles import Candle, from_points, from_sparkline
from tracker.market.quotes import Market
from tracker.services import db, services
from tracker.storage import rollup as module
from tracker.storage.engine import reading, writing
from tracker.storage.history import MAX_TICKS, RANGES, History
from tracker.storage.models import CandleRow
from tracker.storage.ticks import Store
from tracker.times import DAY_MS, HOUR_MS

MINUTE = 60_000
NOON = 1_795_435_200_000


@pytest.fixture
def app(make_app: AppFactory, database_url: str) -> Iterator[Flask]:
    app = make_app(database_url=database_url)
    with app.app_context():
        yield app


@pytest.fixture
def store(app: Flask) -> Store:
    return Store(db.engine, Market("simulated", "usd"), stale_after=MINUTE)


@pytest.fixture
def history(app: Flask) -> History:
    return History(db.engine, services(app).settings.market)


def save(store: Store, at: int, **prices: int) -> None:
    """Make a tick of *prices*, by coin."""
    quotes = [quote(coin, Decimal(price)) for coin, price in prices.items()]
    saved = store.save(quotes, at=at, next_attempt_at=at)
    assert saved
    assert saved.tick.id == at


def save_a_walk(store: Store, minutes: range) -> list[tuple[int, Decimal]]:
    """Make a tick in each of *minutes* after noon; return bitcoin's points."""
    points = [(NOON + minute * MINUTE, minute * 37 % 101) for minute in minutes]
    for at, price in points:
        save(store, at, bitcoin=price, ether=price + 1)
    return as_points(*points)


def as_points(*points: tuple[int, int]) -> list[tuple[int, Decimal]]:
    return [(at, Decimal(price)) for at, price in points]


def candle(open: int, high: int, low: int, close: int, hour: int = NOON) -> Candle:
    return Candle(hour, Decimal(open), Decimal(high), Decimal(low), Decimal(close))


def stored(coin: str = "bitcoin", market: tuple[str, str] = ("simulated", "usd")) -> list[Candle]:
    """Return *coin*'s candles as the table has them."""
    row = CandleRow
    query = select(row.hour, row.open, row.high, row.low, row.close).where(
        row.coin_id == coin, row.source == market[0], row.currency == market[1]
    )
    with reading(db.engine) as connection:
        return [Candle(*found) for found in connection.execute(query.order_by(row.hour))]


def count(table: str) -> int:
    with reading(db.engine) as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


class TestRollUp:
    def test_each_hour_has_its_candle_also_the_one_that_runs(
        self, store: Store, history: History
    ) -> None:
        points = save_a_walk(store, range(0, 150, 10))
        assert history.roll_up(NOON + 3 * HOUR_MS) == 6
        assert stored() == from_points(points)
        assert len(stored()) == len(stored("ether")) == 3

    def test_twice_is_as_once(self, store: Store, history: History) -> None:
        save_a_walk(store, range(0, 100, 10))
        history.roll_up(NOON + 3 * HOUR_MS)
        once = stored()
        assert history.roll_up(NOON + 3 * HOUR_MS) == 0
        assert stored() == once

    def test_bit_by_bit_is_as_at_once(self, store: Store, history: History) -> None:
        points = []
        for begin in range(0, 120, 30):
            points += save_a_walk(store, range(begin, begin + 30, 10))
            history.roll_up(NOON + 3 * HOUR_MS)
        assert stored() == from_points(points)

    def test_in_many_steps_is_as_in_one(
        self, store: Store, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "STEP_QUOTES", 5)
        points = save_a_walk(store, range(0, 150, 10))
        history.roll_up(NOON + 3 * HOUR_MS)
        assert stored() == from_points(points)
        assert stored("ether") == from_points((at, price + 1) for at, price in points)

    def test_only_ticks_up_to_the_given_time_are_in(self, store: Store, history: History) -> None:
        points = save_a_walk(store, range(0, 100, 10))
        history.roll_up(points[4][0])
        assert stored() == from_points(points[:5])

    def test_only_what_changed_is_written(self, store: Store, history: History) -> None:
        save_a_walk(store, range(0, 100, 10))
        history.roll_up(NOON + 3 * HOUR_MS)
        save_a_walk(store, range(100, 110, 10))
        assert history.roll_up(NOON + 3 * HOUR_MS) == 2

    def test_many_at_once_are_as_one(
        self, app: Flask, store: Store, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "STEP_QUOTES", 10)
        points = save_a_walk(store, range(0, 150, 5))
        together = threading.Barrier(4)

        def work(_: int) -> int:
            with app.app_context():
                together.wait()
                return history.roll_up(NOON + 3 * HOUR_MS)

        with ThreadPoolExecutor(4) as pool:
            changed = list(pool.map(work, range(4)))
        assert stored() == from_points(points)
        assert sum(changed) >= 6

    def test_what_another_worker_was_quicker_with_is_not_written_again(
        self, store: Store, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @contextmanager
        def late(engine: Engine) -> Iterator[Connection]:
            monkeypatch.setattr(module, "writing", writing)
            assert history.roll_up(NOON + HOUR_MS) == 2
            with writing(engine) as connection:
                yield connection

        save_a_walk(store, range(0, 60, 10))
        monkeypatch.setattr(module, "writing", late)
        assert history.roll_up(NOON + HOUR_MS) == 0

    def test_markets_do_not_mix(self, store: Store, history: History) -> None:
        other = Store(db.engine, Market("simulated", "eur"), stale_after=MINUTE)
        save(store, NOON, bitcoin=1)
        save(other, NOON + 1, bitcoin=100)
        save(store, NOON + 2, bitcoin=2)
        history.roll_up(NOON + HOUR_MS)
        History(db.engine, Market("simulated", "eur")).roll_up(NOON + HOUR_MS)
        assert stored() == [candle(1, 2, 1, 2)]
        assert stored(market=("simulated", "eur")) == [candle(100, 100, 100, 100)]
        assert len(history.of_all_markets()) == 2

    def test_the_digits_are_kept(self, store: Store, history: History) -> None:
        store.save([quote(price="0.10")], at=NOON, next_attempt_at=NOON)
        store.save([quote(price="1.20E-9")], at=NOON + 1, next_attempt_at=NOON)
        history.roll_up(NOON + HOUR_MS)
        (found,) = stored()
        assert (str(found.high), str(found.low)) == ("0.10", "1.20E-9")


class TestFill:
    def test_hours_without_a_candle_get_one(self, history: History) -> None:
        week = from_sparkline(list(range(168)), end=NOON)
        assert history.fill({"bitcoin": week, "ether": week[100:]}) == 167 + 67
        assert stored() == week
        assert stored("ether") == week[100:]

    def test_nothing_is_filled_twice_or_changed(self, history: History) -> None:
        history.fill({"bitcoin": [candle(1, 1, 1, 1)]})
        later = [candle(2, 2, 2, 2), candle(3, 3, 3, 3, NOON + HOUR_MS)]
        assert history.fill({"bitcoin": later}) == 1
        assert stored() == [candle(1, 1, 1, 1), later[1]]
        assert history.fill({}) == history.fill({"bitcoin": []}) == 0

    def test_hours_that_are_over_are_their_ticks(self, store: Store, history: History) -> None:
        """Also when nobody had rolled them up yet."""
        points = save_a_walk(store, range(0, 60, 10))
        after = [candle(500, 500, 500, 500, NOON + hour * HOUR_MS) for hour in range(3)]
        assert history.fill({"bitcoin": after}) == 2
        assert stored() == [*from_points(points), *after[1:]]

    def test_ticks_go_on_from_what_was_filled(self, store: Store, history: History) -> None:
        history.fill({"bitcoin": [candle(50, 60, 40, 55)]})
        save(store, NOON + 40 * MINUTE, bitcoin=70)
        save(store, NOON + 41 * MINUTE, bitcoin=45)
        history.roll_up(NOON + HOUR_MS)
        assert stored() == [candle(50, 70, 40, 45)]

    def test_many_candles_are_added_in_short_transactions(
        self, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sizes = watch(monkeypatch, "candle")
        week = from_sparkline(list(range(168)), end=NOON)
        history.fill({f"coin-{number}": week for number in range(10)})
        assert sum(sizes) == 1670
        assert max(sizes) <= module.BATCH_ROWS


def watch(monkeypatch: pytest.MonkeyPatch, table: str) -> list[int]:
    """Return a list that gets by how much each transaction changes the size of *table*."""
    changes = []

    @contextmanager
    def watched(engine: Engine) -> Iterator[Connection]:
        before = count(table)
        with writing(engine) as connection:
            yield connection
        changes.append(abs(count(table) - before))

    monkeypatch.setattr(module, "writing", watched)
    return changes


class TestNeedsFilling:
    def test_it_does_at_first(self, history: History) -> None:
        assert history.needs_filling(NOON)

    def test_it_does_after_more_than_an_hour_without_a_tick(
        self, store: Store, history: History
    ) -> None:
        save(store, NOON, bitcoin=1)
        history.fill({"bitcoin": from_sparkline([1, 2, 3], end=NOON)})
        assert not history.needs_filling(NOON + HOUR_MS)
        assert history.needs_filling(NOON + HOUR_MS + 1)

    def test_what_was_interrupted_is_made_up(self, store: Store, history: History) -> None:
        save(store, NOON, bitcoin=1, ether=1)
        assert history.needs_filling(NOON + MINUTE)
        history.fill({"ether": from_sparkline([1, 2, 3], end=NOON)})
        assert not history.needs_filling(NOON + MINUTE)

    def test_what_was_interrupted_half_way_is_made_up(
        self, store: Store, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = []

        @contextmanager
        def dying(engine: Engine) -> Iterator[Connection]:
            begun.append(1)
            if len(begun) > 1:
                raise OSError("disk full")
            with writing(engine) as connection:
                yield connection

        save(store, NOON, bitcoin=1, ether=1)
        week = {coin: from_sparkline(list(range(168)), end=NOON) for coin in ("bitcoin", "ether")}
        monkeypatch.setattr(module, "BATCH_ROWS", 300)
        monkeypatch.setattr(module, "writing", dying)
        with pytest.raises(OSError, match="disk full"):
            history.fill(week)
        monkeypatch.setattr(module, "writing", writing)
        assert history.needs_filling(NOON + MINUTE)
        assert history.fill(week) == 2 * 167 - 300
        assert not history.needs_filling(NOON + MINUTE)

    def test_what_was_interrupted_after_an_hour_without_a_tick_is_made_up(
        self, store: Store, history: History
    ) -> None:
        save_a_walk(store, range(0, 120, 10))
        save(store, NOON + 5 * HOUR_MS, bitcoin=1)
        history.roll_up(NOON + 5 * HOUR_MS)
        assert history.needs_filling(NOON + 5 * HOUR_MS + MINUTE)
        history.fill({"bitcoin": from_sparkline(list(range(8)), end=NOON + 5 * HOUR_MS)})
        assert not history.needs_filling(NOON + 5 * HOUR_MS + MINUTE)

    def test_a_source_without_a_past_is_asked_for_it_three_times(
        self, store: Store, history: History
    ) -> None:
        needed = []
        for minute in range(6):
            needed.append(history.needs_filling(NOON + minute * MINUTE))
            save(store, NOON + minute * MINUTE, bitcoin=1)
            history.roll_up(NOON + HOUR_MS)
        assert needed == [True] * module.MAX_FILLS + [False] * 3

    def test_ticks_of_another_market_are_none(self, store: Store) -> None:
        save(store, NOON, bitcoin=1)
        assert History(db.engine, Market("simulated", "eur")).needs_filling(NOON)


class TestPrune:
    def test_what_is_older_goes_and_its_candles_stay(self, store: Store, history: History) -> None:
        points = save_a_walk(store, range(0, 180, 10))
        assert history.prune(NOON + 90 * MINUTE) == 9
        assert [tick.id for tick in store.newest(100)] == [at for at, _ in points[9:]]
        assert count("quote") == 2 * 9
        history.roll_up(NOON + 3 * HOUR_MS)
        assert stored() == from_points(points)
        assert history.prune(NOON + 90 * MINUTE) == 0

    def test_the_newest_tick_stays(self, store: Store, history: History) -> None:
        save_a_walk(store, range(0, 50, 10))
        assert history.prune(NOON + DAY_MS) == 4
        assert newest_of(store)

    def test_nothing_goes_that_is_in_no_candle(
        self, store: Store, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        points = save_a_walk(store, range(0, 100, 10))
        history.roll_up(points[3][0])
        monkeypatch.setattr(history, "roll_up", lambda now: 0)
        assert history.prune(NOON + DAY_MS) == 4

    def test_other_markets_are_left_alone(self, store: Store, history: History) -> None:
        save_a_walk(store, range(0, 50, 10))
        assert History(db.engine, Market("simulated", "eur")).prune(NOON + DAY_MS) == 0

    def test_each_transaction_is_short(
        self, store: Store, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save_a_walk(store, range(0, 60, 2))
        history.roll_up(NOON + DAY_MS)
        monkeypatch.setattr(module, "BATCH_ROWS", 10)
        sizes = watch(monkeypatch, "quote")
        assert history.prune(NOON + DAY_MS) == 29
        assert sum(sizes) == 58
        assert max(sizes) <= 11

    def test_what_takes_too_long_is_left_for_the_next_time(
        self, store: Store, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save_a_walk(store, range(0, 50, 10))
        history.roll_up(NOON + DAY_MS)
        monkeypatch.setattr(module, "TIME_LIMIT_S", 0)
        assert history.prune(NOON + DAY_MS) == 0

    def test_a_writer_gets_in_between(self, app: Flask, store: Store, history: History) -> None:
        """A refresh must not wait for all of it."""
        fill_with_sql(ticks=1500, candles=0)
        history.roll_up(NOON)
        over = []

        def prune() -> None:
            with app.app_context():
                history.prune(NOON)
                over.append(True)

        thread = threading.Thread(target=prune)
        before = count("tick")
        thread.start()
        while count("tick") == before:
            pass
        save(store, NOON + MINUTE, bitcoin=1)
        assert not over
        thread.join()


class TestPoints:
    NOW = NOON + 40 * MINUTE

    def test_a_day_is_its_ticks(self, store: Store, history: History) -> None:
        points = save_a_walk(store, range(-100, 40, 10))
        found = history.points("bitcoin", "24h", self.NOW)
        assert (found.points, found.resolution) == (points, "tick")

    def test_a_range_begins_where_it_is_as_long(self, store: Store, history: History) -> None:
        points = save_a_walk(store, range(-100, 40, 10))
        since = self.NOW - HOUR_MS
        assert history.points("bitcoin", "1h", self.NOW).points == [
            point for point in points if point[0] >= since
        ]

    def test_a_week_is_its_candles_and_the_newest_price(
        self, store: Store, history: History
    ) -> None:
        history.fill({"bitcoin": [candle(1, 4, 0, 3, NOON - 2 * HOUR_MS)]})
        save(store, NOON - 20 * MINUTE, bitcoin=9)
        save(store, NOON + 20 * MINUTE, bitcoin=5)
        history.roll_up(self.NOW)
        found = history.points("bitcoin", "7d", self.NOW)
        assert found == history.points("bitcoin", "30d", self.NOW)
        assert found == history.points("bitcoin", "1y", self.NOW)
        assert found.resolution == "hour"
        assert found.points == as_points(
            (NOON - 105 * MINUTE, 0),
            (NOON - 75 * MINUTE, 4),
            (NOON - 45 * MINUTE, 9),
            (NOON - 15 * MINUTE, 9),
            (NOON + 5 * MINUTE, 5),
            (NOON + 15 * MINUTE, 5),
            (NOON + 20 * MINUTE, 5),
        )

    def test_a_day_without_ticks_is_its_candles(self, history: History) -> None:
        history.fill({"bitcoin": from_sparkline(list(range(168)), end=NOON)})
        found = history.points("bitcoin", "24h", self.NOW)
        assert found.resolution == "hour"
        assert len(found.points) == 2 * 23
        assert found.points[-1][1] == 167

    def test_a_day_with_some_ticks_is_candles_where_there_are_none(
        self, store: Store, history: History
    ) -> None:
        """As after the first start, or when the computer slept."""
        save(store, NOON - 5 * HOUR_MS, bitcoin=5000)
        history.fill({"bitcoin": from_sparkline(list(range(168)), end=NOON)})
        save(store, NOON + 30 * MINUTE, bitcoin=3000)
        found = history.points("bitcoin", "24h", self.NOW)
        assert found.resolution == "hour"
        assert len(found.points) == 2 * 22 + 2
        assert (NOON - 5 * HOUR_MS, Decimal(5000)) in found.points
        assert found.points[-1] == (NOON + 30 * MINUTE, Decimal(3000))
        assert all(one[0] < other[0] for one, other in pairwise(found.points))

    def test_a_week_that_nobody_rolled_up_is_its_ticks(
        self, store: Store, history: History
    ) -> None:
        points = save_a_walk(store, range(-100, 40, 10))
        found = history.points("bitcoin", "7d", self.NOW)
        assert (found.points, found.resolution) == (points, "tick")

    def test_a_coin_that_is_not_followed_any_more_ends_where_it_did(
        self, store: Store, history: History
    ) -> None:
        save(store, NOON, bitcoin=1, gone=7)
        save(store, NOON + MINUTE, bitcoin=2)
        history.roll_up(self.NOW)
        assert history.points("gone", "24h", self.NOW).points == as_points((NOON, 7))
        assert history.points("gone", "7d", self.NOW).points[-1] == (NOON, Decimal(7))

    def test_other_coins_and_other_markets_are_not_in_it(
        self, store: Store, history: History
    ) -> None:
        save(store, NOON, bitcoin=1)
        history.roll_up(self.NOW)
        save(store, NOON + 1, bitcoin=1)
        for range in RANGES:
            assert history.points("nothing", range, self.NOW) == ([], "tick")
            assert (
                History(db.engine, Market("simulated", "eur"))
                .points("bitcoin", range, self.NOW)
                .points
                == []
            )


MAKE_TICKS = """
INSERT INTO tick (id, source, currency)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
SELECT :now - i * :step, 'simulated', 'usd' FROM n
"""
MAKE_COINS = """
INSERT INTO coin (id, symbol, name)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
SELECT 'coin-' || i, 'c', 'C' FROM n
"""
MAKE_QUOTES = """
INSERT INTO quote (tick_id, position, coin_id, price, direction)
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
SELECT tick.id, i, 'coin-' || i, (tick.id / 1000 * 7919) % 10007, 'up' FROM tick, n
"""
MAKE_CANDLES = """
INSERT INTO candle (source, currency, coin_id, hour, open, high, low, close)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
SELECT 'simulated', 'usd', coin.id, :now - i * CAST(3600000 AS BIGINT),
       100 + i % 7, 200 + i * 7919 % 10007, 100 - i * 7907 % 97, 100 + i % 11
FROM coin, n
"""


def fill_with_sql(*, ticks: int, candles: int, step: int = MINUTE) -> None:
    """Make so many ticks and candles of ten coins before noon, quickly, and tell the planner."""
    with writing(db.engine) as connection:
        connection.execute(text(MAKE_COINS))
        connection.execute(text(MAKE_TICKS), {"count": ticks, "now": NOON, "step": step})
        connection.execute(text(MAKE_QUOTES))
        if candles:
            connection.execute(text(MAKE_CANDLES), {"count": candles, "now": NOON})
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


class TestMuch:
    def test_a_year_is_500_points_with_its_extremes(self, history: History) -> None:
        fill_with_sql(ticks=1, candles=365 * 24)
        found = history.points("coin-3", "1y", NOON)
        assert 400 < len(found.points) <= 500
        prices = [price for _, price in found.points]
        candles = stored("coin-3")
        assert max(prices) == max(one.high for one in candles)
        assert min(prices) == min(one.low for one in candles)
        assert len(history.points("coin-3", "1y", NOON, max_points=50).points) <= 50

    def test_of_close_ticks_no_more_are_read_than_a_chart_needs(self, history: History) -> None:
        fill_with_sql(ticks=4000, candles=0, step=1000)
        with reading(db.engine) as connection:
            read = history._ticks(connection, "coin-3", NOON - HOUR_MS, NOON)
        assert 1500 < len(read) <= MAX_TICKS
        assert read[-1][0] == NOON - 1000
        assert max(later[0] - sooner[0] for sooner, later in pairwise(read)) == 2000
        assert len(history.points("coin-3", "1h", NOON).points) == 500

    def test_every_query_finds_its_rows_by_an_index(self, history: History) -> None:
        fill_with_sql(ticks=3 * 1440, candles=365 * 24)
        with statements() as seen:
            history.roll_up(NOON - HOUR_MS)
            for range in RANGES:
                history.points("coin-3", range, NOON)
            history.needs_filling(NOON)
            history.fill({"coin-3": [candle(1, 1, 1, 1, NOON - 400 * DAY_MS)]})
            history.prune(NOON - 3 * DAY_MS + HOUR_MS)
        scans = [
            (line, query) for query, given in seen for line in plan(query, given) if whole(line)
        ]
        assert not scans
        assert len(seen) > 20


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Give a list that gets each statement on the history's tables, with its parameters."""
    seen = []

    def note(*args: Any) -> None:
        _, _, statement, parameters, _, many = args
        if statement.startswith(("SELECT", "WITH", "DELETE", "UPDATE")):
            seen.append((statement, parameters[0] if many else parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def plan(statement: str, parameters: Any) -> list[str]:
    """Return the lines of the database's plan for *statement*."""
    with reading(db.engine) as connection:
        how = "QUERY PLAN " if connection.dialect.name == "sqlite" else ""
        found = connection.exec_driver_sql(f"EXPLAIN {how}{statement}", parameters)
        return [str(row[-1]).strip() for row in found]


def whole(line: str) -> bool:
    """Return whether *line* of a plan says that all of a large table is read."""
    return any(
        f"{words} {table}" in line
        for table in ("tick", "quote", "candle")
        for words in ("SCAN", "Seq Scan on")
    )
