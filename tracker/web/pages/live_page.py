"""Live pages as the server writes them, before their script takes over.

The newest tick goes along as JSON, so that the script starts from what is painted. Nothing
here fetches, stores or waits: everything it shows is in memory.
"""

from typing import Any

from flask import Response, make_response, render_template
from markupsafe import Markup

from tracker.market.quotes import Tick
from tracker.services import services
from tracker.text.formats import ARROWS
from tracker.times import now_ms
from tracker.web.pages.filters import ICON_HOSTS

MIN_RELOAD_S = 30
"""Seconds at least between two loads of a page by a browser without JavaScript."""


def page(
    template: str, *, status_code: int = 200, tick: Tick | None = None, **values: Any
) -> Response:
    """Return *template* with the newest tick, the status and *values*; caches revalidate it.

    *tick* is shown in place of the newest one: a part of it, for example.
    """
    settings, relay = services().settings, services().relay
    newest = relay.state.newest
    json = tick.to_json() if tick else newest.text if newest else ""
    tick = tick or relay.state.tick
    source = tick.source if tick else settings.source
    text = render_template(
        template,
        tick=tick,
        tick_json=Markup(json.replace("<", "\\u003c")),  # noqa: S704 - it ends no element now
        status=relay.status(),
        settings=settings,
        code=tick.currency if tick else settings.currency,
        simulated="simulated" in (source, settings.source),
        credited=source == "coingecko",
        reload=max(MIN_RELOAD_S, settings.interval),
        stale_after=settings.stale_after_ms,
        arrows=ARROWS,
        icon_hosts=ICON_HOSTS,
        now=now_ms(),
        **values,
    )
    response = make_response(text, status_code)
    response.headers["Cache-Control"] = "no-cache"
    return response
