"""`/api/prices`: the newest tick, as in the stream's data."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import ServiceUnavailable

from tracker.services import services

RETRY_AFTER_S = 5

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.get("/prices")
def prices() -> Response:
    """Return the newest tick; its ETag is the tick's id.

    How fresh it is stands in the `Tracker-Status` header: the `status` event's JSON.
    """
    newest = services().relay.state.newest
    if newest is None:
        raise no_prices_yet()
    response = Response(newest.text, content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Tracker-Status"] = services().relay.status().to_json()
    response.set_etag(str(newest.id))
    response.make_conditional(request)
    return response


def no_prices_yet() -> ServiceUnavailable:
    """Return the error for requests before the first tick."""
    reason = services().relay.status().reason or "the first prices are on their way"
    return ServiceUnavailable(f"no prices yet: {reason}", retry_after=RETRY_AFTER_S)
