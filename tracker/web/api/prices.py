"""`/api`: what the stream tells, for those who ask."""

from __future__ import annotations

from flask import Blueprint, Response, request

from tracker.services import services
from tracker.web.middleware.problem_details import problem

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.get("/prices")
def prices() -> Response:
    """Return the newest tick, as in the stream's data; its ETag is the tick's id.

    How fresh it is stands in the `Tracker-Status` header: the `status` event's JSON.
    """
    newest = services().relay.newest
    if newest is None:
        return no_prices_yet()
    response = Response(newest.of(), content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Tracker-Status"] = services().relay.status().to_json()
    response.set_etag(str(newest.id))
    response.make_conditional(request)
    return response


def no_prices_yet() -> Response:
    """Return the answer while there is nothing to tell."""
    reason = services().relay.status().reason or "the first prices are on their way"
    return problem(503, f"no prices yet: {reason}", Retry_After="5")
