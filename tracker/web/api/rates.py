"""`/api/rates`: what one unit of the tracker's currency is worth in others."""

from flask import Blueprint, Response, request

from tracker.services import services
from tracker.times import now_ms
from tracker.web.middleware import query_params

blueprint = Blueprint("rates", __name__, url_prefix="/api")


@blueprint.get("/rates")
def rates() -> Response:
    """Return the newest exchange rates, and whether they are old; none that are over a day old."""
    market = services().relay.state
    if (found := market.usable_rates) is None:
        raise query_params.no_rates(market)
    is_old = found.is_old(now_ms(), services().settings.rates_old_after_ms)
    response = Response(found.to_json(old=is_old), content_type="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(f"{found.at}-old" if is_old else str(found.at))
    response.make_conditional(request)
    return response
