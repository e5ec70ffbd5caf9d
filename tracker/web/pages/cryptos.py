"""The page of all coins: first paint with real prices, then `static/js/cryptos.js` takes over."""

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from tracker.market.quotes import by_rank
from tracker.services import services
from tracker.times import iso
from tracker.web.middleware.terminals import varied, wants_text
from tracker.web.pages import filters, live_page, text

blueprint = Blueprint("pages", __name__)

for _name, _filter in filters.FILTERS.items():
    blueprint.add_app_template_filter(_filter, _name)
blueprint.add_app_template_filter(iso, "iso")


@blueprint.get("/")
def home() -> Response | Redirect:
    """Redirect to the live table, or show it as text."""
    if wants_text():
        return text.table()
    return varied(redirect(url_for("pages.cryptos")))


@blueprint.get("/cryptos")
def without_slash() -> Response | Redirect:
    """Redirect to the page's one address; who reads text need not know it."""
    if wants_text():
        return text.table()
    query = request.query_string.decode("latin-1")
    return varied(redirect(url_for("pages.cryptos") + (f"?{query}" if query else ""), 308))


@blueprint.get("/cryptos/")
def cryptos() -> Response:
    """Show the live table; before the first tick, why there are no prices yet."""
    if wants_text():
        return text.table()
    tick = services().relay.state.tick
    return varied(live_page.page("cryptos.html", quotes=by_rank(tick.quotes) if tick else []))
