"""A line of prices in block characters: `▁▂▅▇█▆`."""

from collections.abc import Sequence
from decimal import Decimal

from tracker.market.candles import Point

BLOCKS = "▁▂▃▄▅▆▇█"
STEPS = 84
"""Prices that `evenly` makes of a week: one every two hours."""

Price = Decimal | float


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
        if step in last or prices:
            prices.append(last.get(step, prices[-1] if prices else 0.0))
    return prices


def sparkline(prices: Sequence[Price], columns: int) -> str:
    """Return *prices*, oldest first and evenly spaced, in *columns* at most; "" for less than two.

    The lowest is the lowest block, the highest the highest one; what never moves is in the middle.
    """
    if len(prices) < 2 or columns < 2:
        return ""
    values = [float(price) for price in prices]
    count = min(columns, len(values))
    parts = [
        (step * len(values) // count, (step + 1) * len(values) // count) for step in range(count)
    ]
    means = [sum(values[begin:end]) / (end - begin) for begin, end in parts]
    means[-1] = values[-1]
    low, high = min(means), max(means)
    if not high > low:
        return BLOCKS[3] * count
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round((mean - low) / (high - low) * top)] for mean in means)
