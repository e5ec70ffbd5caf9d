"""What requests ask for, parsed in one place: coins, currencies, amounts, ranges, formats.

Each function returns an accepted value, or raises werkzeug's `BadRequest`, or `NotFound` for a
coin in a path, with what was wrong and what is accepted. What cannot be known yet, as a currency
before the first exchange rates, is `ServiceUnavailable`.

A parameter that is given twice is refused, since nobody knows which one is meant; lists of
coins are joined.
"""

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, NotFound, ServiceUnavailable

from tracker.config import MAX_COINS, whole
from tracker.errors import RateError
from tracker.market import rates
from tracker.market.candles import MAX_POINTS
from tracker.market.rates import Unit
from tracker.market.suggestions import suggest
from tracker.relay import MarketState
from tracker.storage.history import RANGES
from tracker.text.table import DEFAULT_WIDTH, MAX_WIDTH, MIN_WIDTH
from tracker.times import iso

DEFAULT_RANGE = "24h"
DEFAULT_POINTS = 50
"""Points of each coin where a reader asks for many coins."""
FORMATS = ("json", "csv")
VALUE_FORMATS = ("text", "json")
THEMES = ("light", "dark")
COLORS = ("always", "never")
MAX_SHOWN = 50
"""Characters of a wrong value that its refusal repeats."""
MAX_AMOUNT_DIGITS = 20
RETRY_AFTER_S = 5
"""Seconds after which to ask again for what has not come yet."""

_points = whole(2, MAX_POINTS)
_width = whole(MIN_WIDTH, MAX_WIDTH)


def coins(market: MarketState) -> tuple[str, ...]:
    """Return the ids of the coins in `?coins=`, ids or symbols, each once; none means all coins.

    They are in their order there. While no coin is known yet they are as they were written.
    """
    if not request.query_string:  # as most streams are opened
        return ()
    names = (name.strip().lower() for name in ",".join(request.args.getlist("coins")).split(","))
    wanted = tuple(dict.fromkeys(filter(None, names)))
    if len(wanted) > MAX_COINS:
        raise BadRequest(
            f"{len(wanted)} coins; accepted: at most {MAX_COINS}, or leave `coins` out for all"
        )
    if not market.coins:
        return wanted
    ids = market.ids(wanted)
    if unknown := [name for name in wanted if name not in ids]:
        raise BadRequest(_unknown(unknown, market))
    return tuple(dict.fromkeys(ids[name] for name in wanted))


def coin(name: str, market: MarketState) -> str:
    """Return the id of the coin *name*, a part of the path: an id or a symbol, in any case."""
    name = name.strip().lower()
    ids = market.ids([name])
    if name not in ids:
        raise NotFound(_unknown([name], market))
    return ids[name]


def currency(market: MarketState, own: str) -> Unit:
    """Return `?currency=`, a currency or a coin; the tracker's *own* if there is none."""
    given = given_once("currency").strip().lower()
    return _unit("currency", given or own, market, own)


def unit(parameter: str, market: MarketState, own: str, default: str = "") -> Unit:
    """Return the coin or the currency that *parameter* names."""
    given = given_once(parameter, default).strip().lower()
    return _unit(parameter, given, market, own)


def no_rates(market: MarketState) -> ServiceUnavailable:
    """Return the error that there are no exchange rates to convert with."""
    why = f"those of {iso(market.rates.at)} are too old" if market.rates else "none have come yet"
    text = f"no exchange rates: {why}; they come every few minutes while the source answers"
    return ServiceUnavailable(text, retry_after=RETRY_AFTER_S)


def amount() -> Decimal:
    """Return `?amount=`, an exact decimal; 1 if there is none."""
    given = given_once("amount", "1").strip()
    part = f"[0-9]{{1,{MAX_AMOUNT_DIGITS}}}"
    if not re.fullmatch(rf"{part}(\.{part})?|\.{part}", given):
        accepted = f"a decimal as 0.5, up to {MAX_AMOUNT_DIGITS} digits before and after the point"
        raise _refusal("amount", given, accepted)
    return Decimal(given)


def wants_json() -> bool:
    """Return whether JSON is wanted rather than text: by `?format=`, else by `Accept`."""
    if "format" in request.args:
        return _choice("format", "", VALUE_FORMATS) == "json"
    accepted = request.accept_mimetypes
    is_named = any(kind == "application/json" for kind, _ in accepted)
    return is_named and accepted["application/json"] >= accepted["text/plain"]


def range() -> str:
    """Return `?range=`, one of `RANGES`."""
    return _choice("range", DEFAULT_RANGE, RANGES)


def points() -> int:
    """Return how many points of each coin `?points=` allows."""
    return _number("points", DEFAULT_POINTS, _points)


def width() -> int:
    """Return how many columns of a terminal `?width=` allows."""
    return _number("width", DEFAULT_WIDTH, _width)


def color() -> bool | None:
    """Return whether `?color=` wants colours; None if it does not say."""
    return {"always": True, "never": False, "": None}[_choice("color", "", ("", *COLORS))]


def is_csv() -> bool:
    """Return whether CSV is wanted rather than JSON: by `?format=`, else by `Accept`."""
    if "format" in request.args:
        return _choice("format", "", FORMATS) == "csv"
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def theme() -> str:
    """Return `?theme=`, one of `THEMES`, or nothing for the theme of the reader's system."""
    return _choice("theme", "", ("", *THEMES))


def given_once(name: str, default: str = "") -> str:
    """Return the parameter *name*, *default* if there is none."""
    values = request.args.getlist(name)
    if len(values) > 1:
        raise BadRequest(f"{name} is given {len(values)} times; accepted: once")
    return values[0] if values else default


def _number(name: str, default: int, parse: Callable[[str], Any]) -> int:
    given = given_once(name, str(default))
    try:
        return int(parse(given))
    except ValueError as error:
        raise _refusal(name, given, str(error)) from None


def _choice(name: str, default: str, accepted: Iterable[str]) -> str:
    given = given_once(name, default)
    if given not in accepted:
        raise _refusal(name, given, ", ".join(filter(None, accepted)))
    return given


def _unit(parameter: str, name: str, market: MarketState, own: str) -> Unit:
    known = market.usable_rates
    try:
        return rates.unit(name, own, market.tick, known)
    except RateError:
        if known is None and re.fullmatch(r"[a-z0-9]{2,10}", name):
            raise no_rates(market) from None
    if name and market.tick is None:
        text = f"no prices yet, and {name[:MAX_SHOWN]!r} may be a coin"
        raise ServiceUnavailable(text, retry_after=RETRY_AFTER_S)
    accepted = "a currency of /api/rates, or a coin of /api/prices by its id or symbol"
    raise _refusal(parameter, name, f"{accepted}, for example {own}{_hint([name], market)}")


def _refusal(name: str, given: str, accepted: str) -> BadRequest:
    return BadRequest(f"{name} {given[:MAX_SHOWN]!r}; accepted: {accepted}")


def _unknown(names: list[str], market: MarketState) -> str:
    some = ", ".join(name[:MAX_SHOWN] for name in names[:5])
    example = min(market.coins)
    accepted = f"ids or symbols as in /api/prices, for example {example}"
    return f"unknown: {some}; accepted: {accepted}{_hint(names, market)}"


def _hint(names: list[str], market: MarketState) -> str:
    """Return which coins may be meant by *names*; nothing if none is near."""
    quotes = market.tick.quotes if market.tick else ()
    near = {coin.id for name in names[:5] for coin in suggest(name, quotes)[:1]}
    return f"; did you mean {' or '.join(sorted(near))}?" if near else ""
