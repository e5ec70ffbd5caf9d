"""The admin: what is stored and what the jobs do, for one who knows the password.

    gate        nobody gets beneath /admin without logging in, or changes a thing by accident
    tables      coins, ticks, quotes, candles (Flask-Admin)
    pages       the jobs, and logging in and out
    jobs        what RQ and its scheduler know, and "refresh now"
    dashboard   rq-dashboard, as it comes
    audit       who did what, in the log

It is imported only where there is a password: without one nothing of it is in
memory, and everything beneath /admin is 404.
"""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme

from tracker.admin import auth, dashboard, model_views
from tracker.admin.index import Pages
from tracker.services import services

__all__ = ["register"]


def register(app: Flask) -> None:
    """Add the admin to *app*, whose settings have a password."""
    auth.register(app)
    admin = Admin(
        app,
        name="Crypto Tracker",
        index_view=Pages(name="Jobs", url=auth.ROOT),
        theme=Bootstrap4Theme(fluid=True),
        csp_nonce_generator=auth.nonce,
    )
    for view in model_views.views(services(app).settings):
        admin.add_view(view)
    dashboard.register(app)
