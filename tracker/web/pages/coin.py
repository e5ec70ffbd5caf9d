"""The page of one coin: its price, live, and the chart of a range of its past.

The range's points go along as a table and as JSON, so that the chart needs no
request of its own. That reads the database, the one thing here that is not in
memory; when it cannot be read, or not soon, the page comes without a past.
"""

from __future__ import annotations

from typing import NamedTuple

from flask import Blueprint, Response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as Redirect

from tracker.errors import StoreError
from tracker.market.candles import Point, downsample
from tracker.market.quotes import Quote, Tick
from tracker.services import services
from tracker.storage.history import RANGES, Resolution
from tracker.web.middleware.query_params import DEFAULT_RANGE
from tracker.web.pages import live_page
from tracker.web.pages.cryptos import by_rank
from tracker.web.pages.suggestions import near

ROWS = 60
"""Rows of the table: enough to follow a price by ear; the CSV has every point."""
LONGEST = 60
"""Characters shown of a name that somebody else has chosen."""

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
    tick = services().relay.tick
    proper = coin.strip().lower()
    if proper not in ("", coin) and (proper in services().relay.coins or tick is None):
        return redirect(_address(proper), 308)
    if tick is not None and coin not in services().relay.coins:
        return _unknown(coin, tick)
    quote = _quote(coin, tick)
    wanted = request.args.get("range", DEFAULT_RANGE)
    return live_page.page(
        "coin.html",
        coin=coin,
        name=quote.name if quote else _cut(coin.replace("-", " ").title()),
        quote=quote,
        ranges=RANGES,
        past=_past(coin, wanted if wanted in RANGES else DEFAULT_RANGE, tick),
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
    return live_page.page(
        "coin_unknown.html",
        status_code=404,
        coin=_cut(coin),
        near=near(coin, tick.quotes),
        quotes=by_rank(tick.quotes),
    )


def _past(coin: str, range: str, tick: Tick | None) -> Past:
    if coin not in services().relay.coins:
        return _shown(range, "[]", [], "tick")
    try:
        found = services().history_cache.get(coin, range, tick.id if tick else None)
    except StoreError:  # which was logged
        return Past(range, None, [], Markup(""))
    return _shown(range, found.json, found.points, found.resolution)


def _shown(range: str, json: str, points: list[Point], resolution: Resolution) -> Past:
    body = f'{{"range":"{range}","points":{json},"resolution":"{resolution}"}}'
    return Past(range, points, downsample(points, ROWS), Markup(body))  # noqa: S704 - ours


def _cut(text: str, most: int = LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
