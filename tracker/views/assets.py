"""Styles, scripts and images: where they are."""

from __future__ import annotations

from flask import Blueprint, url_for

blueprint = Blueprint("assets", __name__)


@blueprint.app_template_global("asset")
def address(name: str) -> str:
    """Return the address of a file in `static/`, for example `js/live.js`."""
    return url_for("static", filename=name)
