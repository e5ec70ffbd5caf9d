"""Each request has an id, and is counted and timed.

The id is the client's `X-Request-ID` if that is a sane one, else a new one. It is in each line
that the request logs, and in the response. Requests are counted by endpoint, never by path,
of which clients could make up any number.

Opening a stream is a request too, and thousands may come at once. So this is WSGI around the
application: Flask's hooks cost several times as much.
"""

import time
from collections.abc import Iterable
from functools import cache
from typing import Any

from flask import Flask
from prometheus_client import Counter, Histogram

from tracker.logs.context import log_context, valid_or_new_id
from tracker.monitoring.instruments import METHODS
from tracker.services import services

ID = "tracker.request_id"
"""The id's key in the WSGI environment."""
UNMATCHED = "unmatched"
"""The endpoint of a request that no view matches."""


def register(app: Flask) -> None:
    """Give every request of *app* an id, and count it."""
    wsgi, instruments = app.wsgi_app, services(app).instruments

    @cache
    def counted(endpoint: str, method: str, status: str) -> tuple[Counter, Histogram]:
        return (
            instruments.requests.labels(endpoint, method, status),
            instruments.request_seconds.labels(endpoint),
        )

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        began_at = time.perf_counter()
        environ[ID] = id = valid_or_new_id(environ.get("HTTP_X_REQUEST_ID"))
        endpoint, code = UNMATCHED, "500"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal endpoint, code
            # Flask's own request; it is gone once this has ended.
            rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
            endpoint, code = rule.endpoint if rule else UNMATCHED, status[:3]
            headers.append(("X-Request-ID", id))
            return start_response(status, headers, exc_info)

        try:
            with log_context(request=id):
                return wsgi(environ, start)
        finally:
            method = environ["REQUEST_METHOD"]
            known = method if method in METHODS else "other"
            requests, seconds = counted(endpoint, known, code)
            requests.inc()
            seconds.observe(time.perf_counter() - began_at)

    app.wsgi_app = application  # type: ignore[method-assign]
