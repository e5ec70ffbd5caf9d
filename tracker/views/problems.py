"""Errors of `/api` and `/stream` as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import simplejson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

MACHINE_PATHS = ("/api/", "/stream")
"""Where errors are read by programs."""


def problem(status: int, detail: str, **headers: str) -> Response:
    """Return the error *status* with what was wrong, what is accepted and what to do.

    *headers* are named with `_` for `-`: `Retry_After="5"`.
    """
    title = Response(status=status).status.split(" ", 1)[1].title()
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    response = Response(simplejson.dumps(body), status, content_type="application/problem+json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def register(app: Flask) -> None:
    """Let errors under `MACHINE_PATHS` be problems, and leave the others to Flask."""

    @app.errorhandler(HTTPException)
    def as_problem(error: HTTPException) -> Response | HTTPException:
        if not request.path.startswith(MACHINE_PATHS) or error.code is None:
            return error
        response = problem(error.code, error.description or error.name)
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response
