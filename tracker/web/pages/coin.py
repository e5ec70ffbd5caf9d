"""The page of one coin: its price, live, and the chart of a range of its history.

The range's points go along as a table and as JSON, so that the chart needs no request of its
own. When the database fails or takes too long, the page comes without them.
"""

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as Redirect

from tracker.errors import StoreError
from tracker.market.candles import downsample
from tracker.market.quotes import Tick, by_rank
from tracker.market.suggestions import suggest
from tracker.services import services
from tracker.storage.history import RANGES
from tracker.web.middleware.query_params import DEFAULT_RANGE
from tracker.web.middleware.terminals import varied, wants_text
from tracker.web.pages import live_page, text

MAX_ROWS = 60
"""Rows of the table: enough to follow a price by ear; the CSV has every point."""
MAX_TEXT = 60
"""Characters shown of a name that others have chosen."""

blueprint = Blueprint("coin", __name__)


@blueprint.get("/cryptos/<coin>")
def coin(coin: str) -> Response | Redirect:
    """Show one coin, also by its symbol; for an unknown one, suggestions and all that there are."""
    return text.coin(coin) if wants_text() else varied(_page(coin))


def _page(coin: str) -> Response | Redirect:
    relay = services().relay
    tick = relay.state.tick
    proper = coin.strip().lower()
    if proper not in ("", coin) and (proper in relay.state.coins or tick is None):
        return _redirect_to(proper)
    if tick is not None and coin not in relay.state.coins:
        id = relay.state.ids([proper]).get(proper)
        return _redirect_to(id, 302) if id else _unknown(coin, tick)
    quote = tick.quote(coin) if tick else None
    wanted = ",".join(request.args.getlist("range")) or DEFAULT_RANGE
    return live_page.page(
        "coin.html",
        coin=coin,
        name=quote.name if quote else _cut(coin.replace("-", " ").title()),
        quote=quote,
        ranges=RANGES,
        past=_past(coin, wanted if wanted in RANGES else DEFAULT_RANGE, tick),
        no_range=None if wanted in RANGES else _cut(wanted, 20),
    )


@blueprint.get("/cryptos/<coin>/")
def with_slash(coin: str) -> Response | Redirect:
    """Redirect to the page's one address; who reads text need not know it."""
    return text.coin(coin) if wants_text() else varied(_redirect_to(coin.strip().lower()))


def _redirect_to(coin: str, code: int = 308) -> Redirect:
    query = request.query_string.decode("latin-1")
    return redirect(url_for("coin.coin", coin=coin) + (f"?{query}" if query else ""), code)


def _unknown(coin: str, tick: Tick) -> Response:
    return live_page.page(
        "coin_unknown.html",
        status_code=404,
        coin=_cut(coin),
        suggestions=suggest(coin, tick.quotes),
        quotes=by_rank(tick.quotes),
    )


def _past(coin: str, range: str, tick: Tick | None) -> dict[str, Any]:
    """Return the history for the template; its points are None where it could not be read."""
    json, points, resolution = "[]", [], "tick"
    if coin in services().relay.state.coins:
        try:
            found = services().history_cache.get(coin, range, tick.id if tick else None)
        except StoreError:  # which is logged already
            return {"range": range, "points": None, "rows": [], "json": ""}
        json, points, resolution = found.json, found.points, found.resolution
    body = f'{{"range":"{range}","points":{json},"resolution":"{resolution}"}}'
    rows = downsample(points, MAX_ROWS)
    return {"range": range, "points": points, "rows": rows, "json": Markup(body)}  # noqa: S704 - ours


def _cut(text: str, length: int = MAX_TEXT) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
