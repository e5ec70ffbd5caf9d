"""A chart of prices in braille: each character is two dots wide and four high (Unicode, U+2800)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tracker.market.candles import Point

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a character's dots, by column and by row from above."""


def chart(points: Sequence[Point], columns: int, rows: int) -> list[str]:
    """Return the line through *points*, in time order, as *rows* lines of *columns* characters.

    It goes from the first to the last of them, and from the lowest price to the highest.
    """
    bits = [[0] * columns for _ in range(rows)]
    for x, y in _line(points, columns * 2, rows * 4):
        bits[rows - 1 - y // 4][x // 2] |= _DOTS[x % 2][3 - y % 4]
    return ["".join(chr(0x2800 + bit) if bit else " " for bit in row) for row in bits]


def _line(points: Sequence[Point], wide: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the dots of the line, *wide* by *high* of them, (0, 0) at the left and below."""
    places = list(_places(points, wide, high))
    if len(places) == 1:
        yield places[0]
    for (x, y), (next_x, next_y) in pairwise(places):
        steps = max(1, next_x - x, abs(next_y - y))
        for step in range(steps + 1):
            yield x + (next_x - x) * step // steps, y + round((next_y - y) * step / steps)


def _places(points: Sequence[Point], wide: int, high: int) -> Iterator[tuple[int, int]]:
    prices = [float(price) for _, price in points]
    low, span = min(prices), max(prices) - min(prices)
    begin, length = points[0][0], max(1, points[-1][0] - points[0][0])
    for (at, _), price in zip(points, prices, strict=True):
        level = (price - low) / span if span else 0.5
        yield (at - begin) * (wide - 1) // length, round(level * (high - 1))
