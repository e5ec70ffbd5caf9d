"""The page of one coin: its price, live, and the chart of a range of its past.

The range's points go along as a table and as JSON, so that the chart needs no
request of its own. That reads the database, the one thing here that is not in
memory; when it cannot be read the page comes without a past.
"""

from __future__ import annotations

import logging
import time
from typing import NamedTuple

import simplejson
from flask import Blueprint, Response, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response as Redirect

from tracker.candles import Point, thin
from tracker.history import RANGES, Series
from tracker.market import Quote, Tick
from tracker.services import history, relay
from tracker.views import live
from tracker.views.history import RANGE
from tracker.views.near import near
from tracker.views.pages import by_rank

ROWS = 60
"""Rows of the table: enough to follow a price by ear; the CSV has every point."""
LONGEST = 60
"""Characters shown of a name that somebody else has chosen."""

log = logging.getLogger(__name__)

blueprint = Blueprint("coin", __name__)


class Past(NamedTuple):
    """What the page shows of a *range*; *points* is None where it could not be read."""

    range: str
    points: list[Point] | None
    rows: list[Point]
    json: Markup


@blueprint.get("/cryptos/<coin>")
def coin(coin: str) -> Response | Redirect:
    """Show one coin; an unknown one with what may have been meant."""
    tick = relay().tick
    proper = coin.strip().lower()
    if proper not in ("", coin) and (proper in relay().coins or tick is None):
        return redirect(_address(proper), 308)
    if tick is not None and coin not in relay().coins:
        return _unknown(coin, tick)
    quote = _quote(coin, tick)
    wanted = request.args.get("range", RANGE)
    return live.page(
        "coin.html",
        coin=coin,
        name=quote.name if quote else _cut(coin.replace("-", " ").title()),
        quote=quote,
        ranges=RANGES,
        past=_past(coin, wanted if wanted in RANGES else RANGE),
        no_range=None if wanted in RANGES else _cut(wanted, 20),
    )


@blueprint.get("/cryptos/<coin>/")
def with_slash(coin: str) -> Redirect:
    """Send the reader to the page's one address."""
    return redirect(_address(coin.strip().lower()), 308)


def _address(coin: str) -> str:
    query = request.query_string.decode("latin-1")
    return url_for("coin.coin", coin=coin) + (f"?{query}" if query else "")


def _quote(coin: str, tick: Tick | None) -> Quote | None:
    quotes = tick.quotes if tick else ()
    return next((quote for quote in quotes if quote.id == coin), None)


def _unknown(coin: str, tick: Tick) -> Response:
    return live.page(
        "coin_unknown.html",
        status_code=404,
        coin=_cut(coin),
        near=near(coin, tick.quotes),
        quotes=by_rank(tick.quotes),
    )


def _past(coin: str, range: str) -> Past:
    series = _series(coin, range)
    if series is None:
        return Past(range, None, [], Markup(""))
    body = simplejson.dumps(
        {"range": range, **series._asdict()}, use_decimal=True, separators=(",", ":")
    )
    return Past(range, series.points, thin(series.points, ROWS), Markup(body))  # noqa: S704 - ours


def _series(coin: str, range: str) -> Series | None:
    if coin not in relay().coins:
        return Series([], "tick")
    try:
        return history().points(coin, range, time.time_ns() // 1_000_000)
    except SQLAlchemyError as error:
        log.warning("the history of %s cannot be read: %s", coin, error)
        return None


def _cut(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
