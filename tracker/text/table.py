"""A tick as a table for terminals: state above, a line per coin, below what else can be asked.

Nothing here does I/O or knows requests. Every line is at most as wide as wanted, and holds no
control character but the SGR of its colours, whatever the source sends.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tracker.market.freshness import Status
from tracker.market.quotes import Quote, Tick, by_rank
from tracker.text import cells, formats, state
from tracker.text.cells import Style
from tracker.text.sparkline import Price, sparkline

MIN_WIDTH, DEFAULT_WIDTH, MAX_WIDTH = 40, 80, 200
"""Columns of a terminal that a table can be made for."""
MAX_SYMBOL, MAX_PRICE, MAX_NUMBER, MAX_AMOUNT = 8, 18, 9, 12
LEAST = {"name": 9, "hour": 7, "day": 7, "week": 7, "cap": 7, "volume": 7, "line": 9}
"""What these columns are never narrower than: so numbers that change do not move the others."""
ROOMY = 100
"""Columns of a terminal from which on there is room for the volume as well as for a long line."""
GROWTH = (("name", 14), ("line", 21), ("name", 40), ("line", 42))
"""Which column grows, in this order and up to how many columns, where there is room."""
GROWN = frozenset(name for name, _ in GROWTH)
LEAVE_OUT = ("volume", "cap", "line", "hour", "week", "rank", "name", "day")
"""Columns in the order in which a narrow table does without them."""

Cell = tuple[str, Style]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its head, and each coin's cell with its style."""

    head: str
    cells: Sequence[Cell]
    right: bool = True
    """Where its texts stand."""

    @property
    def needs(self) -> int:
        """How many columns of the terminal its texts take."""
        return max(cells.width(text) for text in (self.head, *(text for text, _ in self.cells)))


def render(
    tick: Tick | None,
    status: Status,
    *,
    now: int,
    width: int = DEFAULT_WIDTH,
    color: bool = False,
    weeks: Mapping[str, Sequence[Price]] | None = None,
    note: str = "",
    hint: str = "",
) -> str:
    """Return *tick* as lines of at most *width* columns, each ended by a line feed.

    *weeks* are the prices of the last seven days by coin, oldest first and evenly spaced, as
    `candles.evenly` makes them. *note* stands below the state, *hint* below the table.
    *now* is in unix milliseconds.
    """
    lines = list(state.lines(tick, status, now=now, width=width, color=color, note=note))
    if tick is not None and tick.quotes:
        lines += ["", *_table(tick, status.state == "live", width, color, weeks or {})]
    return joined(lines, hint, width, color)


def joined(lines: list[str], hint: str, width: int, color: bool) -> str:
    """Return *lines* and below them the *hint*, whose parts stand between ` · `."""
    below = cells.wrapped(hint, width, " · ")
    both = [*lines, *[""] * bool(below), *(cells.painted(line, "dim", color) for line in below)]
    return "".join(f"{line}\n" for line in both)


def price(value: Decimal, currency: str) -> str:
    """Return a price in at most `MAX_PRICE` columns: `$0.0₁₀126`, `$1.26T` where it is too long."""
    texts = (write(value, currency) for write in (formats.price, formats.compact))
    fits = (text for text in map(cells.clean, texts) if cells.width(text) <= MAX_PRICE)
    return next(fits, f"{value:.3E}")


