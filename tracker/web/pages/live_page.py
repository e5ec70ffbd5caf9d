"""What every live page is made of, before its script takes over.

The newest tick goes along as JSON, so that the script starts from what is
painted. The indicator never claims more than is known: a page that was just
written is not connected yet, so it says "Connecting" until its stream has spoken.

Nothing here fetches, stores or waits: all it shows is in memory.
"""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template
from markupsafe import Markup

from tracker.market.freshness import stale_after_ms
from tracker.market.quotes import Tick
from tracker.services import services
from tracker.times import now_ms
from tracker.web.pages.filters import ARROWS, ICON_HOSTS

RELOAD = 30
"""Seconds at least between two loads of a page by a browser without JavaScript."""


def page(
    template: str, *, status_code: int = 200, tick: Tick | None = None, **values: Any
) -> Response:
    """Return *template* with what is true now, and *values*; never kept by a cache unasked.

    A *tick* is shown in place of the newest one: a part of it, for example.
    """
    text = render_template(template, **_now(tick or services().relay.tick), **values)
    response = make_response(text, status_code)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _now(tick: Tick | None) -> dict[str, Any]:
    chosen = services().settings
    source = tick.source if tick else chosen.source
    return {
        "tick": tick,
        "tick_json": _inside_html(tick.to_json()) if tick else "",
        "status": services().relay.status(),
        "settings": chosen,
        "code": tick.currency if tick else chosen.currency,
        "simulated": "simulated" in (source, chosen.source),
        "credited": source == "coingecko",
        "reload": max(RELOAD, chosen.interval),
        "stale_after": stale_after_ms(chosen.interval),
        "arrows": ARROWS,
        "icon_hosts": ICON_HOSTS,
        "now": now_ms(),
    }


def _inside_html(json: str) -> Markup:
    """Return *json* so that nothing in it can end the element it stands in."""
    return Markup(json.replace("<", "\\u003c"))  # noqa: S704 - made safe just here
