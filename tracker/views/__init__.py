"""What HTTP asks for: each view parses, calls and returns, and does no more."""

from __future__ import annotations

from types import ModuleType

from flask import Flask

from tracker.views import (
    api,
    assets,
    coin,
    compression,
    conventions,
    description,
    embed,
    headers,
    health,
    history,
    limits,
    metrics,
    pages,
    problems,
    redirects,
    stream,
    tracing,
)

FOR_PEOPLE = (assets, conventions, pages, coin, embed)
"""The rooms with pages, and what these are made of."""
FOR_PROGRAMS = (api, history, stream, description, health, metrics)


def register(app: Flask, rooms: tuple[ModuleType, ...] = (*FOR_PEOPLE, *FOR_PROGRAMS)) -> None:
    """Add the views of *rooms* to *app*, and what is the same for every answer."""
    tracing.register(app)
    compression.register(app)
    headers.register(app)
    problems.register(app)
    limits.register(app)
    for room in rooms:
        app.register_blueprint(room.blueprint)
    redirects.register(app)
