"""rq-dashboard beneath the admin: its views, by our connection, behind our gate.

The trap: it opens a connection for every request, by a URL that it shows, and knows
nothing of Heroku's certificates. So it is given one that is there already. Its page is ours
(`templates/rq_dashboard/base.html`), for the nonce and the token that `gate` asks for, and
because its own puts what jobs say into the page as HTML. It fails at what is not there,
which is 404 here, and shows errors as they are, secrets too, which are hidden here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from flask import Flask, Response, abort, current_app, redirect, request, url_for
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq_dashboard import web
from werkzeug.wrappers import Response as Redirect

from tracker.admin.auth import RQ, nonce
from tracker.logs.redaction import hiding
from tracker.messaging.job_queue import QUEUE
from tracker.messaging.redis_client import connect
from tracker.services import services

PATIENCE = 2.0
"""Seconds that Redis may take for one answer."""

NAME = str(web.blueprint.name)

NOT_THERE = (
    ArithmeticError,
    InvalidJobOperation,
    LookupError,
    NoSuchJobError,
    ResponseError,
    UnboundLocalError,
    ValueError,
)
"""What its views raise at jobs, registries and pages that there are not."""


def connection() -> Redis:
    """Return the admin's connection to Redis."""
    return cast(Redis, current_app.extensions["admin_redis"])


def register(app: Flask) -> None:
    """Add rq-dashboard to *app*."""
    settings = services(app).settings
    redis = connect(
        settings,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )
    app.extensions["admin_redis"] = redis
    app.redis_conn = redis  # type: ignore[attr-defined]
    app.config["RQ_DASHBOARD_REDIS_URL"] = ("Redis",)  # shown; the real one may hold a password
    web.from_url = lambda *args, **options: (None, connection())
    app.register_blueprint(web.blueprint, url_prefix=RQ)
    app.jinja_env.globals["admin_nonce"] = nonce
    _mend(app, hiding(settings))


def _mend(app: Flask, hide: Callable[[str], str]) -> None:
    """Let the views of *app* say what is not there, and no secrets."""
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(f"{NAME}."):
            app.view_functions[endpoint] = _answering(view)
    app.before_request(_steer)

    @app.after_request
    def without_secrets(response: Response) -> Response:
        if request.blueprint == NAME and response.is_json:
            response.set_data(hide(response.get_data(as_text=True)))
        return response


def _steer() -> Redirect | None:
    """Go to our queue where none is named; there is one Redis, which is number 0."""
    if request.blueprint != NAME:
        return None
    named: dict[str, Any] = request.view_args or {}
    if named.get("instance_number"):
        abort(404)
    if named.get("queue_name", QUEUE) is None:
        return redirect(url_for(str(request.endpoint), **named | {"queue_name": QUEUE}))
    return None


def _answering(view: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(view)
    def answering(**arguments: Any) -> Any:
        try:
            return view(**arguments)
        except NOT_THERE:
            abort(404)
        except (RedisError, OSError):
            abort(503, "Redis cannot be reached.")

    return answering
