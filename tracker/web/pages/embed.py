"""Some coins' prices, small, for an iframe on somebody else's page.

It needs no cookie and no storage, since browsers give embedded pages none. Which
pages may frame it is said in `tracker/web/middleware/security_headers.py`.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from tracker.services import services
from tracker.web.api.stream import coins_asked_for, problem_with
from tracker.web.pages import live_page
from tracker.web.pages.cryptos import by_rank

THEMES = ("light", "dark")
"""What `?theme=` takes; without it the theme is the reader's system's."""

blueprint = Blueprint("embed", __name__)


@blueprint.get("/embed")
def embed() -> Response:
    """Show the coins that `?coins=` names, or all; 400 with what is accepted if it cannot be."""
    coins, theme = coins_asked_for(), request.args.get("theme", "")
    problem = problem_with(coins, services().relay.coins) or _problem_with_theme(theme)
    if problem:
        fixed = theme if theme in THEMES else ""
        return live_page.page("embed.html", status_code=400, problem=problem, theme=fixed)
    tick = services().relay.tick
    if tick is not None and coins:
        tick = replace(tick, quotes=tuple(quote for quote in tick.quotes if quote.id in coins))
    return live_page.page(
        "embed.html",
        tick=tick,
        quotes=by_rank(tick.quotes) if tick else [],
        query=f"?{urlencode({'coins': ','.join(coins)}, safe=',')}" if coins else "",
        theme=theme,
    )


def _problem_with_theme(theme: str) -> str | None:
    if theme in ("", *THEMES):
        return None
    return f"theme {theme[:20]!r}; accepted: {', '.join(THEMES)}, or leave `theme` out"
