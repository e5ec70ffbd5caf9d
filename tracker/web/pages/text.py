"""The pages as text: what `curl` and its like are answered. `tracker.text` draws it."""

from flask import Response, request

from tracker.errors import StoreError
from tracker.market.candles import Point
from tracker.market.quotes import Tick
from tracker.market.suggestions import suggest
from tracker.relay import MarketState
from tracker.services import services
from tracker.storage.history import RANGES
from tracker.text import coin as coins
from tracker.text.cells import clean
from tracker.text.state import credit
from tracker.text.table import render
from tracker.times import now_ms
from tracker.web.api.prices import converted
from tracker.web.middleware import query_params
from tracker.web.middleware.query_params import MAX_SHOWN, RETRY_AFTER_S
from tracker.web.middleware.terminals import varied, wants_color

WAIT_S = 1.0
"""How long a text waits for its sparklines at most, and comes without them then."""


def table() -> Response:
    """Return the table, of the coins in `?coins=` or of all; 503 when there are no prices."""
    state = services().relay.state
    wanted, (width, color) = query_params.coins(state), look()
    tick = in_wanted_currency(state)
    root = _root()
    parts = [
        f"Live: curl -N {root}watch",
        f"one coin: curl {root}cryptos/btc",
        "?coins=btc,eth",
        "?currency=eur",
        "?width=120",
        "?color=never",
    ]
    text = render(
        tick.of(wanted) if tick else None,
        services().relay.status(),
        now=now_ms(),
        width=width,
        color=color,
        weeks=services().weeks.of(state.newest.coins, wait_s=WAIT_S) if state.newest else {},
        hint=" · ".join([*parts, *credit(tick)]),
    )
    return answer(text, 200 if tick else 503)


def coin(name: str) -> Response:
    """Return the coin *name*, an id or a symbol, with the chart of `?range=`.

    404 with what it may have meant; 503 when there are no prices.
    """
    state = services().relay.state
    range, (width, color) = query_params.range(), look()
    tick = in_wanted_currency(state)
    if tick is None:
        return table()
    wanted = name.strip().lower()
    id = state.ids([wanted]).get(wanted)
    quote = tick.quote(id) if id else None
    if quote is None:
        return _no_such_coin(name, id, tick)
    root = _root()
    parts = [
        *(f"?range={other}" for other in RANGES if other != range),
        f"all coins: curl {root}",
        *credit(tick),
    ]
    return answer(
        coins.render(
            quote,
            tick,
            services().relay.status(),
            now=now_ms(),
            width=width,
            color=color,
            points=_points(quote.id, range, tick),
            range=range,
            hint=" · ".join(parts),
        )
    )


def _no_such_coin(name: str, id: str | None, tick: Tick) -> Response:
    """Return 404 with what *name* may have meant; a coin that was followed once has an *id*."""
    root = _root()
    if id is not None:
        past = f"{root}api/coins/{id}/history?range=1y"
        text = f"{id} is followed no longer, so it has no price. Its past prices: {past}"
    else:
        text = f"No coin is called “{name[:MAX_SHOWN]}” here."
        if near := [f"{root}cryptos/{one.id} ({one.name})" for one in suggest(name, tick.quotes)]:
            text += f" Did you mean {' or '.join(near)}?"
    return answer(f"{clean(f'{text} All that there are: {root}')}\n", 404)


def _points(coin: str, range: str, tick: Tick) -> list[Point] | None:
    """Return the history in the tick's currency; None where it cannot be read, which is logged."""
    try:
        points = services().history_cache.get(coin, range, tick.id).points
    except StoreError:
        return None
    rate = tick.converted.rate if tick.converted else 1
    return [(at, price * rate) for at, price in points]


def _root() -> str:
    return request.url_root.removeprefix("http://")


def in_wanted_currency(state: MarketState) -> Tick | None:
    """Return the newest tick, of all coins, in `?currency=`. Raises `BadRequest`."""
    own = services().settings.currency
    currency = query_params.currency(state, own)
    if state.newest is None or currency.code == own:
        return state.tick
    return converted(state.newest, currency.name, state.usable_rates).tick


def look() -> tuple[int, bool]:
    """Return the width and whether there are colours. Raises `BadRequest`."""
    color = query_params.color()
    return query_params.width(), wants_color() if color is None else color


def answer(text: str, code: int = 200) -> Response:
    """Return *text* with the status as `/api/prices` has it."""
    headers = {"Cache-Control": "no-cache", "Tracker-Status": services().relay.status().to_json()}
    if code == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return varied(Response(text, code, headers, content_type="text/plain; charset=utf-8"))
