"""Redirects to the same address with or without a slash name no host.

Werkzeug's contain the request's own `Host`, and browsers and caches keep a 308 for good.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.routing import RequestRedirect
from werkzeug.utils import redirect


def register(app: Flask) -> None:
    """Make the redirects of *app*'s routing relative; register it last, so that it runs first."""

    @app.after_request
    def name_no_host(response: Response) -> Response:
        redirection = request.routing_exception
        if not isinstance(redirection, RequestRedirect):
            return response
        parts = urlsplit(redirection.new_url)
        path = "/" + parts.path.lstrip("/")  # two slashes would begin a host
        location = parts._replace(scheme="", netloc="", path=path).geturl()
        return cast(Response, redirect(location, redirection.code, Response))
