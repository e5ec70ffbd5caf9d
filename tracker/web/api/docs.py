"""`/api/openapi.json`, and `/api/docs`: the same for people, without a script."""

from __future__ import annotations

import simplejson
from flask import Blueprint, Response, make_response, render_template, request
from markupsafe import Markup, escape

from tracker.web.api.openapi import document

blueprint = Blueprint("description", __name__, url_prefix="/api")


@blueprint.app_template_filter("coded")
def coded(text: object) -> Markup:
    """Return *text*, of whose Markdown only `code` is used, as HTML."""
    parts = [escape(part) for part in str(text).split("`")]  # may be undefined
    parts[1::2] = [Markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return Markup("").join(parts)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the description of every address that programs read."""
    text = simplejson.dumps(document(request.script_root), indent=1) + "\n"
    response = Response(text, content_type="application/json")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/docs")
def docs() -> Response:
    """Show the description as a page."""
    response = make_response(render_template("docs.html", api=document(request.script_root)))
    response.headers["Cache-Control"] = "no-cache"
    return response
