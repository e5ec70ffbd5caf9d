"""The history in the database, each test on SQLite and on PostgreSQL."""

import random
import re
import time
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, select, text

from tests.support.tools import newest_of, quote, save
from tracker.market.candles import Candle, Point, from_points, from_sparkline
from tracker.market.quotes import Market
from tracker.storage import rollup as module
from tracker.storage.engine import engine_options, reading, writing
from tracker.storage.history import MAX_TICKS, RANGES, History, Series
from tracker.storage.models import CandleRow, of_market
from tracker.storage.ticks import Store
from tracker.times import DAY_MS, HOUR_MS

MINUTE = 60_000
NOON = 1_795_435_200_000
NOW = NOON + 40 * MINUTE
USD, EUR = Market("simulated", "usd"), Market("simulated", "eur")
WEEK = from_sparkline(list(range(168)), end=NOON)


class Kept(History):
    """A history with what a test saves in it and finds in its tables."""

    def __init__(self, engine: Engine, market: Market = USD) -> None:
        super().__init__(engine, market)
        self.engine = engine
        self.store = Store(engine, market)

    def save(self, at: int, **prices: int | str) -> None:
        """Make a tick of *prices*, by coin."""
        quotes = [quote(coin, Decimal(price)) for coin, price in prices.items()]
        saved = save(self.store, *quotes, at=at)
        assert saved
        assert saved.tick.id == at

    def walk(self, minutes: range) -> list[Point]:
        """Make a tick in each of *minutes* after noon; return bitcoin's points."""
        points = [(NOON + minute * MINUTE, minute * 37 % 101) for minute in minutes]
        for at, price in points:
            self.save(at, bitcoin=price, ether=price + 1)
        return as_points(*points)

    def stored(self, coin: str = "bitcoin") -> list[Candle]:
        """Return *coin*'s candles as the table has them."""
        row = CandleRow
        query = select(row.hour, row.open, row.high, row.low, row.close).order_by(row.hour)
        its = query.where(row.coin_id == coin, of_market(row, self.market))
        with reading(self.engine) as connection:
            return [Candle(*found) for found in connection.execute(its)]

    def count(self, table: str) -> int:
        with reading(self.engine) as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


@pytest.fixture
def history(database_url: str) -> Iterator[Kept]:
    engine = create_engine(database_url, **engine_options(database_url))
    yield Kept(engine)
    engine.dispose()


def as_points(*points: tuple[int, int]) -> list[Point]:
    return [(at, Decimal(price)) for at, price in points]


def candle(open: int, high: int, low: int, close: int, hour: int = NOON) -> Candle:
    return Candle(hour, Decimal(open), Decimal(high), Decimal(low), Decimal(close))


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch, history: Kept) -> list[int]:
    """Return a list that gets how many quotes or candles each transaction adds or deletes."""
    sizes = []

    def count() -> int:
        return history.count("candle") - history.count("quote")

    @contextmanager
    def watched(engine: Engine) -> Iterator[Connection]:
        before = count()
        with writing(engine) as connection:
            yield connection
        sizes.append(count() - before)

    monkeypatch.setattr(module, "writing", watched)
    return sizes


