"""What requests ask for, parsed in one place: coins, ranges, formats and numbers of points.

Each function returns an accepted value, or raises werkzeug's `BadRequest`, or `NotFound` for a
coin in a path, with what was wrong and what is accepted.
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import request
from werkzeug.exceptions import BadRequest, NotFound

from tracker.config import MAX_COINS, whole
from tracker.market.candles import MAX_POINTS
from tracker.relay import MarketState
from tracker.storage.history import RANGES
from tracker.text.table import DEFAULT_WIDTH, MAX_WIDTH, MIN_WIDTH

DEFAULT_RANGE = "24h"
DEFAULT_POINTS = 50
"""Points of each coin where a reader asks for many coins."""
FORMATS = ("json", "csv")
THEMES = ("light", "dark")
MAX_SHOWN = 50
"""Characters of a wrong value that its refusal repeats."""

COLORS = ("always", "never")

_points = whole(2, MAX_POINTS)
_width = whole(MIN_WIDTH, MAX_WIDTH)


def coins(market: MarketState) -> tuple[str, ...]:
    """Return the ids of the coins in `?coins=`, ids or symbols, each once; none means all coins.

    They are in their order there. While no coin is known yet, every name is taken for an id.
    """
    if not request.query_string:  # as most streams are opened
        return ()
    names = (name.strip().lower() for name in request.args.get("coins", "").split(","))
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


def _number(name: str, default: int, parse: Callable[[str], Any]) -> int:
    given = request.args.get(name, str(default))
    try:
        return int(parse(given))
    except ValueError as error:
        raise _refusal(name, given, str(error)) from None


def _choice(name: str, default: str, accepted: Iterable[str]) -> str:
    given = request.args.get(name, default)
    if given not in accepted:
        raise _refusal(name, given, ", ".join(filter(None, accepted)))
    return given


def _refusal(name: str, given: str, accepted: str) -> BadRequest:
    return BadRequest(f"{name} {given[:MAX_SHOWN]!r}; accepted: {accepted}")


def _unknown(names: list[str], market: MarketState) -> str:
    some = ", ".join(name[:MAX_SHOWN] for name in names[:5])
    example = min(market.coins)
    return f"unknown: {some}; accepted: ids or symbols as in /api/prices, for example {example}"
