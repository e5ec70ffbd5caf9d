"""Redirects to the same address with or without a slash: they name no host.

Werkzeug's name the one that the request says it was sent to, and browsers and
caches keep a 308 for good.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.routing import RequestRedirect
from werkzeug.utils import redirect


def register(app: Flask) -> None:
    """Let *app*'s routing redirect to paths; what is the same for all answers is added later."""

    @app.after_request
    def name_no_host(response: Response) -> Response:
        asked = request.routing_exception
        if not isinstance(asked, RequestRedirect):
            return response
        parts = urlsplit(asked.new_url)
        path = "/" + parts.path.lstrip("/")  # two slashes would begin a host
        location = parts._replace(scheme="", netloc="", path=path).geturl()
        return cast(Response, redirect(location, asked.code, Response))
