"""What a terminal that watches shows: the table of `/`, in the look that was asked for."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from tracker.errors import RateError
from tracker.market.freshness import Status
from tracker.market.quotes import Tick
from tracker.market.rates import Rates, in_currency
from tracker.text import state, table
from tracker.text.sparkline import Price

HINT = ("Ctrl-C ends it", "?coins=btc,eth", "?currency=eur", "?width=120", "?color=never")


class Look(NamedTuple):
    """How a table is wanted; *currency* "" is the tracker's own."""

    width: int = table.DEFAULT_WIDTH
    color: bool = True
    currency: str = ""


def draw(
    tick: Tick | None,
    status: Status,
    rates: Rates | None,
    weeks: Mapping[str, Sequence[Price]],
    *,
    coins: Collection[str],
    look: Look,
    now: int,
) -> str:
    """Return the table of *coins* (ids) as `table.render` does; without any, of all.

    Where its currency's rate is gone, it is in the tracker's own and says so.
    """
    note = ""
    if tick is not None:
        try:
            tick = in_currency(tick, look.currency or tick.currency, rates)
        except RateError as error:
            note = f"In {tick.currency.upper()}, as {error}."
        tick = tick.of(coins)
    return table.render(
        tick,
        status,
        now=now,
        width=look.width,
        color=look.color,
        weeks=weeks,
        note=note,
        hint=" · ".join([*HINT, *state.credit(tick)]),
    )
