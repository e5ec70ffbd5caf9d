"""Pages and API. Views are thin: each parses, calls and returns."""

from __future__ import annotations

import re
from types import ModuleType

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SessionInterface, SessionMixin
from flask_cors import CORS

from tracker.services import services
from tracker.web.api import docs, history, metrics, prices, probes, stream
from tracker.web.middleware import (
    client_address,
    compression,
    problem_details,
    rate_limit,
    redirects,
    request_metrics,
    security_headers,
    static_files,
)
from tracker.web.pages import coin, cryptos, embed, site_files

FOR_PEOPLE = (static_files, site_files, cryptos, coin, embed)
"""Modules with pages, and with the files that pages load."""
FOR_PROGRAMS = (prices, history, stream, docs, probes, metrics)
SHOW_PRICES = ("pages", "coin", "embed", "api", "history", "stream")
"""Blueprints whose views need a relay that has started."""
CORS_PATHS: list[str | re.Pattern[str]] = [r"/stream", r"/api/.*"]


class NoSessions(SessionInterface):
    """No sessions: Flask's own would cost a tenth of a request, and send `Vary: Cookie`."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Open none."""
        return None

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save none."""


def register(app: Flask, modules: tuple[ModuleType, ...] = (*FOR_PEOPLE, *FOR_PROGRAMS)) -> None:
    """Add to *app* the views of *modules*, and what applies to all requests."""
    settings = services(app).settings
    app.session_interface = NoSessions()
    _allow_other_origins(app, settings.cors_origins)
    client_address.trust_proxies(app, settings.trusted_proxies)
    app.before_request(_start_relay)
    request_metrics.register(app)
    compression.register(app)
    security_headers.register(app)
    problem_details.register(app)
    rate_limit.register(app)
    for module in modules:
        app.register_blueprint(module.blueprint)
    redirects.register(app)


def _start_relay() -> None:
    """Start the relay for the first request that needs it; under gunicorn it has started."""
    if request.blueprint in SHOW_PRICES:
        services().relay.start()


def _allow_other_origins(app: Flask, origins: tuple[str, ...]) -> None:
    """Let pages of *origins* read the stream and the API."""
    if origins:
        CORS(
            app,
            resources=CORS_PATHS,
            origins=list(origins),
            methods=["GET", "HEAD", "OPTIONS"],
            allow_headers=["Last-Event-ID", "If-None-Match"],
            expose_headers=["ETag", "Tracker-Status"],
            max_age=86400,
        )