class TestRollUp:
    def test_in_many_steps_each_hour_gets_its_candle_also_the_one_that_runs(
        self, history: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "STEP_QUOTES", 5)
        points = history.walk(range(0, 60, 10))
        history.roll_up(points[4][0])
        assert history.stored() == from_points(points[:5])
        points += history.walk(range(60, 150, 10))
        history.roll_up(NOON + 3 * HOUR_MS)
        assert history.stored() == from_points(points)
        assert history.stored("ether") == from_points((at, price + 1) for at, price in points)
        history.walk(range(150, 160, 10))
        assert [history.roll_up(NOON + 3 * HOUR_MS) for _ in range(2)] == [2, 0]

    def test_what_another_worker_was_quicker_with_is_not_written_again(
        self, history: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def late(engine: Engine) -> Any:
            monkeypatch.setattr(module, "writing", writing)
            assert history.roll_up(NOON + HOUR_MS) == 2
            return writing(engine)

        points = history.walk(range(0, 30, 10))
        monkeypatch.setattr(module, "writing", late)
        assert history.roll_up(NOON + HOUR_MS) == 0
        assert history.stored() == from_points(points)

    def test_markets_do_not_mix_and_digits_are_kept(self, history: Kept) -> None:
        other = Kept(history.engine, EUR)
        history.save(NOON, bitcoin="0.10")
        other.save(NOON + 1, bitcoin=100)
        history.save(NOON + 2, bitcoin="1.20E-9")
        history.roll_up(NOON + HOUR_MS)
        assert other.points("bitcoin", "7d", NOON + MINUTE).points == as_points((NOON + 1, 100))
        other.roll_up(NOON + HOUR_MS)
        (mine,) = history.stored()
        assert (str(mine.high), str(mine.low)) == ("0.10", "1.20E-9")
        assert other.stored() == [candle(100, 100, 100, 100)]
        assert len(history.of_all_markets()) == 2
        assert other.prune(NOON + DAY_MS) == 0


class TestFill:
    def test_hours_without_a_candle_get_one_in_short_transactions(
        self, history: Kept, sizes: list[int]
    ) -> None:
        weeks = {f"coin-{number}": WEEK for number in range(5)} | {"bitcoin": WEEK[100:]}
        assert history.fill(weeks) == sum(sizes) == 5 * 167 + 67
        assert history.stored("coin-0") == WEEK
        assert history.stored() == WEEK[100:]
        assert max(sizes) <= module.BATCH_ROWS

    def test_hours_with_ticks_or_a_candle_are_not_filled_and_ticks_go_on_from_them(
        self, history: Kept
    ) -> None:
        """Also when nobody had rolled the ticks up yet."""
        points = history.walk(range(0, 60, 10))
        after = [candle(500, 500, 500, 500, NOON + hour * HOUR_MS) for hour in range(3)]
        assert history.fill({"bitcoin": after}) == 2
        again = [candle(9, 9, 9, 9, NOON + hour * HOUR_MS) for hour in range(4)]
        assert history.fill({"bitcoin": again}) == 1
        assert history.stored() == [*from_points(points), *after[1:], again[3]]
        assert history.fill({}) == history.fill({"bitcoin": []}) == 0
        for minute, price in ((40, 70), (41, 4)):
            history.save(again[3].hour + minute * MINUTE, bitcoin=price)
        history.roll_up(NOON + 4 * HOUR_MS)
        assert history.stored()[3] == candle(9, 70, 4, 4, again[3].hour)


@pytest.fixture(autouse=True)
def _in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, upkeep is done in one call."""
    monkeypatch.setattr(module, "TIME_LIMIT_S", 60)


class TestNeedsFilling:
    def test_it_does_at_first_and_after_more_than_an_hour_without_a_tick(
        self, history: Kept
    ) -> None:
        """And until it was done, also when ticks come again."""
        assert history.needs_filling(NOON)
        history.save(NOON, bitcoin=1)
        history.fill({"bitcoin": WEEK})
        assert not history.needs_filling(NOON + HOUR_MS)
        assert history.needs_filling(NOON + HOUR_MS + 1)
        assert Kept(history.engine, EUR).needs_filling(NOON)
        now = NOON + 5 * HOUR_MS
        history.save(now, bitcoin=1)
        history.roll_up(now)
        assert history.needs_filling(now + MINUTE)
        history.fill({"bitcoin": from_sparkline(list(range(8)), end=now)})
        assert not history.needs_filling(now + MINUTE)

    def test_what_was_interrupted_is_made_up(
        self, history: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        history.save(NOON, bitcoin=1, ether=1)
        weeks = dict.fromkeys(("bitcoin", "ether"), WEEK)
        transactions = iter([writing])
        with monkeypatch.context() as patch:
            patch.setattr(module, "BATCH_ROWS", 300)
            patch.setattr(module, "writing", lambda engine: next(transactions)(engine))
            with pytest.raises(StopIteration):
                history.fill(weeks)
        assert history.needs_filling(NOON + MINUTE)
        assert history.fill(weeks) == 2 * 167 - 300
        assert not history.needs_filling(NOON + MINUTE)

    def test_a_source_without_a_past_is_asked_for_it_three_times(self, history: Kept) -> None:
        needed = []
        for minute in range(5):
            needed.append(history.needs_filling(NOON + minute * MINUTE))
            history.save(NOON + minute * MINUTE, bitcoin=1)
            history.roll_up(NOON + HOUR_MS)
        assert needed == [True] * module.MAX_FILLS + [False] * 2


class TestThin:
    def test_the_last_tick_of_each_minute_stays_and_the_candles_know_all(
        self, history: Kept
    ) -> None:
        points = as_points(*((NOON + second * 1000, second % 7) for second in range(0, 180, 20)))
        for at, price in points:
            history.save(at, bitcoin=int(price))
        assert history.thin(NOON + 2 * MINUTE + 1, newest=1) == 4
        left = [(tick.id - NOON) // 1000 for tick in history.store.newest(100)]
        assert left == [40, 100, 120, 140, 160]
        assert history.thin(NOON + 2 * MINUTE + 1, newest=1) == 0
        history.roll_up(NOON + HOUR_MS)
        assert history.stored() == from_points(points)

    def test_what_readers_may_resume_from_stays_whole(self, history: Kept) -> None:
        """However old it is: the computer may have slept in between."""
        seconds = [*range(0, 60, 10), *range(3600, 3660, 10)]
        for second in seconds:
            history.save(NOON + second * 1000, bitcoin=1)
        assert history.thin(NOON + DAY_MS, newest=8) == 3
        assert [tick.id for tick in history.store.newest(8)] == [
            NOON + second * 1000 for second in seconds[-8:]
        ]

    def test_ticks_a_minute_apart_stay_though_they_jitter(self, history: Kept) -> None:
        for at in (0, 59_000, MINUTE + 900, 2 * MINUTE, 2 * MINUTE + 59_999):
            history.save(NOON + at, bitcoin=1)
        assert history.thin(NOON + DAY_MS, newest=1) == 0

    def test_charts_look_as_before(self, history: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
        chance, price = random.Random(13), 100_000.0
        ticks = []
        for at in range(NOON - DAY_MS, NOON, 10_000):
            price *= 1 + chance.gauss(0, 0.00015)  # a day moves by about 1.3 %
            ticks.append({"id": at, "price": f"{price:.2f}"})
        history.save(NOON - DAY_MS - 1, bitcoin=100_000)
        with writing(history.engine) as connection:
            for statement in (MAKE_TICK, MAKE_QUOTE):
                connection.execute(text(statement), ticks)
        before = {range: history.points("bitcoin", range, NOON).points for range in ("1h", "24h")}
        monkeypatch.setattr(module, "TIME_LIMIT_S", 60)
        assert history.thin(NOON - HOUR_MS - 5 * MINUTE, newest=1) > 5 * 22 * 60
        assert history.points("bitcoin", "1h", NOON).points == before["1h"]
        after = history.points("bitcoin", "24h", NOON).points
        assert len(after) == len(before["24h"]) == 500
        height = max(price for _, price in after) - min(price for _, price in after)
        off = [abs(price_at(after, at) - price) for at, price in before["24h"]]
        assert max(off) < height * Decimal("0.05")
        assert sum(off) / len(off) < height * Decimal("0.015")


class TestPrune:
    def test_what_is_older_goes_and_its_candles_stay(self, history: Kept) -> None:
        points = history.walk(range(0, 180, 15))
        assert history.prune(NOON + 90 * MINUTE) == 6
        assert [tick.id for tick in history.store.newest(100)] == [at for at, _ in points[6:]]
        assert history.count("quote") == 2 * 6
        history.roll_up(NOON + 3 * HOUR_MS)
        assert history.stored() == from_points(points)
        assert history.prune(NOON + 90 * MINUTE) == 0

    def test_the_newest_tick_stays(self, history: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
        """And all that is in no candle yet."""
        points = history.walk(range(0, 60, 10))
        history.roll_up(points[3][0])
        with monkeypatch.context() as patch:
            patch.setattr(history, "roll_up", lambda now: 0)
            assert history.prune(NOON + DAY_MS) == 4
        assert history.prune(NOON + DAY_MS) == 1
        assert newest_of(history.store)

    def test_each_transaction_is_short_and_lets_a_writer_in_and_all_take_little_time(
        self, history: Kept, sizes: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A refresh must not wait for all of it: after each transaction there is a pause."""
        fill_with_sql(history, coins=4, ticks=30, candles=0, step=MINUTE)
        history.roll_up(NOON)
        sizes.clear()
        monkeypatch.setattr(module, "TIME_LIMIT_S", 0)
        assert history.prune(NOON) == 0
        monkeypatch.setattr(module, "TIME_LIMIT_S", 60)
        monkeypatch.setattr(module, "BATCH_ROWS", 20)
        left: list[int] = []

        def pause(seconds: float) -> None:
            history.save(NOON + len(left), bitcoin=1)
            left.append(history.count("tick"))

        monkeypatch.setattr(time, "sleep", pause)
        assert history.prune(NOON) == 29, "the newest stays"
        assert sum(sizes) == 29 * 4
        assert max(sizes) <= 20
        assert len(left) > 3
        assert left[0] > 20

    def test_ticks_that_another_worker_has_deleted_make_no_transaction_longer(
        self, history: Kept, sizes: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def pause(seconds: float) -> None:
            if history.count("tick") > 1:
                with writing(history.engine) as connection:
                    connection.execute(text(DELETE_OLDEST))

        fill_with_sql(history, coins=4, ticks=30, candles=0, step=MINUTE)
        history.roll_up(NOON)
        sizes.clear()
        monkeypatch.setattr(module, "TIME_LIMIT_S", 60)
        monkeypatch.setattr(module, "BATCH_ROWS", 8)
        monkeypatch.setattr(time, "sleep", pause)
        history.prune(NOON)
        assert history.count("tick") == 1
        assert max(sizes) <= 8


class TestPoints:
    def test_a_day_and_a_week_that_nobody_rolled_up_are_their_ticks(self, history: Kept) -> None:
        points = history.walk(range(-100, 40, 10))
        for range_ in ("24h", "7d"):
            assert history.points("bitcoin", range_, NOW) == Series(points, "tick")
        hour = [point for point in points if point[0] >= NOW - HOUR_MS]
        assert history.points("bitcoin", "1h", NOW).points == hour

    def test_a_week_is_its_candles_and_the_newest_price(self, history: Kept) -> None:
        history.fill({"bitcoin": [candle(1, 4, 0, 3, NOON - 2 * HOUR_MS)]})
        history.save(NOON - 20 * MINUTE, bitcoin=9)
        history.save(NOON + 20 * MINUTE, bitcoin=5)
        history.roll_up(NOW)
        shown = {-105: 0, -75: 4, -45: 9, -15: 9, 5: 5, 15: 5, 20: 5}
        points = as_points(*((NOON + at * MINUTE, shown[at]) for at in shown))
        for range_ in ("7d", "30d", "1y"):
            assert history.points("bitcoin", range_, NOW) == Series(points, "hour")

    def test_a_day_is_candles_where_there_are_no_ticks(self, history: Kept) -> None:
        """As after the first start, or when the computer slept."""
        history.save(NOON - 5 * HOUR_MS, bitcoin=5000)
        history.fill({"bitcoin": WEEK, "ether": WEEK})
        history.save(NOON + 30 * MINUTE, bitcoin=3000)
        found = history.points("bitcoin", "24h", NOW)
        assert found.resolution == "hour"
        assert len(found.points) == 2 * 22 + 2
        assert (NOON - 5 * HOUR_MS, Decimal(5000)) in found.points
        assert found.points[-1] == (NOON + 30 * MINUTE, Decimal(3000))
        assert all(one[0] < other[0] for one, other in pairwise(found.points))
        without = history.points("ether", "24h", NOW).points
        assert (len(without), without[-1][1]) == (2 * 23, Decimal(167))

    def test_a_coin_that_is_not_followed_any_more_ends_where_it_did(self, history: Kept) -> None:
        history.save(NOON, bitcoin=1, gone=7)
        history.save(NOON + MINUTE, bitcoin=2)
        history.roll_up(NOW)
        for range_ in RANGES:
            assert history.points("gone", range_, NOW).points[-1:] == as_points((NOON, 7))
            assert history.points("nothing", range_, NOW) == Series([], "tick")


def price_at(points: list[Point], at: int) -> Decimal:
    """Return the price *at* this time on the line through *points*."""
    index = min(max(1, bisect_left(points, (at, Decimal(0)))), len(points) - 1)
    (begin, first), (end, last) = points[index - 1 : index + 1]
    return first + (last - first) * (at - begin) / (end - begin)


MAKE_TICK = "INSERT INTO tick (id, source, currency) VALUES (:id, 'simulated', 'usd')"
MAKE_QUOTE = """
INSERT INTO quote (tick_id, position, coin_id, price, direction)
VALUES (:id, 0, 'bitcoin', :price, 'up')
"""
DELETE_OLDEST = "DELETE FROM tick WHERE id = (SELECT min(id) FROM tick)"
MAKE_TICKS = """
INSERT INTO tick (id, source, currency)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :ticks)
SELECT :noon - i * :step, 'simulated', 'usd' FROM n
"""
MAKE_COINS = """
INSERT INTO coin (id, symbol, name)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :coins)
SELECT 'coin-' || i, 'c', 'C' FROM n
"""
MAKE_QUOTES = """
INSERT INTO quote (tick_id, position, coin_id, price, direction)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :coins)
SELECT tick.id, i, 'coin-' || i, (tick.id / 1000 * 7919) % 10007, 'up' FROM tick, n
ORDER BY tick.id, i
"""
MAKE_CANDLES = """
INSERT INTO candle (source, currency, coin_id, hour, open, high, low, close)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= :candles)
SELECT 'simulated', 'usd', coin.id, :noon - i * CAST(3600000 AS BIGINT),
       100 + i % 7, 200 + i * 7919 % 10007, 100 - i * 7907 % 97, 100 + i % 11
FROM coin, n WHERE i <= :candles
"""


def fill_with_sql(history: Kept, coins: int, ticks: int, candles: int, step: int) -> None:
    """Make so many ticks, and candles of each coin, before noon, quickly, and tell the planner."""
    wanted = {"coins": coins, "ticks": ticks, "candles": candles, "step": step, "noon": NOON}
    with writing(history.engine) as connection:
        for statement in (MAKE_COINS, MAKE_TICKS, MAKE_QUOTES, MAKE_CANDLES):
            connection.execute(text(statement), wanted)
    with history.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


class TestMuch:
    def test_a_year_is_500_points_with_its_extremes_found_by_indexes(self, history: Kept) -> None:
        fill_with_sql(history, coins=10, ticks=3 * 1440, candles=365 * 24, step=MINUTE)
        found = history.points("coin-3", "1y", NOON)
        assert 400 < len(found.points) <= 500
        prices = [price for _, price in found.points]
        candles = history.stored("coin-3")
        assert max(prices) == max(one.high for one in candles)
        assert min(prices) == min(one.low for one in candles)
        seen = []

        def note(*args: Any) -> None:
            _, _, statement, parameters, _, many = args
            if statement.startswith(("SELECT", "WITH", "DELETE", "UPDATE")):
                seen.append((statement, parameters[0] if many else parameters))

        event.listen(history.engine, "before_cursor_execute", note)
        history.roll_up(NOON - HOUR_MS)
        for range in RANGES:
            history.points("coin-3", range, NOON)
        history.needs_filling(NOON)
        history.fill({"coin-3": [candle(1, 1, 1, 1, NOON - 400 * DAY_MS)]})
        history.thin(NOON - 3 * DAY_MS + HOUR_MS, newest=1)
        history.prune(NOON - 3 * DAY_MS + HOUR_MS)
        event.remove(history.engine, "before_cursor_execute", note)
        assert len(seen) > 20
        how = "QUERY PLAN " if history.engine.dialect.name == "sqlite" else ""
        with reading(history.engine) as connection:
            for statement, given in seen:
                plan = connection.exec_driver_sql(f"EXPLAIN {how}{statement}", given)
                lines = "\n".join(str(row[-1]) for row in plan)
                assert not re.search(r"(SCAN|Seq Scan on) (tick|quote|candle)\b", lines)

    def test_of_close_ticks_no_more_are_read_than_a_chart_needs(self, history: Kept) -> None:
        fill_with_sql(history, coins=3, ticks=4000, candles=0, step=1000)
        with reading(history.engine) as connection:
            read = history._ticks(connection, "coin-3", NOON - HOUR_MS, NOON)
        assert 1500 < len(read) <= MAX_TICKS
        assert read[-1][0] == NOON - 1000
        assert max(later[0] - sooner[0] for sooner, later in pairwise(read)) == 2000
        assert len(history.points("coin-3", "1h", NOON).points) == 500
