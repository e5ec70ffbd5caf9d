"""The pages people look at: first paint with real prices, then `static/js` takes over.

The indicator never claims more than is known: a page that was just written is
not connected yet, so it says "Connecting" until its stream has spoken.

Nothing here fetches, stores or waits: all it shows is in memory.
"""

from __future__ import annotations

import time

from flask import Blueprint, Response, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from tracker.market import Quote, iso
from tracker.services import relay, settings
from tracker.status import stale_after_ms
from tracker.views import formats

blueprint = Blueprint("pages", __name__)

for _name, _filter in formats.FILTERS.items():
    blueprint.add_app_template_filter(_filter, _name)
blueprint.add_app_template_filter(iso, "iso")


@blueprint.get("/")
def home() -> Redirect:
    """Send the reader to the live table."""
    return redirect(url_for("pages.cryptos"))


@blueprint.get("/cryptos/")
def cryptos() -> Response:
    """Show the live table, or, without a tick, what is being waited for."""
    chosen = settings()
    tick = relay().tick
    source = tick.source if tick else chosen.source
    page = render_template(
        "cryptos.html",
        tick=tick,
        quotes=by_rank(tick.quotes) if tick else [],
        status=relay().status(),
        settings=chosen,
        code=tick.currency if tick else chosen.currency,
        simulated="simulated" in (source, chosen.source),
        credited=source == "coingecko",
        stale_after=stale_after_ms(chosen.interval),
        now=time.time_ns() // 1_000_000,
    )
    response = make_response(page)
    response.headers["Cache-Control"] = "no-cache"
    return response


def by_rank(quotes: tuple[Quote, ...]) -> list[Quote]:
    """Return *quotes* by rank; those without one last, in the order they came."""
    return sorted(quotes, key=lambda quote: (quote.rank is None, quote.rank or 0))
