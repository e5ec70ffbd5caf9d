"""The page of one coin."""

from __future__ import annotations

from flask import Blueprint, Response

from tracker.views import live

blueprint = Blueprint("coin", __name__)


@blueprint.get("/cryptos/<coin>")
def coin(coin: str) -> Response:
    """Show one coin: its price, live, and its chart."""
    return live.page("coin.html", coin=coin)
