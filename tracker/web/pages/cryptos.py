"""The page of all coins: first paint with real prices, then `static/js/cryptos.js` takes over."""

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as Redirect

from tracker.market.quotes import by_rank
from tracker.services import services
from tracker.times import iso
from tracker.web.pages import filters, live_page

blueprint = Blueprint("pages", __name__)

for _name, _filter in filters.FILTERS.items():
    blueprint.add_app_template_filter(_filter, _name)
blueprint.add_app_template_filter(iso, "iso")


@blueprint.get("/")
def home() -> Redirect:
    """Redirect to the live table."""
    return redirect(url_for("pages.cryptos"))


@blueprint.get("/cryptos/")
def cryptos() -> Response:
    """Show the live table; before the first tick, why there are no prices yet."""
    tick = services().relay.state.tick
    return live_page.page("cryptos.html", quotes=by_rank(tick.quotes) if tick else [])
