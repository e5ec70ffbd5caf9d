"""Sessions where somebody logs in, and nowhere else: elsewhere no cookie is read, made or signed.

Flask's own would prepare one for every request, a tenth of what a reader costs
when it comes, and say `Vary: Cookie`.
"""

from __future__ import annotations

from flask import Flask, Request, Response, request
from flask.sessions import (
    SecureCookieSession,
    SecureCookieSessionInterface,
    SessionInterface,
    SessionMixin,
)


class NoSessions(SessionInterface):
    """Flask's session interface without sessions."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Open none: Flask then gives one that cannot be written to."""
        return None

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save none."""


class SessionsBeneath(SecureCookieSessionInterface):
    """Flask's signed cookies for *path* and what is beneath it; no scripts and no other site."""

    def __init__(self, path: str) -> None:
        self._path = path

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Open one beneath the path, none elsewhere."""
        is_beneath = f"{request.path}/".startswith(f"{self._path}/")
        return super().open_session(app, request) if is_beneath else None

    def get_cookie_path(self, app: Flask) -> str:
        """Return how far the cookie goes."""
        return f"{request.script_root}{self._path}"

    def get_cookie_httponly(self, app: Flask) -> bool:
        """Return that no script may read it."""
        return True

    def get_cookie_secure(self, app: Flask) -> bool:
        """Return whether it came by https, and must go back so."""
        return request.is_secure

    def get_cookie_samesite(self, app: Flask) -> str:
        """Return that no other site's page makes a browser send it."""
        return "Strict"
