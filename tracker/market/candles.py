"""Candles: an hour's open, high, low and close, and how few points still show a history.

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

Point = tuple[int, Decimal]

HOUR = 3_600_000
"""Milliseconds."""
MOST = 500
"""Points that show a history: a chart has hardly more pixels for them."""


@dataclass(frozen=True, slots=True)
class Candle:
    """What a price did in the hour that begins at *hour*, in unix milliseconds."""

    hour: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def then(self, later: Candle) -> Candle:
        """Return the candle of the same hour that goes on as *later* does."""
        return Candle(
            self.hour,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
        )

    def path(self, until: int) -> tuple[Point, Point]:
        """Return low and high in the order in which they probably came.

        A price that rose was low first. They stand at a quarter and at three
        quarters of the hour, or of what of it was over at *until*.
        """
        length = max(0, min(HOUR, until - self.hour))
        first, second = (self.low, self.high) if self.open <= self.close else (self.high, self.low)
        return (self.hour + length // 4, first), (self.hour + length * 3 // 4, second)


def hour_of(ms: int) -> int:
    """Return when the hour around *ms* begins."""
    return ms - ms % HOUR


def from_points(points: Iterable[Point]) -> list[Candle]:
    """Return the candle of each hour that has a point."""
    candles = []
    for hour, group in groupby(points, lambda point: hour_of(point[0])):
        prices = [price for _, price in group]
        candles.append(Candle(hour, prices[0], max(prices), min(prices), prices[-1]))
    return candles


def from_sparkline(prices: Sequence[object], *, end: int) -> list[Candle]:
    """Return candles from hourly *prices*, the last of them at *end*, as CoinGecko has them.

    A price and the one before it are a candle's close and open, and all that
    is known of its high and low. The hour is the one that most of the time
    between the two lies in. What is no finite number is passed over.
    """
    candles = []
    before: Decimal | None = None
    for age, sent in zip(range(len(prices) - 1, -1, -1), prices, strict=True):
        price = number(sent)
        if price is None:
            continue
        if before is not None:
            hour = hour_of(end - age * HOUR - HOUR // 2)
            candles.append(Candle(hour, before, max(before, price), min(before, price), price))
        before = price
    return candles


def thin(points: Sequence[Point], most: int = MOST) -> list[Point]:
    """Return at most *most* of *points*: first, last, and each bucket's lowest and highest.

    The highest and the lowest of all are among them if *most* is 4 or more.
    """
    if len(points) <= most:
        return list(points)
    inner = points[1:-1]
    count = (most - 2) // 2
    edges = [len(inner) * number // count for number in range(count + 1)] if count else []
    kept = [points[0]]
    for begin, end in pairwise(edges):
        bucket = inner[begin:end]
        low, high = min(bucket, key=_price), max(bucket, key=_price)
        kept += sorted({low, high}, key=_time)
    return [*kept, points[-1]]


_time = itemgetter(0)
_price = itemgetter(1)
