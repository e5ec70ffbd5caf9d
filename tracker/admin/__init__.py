"""The admin: what is stored and what the jobs do, behind a password.

A small Flask application of its own, mounted at `/admin`, with its own session cookie,
headers and errors. It is imported only where there is a password: without one
everything beneath `/admin` is 404.

    auth         sessions, attempts, tokens, headers
    model_views  coins, ticks, quotes, candles (Flask-Admin)
    index        the jobs page, logging in and out
    job_status   what RQ and its scheduler know; retry, delete, refresh now
    audit_log    every login and change, as a log line
"""

from __future__ import annotations

from flask import Flask
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tracker.admin import auth, model_views
from tracker.admin.index import Index
from tracker.config import ROOT
from tracker.services import KEY, services
from tracker.times import iso
from tracker.web.middleware import compression, problem_details, redirects

__all__ = ["create_app", "mount"]

PATH = "/admin"


def mount(app: Flask) -> None:
    """Serve the admin of *app*, whose settings have a password, beneath `PATH`."""
    admin = create_app(app)
    app.extensions["admin"] = admin
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {PATH: admin})  # type: ignore[method-assign]


def create_app(app: Flask) -> Flask:
    """Return the admin of *app*, on its services."""
    found = services(app)
    admin = Flask(__name__, root_path=str(ROOT), static_folder=None, template_folder="templates")
    for name in ("SECRET_KEY", "MAX_CONTENT_LENGTH"):
        admin.config[name] = app.config[name]
    admin.extensions[KEY] = found
    admin.add_template_filter(iso, "iso")
    auth.register(admin, found.settings)
    compression.register(admin)
    index = Index(name="Jobs", url="/")
    views = Admin(
        admin,
        name="Crypto Tracker",
        index_view=index,
        theme=Bootstrap4Theme(fluid=True),
        csp_nonce_generator=auth.nonce,
    )
    model_views.register(admin, views)
    problem_details.register(admin, lambda error: index.page("admin/error.html", error=error))
    redirects.register(admin)
    return admin
