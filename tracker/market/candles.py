"""Candles: an hour's open, high, low and close; and downsampling, for charts.

A *point* is a pair of unix milliseconds and a price. Lists of points and of
candles are in time order here, both as arguments and as results.

Nothing here does I/O or knows where prices come from or go to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby, pairwise
from operator import itemgetter

from tracker.market.quotes import number
from tracker.times import HOUR_MS

Point = tuple[int, Decimal]

MAX_POINTS = 500
"""Points of a history at most: a chart has hardly more pixels for them."""

STEPS = 84
"""Prices that `evenly` makes of a week: one every two hours."""


@dataclass(frozen=True, slots=True)
class Candle:
    """A price's range in the hour that begins at *hour*, in unix milliseconds."""

    hour: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def then(self, later: Candle) -> Candle:
        """Return this candle continued by *later*, a candle of the same hour."""
        high, low = max(self.high, later.high), min(self.low, later.low)
        return Candle(self.hour, self.open, high, low, later.close)

    def path(self, until: int) -> tuple[Point, Point]:
        """Return low and high in their probable order: a price that rose was low first.

        They stand at a quarter and at three quarters of the part of the hour before *until*.
        """
        length = max(0, min(HOUR_MS, until - self.hour))
        first, second = (self.low, self.high) if self.open <= self.close else (self.high, self.low)
        return (self.hour + length // 4, first), (self.hour + length * 3 // 4, second)


def hour_of(ms: int) -> int:
    """Return when the hour around *ms* begins."""
    return ms - ms % HOUR_MS


def from_points(points: Iterable[Point]) -> list[Candle]:
    """Return the candle of each hour that has a point."""
    candles = []
    for hour, group in groupby(points, lambda point: hour_of(point[0])):
        prices = [price for _, price in group]
        candles.append(Candle(hour, prices[0], max(prices), min(prices), prices[-1]))
    return candles


def from_sparkline(prices: Sequence[object], *, end: int) -> list[Candle]:
    """Return candles from CoinGecko's hourly *prices*, the last of them at *end*.

    A price and the one before it are a candle's close and open; high and low are the higher
    and the lower of the two. The candle's hour is the one that holds most of the time between
    them. Values that are no finite number are skipped.
    """
    candles = []
    before: Decimal | None = None
    for age, sent in zip(range(len(prices) - 1, -1, -1), prices, strict=True):
        price = number(sent)
        if price is None:
            continue
        if before is not None:
            hour = hour_of(end - age * HOUR_MS - HOUR_MS // 2)
            candles.append(Candle(hour, before, max(before, price), min(before, price), price))
        before = price
    return candles


def downsample(points: Sequence[Point], max_points: int = MAX_POINTS) -> list[Point]:
    """Return at most *max_points* points: first, last, and each bucket's lowest and highest.

    The highest and the lowest of all are among them if *max_points* is 4 or more.
    """
    if len(points) <= max_points:
        return list(points)
    inner = points[1:-1]
    buckets = (max_points - 2) // 2
    edges = [len(inner) * number // buckets for number in range(buckets + 1)] if buckets else []
    kept = [points[0]]
    for begin, end in pairwise(edges):
        bucket = inner[begin:end]
        extremes = {min(bucket, key=itemgetter(1)), max(bucket, key=itemgetter(1))}
        kept += sorted(extremes, key=itemgetter(0))
    return [*kept, points[-1]]


def evenly(points: Sequence[Point], *, since: int, until: int, steps: int = STEPS) -> list[float]:
    """Return the last price of each of *steps* parts of the time from *since* to *until*.

    A part without a point has the price before; a young coin begins further on. *points*
    are in time order, times unix milliseconds.
    """
    last: dict[int, float] = {}
    for at, price in points:
        last[min(steps - 1, max(0, (at - since) * steps // (until - since)))] = float(price)
    prices: list[float] = []
    for step in range(steps):
        if step in last:
            prices.append(last[step])
        elif prices:
            prices.append(prices[-1])
    return prices
