"""Who may use the admin, what a change must carry, and what its pages may load.

A session is a signed cookie for the admin's path alone. It ends after `SESSION_S`, when
the password changes, and with logging out, which Redis remembers so that copies of the
cookie end as well; without Redis only the browser forgets it. A change needs the
session's token (Flask-WTF), in the form or the `X-CSRFToken` header.
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
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from werkzeug.wrappers import Response as Redirect

from tracker.admin.audit_log import note
from tracker.config import Settings
from tracker.messaging.redis_client import connect
from tracker.services import services
from tracker.web.middleware.client_address import client_network
from tracker.web.middleware.rate_limit import RateLimits
from tracker.web.middleware.security_headers import HTTPS_ONLY, PAGE, policy

USER = "admin"
SESSION_S = 12 * 60 * 60
"""A working day."""
ATTEMPTS = 5
"""Passwords that a network may try in a minute."""
ATTEMPTS_OF_ALL = 50
"""The same for all networks together, so that an attacker with many does not guess faster."""
REDIS_TIMEOUT_S = 2.0

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
STATIC = "admin.static"
OPEN_ENDPOINTS = ("admin.login", STATIC)
"""Reached without a session."""

_csrf = CSRFProtect()


class SessionCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, for the path at which the admin is mounted."""

    def get_cookie_path(self, app: Flask) -> str:
        """Return the admin's path."""
        return request.script_root

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether the request came by https, and the cookie must go back so."""
        return request.is_secure


def register(admin: Flask, settings: Settings) -> None:
    """Require a session for *admin*, and send its headers with every answer."""
    admin.session_interface = SessionCookie()
    admin.config |= {
        "SESSION_COOKIE_NAME": "admin",
        "SESSION_COOKIE_SAMESITE": "Strict",
        "WTF_CSRF_CHECK_DEFAULT": False,
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,  # SameSite and the token protect; some send no Referer
    }
    _csrf.init_app(admin)
    admin.extensions["auth"] = Auth(settings, services(admin).rate_limits)
    admin.before_request(_guard)
    admin.after_request(_add_headers)


def auth(admin: Flask | None = None) -> Auth:
    """Return the authentication of *admin*, or of the current application."""
    return cast(Auth, (admin or current_app).extensions["auth"])


class Auth:
    """The password, and the sessions that were opened with it."""

    def __init__(self, settings: Settings, limits: RateLimits) -> None:
        self._password = settings.admin_password or secrets.token_hex()
        self._key = (settings.secret_key or secrets.token_hex()).encode()
        self._limits = limits
        self.redis: Redis = connect(
            settings,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        """The admin's own connection."""

    def seconds_to_wait(self) -> int | None:
        """Count an attempt to log in; return after how many seconds to retry, if not now."""
        return self._limits.hit(ATTEMPTS, "login", client_network()) or self._limits.hit(
            ATTEMPTS_OF_ALL, "logins"
        )

    def accepts(self, user: str, password: str) -> bool:
        """Return whether both are right, in a time that does not depend on how nearly."""
        right = [_equal(user, USER), _equal(password, self._password)]
        return all(right)

    def login(self) -> None:
        """Begin a session, with nothing of an earlier one in it."""
        session.clear()
        session["since"], session["by"] = int(time.time()), self._mark()
        session["id"] = secrets.token_urlsafe(16)

    def logout(self) -> None:
        """End the session, also for copies of its cookie."""
        with suppress(RedisError, OSError):
            self.redis.set(self._ended_key(), 1, ex=SESSION_S)
        session.clear()

    def is_logged_in(self) -> bool:
        """Return whether the request has a session that `login` began and that is not over."""
        since = session.get("since", 0)
        return (
            isinstance(since, int)
            and 0 <= time.time() - since < SESSION_S
            and _equal(str(session.get("by")), self._mark())
            and not self._has_ended()
        )

    def _has_ended(self) -> bool:
        try:
            return bool(self.redis.exists(self._ended_key()))
        except (RedisError, OSError):
            return False  # an operator must get in to see why Redis is away

    def _ended_key(self) -> str:
        return f"tracker:admin:over:{session.get('id')}"

    def _mark(self) -> str:
        """Return what holds for this password only."""
        return hmac.new(self._key, self._password.encode(), hashlib.sha256).hexdigest()


def _equal(given: str, wanted: str) -> bool:
    """Compare digests in constant time, so that not even the length shows."""
    one, other = (
        hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, wanted)
    )
    return hmac.compare_digest(one, other)


def nonce() -> str:
    """Return what allows the scripts of this answer."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return cast(str, g.nonce)


def next_address(wanted: str) -> str:
    """Return *wanted* if it is an address of the admin, else its first page."""
    home = url_for("admin.index")
    is_ours = wanted.startswith(home) and wanted.isprintable() and "\\" not in wanted
    return wanted if is_ours else home


def _guard() -> Redirect | None:
    changes = request.method not in SAFE_METHODS
    if request.endpoint not in OPEN_ENDPOINTS and not auth().is_logged_in():
        if changes:
            abort(401, "Log in first.")
        wanted = request.full_path.rstrip("?")
        return redirect(url_for("admin.login", next=f"{request.script_root}{wanted}"))
    back = request.args.get("url")  # where Flask-Admin redirects to after a form
    if back is not None and next_address(back) != back:
        abort(400, "`url` is not an address of the admin.")
    if changes:
        _protect()
    return None


def _protect() -> None:
    """Refuse a change that another site's page may have sent."""
    try:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise CSRFError("The request comes from another site.")  # noqa: TRY301 - logged below
        _csrf.protect()
    except CSRFError as error:
        path = request.script_root + request.path
        note("refused: %s (%s)", error.description, path, level=logging.WARNING)
        raise


def _add_headers(response: Response) -> Response:
    scripts = f"'self' 'nonce-{nonce()}'"
    response.headers["Content-Security-Policy"] = policy(
        font_src="'self'", script_src=scripts, img_src="'self' data:"
    )
    response.headers["X-Frame-Options"] = "DENY"
    for name, value in PAGE.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = HTTPS_ONLY
    is_static = request.endpoint == STATIC
    response.headers["Cache-Control"] = "private, max-age=3600" if is_static else "no-store"
    return response
