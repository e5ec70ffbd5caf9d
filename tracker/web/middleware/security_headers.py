"""What browsers are told to refuse, with every answer.

Nothing inline, nothing from elsewhere but coin icons, no frames: a script that
somebody smuggles in through a coin's name does not run. `POLICIES` is the one
table; a room that needs another policy gets a line in it. The assets have one as well,
because a worker's policy is that of its own script; what means something to pages only
is left out there: a first view has dozens of them.

Nothing here keeps other origins from reading: what they may read is CORS's.
"""

from __future__ import annotations

from flask import Flask, Response, request

ALLOWED = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: https:",
    "connect-src": "'self'",
    "worker-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""What a page may load, and who may frame it: Content-Security-Policy, level 3."""

EVERYWHERE = {"X-Content-Type-Options": "nosniff"}
PAGE = EVERYWHERE | {
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer", "camera", "display-capture", "geolocation", "gyroscope",
            "magnetometer", "microphone", "midi", "payment", "usb",
        )
    ),
}  # fmt: skip


def policy(**changes: str) -> str:
    """Return a Content-Security-Policy with *changes* to `ALLOWED`, named with `_` for `-`."""
    rules = ALLOWED | {name.replace("_", "-"): rule for name, rule in changes.items()}
    return "; ".join(f"{name} {rule}" for name, rule in rules.items())


UNFRAMED = {"Content-Security-Policy": policy(), "X-Frame-Options": "DENY"}
FRAMED = {"Content-Security-Policy": policy(frame_ancestors="* file:")}
"""Any page, one on the reader's own disk too, which `*` alone leaves out."""
DATA = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
ASSET = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'"}
"""What a worker does: import its modules, and read the stream."""

POLICIES: dict[str, dict[str, str]] = {
    "/api": EVERYWHERE | DATA,
    "/assets": EVERYWHERE | ASSET,
    "/api/docs": PAGE | UNFRAMED,
    "/stream": EVERYWHERE | DATA,
    "/embed": PAGE | FRAMED,
}
"""By how paths begin, the longest first; all others have `OTHERWISE`."""
OTHERWISE = PAGE | UNFRAMED

HTTPS_ONLY = "max-age=31536000"
"""A year; of its subdomains a tracker knows nothing."""


def headers_of(path: str) -> dict[str, str]:
    """Return the headers of the longest path in `POLICIES` that *path* is or is below."""
    while path:
        if path in POLICIES:
            return POLICIES[path]
        path = path.rpartition("/")[0]
    return OTHERWISE


def register(app: Flask) -> None:
    """Let every answer of *app* have its headers; what a view has set stays."""

    @app.after_request
    def add(response: Response) -> Response:
        for name, value in headers_of(request.path).items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", HTTPS_ONLY)
        return response
