"""Files that browsers and crawlers request by convention: manifest, icon, rules for robots."""

import simplejson
from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as Redirect

from tracker import __version__
from tracker.services import services
from tracker.web.middleware.static_files import address

NAME = "Crypto Tracker"
DARK, LIGHT = "#131a23", "#ffffff"
"""The top bar's background in each theme, as in `static/css/base.css`."""
ICONS = (
    ("favicon.svg", "any", "image/svg+xml", "any"),
    ("icons/icon-192.png", "192x192", "image/png", "any"),
    ("icons/icon-512.png", "512x512", "image/png", "any"),
    ("icons/maskable-512.png", "512x512", "image/png", "maskable"),
)
"""Name, size, type and purpose of each."""
ONE_DAY = "public, max-age=86400"

blueprint = Blueprint("conventions", __name__)


@blueprint.app_context_processor
def _what_every_page_shows() -> dict[str, object]:
    sends = services().settings.notify is not None
    return {
        "theme_dark": DARK,
        "theme_light": LIGHT,
        "version": __version__,
        "sends_alerts": sends,
    }


@blueprint.get("/manifest.webmanifest")
def manifest() -> Response:
    """Return what a browser needs to install the pages as an application (W3C appmanifest)."""
    body = {
        "id": url_for("pages.cryptos"),
        "name": NAME,
        "short_name": NAME,
        "description": "Live cryptocurrency prices.",
        "lang": "en",
        "start_url": url_for("pages.cryptos"),
        "scope": url_for("pages.home"),
        "display": "standalone",
        "background_color": DARK,
        "theme_color": DARK,
        "icons": [
            {"src": address(name), "sizes": sizes, "type": type, "purpose": purpose}
            for name, sizes, type, purpose in ICONS
        ],
    }
    headers = {"Cache-Control": "no-cache", "Content-Type": "application/manifest+json"}
    return Response(simplejson.dumps(body), headers=headers)


@blueprint.get("/favicon.ico")
def favicon() -> Redirect:
    """Redirect clients that do not read the pages' link to the icon."""
    response = redirect(address("icons/icon-192.png"))
    response.headers["Cache-Control"] = ONE_DAY
    return response


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Allow crawlers the pages; forbid what never ends, and the API."""
    paths = (f"Disallow: {request.script_root}{path}\n" for path in ("/stream", "/watch", "/api/"))
    body = f"User-agent: *\n{''.join(paths)}"
    return Response(body, headers={"Cache-Control": ONE_DAY}, mimetype="text/plain")
