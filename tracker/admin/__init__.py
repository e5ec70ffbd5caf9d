"""The admin: what is stored and what the jobs do, behind a password.

A small Flask application of its own, mounted at `/admin`, with its own session cookie,
headers and errors. It is imported only where there is a password: without one
everything beneath `/admin` is 404.

    auth         sessions, attempts, tokens, headers; each login and change as a log line
    alerts       rules that send a message, and how their targets do
    model_views  coins, ticks, quotes, candles (Flask-Admin)
    index        the jobs page, logging in and out
    job_status   what RQ and its scheduler know; retry, delete, refresh now, deliver now
"""

from flask import Flask, request
from flask_admin import Admin
from flask_admin.theme import Bootstrap4Theme
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tracker.admin import auth, model_views
from tracker.admin.alerts import Alerts
from tracker.admin.index import Index
from tracker.config import ROOT
from tracker.services import KEY, services
from tracker.text.alerts import utc
from tracker.times import iso
from tracker.web.middleware import compression, problem_details


def mount(app: Flask) -> None:
    """Serve an admin on *app*'s services, whose settings have a password, beneath `/admin`."""
    admin = Flask(__name__, root_path=str(ROOT), static_folder=None, template_folder="templates")
    admin.config |= {name: app.config[name] for name in ("SECRET_KEY", "MAX_CONTENT_LENGTH")}
    app.extensions["admin"] = admin
    admin.extensions[KEY] = services(app)
    admin.add_template_filter(iso, "iso")
    admin.add_template_filter(utc, "utc")
    auth.register(admin, services(app).settings)
    compression.register(admin)
    index = Index(name="Jobs", url="/")
    theme = Bootstrap4Theme(fluid=True)
    views = Admin(
        admin,
        name="Crypto Tracker",
        index_view=index,
        theme=theme,
        csp_nonce_generator=auth.nonce,
    )
    views.add_view(Alerts(name="Alerts", endpoint="alerts"))
    model_views.register(admin, views)

    @admin.context_processor
    def what_every_page_shows() -> dict[str, str]:
        return {"site": request.script_root.rpartition("/")[0]}

    def error_page(error: HTTPException) -> str:
        if isinstance(error, CSRFError) and request.endpoint == auth.LOGIN:
            return index.page("admin/login.html", trouble=auth.OLD_FORM)
        return index.page("admin/error.html", error=error)

    problem_details.register(admin, error_page)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/admin": admin})  # type: ignore[method-assign]
