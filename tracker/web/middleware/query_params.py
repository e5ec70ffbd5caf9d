"""What requests ask for, parsed in one place: coins, ranges, formats and numbers of points.

Each function returns an accepted value, or raises werkzeug's `BadRequest`, or `NotFound` for a
coin in a path, with what was wrong and what is accepted.
"""

from collections.abc import Collection, Iterable

from flask import request
from werkzeug.exceptions import BadRequest, NotFound

from tracker.config import MAX_COINS, whole
from tracker.market.candles import MAX_POINTS
from tracker.storage.history import RANGES

DEFAULT_RANGE = "24h"
DEFAULT_POINTS = 50
"""Points of each coin where a reader asks for many coins."""
FORMATS = ("json", "csv")
THEMES = ("light", "dark")
MAX_SHOWN = 50
"""Characters of a wrong value that its refusal repeats."""

_points = whole(2, MAX_POINTS)


def coins(known: Collection[str]) -> tuple[str, ...]:
    """Return the ids in `?coins=`, each once, in their order; none means all coins.

    While no coin is *known* yet, every id is accepted.
    """
    if not request.query_string:  # as most streams are opened
        return ()
    names = (name.strip().lower() for name in request.args.get("coins", "").split(","))
    ids = tuple(dict.fromkeys(filter(None, names)))
    if len(ids) > MAX_COINS:
        raise BadRequest(
            f"{len(ids)} coins; accepted: at most {MAX_COINS}, or leave `coins` out for all"
        )
    unknown = [id for id in ids if id not in known]
    if unknown and known:
        raise BadRequest(_unknown(unknown, known))
    return ids


def coin(name: str, known: Collection[str]) -> str:
    """Return the *known* coin that *name*, a part of the path, is the id of in any case."""
    id = name.strip().lower()
    if id not in known:
        raise NotFound(_unknown([id], known))
    return id


def range() -> str:
    """Return `?range=`, one of `RANGES`."""
    return _choice("range", DEFAULT_RANGE, RANGES)


def points() -> int:
    """Return how many points of each coin `?points=` allows."""
    given = request.args.get("points", str(DEFAULT_POINTS))
    try:
        return int(_points(given))
    except ValueError as error:
        raise _refusal("points", given, str(error)) from None


def is_csv() -> bool:
    """Return whether CSV is wanted rather than JSON: by `?format=`, else by `Accept`."""
    if "format" in request.args:
        return _choice("format", "", FORMATS) == "csv"
    return request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv"


def theme() -> str:
    """Return `?theme=`, one of `THEMES`, or nothing for the theme of the reader's system."""
    return _choice("theme", "", ("", *THEMES))


def _choice(name: str, default: str, accepted: Iterable[str]) -> str:
    given = request.args.get(name, default)
    if given not in accepted:
        raise _refusal(name, given, ", ".join(filter(None, accepted)))
    return given


def _refusal(name: str, given: str, accepted: str) -> BadRequest:
    return BadRequest(f"{name} {given[:MAX_SHOWN]!r}; accepted: {accepted}")


def _unknown(ids: list[str], known: Collection[str]) -> str:
    some = ", ".join(id[:MAX_SHOWN] for id in ids[:5])
    return f"unknown: {some}; accepted: ids as in /api/prices, for example {min(known)}"
