"""`/api/prices`: the newest tick, as in the stream's data, of all coins or some."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import ServiceUnavailable

from tracker.market.quotes import TickJson
from tracker.services import services
from tracker.web.middleware import query_params

RETRY_AFTER_S = 5

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.get("/prices")
def prices() -> Response:
    """Return the newest tick, of the coins in `?coins=` or of all; its ETag is the tick's id.

    How fresh it is stands in the `Tracker-Status` header: the `status` event's JSON.
    """
    newest = newest_tick()
    coins = query_params.coins(services().relay.state)
    status = services().relay.status().to_json()
    headers = {"Cache-Control": "no-cache", "Tracker-Status": status}
    response = Response(newest.of(coins), headers=headers, content_type="application/json")
    response.set_etag(str(newest.id))
    response.make_conditional(request)
    return response


def newest_tick() -> TickJson:
    """Return the newest tick as published. Raises `ServiceUnavailable` before the first one."""
    relay = services().relay
    if relay.state.newest is None:
        reason = relay.status().reason or "the first prices are on their way"
        raise ServiceUnavailable(f"no prices yet: {reason}", retry_after=RETRY_AFTER_S)
    return relay.state.newest
