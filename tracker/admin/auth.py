"""The door of the admin: who may pass, what a change must carry, what its pages may load.

Everything beneath `ROOT` goes through here, other people's views as well, so
that none of them has to think of it. A session is a signed cookie that goes no further
than `ROOT`; it ends after `SESSION_SECONDS`, with the password that opened it, and by logging
out, which Redis is told: without Redis the browser alone forgets it.
A change needs the session's token (Flask-WTF), a form's or the `X-CSRFToken` header.

Scripts run by a nonce or from this host. rq-dashboard makes functions of its
templates, so beneath it `unsafe-eval` is allowed, and style attributes are.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from contextlib import suppress
from typing import cast

from flask import Flask, Response, abort, current_app, g, redirect, request, session, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from redis import Redis
from redis.exceptions import RedisError
from werkzeug.wrappers import Response as Redirect

from tracker.admin.audit_log import note
from tracker.config import Settings
from tracker.services import services
from tracker.web.middleware.counting import Ask, Limits
from tracker.web.middleware.security_headers import PAGE, policy
from tracker.web.sessions import SessionsBeneath

ROOT = "/admin"
RQ = f"{ROOT}/rq"
USER = "admin"

SESSION_SECONDS = 12 * 60 * 60
"""A working day."""
ATTEMPTS = 5
"""Passwords that an address may try in a minute."""
ATTEMPTS_OF_ALL = 50
"""The same for all addresses together: who has many locks others out before guessing much."""

SAFE = ("GET", "HEAD", "OPTIONS")
CHANGES_BY_GET = ("rq_dashboard.requeue_all",)
"""What would change something when it is only looked at."""
OPEN = ("admin.login", "admin.static")
"""For those who have not logged in yet."""
STATIC = ("admin.static", "rq_dashboard.static")

_csrf = CSRFProtect()


def register(app: Flask) -> None:
    """Guard whatever *app* has beneath `ROOT`."""
    settings = services(app).settings
    app.session_interface = SessionsBeneath(ROOT)
    app.config["SESSION_COOKIE_NAME"] = "admin"
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    app.config["WTF_CSRF_TIME_LIMIT"] = None
    app.config["WTF_CSRF_SSL_STRICT"] = False  # SameSite and the token do; some send no Referer
    _csrf.init_app(app)
    app.extensions["admin_door"] = Door(settings, services(app).rate_limits)
    app.before_request(_guard)
    app.after_request(_add_headers)


def door() -> Door:
    """Return the current application's door."""
    return cast(Door, current_app.extensions["admin_door"])


class Door:
    """Knows the password, and who has shown that he knows it."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._password = settings.admin_password or secrets.token_hex()
        self._key = (settings.secret_key or secrets.token_hex()).encode()
        self._of_address: Ask = limits.a_minute(ATTEMPTS, "login")
        self._of_all: Ask = limits.a_minute(ATTEMPTS_OF_ALL, "logins", lambda: "all")

    def seconds_to_wait(self) -> int | None:
        """Count an attempt to log in; return after how many seconds to try again, if not now."""
        return self._of_address() or self._of_all()

    def opens(self, user: str, password: str) -> bool:
        """Return whether they are right, in a time that does not tell how nearly."""
        right = [_same(user, USER), _same(password, self._password)]
        return all(right)

    def let_in(self) -> None:
        """Begin the session, with nothing in it of who was there before."""
        session.clear()
        session["since"], session["by"] = int(time.time()), self._mark()
        session["id"] = secrets.token_urlsafe(16)

    def let_out(self) -> None:
        """End the session, for those too who have a copy of its cookie."""
        with suppress(RedisError, OSError):
            _redis().set(self._over(), 1, ex=SESSION_SECONDS)
        session.clear()

    def is_in(self) -> bool:
        """Return whether the request's session is one that `let_in` began, and not over."""
        since = session.get("since", 0)
        return (
            isinstance(since, int)
            and 0 <= time.time() - since < SESSION_SECONDS
            and _same(str(session.get("by")), self._mark())
            and not self._is_over()
        )

    def _is_over(self) -> bool:
        try:
            return bool(_redis().exists(self._over()))
        except (RedisError, OSError):
            return False  # who wants to know why Redis is away must get in

    def _over(self) -> str:
        return f"tracker:admin:over:{session.get('id')}"

    def _mark(self) -> str:
        """Return what only holds for this password."""
        return hmac.new(self._key, self._password.encode(), hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> bool:
    """Compare in constant time: digests, so that not even the length tells."""
    one, other = (
        hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, wanted)
    )
    return hmac.compare_digest(one, other)


def _redis() -> Redis:
    return cast(Redis, current_app.extensions["admin_redis"])


def nonce() -> str:
    """Return what allows the scripts of this answer."""
    if "admin_nonce" not in g:
        g.admin_nonce = secrets.token_urlsafe(16)
    return cast(str, g.admin_nonce)


def next_address(wanted: str) -> str:
    """Return *wanted* if it is an address of the admin's, else that of its first page."""
    home = url_for("admin.index")
    is_ours = wanted.startswith(home) and wanted.isprintable() and "\\" not in wanted
    return wanted if is_ours else home


def _is_beneath(path: str) -> bool:
    return path == ROOT or path.startswith(f"{ROOT}/")


def _guard() -> Redirect | None:
    if not _is_beneath(request.path):
        return None
    changes = request.method not in SAFE
    if request.endpoint in CHANGES_BY_GET and not changes:
        abort(405, valid_methods=["POST"])
    if request.endpoint not in OPEN and not door().is_in():
        if changes:
            abort(401, "Log in first.")
        wanted = request.full_path.rstrip("?")
        return redirect(url_for("admin.login", next=f"{request.script_root}{wanted}"))
    back = request.args.get("url")  # where Flask-Admin goes next
    if back is not None and next_address(back) != back:
        abort(400, "`url` is not an address of the admin's.")
    if changes:
        _protect()
        if request.path.startswith(f"{RQ}/"):
            note("rq: %s", request.path.removeprefix(RQ))
    return None


def _protect() -> None:
    """Refuse a change that another site's page may have sent."""
    try:
        if request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none"):
            _csrf.protect()
        else:
            _refuse_other_sites()
    except CSRFError as error:
        note("refused: %s (%s)", error.description, request.path, level=logging.WARNING)
        raise


def _refuse_other_sites() -> None:
    raise CSRFError("The request comes from another site.")


def _add_headers(response: Response) -> Response:
    if not _is_beneath(request.path):
        return response
    loose = {"script_src": f"'self' 'nonce-{nonce()}'", "img_src": "'self' data:"}
    if request.path.startswith(f"{RQ}/"):
        loose["script_src"] += " 'unsafe-eval'"
        loose["style_src"] = "'self' 'unsafe-inline'"
    response.headers["Content-Security-Policy"] = policy(font_src="'self'", **loose)
    response.headers["X-Frame-Options"] = "DENY"
    for name, value in PAGE.items():
        response.headers.setdefault(name, value)
    fresh = request.endpoint in STATIC
    response.headers["Cache-Control"] = "private, max-age=3600" if fresh else "no-store"
    return response
