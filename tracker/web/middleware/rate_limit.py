"""How often one address may ask the API; whoever asks more often is told when to come again.

The stream has limits of its own (`stream.admission`). Pages, assets, checks
and metrics have none, and a browser's preflight is not the page's doing.
"""

from __future__ import annotations

from flask import Flask, Response, request

from tracker.services import services
from tracker.web.middleware.client_address import client_network
from tracker.web.middleware.problem_details import problem

PATHS = ("/api/",)


def register(app: Flask) -> None:
    """Hold the readers of *app*'s API to the settings' limit."""
    settings = services(app).settings
    if not settings.rate_limit:
        return
    ask = services(app).rate_limits.a_minute(settings.rate_limit, "api")

    @app.before_request
    def count() -> Response | None:
        if not request.path.startswith(PATHS) or request.method == "OPTIONS":
            return None
        wait = ask()
        return None if wait is None else too_many(settings.rate_limit, wait)


def too_many(most: int, wait: int) -> Response:
    """Return the answer to one who has asked *most* times and may again in *wait* seconds."""
    detail = (
        f"{client_network()} has asked {most} times in a minute, as often as accepted; "
        f"ask again in {wait} s, or read /stream, which tells all by itself"
    )
    return problem(429, detail, Retry_After=str(wait), Cache_Control="no-store")
