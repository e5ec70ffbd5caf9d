"""Candles and downsampling keep their promises for any prices."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tracker.market.candles import (
    Candle,
    Point,
    downsample,
    evenly,
    from_points,
    from_sparkline,
    hour_of,
)
from tracker.times import HOUR_MS

NOON = 1_795_435_200_000
HALF_PAST = NOON + HOUR_MS // 2

prices = st.decimals(min_value=0, max_value=10**6, places=4)
points = st.lists(
    st.tuples(st.integers(NOON, NOON + 5 * HOUR_MS), prices), unique_by=lambda point: point[0]
).map(sorted)


def candle(open: int, high: int, low: int, close: int, hour: int = NOON) -> Candle:
    return Candle(hour, Decimal(open), Decimal(high), Decimal(low), Decimal(close))


class TestFromPoints:
    @given(points)
    def test_each_has_the_first_the_extremes_and_the_last_of_its_hour(
        self, points: list[Point]
    ) -> None:
        found = from_points(points)
        assert [one.hour for one in found] == sorted({hour_of(at) for at, _ in points})
        for one in found:
            own = [price for at, price in points if one.hour <= at < one.hour + HOUR_MS]
            assert one == Candle(one.hour, own[0], max(own), min(own), own[-1])

    @given(points, st.data())
    def test_in_two_parts_they_come_out_the_same(
        self, points: list[Point], data: st.DataObject
    ) -> None:
        """Roll-ups come in the middle of hours."""
        cut = data.draw(st.integers(0, len(points)))
        whole = {one.hour: one for one in from_points(points[:cut])}
        for later in from_points(points[cut:]):
            before = whole.get(later.hour)
            whole[later.hour] = before.then(later) if before else later
        assert list(whole.values()) == from_points(points)


class TestFromSparkline:
    def test_each_price_but_the_first_makes_an_hour_with_the_price_before(self) -> None:
        found = from_sparkline(list(range(168)), end=HALF_PAST + 1)
        assert [one.hour for one in found] == list(range(NOON - 166 * HOUR_MS, NOON + 1, HOUR_MS))
        assert found[-1] == candle(166, 167, 166, 167)
        assert from_sparkline([3, 1], end=HALF_PAST) == [candle(3, 3, 1, 1)]

    def test_the_hour_is_the_one_that_most_of_the_time_between_lies_in(self) -> None:
        for end in (NOON, HALF_PAST - 1, HALF_PAST, NOON + HOUR_MS):
            hour = NOON if end >= HALF_PAST else NOON - HOUR_MS
            assert [one.hour for one in from_sparkline([1, 2], end=end)] == [hour]

    def test_numbers_keep_their_digits_and_what_is_no_number_is_passed_over(self) -> None:
        sent = [None, 1, float("nan"), Decimal("Infinity"), "5", True, 4]
        assert from_sparkline(sent, end=HALF_PAST) == [candle(1, 4, 1, 4)]
        assert from_sparkline([], end=NOON) == from_sparkline([1, None], end=NOON) == []
        (one,) = from_sparkline([Decimal("0.10"), 1.2e-09], end=HALF_PAST)
        assert (str(one.open), str(one.close)) == ("0.10", "1.2E-9")


class TestPath:
    def test_what_rose_was_low_first_and_what_fell_high(self) -> None:
        for open, close, path in ((2, 8, [1, 9]), (2, 2, [1, 9]), (8, 2, [9, 1])):
            found = candle(open, 9, 1, close).path(NOON + HOUR_MS)
            assert [price for _, price in found] == path

    @given(st.integers(NOON, NOON + 3 * HOUR_MS))
    def test_it_is_within_the_hour_and_the_past(self, until: int) -> None:
        (first, _), (second, _) = candle(1, 2, 1, 2).path(until)
        assert NOON <= first <= second <= until
        assert second < NOON + HOUR_MS


many_points = st.lists(prices, max_size=200).map(lambda found: list(enumerate(found)))


class TestDownsample:
    @given(many_points, st.integers(2, 60))
    def test_few_points_are_kept_in_their_order_with_both_ends_and_the_extremes(
        self, points: list[Point], most: int
    ) -> None:
        kept = downsample(points, most)
        assert len(kept) <= most
        assert set(kept) <= set(points)
        assert all(one[0] < other[0] for one, other in pairwise(kept))
        assert (kept[:1], kept[-1:]) == (points[:1], points[-1:])
        assert len(points) > most or kept == points
        if points and most >= 4:
            kept_prices, prices = ({price for _, price in some} for some in (kept, points))
            assert (min(kept_prices), max(kept_prices)) == (min(prices), max(prices))

    def test_many_become_about_as_many_as_are_wanted(self) -> None:
        waves = [(at, Decimal(at % 7)) for at in range(20_000)]
        assert len(downsample(waves, 500)) == 500
        assert len(downsample(waves, 2)) == 2


def test_points_become_even_and_a_young_coins_line_begins_later() -> None:
    points = [(20, Decimal(1)), (29, Decimal(2)), (60, Decimal(3)), (100, Decimal(4))]
    assert evenly(points, since=0, until=100, steps=10) == [2, 2, 2, 2, 3, 3, 3, 4]
    assert evenly([], since=0, until=100) == []
