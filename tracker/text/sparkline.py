"""A line of prices in block characters: `▁▂▅▇█▆`."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

BLOCKS = "▁▂▃▄▅▆▇█"

Price = Decimal | float


def sparkline(prices: Sequence[Price], columns: int) -> str:
    """Return *prices*, oldest first and evenly spaced, in *columns* at most; "" for less than two.

    The lowest is the lowest block, the highest the highest one; what never moves is in the middle.
    """
    if len(prices) < 2 or columns < 2:
        return ""
    return _drawn(tuple(prices), columns)


@lru_cache(512)  # a week is the same for many ticks
def _drawn(prices: tuple[Price, ...], columns: int) -> str:
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
