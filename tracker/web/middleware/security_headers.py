"""Headers of every response that limit what browsers load, run and frame.

Nothing inline, nothing from other hosts but coin icons, no frames: a script that is injected
through a coin's name does not run. Assets have a policy too, because a worker's is that of its
own script. Which other origins may read responses is CORS's matter, not decided here.
"""

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

UNUSED_FEATURES = (
    "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
    "microphone", "midi", "payment", "usb",
)  # fmt: skip
EVERYWHERE = {"X-Content-Type-Options": "nosniff"}
PAGE = EVERYWHERE | {
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES),
}


def policy(**changes: str) -> str:
    """Return a Content-Security-Policy with *changes* to `ALLOWED`, named with `_` for `-`."""
    rules = ALLOWED | {name.replace("_", "-"): rule for name, rule in changes.items()}
    return "; ".join(f"{name} {rule}" for name, rule in rules.items())


UNFRAMED = {"Content-Security-Policy": policy(), "X-Frame-Options": "DENY"}
FRAMED = {"Content-Security-Policy": policy(frame_ancestors="* file:")}
"""By any page, also one on the reader's own disk, which `*` alone leaves out."""
DATA = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
ASSET = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'"}
"""A worker imports its modules and reads the stream."""

POLICIES: dict[str, dict[str, str]] = {
    "/api/docs/": PAGE | UNFRAMED,
    "/api/": EVERYWHERE | DATA,
    "/assets/": EVERYWHERE | ASSET,
    "/stream/": EVERYWHERE | DATA,
    "/watch/": EVERYWHERE | DATA,
    "/embed/": PAGE | FRAMED,
    "/": PAGE | UNFRAMED,
}
"""By path and everything below it; the first that fits counts."""

HTTPS_ONLY = "max-age=31536000"
"""A year, in seconds; subdomains may be other services."""


def register(app: Flask) -> None:
    """Add the headers to every response of *app*; a view's own values stay."""

    @app.after_request
    def add(response: Response) -> Response:
        path = f"{request.path}/"
        headers = next(POLICIES[below] for below in POLICIES if path.startswith(below))
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers.setdefault("Strict-Transport-Security", HTTPS_ONLY)
        return response
