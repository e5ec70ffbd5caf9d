"""Every login and change, one line each by the logger `tracker.audit`, at INFO or above."""

from __future__ import annotations

import logging

from flask import request

log = logging.getLogger("tracker.audit")

MAX_TEXT = 100
"""Characters kept of a text that a client has sent."""


def note(what: str, *args: object, level: int = logging.INFO) -> None:
    """Log *what* the request's sender did; each `%s` in it is one of *args*."""
    cut = [arg[:MAX_TEXT] if isinstance(arg, str) else arg for arg in args]
    message = what + ", from %s"
    log.log(level, message, *cut, request.remote_addr)
