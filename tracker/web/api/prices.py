"""`/api/prices`: the newest tick, as in the stream's data, of all coins or some."""

from functools import lru_cache
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.exceptions import ServiceUnavailable

from tracker.market.quotes import TickJson
from tracker.market.rates import Rates, in_currency
from tracker.services import services
from tracker.web.middleware import query_params
from tracker.web.middleware.query_params import RETRY_AFTER_S

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.get("/prices")
def prices() -> Response:
    """Return the newest tick, of the coins in `?coins=` or of all; its ETag is the tick's id.

    `?currency=` converts it; the ETag has then the time of the rates, too. How fresh the tick is
    stands in the `Tracker-Status` header: the `status` event's JSON.
    """
    newest, market, own = newest_tick(), services().relay.state, services().settings.currency
    coins, currency = query_params.coins(market), query_params.currency(market, own)
    status = services().relay.status().to_json()
    headers = {"Cache-Control": "no-cache", "Tracker-Status": status}
    etag = str(newest.id)
    if currency.code != own:
        rates = market.usable_rates
        newest = converted(newest, currency.name, rates)
        etag = f"{etag}-{quote(currency.name)}-{rates.at if rates else 0}"
    response = Response(newest.of(coins), headers=headers, content_type="application/json")
    response.set_etag(etag)
    response.make_conditional(request)
    return response


def newest_tick() -> TickJson:
    """Return the newest tick as published. Raises `ServiceUnavailable` before the first one."""
    relay = services().relay
    if relay.state.newest is None:
        reason = relay.status().reason or "the first prices are on their way"
        raise ServiceUnavailable(f"no prices yet: {reason}", retry_after=RETRY_AFTER_S)
    return relay.state.newest


@lru_cache(maxsize=16)
def converted(newest: TickJson, currency: str, rates: Rates | None) -> TickJson:
    """Return *newest* in *currency*, once for all who ask. Raises `RateError`."""
    return TickJson.of_tick(in_currency(newest.tick, currency, rates))
