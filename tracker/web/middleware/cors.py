"""CORS: which other origins' pages may read `/stream` and `/api` (the Fetch standard, 3.2).

An allowed origin is named back to itself. So every answer of these paths varies by `Origin`, also
one without CORS headers: a cache would else give what a stranger got to an allowed page. With
`*` all get the same.
"""

from flask import Flask, Response, request

from tracker.services import services

PATHS = ("/stream", "/api/")
ALL = "*"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Cache-Control, If-None-Match, Last-Event-ID, X-Request-ID",
    "Access-Control-Max-Age": "86400",
}
"""What a page may send; some libraries for event streams add `Cache-Control: no-cache`."""
EXPOSED = "ETag, Retry-After, Tracker-Status, X-Request-ID"
"""Headers that a page may read besides the few that it always may."""


def register(app: Flask) -> None:
    """Let pages of the origins in *app*'s settings read answers, errors among them.

    Register it before what answers by itself, as limits do: it then sees their answers, too.
    """
    allowed = frozenset(services(app).settings.cors_origins)
    if not allowed:
        return

    @app.after_request
    def add(response: Response) -> Response:
        if not request.path.startswith(PATHS):
            return response
        origin = ALL if ALL in allowed else request.headers.get("Origin", "").lower()
        if origin != ALL:
            response.vary.add("Origin")
        if origin in allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
            if request.method == "OPTIONS":
                response.headers.update(PREFLIGHT)
        return response
