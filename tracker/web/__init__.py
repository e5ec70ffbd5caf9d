"""What HTTP asks for: each view parses, calls and returns, and does no more."""

from __future__ import annotations

import re
from types import ModuleType

from flask import Flask, request
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from tracker.services import services
from tracker.web.api import docs, history, metrics, prices, probes, stream
from tracker.web.middleware import (
    compression,
    problem_details,
    rate_limit,
    redirects,
    request_metrics,
    security_headers,
    static_files,
)
from tracker.web.pages import coin, cryptos, embed, site_files
from tracker.web.sessions import NoSessions

FOR_PEOPLE = (static_files, site_files, cryptos, coin, embed)
"""The rooms with pages, and what these are made of."""
FOR_PROGRAMS = (prices, history, stream, docs, probes, metrics)
SHOW_PRICES = ("pages", "coin", "embed", "api", "history", "stream", "admin")
"""Blueprints whose views need a relay that has started."""
CORS_PATHS: list[str | re.Pattern[str]] = [r"/stream", r"/api/.*"]


def register(app: Flask, rooms: tuple[ModuleType, ...] = (*FOR_PEOPLE, *FOR_PROGRAMS)) -> None:
    """Add the views of *rooms* to *app*, and what is the same for every answer."""
    settings = services(app).settings
    app.session_interface = NoSessions()
    _allow_other_origins(app, settings.cors_origins)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        # Not X-Forwarded-Host: all that is linked to are paths.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)  # type: ignore[method-assign]
    app.before_request(_start_relay)
    request_metrics.register(app)
    compression.register(app)
    security_headers.register(app)
    problem_details.register(app)
    rate_limit.register(app)
    for room in rooms:
        app.register_blueprint(room.blueprint)
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
