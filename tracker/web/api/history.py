"""The history in `/api`: for charts, for the page's small lines, and for spreadsheets.

SQLite lets nothing else happen while it reads. So what a reader still has is
not made again, and between two coins the others have their turn.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable

import simplejson
from flask import Blueprint, Response, request
from simplejson import RawJSON

from tracker.config import MAX_COINS, whole
from tracker.errors import StoreError
from tracker.market.candles import MOST, Point
from tracker.services import services
from tracker.storage.history import RANGES
from tracker.times import iso
from tracker.web.api.prices import no_prices_yet
from tracker.web.middleware.problem_details import problem

JSON, CSV = "application/json", "text/csv"
FORMS = {"json": JSON, "csv": CSV}
"""What `?format=` may ask for; it wins over `Accept`."""
RANGE = "24h"
"""When none is asked for."""
FEW = 50
"""Points of a coin among many, when no number is asked for."""

_points = whole(2, MOST)

blueprint = Blueprint("history", __name__, url_prefix="/api")


@blueprint.get("/coins/<coin>/history")
def of_coin(coin: str) -> Response:
    """Return one coin's prices in a range, as JSON or, if that is preferred, as CSV.

    `?format=` is for those who cannot send an `Accept`: a link's readers.
    """
    newest = services().relay.newest
    if newest is None:
        return no_prices_yet()
    coin, range = coin.strip().lower(), request.args.get("range", RANGE)
    form = request.args.get("format")
    refusal = _unknown([coin], 404) or _no_range(range) or _no_form(form)
    if refusal:
        return refusal
    accepted = request.accept_mimetypes.best_match([JSON, CSV])
    as_csv = (FORMS[form] if form is not None else accepted) == CSV
    response = _response(f"{newest.id}-csv" if as_csv else str(newest.id))
    if response.status_code == 304:
        return response
    try:
        found = services().history_cache.past(coin, range, newest.id)
    except StoreError as error:
        return _unreadable(error)
    currency = services().settings.currency
    if as_csv:
        response.content_type = f"{CSV}; charset=utf-8"
        name = f"{coin}-{currency}-{range}.csv"
        response.headers.set("Content-Disposition", "attachment", filename=name)
        response.set_data(_csv(found.points))
    else:
        body = {"coin": coin, "currency": currency, "range": range}
        points = {"points": RawJSON(found.json), "resolution": found.resolution}
        response.set_data(_json(body | points))
    return response


@blueprint.get("/history")
def of_coins() -> Response:
    """Return a few points of each coin that is named, or of all that are followed."""
    tick = services().relay.tick
    if tick is None:
        return no_prices_yet()
    named = [name.strip().lower() for name in request.args.get("coins", "").split(",")]
    coins = list(dict.fromkeys(filter(None, named))) or [quote.id for quote in tick.quotes]
    range, points = request.args.get("range", RANGE), request.args.get("points", str(FEW))
    refusal = _too_many(coins) or _unknown(coins, 400) or _no_range(range) or _no_number(points)
    if refusal:
        return refusal
    response = _response(str(tick.id))
    if response.status_code == 304:
        return response
    found = {}
    try:
        for coin in coins:
            found[coin] = services().history_cache.past(coin, range, tick.id, most=int(points))
            time.sleep(0)  # greenlets that wait have their turn
    except StoreError as error:
        return _unreadable(error)
    kinds = {past.resolution for past in found.values()}
    body = {
        "currency": services().settings.currency,
        "range": range,
        "resolution": "hour" if "hour" in kinds else "tick",
        "coins": {coin: RawJSON(past.json) for coin, past in found.items()},
    }
    response.set_data(_json(body))
    return response


def _response(etag: str) -> Response:
    """Return an answer to be filled, or 304 when the reader has it already."""
    response = Response(content_type=JSON)
    response.headers["Cache-Control"] = "public, max-age=10"
    if "format" not in request.args:
        response.vary.add("Accept")
    response.set_etag(etag)
    response.make_conditional(request)
    return response


def _unreadable(error: StoreError) -> Response:
    return problem(503, str(error), Retry_After="5")


def _json(body: object) -> str:
    return simplejson.dumps(body, use_decimal=True, separators=(",", ":"))


def _csv(points: Iterable[Point]) -> str:
    """Return *points* as RFC 4180 has them; prices without exponents, for spreadsheets."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["time", "price"])
    rows.writerows([iso(at), f"{price:f}"] for at, price in points)
    return text.getvalue()


def _unknown(coins: list[str], status: int) -> Response | None:
    known = services().relay.coins
    unknown = ", ".join(coin[:50] for coin in coins if coin not in known)
    if not unknown:
        return None
    return problem(
        status, f"unknown: {unknown}; accepted: ids as in /api/prices, for example {min(known)}"
    )


def _too_many(coins: list[str]) -> Response | None:
    if len(coins) <= MAX_COINS:
        return None
    return problem(400, f"{len(coins)} coins; accepted: at most {MAX_COINS}")


def _no_range(range: str) -> Response | None:
    if range in RANGES:
        return None
    return problem(400, f"range {range[:50]!r}; accepted: {', '.join(RANGES)}")


def _no_form(form: str | None) -> Response | None:
    if form is None or form in FORMS:
        return None
    return problem(400, f"format {form[:50]!r}; accepted: {', '.join(FORMS)}")


def _no_number(points: str) -> Response | None:
    try:
        _points(points)
    except ValueError as error:
        return problem(400, f"points {points[:50]!r}; accepted: {error}")
    return None
