"""What HTTP asks for: each view parses, calls and returns, and does no more."""

from __future__ import annotations

from types import ModuleType

from flask import Flask

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

FOR_PEOPLE = (static_files, site_files, cryptos, coin, embed)
"""The rooms with pages, and what these are made of."""
FOR_PROGRAMS = (prices, history, stream, docs, probes, metrics)


def register(app: Flask, rooms: tuple[ModuleType, ...] = (*FOR_PEOPLE, *FOR_PROGRAMS)) -> None:
    """Add the views of *rooms* to *app*, and what is the same for every answer."""
    request_metrics.register(app)
    compression.register(app)
    security_headers.register(app)
    problem_details.register(app)
    rate_limit.register(app)
    for room in rooms:
        app.register_blueprint(room.blueprint)
    redirects.register(app)
