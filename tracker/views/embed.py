"""Some coins' prices, small, for an iframe on somebody else's page."""

from __future__ import annotations

from flask import Blueprint, Response

from tracker.views import live

blueprint = Blueprint("embed", __name__)


@blueprint.get("/embed")
def embed() -> Response:
    """Show the coins that `?coins=` names, or all."""
    return live.page("embed.html")
