"""rq-dashboard beneath the admin: its views, by our connection, behind our gate.

The trap: it opens a connection for every request, by a URL that it shows, and knows
nothing of Heroku's certificates. So it is given one that is there already. Its page is ours
(`templates/rq_dashboard/base.html`), for the nonce and the token that `gate` asks for.
"""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq_dashboard import web

from tracker.admin.gate import RQ, nonce
from tracker.config import Settings
from tracker.feed import connect

PATIENCE = 2.0
"""Seconds that Redis may take for one answer."""


def connection() -> Redis:
    """Return the admin's connection to Redis."""
    return cast(Redis, current_app.extensions["admin_redis"])


def register(app: Flask) -> None:
    """Add rq-dashboard to *app*."""
    settings: Settings = app.extensions["settings"]
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
