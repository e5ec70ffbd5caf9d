"""Some coins' prices, small, for an iframe on other sites' pages.

It needs no cookie and no storage, since browsers give embedded pages none. Which pages may
frame it is set in `tracker/web/middleware/security_headers.py`.
"""

from urllib.parse import urlencode

from flask import Blueprint, Response
from werkzeug.exceptions import BadRequest

from tracker.market.quotes import by_rank
from tracker.services import services
from tracker.web.middleware import query_params
from tracker.web.pages import live_page

blueprint = Blueprint("embed", __name__)


@blueprint.get("/embed")
def embed() -> Response:
    """Show the coins in `?coins=`, or all; for a wrong parameter, 400 and what is accepted."""
    theme, state = "", services().relay.state
    try:
        theme = query_params.theme()
        coins = query_params.coins(state)
    except BadRequest as error:
        problem = error.description
        return live_page.page("embed.html", status_code=400, problem=problem, theme=theme)
    tick = state.tick.of(coins) if state.tick else None
    return live_page.page(
        "embed.html",
        tick=tick,
        quotes=by_rank(tick.quotes) if tick else [],
        query=f"?{urlencode({'coins': ','.join(sorted(coins))}, safe=',')}" if coins else "",
        theme=theme,
    )
