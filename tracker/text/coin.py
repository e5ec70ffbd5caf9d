"""One coin as text: its price, large, what is known of it, and a chart of a range of its history.

Nothing here does I/O or knows requests.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from tracker.market.candles import Point
from tracker.market.freshness import Status
from tracker.market.quotes import Quote, Tick
from tracker.text import cells, formats, state
from tracker.text.big import big
from tracker.text.chart import chart
from tracker.text.table import DEFAULT_WIDTH, change, joined, price
from tracker.times import DAY_MS, LAST_MS

ROWS = 10
"""Lines of a chart."""
GAP = "   "
"""Between changes."""
_TIMES = ((2 * DAY_MS, "%H:%M UTC"), (180 * DAY_MS, "%d %b"), (LAST_MS, "%b %Y"))
"""How a time is written in a chart of up to so many milliseconds."""


def render(
    quote: Quote,
    tick: Tick,
    status: Status,
    *,
    now: int,
    width: int = DEFAULT_WIDTH,
    color: bool = False,
    points: Sequence[Point] | None = (),
    range: str = "24h",
    note: str = "",
    hint: str = "",
) -> str:
    """Return the coin of *quote*, which is of *tick*, as lines of at most *width* columns.

    *points* are its history in the *range*, in the tick's currency; None where it cannot be
    read now. *note* stands below the state, *hint* below all. *now* is in unix milliseconds.
    """
    lines = list(state.lines(tick, status, now=now, width=width, color=color, note=note))
    lines += ["", *_head(quote, width, color), ""]
    style: cells.Style = quote.direction if status.state == "live" else "dim"
    lines += [*_price(quote, tick.currency, style, width, color), ""]
    lines += _facts(quote, tick, now, width, color)
    lines += ["", *_chart(points, range, tick.currency, width, color)]
    return joined(lines, hint, width, color)


def _head(quote: Quote, width: int, color: bool) -> Iterator[str]:
    symbol = cells.clean(quote.symbol).upper()
    rank = "" if quote.rank is None else f" · #{quote.rank}"
    for line in cells.wrapped(f"{quote.name} · {symbol}{rank}", width):
        yield cells.painted(line, "bold", color)


def _price(
    quote: Quote, currency: str, style: cells.Style, width: int, color: bool
) -> Iterator[str]:
    """Yield the price in large digits, or in a line where they have no room."""
    small = price(quote.price, currency)
    arrow = formats.ARROWS[quote.direction]
    rows = big(small)
    if max(map(cells.width, rows)) + 2 <= width:
        rows[1] += f" {arrow}"
    else:
        rows = [f"{arrow} {small}".lstrip()]
    for row in rows:
        yield cells.painted(row.rstrip(), style, color)


def _facts(quote: Quote, tick: Tick, now: int, width: int, color: bool) -> Iterator[str]:
    changes = {"1 h": quote.change_1h, "24 h": quote.change_24h, "7 d": quote.change_7d}
    told = {span: change(value) for span, value in changes.items()}
    parts = [f"{span} {cells.painted(*one, color)}" for span, one in told.items()]
    is_too_wide = len(GAP.join(f"{span} {text}" for span, (text, _) in told.items())) > width
    yield from parts if is_too_wide else [GAP.join(parts)]
    code = tick.currency
    facts = {
        "Market cap": formats.compact(quote.market_cap, code),
        "Volume, 24 h": formats.compact(quote.volume_24h, code),
        "Lowest, 24 h": _number(quote.low_24h, code),
        "Highest, 24 h": _number(quote.high_24h, code),
        "Price from": formats.origin(quote, tick.source, now),
    }
    label_wide = max(map(len, facts))
    for label, fact in facts.items():
        shown = cells.cut(cells.clean(fact), width - label_wide - 1)
        yield f"{cells.painted(f'{label:{label_wide}}', 'dim', color)} {shown}"


def _number(value: Decimal | None, currency: str) -> str:
    return formats.UNKNOWN if value is None else price(value, currency)


def _chart(
    points: Sequence[Point] | None, range: str, currency: str, width: int, color: bool
) -> Iterator[str]:
    """Yield the chart with its highest and lowest price beside, its first and last below."""
    if points is None:
        yield from cells.wrapped("Past prices cannot be read right now.", width)
        return
    if len(points) < 2:
        yield from cells.wrapped(f"No past prices of {range} yet.", width)
        return
    prices = [value for _, value in points]
    highest, lowest = price(max(prices), currency), price(min(prices), currency)
    gutter = max(cells.width(highest), cells.width(lowest))
    labels = [highest, *[""] * (ROWS - 2), lowest]
    text, style = change(_percent(prices[0], prices[-1]))
    yield f"{cells.painted(range, 'bold', color)} {cells.painted(text, style, color)}"
    for label, row in zip(labels, chart(points, width - gutter - 1, ROWS), strict=True):
        beside = cells.painted(cells.padded(label, gutter, right=True), "dim", color)
        yield f"{beside} {cells.painted(row.rstrip(), style, color)}".rstrip()
    span_ms = points[-1][0] - points[0][0]
    first, last = (
        f"{_time(at, span_ms)} {price(value, currency)}" for at, value in (points[0], points[-1])
    )
    space = width - cells.width(first) - cells.width(last)
    indent = gutter + 1 if gutter + 1 < space else 0
    below = " " * indent + first + " " * max(1, space - indent) + last
    yield cells.painted(cells.cut(below, width), "dim", color)


def _percent(first: Decimal, last: Decimal) -> Decimal | None:
    return (last / first - 1) * 100 if first else None


def _time(ms: int, span_ms: int) -> str:
    format = next(format for most, format in _TIMES if span_ms <= most)
    return f"{datetime.fromtimestamp(ms // 1000, UTC):{format}}"
