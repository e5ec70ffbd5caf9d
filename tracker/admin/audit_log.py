"""Who did what, in the log: one line each by the logger `tracker.audit`, at INFO or above."""

from __future__ import annotations

import logging

from flask import request

log = logging.getLogger("tracker.audit")

LONGEST = 100
"""Characters of what somebody else has written."""


def note(what: str, *args: object, level: int = logging.INFO) -> None:
    """Log that the request's sender did *what*, in which `%s` stands for each of *args*."""
    cut = [arg[:LONGEST] if isinstance(arg, str) else arg for arg in args]
    message = what + ", from %s"
    log.log(level, message, *cut, request.remote_addr)
