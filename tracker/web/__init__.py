"""Pages and API. Views are thin: each parses, calls and returns."""

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask
from flask.sessions import SessionInterface

from tracker.services import services
from tracker.web.api import docs, history, operations, prices, rates, stream, values
from tracker.web.middleware import (
    client_address,
    compression,
    cors,
    problem_details,
    rate_limit,
    request_metrics,
    security_headers,
    static_files,
)
from tracker.web.pages import coin, cryptos, embed, site_files, watch

SHOW_PRICES = tuple(
    one.blueprint for one in (cryptos, coin, embed, prices, values, rates, history, stream, watch)
)
"""Their views need a relay that has started."""
WITHOUT_PRICES = (
    static_files.blueprint, site_files.blueprint, docs.blueprint,
    operations.health, operations.metrics,
)  # fmt: skip


def _start_relay() -> None:
    """Start the relay for the first request that needs it; under gunicorn it has started."""
    services().relay.start()


for _blueprint in SHOW_PRICES:
    _blueprint.before_request(_start_relay)


class NoSessions(SessionInterface):
    """No sessions: Flask's own would cost a tenth of a request, and send `Vary: Cookie`."""

    def open_session(self, *_: Any) -> None:
        """Open none."""

    def save_session(self, *_: Any) -> None:
        """Save none."""


def register(app: Flask, blueprints: Iterable[Blueprint] = (*SHOW_PRICES, *WITHOUT_PRICES)) -> None:
    """Add to *app* the views of *blueprints*, and what applies to all requests."""
    app.session_interface = NoSessions()
    client_address.trust_proxies(app, services(app).settings.trusted_proxies)
    request_metrics.register(app)
    compression.register(app)
    security_headers.register(app)
    cors.register(app)
    rate_limit.register(app)
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    problem_details.register(app)
