"""Errors: for programs as `application/problem+json` (RFC 9457), for people as a page.

Causes of internal errors are logged, and never part of a response.
"""

from __future__ import annotations

from collections.abc import Callable

import simplejson
from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

MACHINE_PATHS = ("/api/", "/stream", "/healthz", "/readyz", "/metrics")
"""Where programs read the errors."""
KINDS = ("text/html", "application/problem+json", "application/json")
"""Choices of `Accept` elsewhere; the first is the default."""


def problem(status: int, detail: str, **headers: str) -> Response:
    """Return an error response; *detail* says what was wrong, what is accepted or what to do.

    *headers* are named with `_` for `-`: `Retry_After="5"`.
    """
    title = Response(status=status).status.split(" ", 1)[1].title()
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    response = Response(simplejson.dumps(body), status, content_type="application/problem+json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def render_error(error: HTTPException) -> str:
    """Return the site's page about *error*."""
    return render_template("error.html", error=error)


def register(app: Flask, page: Callable[[HTTPException], str] = render_error) -> None:
    """Answer errors of *app* under `MACHINE_PATHS`, or where `Accept` wants it, with problems.

    Elsewhere the answer is *page*.
    """

    @app.errorhandler(HTTPException)
    def as_problem(error: HTTPException) -> Response | HTTPException:
        if error.code is None:
            return error
        if _is_program():
            response = problem(error.code, error.description or error.name)
        else:
            response = make_response(page(error), error.code)
            response.headers["Cache-Control"] = "no-cache"
        response.vary.add("Accept")
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response


def _is_program() -> bool:
    is_page = request.accept_mimetypes.best_match(KINDS, KINDS[0]) == KINDS[0]
    return request.path.startswith(MACHINE_PATHS) or not is_page
