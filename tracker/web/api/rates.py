"""`/api/rates`: what one unit of the tracker's currency is worth in others."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import ServiceUnavailable

from tracker.services import services
from tracker.times import now_ms
from tracker.web.middleware.query_params import NO_RATES, RETRY_AFTER_S

blueprint = Blueprint("rates", __name__, url_prefix="/api")


@blueprint.get("/rates")
def rates() -> Response:
    """Return the newest exchange rates, and whether they are old; none that are over a day old."""
    found = services().relay.state.usable_rates
    if found is None:
        raise ServiceUnavailable(NO_RATES, retry_after=RETRY_AFTER_S)
    is_old = found.is_old(now_ms(), services().settings.rates_old_after_ms)
    response = Response(found.to_json(old=is_old), content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(f"{found.at}-old" if is_old else str(found.at))
    response.make_conditional(request)
    return response
