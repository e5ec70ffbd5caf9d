"""The upkeep of the history: ticks become candles, are thinned and pruned; on both databases."""

import random
import time
from bisect import bisect_left
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.storage.kept import (
    EUR,
    MAKE_QUOTE,
    MAKE_TICK,
    MINUTE,
    NOON,
    WEEK,
    Kept,
    as_points,
    candle,
    fill_with_sql,
)
from tests.support.tools import newest_of
from tracker.market.candles import Point, from_points, from_sparkline
from tracker.storage import rollup as module
from tracker.storage.engine import writing
from tracker.times import DAY_MS, HOUR_MS


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


class TestAClockThatWasAhead:
    def test_candles_of_times_that_were_not_are_deleted_and_ticks_roll_up_again(
        self, history: Kept
    ) -> None:
        ahead = 730 * DAY_MS
        history.save(NOON, bitcoin=1)
        history.roll_up(NOON)
        history.save(NOON + MINUTE, bitcoin=2)
        history.save(NOON + ahead, bitcoin=3)
        history.roll_up(NOON + ahead)
        history.fill({"bitcoin": from_sparkline(list(range(8)), end=NOON + ahead)})
        history.thin(NOON + ahead, newest=1)
        history.save(NOON + 2 * MINUTE, told=NOON + 2 * MINUTE, bitcoin=4)
        history.roll_up(NOON + 2 * MINUTE)
        assert history.stored() == [candle(1, 4, 1, 4)]
        assert history.count("tick") == 4
        assert history.delete_set_aside() == 1
        assert history.count("quote") == 3


class TestFill:
    def test_hours_without_a_candle_get_one_in_short_transactions(
        self, history: Kept, sizes: list[int]
    ) -> None:
        weeks = {f"coin-{number}": WEEK for number in range(5)} | {"bitcoin": WEEK[100:]}
        assert history.fill(weeks) == sum(sizes) == 5 * 167 + 67
        assert history.stored("coin-0") == WEEK
        assert history.stored() == WEEK[100:]
        assert max(sizes) <= module.MAX_CANDLES

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
            patch.setattr(module, "MAX_CANDLES", 300)
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


def price_at(points: list[Point], at: int) -> Decimal:
    """Return the price *at* this time on the line through *points*."""
    index = min(max(1, bisect_left(points, (at, Decimal(0)))), len(points) - 1)
    (begin, first), (end, last) = points[index - 1 : index + 1]
    return first + (last - first) * (at - begin) / (end - begin)


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

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_charts_look_as_before(self, history: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
        chance, price = random.Random(13), 100_000.0
        ticks = []
        for at in range(NOON - DAY_MS, NOON, 20_000):
            price *= 1 + chance.gauss(0, 0.0002)  # a day moves by about 1.3 %
            ticks.append({"id": at, "price": f"{price:.2f}"})
        history.save(NOON - DAY_MS - 1, bitcoin=100_000)
        with writing(history.engine) as connection:
            for statement in (MAKE_TICK, MAKE_QUOTE):
                connection.execute(text(statement), ticks)
        before = {range: history.points("bitcoin", range, NOON).points for range in ("1h", "24h")}
        assert history.thin(NOON - HOUR_MS - 5 * MINUTE, newest=1) > 2 * 22 * 60 - 10
        assert history.points("bitcoin", "1h", NOON).points == before["1h"]
        after = history.points("bitcoin", "24h", NOON).points
        assert len(after) == len(before["24h"]) == 500
        height = max(price for _, price in after) - min(price for _, price in after)
        off = [abs(price_at(after, at) - price) for at, price in before["24h"]]
        assert max(off) < height * Decimal("0.05")
        assert sum(off) / len(off) < height * Decimal("0.015")


@pytest.fixture
def half_an_hour(history: Kept, sizes: list[int]) -> None:
    """30 ticks of four quotes each, that are in the candles."""
    fill_with_sql(history, coins=4, ticks=30, candles=0, step=MINUTE)
    history.roll_up(NOON)
    sizes.clear()


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

    @pytest.mark.usefixtures("half_an_hour")
    def test_each_transaction_is_short_and_lets_a_writer_in_and_all_take_little_time(
        self, history: Kept, sizes: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A refresh must not wait for all of it: after each transaction there is a pause."""
        monkeypatch.setattr(module, "TIME_LIMIT_S", 0)
        assert history.prune(NOON) == 0
        monkeypatch.setattr(module, "TIME_LIMIT_S", 60)
        monkeypatch.setattr(module, "HOLD_S", 0)
        left: list[int] = []

        def pause(seconds: float) -> None:
            history.save(NOON + len(left), bitcoin=1)
            left.append(history.count("tick"))

        monkeypatch.setattr(time, "sleep", pause)
        assert history.prune(NOON) == 29, "the newest stays"
        assert sizes == [4] * 29
        assert left == [30] * 29, "one was deleted, one saved"

    @pytest.mark.usefixtures("half_an_hour")
    def test_a_transaction_deletes_as_many_as_there_is_time_for(
        self, history: Kept, sizes: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "HOLD_S", 60)
        assert history.prune(NOON) == 29
        assert sizes == [29 * 4]