def _table(
    tick: Tick, is_live: bool, wide: int, color: bool, weeks: Mapping[str, Sequence[Price]]
) -> Iterator[str]:
    """Yield the head and a line per coin; prices that are not live are grey, as on the page."""
    quotes = by_rank(tick.quotes)
    columns = _columns(quotes, tick.currency)
    needs = {name: one.needs for name, one in columns.items() if name != "volume" or wide >= ROOMY}
    lines = [weeks.get(quote.id, ()) for quote in quotes]
    if any(len(prices) > 1 for prices in lines):
        needs["line"] = GROWTH[-1][1]
    widths = _widths(needs, wide)
    if "line" in widths:
        drawn = [(sparkline(prices, widths["line"]), _style_of_line(prices)) for prices in lines]
        columns["line"] = Column("7 days", drawn, right=False)
    shown = [(columns[name], columns_wide) for name, columns_wide in widths.items()]
    head = " ".join(cells.padded(one.head, size, right=one.right) for one, size in shown)
    yield cells.painted(head.rstrip(), "dim", color)
    for row in range(len(quotes)):
        line = ""
        for one, size in shown:
            text, style = one.cells[row]
            text = cells.padded(text, size, right=one.right)
            line += cells.painted(text, style, color and is_live) + " "
        yield cells.painted(line.rstrip(), "same" if is_live else "dim", color)


def _columns(quotes: list[Quote], currency: str) -> dict[str, Column]:
    """Return the columns by name, from left to right; all but the line of the week."""

    def numbers(field: str) -> list[Cell]:
        return [(_amount(getattr(quote, field), currency), "same") for quote in quotes]

    def changes(field: str) -> list[Cell]:
        return [change(getattr(quote, field)) for quote in quotes]

    ranks = ["" if quote.rank is None else str(quote.rank) for quote in quotes]
    symbols = [cells.cut(cells.clean(quote.symbol).upper(), MAX_SYMBOL) for quote in quotes]
    return {
        "rank": Column("#", [(cells.cut(rank, MAX_NUMBER), "dim") for rank in ranks]),
        "symbol": Column("Coin", [(symbol, "bold") for symbol in symbols], right=False),
        "name": Column("", [(cells.clean(quote.name), "same") for quote in quotes], right=False),
        "price": Column("Price", _prices(quotes, currency)),
        "hour": Column("1 h", changes("change_1h")),
        "day": Column("24 h", changes("change_24h")),
        "week": Column("7 d", changes("change_7d")),
        "cap": Column("Cap", numbers("market_cap")),
        "volume": Column("Volume", numbers("volume_24h")),
    }


def _prices(quotes: list[Quote], currency: str) -> list[Cell]:
    """Return each price behind its arrow, the arrows in a column of their own."""
    texts = [price(quote.price, currency) for quote in quotes]
    wide = max(map(cells.width, texts))

    def cell(quote: Quote, text: str) -> Cell:
        arrow = formats.ARROWS[quote.direction] or " "
        return f"{arrow} {cells.padded(text, wide, right=True)}", quote.direction

    return list(map(cell, quotes, texts))


def _amount(value: Decimal | None, currency: str) -> str:
    text = cells.clean(formats.compact(value, currency))
    return text if value is None or cells.width(text) <= MAX_AMOUNT else f"{value:.1E}"


def change(value: Decimal | None) -> Cell:
    """Return a change in percent, in at most `MAX_NUMBER` columns, and its style."""
    text = formats.percent(value)
    if value is not None and len(text) > MAX_NUMBER:
        whole = f"{value:+,.0f}%"
        text = whole if len(whole) <= MAX_NUMBER else f"{value:+.1E}%"
    return text, formats.trend(value)


def _style_of_line(prices: Sequence[Price]) -> Style:
    change = float(prices[-1]) - float(prices[0]) if prices else 0
    return "up" if change > 0 else "down" if change < 0 else "same"


def _widths(needs: Mapping[str, int], wide: int) -> dict[str, int]:
    """Return how wide each column is that a line of *wide* columns has room for."""
    widths = {
        name: LEAST[name] if name in GROWN else max(need, LEAST.get(name, 0))
        for name, need in needs.items()
    }
    for name in LEAVE_OUT:
        if sum(widths.values()) + len(widths) - 1 <= wide:
            break
        widths.pop(name, None)
    spare = wide - sum(widths.values()) - len(widths) + 1
    for name, most in GROWTH:
        if name in widths:
            more = max(0, min(spare, min(most, needs[name]) - widths[name]))
            widths[name] += more
            spare -= more
    return widths
