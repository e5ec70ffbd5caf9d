"""What charts get of the history, on SQLite and on PostgreSQL."""

import re
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event

from tests.storage.kept import MINUTE, NOON, NOW, WEEK, Kept, as_points, candle, fill_with_sql
from tracker.storage.engine import reading
from tracker.storage.history import MAX_TICKS, RANGES, Series
from tracker.times import DAY_MS, HOUR_MS


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


class TestMuch:
    @pytest.mark.faults
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
