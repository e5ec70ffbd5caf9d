"""Who may use the admin, what a change must carry, and what its pages may load.

A session is a signed cookie for the admin's path alone. It ends after `SESSION_S`, when
the password changes, and with logging out, which Redis remembers so that copies of the
cookie end as well; without Redis only the browser forgets it. A change needs the
session's token (Flask-WTF), in the form or the `X-CSRFToken` header.
"""

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
from redis.exceptions import RedisError
from werkzeug.wrappers import Response as Redirect

from tracker.config import Settings
from tracker.messaging.redis_client import connect
from tracker.services import services
from tracker.web.middleware import security_headers
from tracker.web.middleware.client_address import client_network
from tracker.web.middleware.security_headers import policy

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
LOGIN = "admin.login"
OPEN_ENDPOINTS = (LOGIN, STATIC)
"""Reached without a session."""
OLD_FORM = "This form was too old, or came from another site. Log in with this one."
MAX_TEXT = 100
"""Characters of a text from a client that the audit's lines keep."""

_csrf = CSRFProtect()
_audit = logging.getLogger("tracker.audit")


class SessionCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, for the path at which the admin is mounted.

    The signature's key is made of the password too: another password ends all sessions.
    """

    def __init__(self, password: str) -> None:
        self.salt = hashlib.sha256(password.encode()).hexdigest()

    def get_cookie_path(self, app: Flask) -> str:
        """Return the admin's path."""
        return request.script_root

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether the request came by https, and the cookie must go back so."""
        return request.is_secure


def register(admin: Flask, settings: Settings) -> None:
    """Require a session for *admin*, and send its headers with every answer."""
    admin.session_interface = SessionCookie(settings.admin_password or "")
    admin.config |= {
        "SESSION_COOKIE_NAME": "admin",
        "SESSION_COOKIE_SAMESITE": "Strict",
        "WTF_CSRF_CHECK_DEFAULT": False,
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": False,  # SameSite and the token protect; some send no Referer
    }
    _csrf.init_app(admin)
    admin.extensions["redis"] = connect(settings, timeout_s=REDIS_TIMEOUT_S)
    admin.before_request(_guard)
    security_headers.register(admin)
    admin.after_request(_add_headers)  # it runs first, and what it sets stays


def audit(what: str, *args: object, level: int = logging.INFO) -> None:
    """Log a login or a change; each `%s` in *what* is one of *args*."""
    cut = [arg[:MAX_TEXT] if isinstance(arg, str) else arg for arg in args]
    _audit.log(level, f"{what}, from %s", *cut, request.remote_addr)


def redis() -> Redis:
    """Return the admin's own connection."""
    return cast(Redis, current_app.extensions["redis"])


def seconds_to_wait() -> int | None:
    """Count an attempt to log in; return after how many seconds to retry, if not now."""
    hit = services().rate_limits.hit
    return hit(ATTEMPTS, "login", client_network()) or hit(ATTEMPTS_OF_ALL, "logins")


def accepts(user: str, password: str) -> bool:
    """Return whether both are right, in a time that does not depend on how nearly."""
    wanted = services().settings.admin_password or secrets.token_hex()
    right = [_equal(user, USER), _equal(password, wanted)]
    return all(right)


def _equal(given: str, wanted: str) -> bool:
    """Compare digests in constant time, so that not even the length shows."""
    one, other = (
        hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, wanted)
    )
    return hmac.compare_digest(one, other)


def login() -> None:
    """Begin a session, with nothing of an earlier one in it."""
    session.clear()
    session["since"], session["id"] = int(time.time()), secrets.token_urlsafe(16)


def logout() -> None:
    """End the session, also for copies of its cookie."""
    with suppress(RedisError, OSError):
        redis().set(_ended_key(), 1, ex=SESSION_S)
    session.clear()


def is_logged_in() -> bool:
    """Return whether the request has a session that `login` began and that is not over."""
    if not 0 <= time.time() - session.get("since", 0) < SESSION_S:
        return False
    try:
        return not redis().exists(_ended_key())
    except (RedisError, OSError):
        return True  # an operator must get in to see why Redis is away


def _ended_key() -> str:
    return f"tracker:admin:over:{session.get('id')}"


def nonce() -> str:
    """Return what allows the scripts of this answer."""
    return cast(str, g.setdefault("nonce", secrets.token_urlsafe(16)))


def next_address(wanted: str) -> str:
    """Return *wanted* if it is an address of the admin, else its first page."""
    home = url_for("admin.index")
    is_ours = wanted.startswith(home) and wanted.isprintable() and "\\" not in wanted
    return wanted if is_ours else home


def _guard() -> Redirect | None:
    changes = request.method not in SAFE_METHODS
    if request.endpoint not in OPEN_ENDPOINTS and not is_logged_in():
        if changes:
            abort(401, "Log in first.")
        wanted = request.full_path.rstrip("?")
        return redirect(url_for(LOGIN, next=f"{request.script_root}{wanted}"))
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
        audit("refused: %s (%s)", error.description, path, level=logging.WARNING)
        raise


def _add_headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = policy(
        font_src="'self'", script_src=f"'self' 'nonce-{nonce()}'", img_src="'self' data:"
    )
    is_static = request.endpoint == STATIC
    response.headers["Cache-Control"] = "private, max-age=3600" if is_static else "no-store"
    return response
