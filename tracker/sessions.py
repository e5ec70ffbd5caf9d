"""No sessions: nobody logs in here, so no cookie is read, made or signed.

Flask's own would prepare one for every request, a tenth of what a reader costs
when it comes.
"""

from __future__ import annotations

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin


class NoSessions(SessionInterface):
    """Flask's session interface without sessions."""

    def open_session(self, app: Flask, request: Request) -> None:
        """Open none: Flask then gives one that cannot be written to."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save none."""
