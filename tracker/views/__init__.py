"""What HTTP asks for: each view parses, calls and returns, and does no more."""

from __future__ import annotations

from flask import Flask

from tracker.views import api, assets, coin, embed, history, pages, problems, stream

FOR_PEOPLE = (assets, pages, coin, embed)
"""The rooms with pages, and what these are made of."""
FOR_PROGRAMS = (api, history, stream)


def register(app: Flask) -> None:
    """Add all views and the errors' form to *app*."""
    problems.register(app)
    for room in (*FOR_PEOPLE, *FOR_PROGRAMS):
        app.register_blueprint(room.blueprint)
