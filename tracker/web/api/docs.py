"""`/api/openapi.json`, from `openapi.yaml`, and `/api/docs`: the same for people."""

from pathlib import Path
from typing import Any

import simplejson
import yaml
from flask import Blueprint, Response, make_response, render_template, request
from markupsafe import Markup, escape

DOCUMENT: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("openapi.yaml").read_text(encoding="utf-8")
)

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
    document = DOCUMENT | {"servers": [{"url": request.script_root or "/"}]}
    headers = {"Cache-Control": "public, max-age=300", "Content-Type": "application/json"}
    response = Response(simplejson.dumps(document, indent=1) + "\n", headers=headers)
    response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/docs")
def docs() -> Response:
    """Show the description as a page."""
    response = make_response(render_template("docs.html", api=DOCUMENT))
    response.headers["Cache-Control"] = "no-cache"
    return response
