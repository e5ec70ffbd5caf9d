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

from typing import Any

from flask import Flask, Response, make_response
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tracker.admin import auth, model_views
from tracker.admin.index import Index
from tracker.config import ROOT
from tracker.services import KEY, db, services
from tracker.times import iso
from tracker.web.middleware import compression, redirects

__all__ = ["create_app", "mount"]

PATH = "/admin"
SHARED_CONFIG = (
    "SECRET_KEY", "MAX_CONTENT_LENGTH", "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_ENGINE_OPTIONS",
)  # fmt: skip


def mount(app: Flask) -> None:
    """Serve the admin of *app*, whose settings have a password, beneath `PATH`."""
    admin = create_app(app)
    app.extensions["admin"] = admin
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {PATH: admin})  # type: ignore[method-assign]


def create_app(app: Flask) -> Flask:
    """Return the admin of *app*, on its services."""
    found = services(app)
    admin = Flask("admin", root_path=str(ROOT), static_folder=None, template_folder="templates")
    for name in SHARED_CONFIG:
        admin.config[name] = app.config[name]
    admin.extensions[KEY] = found
    db.init_app(admin)
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
    for view in model_views.views(found.settings):
        views.add_view(view)
    redirects.register(admin)

    @admin.errorhandler(HTTPException)
    def show_error(error: HTTPException) -> Response | HTTPException:
        if error.code is None:
            return error
        response = make_response(index.page("admin/error.html", error=error), error.code)
        kept: dict[str, Any] = dict(error.get_headers())
        for name in kept.keys() - {"Content-Type", "Content-Length"}:
            response.headers[name] = kept[name]
        return response

    return admin
