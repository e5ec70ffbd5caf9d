"""The history in `/api`: for charts, for the table's sparklines, and for spreadsheets.

A read of SQLite holds up the whole process. So a client that has the newest
answer gets 304 without a read, and other requests run between two coins.
"""

import csv
import io
import time
from collections.abc import Iterable

import simplejson
from flask import Blueprint, Response, request
from simplejson import RawJSON
from werkzeug.exceptions import ServiceUnavailable

from tracker.errors import StoreError
from tracker.market.candles import MAX_POINTS, Point
from tracker.services import services
from tracker.storage.history_cache import CachedHistory
from tracker.times import iso
from tracker.web.api.prices import newest_tick
from tracker.web.middleware import query_params
from tracker.web.middleware.query_params import RETRY_AFTER_S

blueprint = Blueprint("history", __name__, url_prefix="/api")


@blueprint.get("/coins/<coin>/history")
def of_coin(coin: str) -> Response:
    """Return one coin's prices in a range, as JSON or CSV.

    `?format=` is for links, which cannot send an `Accept`.
    """
    newest = newest_tick()
    coin = query_params.coin(coin, services().relay.state)
    range, as_csv = query_params.range(), query_params.is_csv()
    response = _conditional(f"{newest.id}-csv" if as_csv else str(newest.id))
    if response.status_code == 304:
        return response
    found = _read(coin, range, newest.id)
    currency = services().settings.currency
    if as_csv:
        response.content_type = "text/csv; charset=utf-8"
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
    """Return a few points of each coin in `?coins=`, or of all in the newest tick."""
    newest = newest_tick()
    coins = query_params.coins(services().relay.state) or list(newest.coins)
    range, points = query_params.range(), query_params.points()
    response = _conditional(str(newest.id))
    if response.status_code == 304:
        return response
    found = {}
    for coin in coins:
        found[coin] = _read(coin, range, newest.id, points)
        time.sleep(0)  # other greenlets run
    body = {
        "currency": services().settings.currency,
        "range": range,
        "resolution": "hour" if any(one.resolution == "hour" for one in found.values()) else "tick",
        "coins": {coin: RawJSON(one.json) for coin, one in found.items()},
    }
    response.set_data(_json(body))
    return response


def _conditional(etag: str) -> Response:
    """Return a response to be filled, or 304 if the client has this version."""
    response = Response(content_type="application/json")
    response.headers["Cache-Control"] = "public, max-age=10"
    if "format" not in request.args:
        response.vary.add("Accept")
    response.set_etag(etag)
    response.make_conditional(request)
    return response


def _read(coin: str, range: str, tick_id: int, max_points: int = MAX_POINTS) -> CachedHistory:
    try:
        return services().history_cache.get(coin, range, tick_id, max_points=max_points)
    except StoreError as error:
        raise ServiceUnavailable(str(error), retry_after=RETRY_AFTER_S) from error


def _json(body: object) -> str:
    return simplejson.dumps(body, use_decimal=True, separators=(",", ":"))


def _csv(points: Iterable[Point]) -> str:
    """Return *points* as RFC 4180 has them; prices without exponents, for spreadsheets."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["time", "price"])
    rows.writerows([iso(at), f"{price:f}"] for at, price in points)
    return text.getvalue()
