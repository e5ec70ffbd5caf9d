"""What HTTP asks for: each view parses, calls and returns, and does no more."""

from __future__ import annotations

from flask import Flask

from tracker.views import api, history, pages, problems, stream


def register(app: Flask) -> None:
    """Add all views and the errors' form to *app*."""
    problems.register(app)
    for room in (pages, api, history, stream):
        app.register_blueprint(room.blueprint)
