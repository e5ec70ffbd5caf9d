"""How often an address may ask: counted in Redis, for all web processes together.

Flask-Limiter counts; here it is told what to count, and asked, where that is
wanted. Its own hooks would be part of every request, the stream's too. The window is
fixed: one number per address in Redis, one step per request, and an exact answer to "when
again". At worst, around its end, an address has twice its share; a window that moves would
keep the time of every request for that.

Without Redis each process counts for itself. One that hangs costs a request
`PATIENCE`, once; then it is left alone, and asked again after 1, 2, 4 … s. The trap:
Flask-Limiter counts so for the request that finds Redis gone, and raises for those that
were asking at the same time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

from flask import Flask, request
from flask_limiter import Limiter, RateLimitExceeded
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tracker.config import Settings
from tracker.errors import ConfigError
from tracker.logs.throttle import Repeated
from tracker.messaging.redis_client import connect
from tracker.web.middleware.client_address import client_network

PATIENCE = 0.25
"""Seconds that Redis may take to count."""

MINUTE = 60

log = logging.getLogger(__name__)

logging.getLogger("flask-limiter").addFilter(lambda record: "exceeded" not in record.msg)

Ask = Callable[[], int | None]
"""Counts a request; None, or after how many seconds its sender may ask again."""


class Limits:
    """The limits of one application."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._pool: ConnectionPool | None = None
        with suppress(ConfigError):  # without Redis: a process that serves nobody
            self._pool = connect(
                settings,
                socket_timeout=PATIENCE,
                socket_connect_timeout=PATIENCE,
                retry=Retry(NoBackoff(), 0),
            ).connection_pool
        self._limiter = Limiter(
            client_network,
            storage_uri="redis://" if self._pool else "memory://",
            storage_options={"connection_pool": self._pool} if self._pool else {},  # type: ignore[dict-item]
            strategy="fixed-window",
            in_memory_fallback_enabled=True,
            request_identifier=lambda: request.endpoint or "unmatched",
        )
        self._uncounted = Repeated(log)
        app.extensions["limiter"] = {self._limiter}  # so that it does not add its hooks
        self._limiter.init_app(app)

    def close(self) -> None:
        """Give the connections back; the next count makes new ones."""
        if self._pool:
            self._pool.disconnect()

    def a_minute(self, most: int, what: str, key: Callable[[], str] = client_network) -> Ask:
        """Return what lets *most* requests a minute pass that have the same *key*."""

        def count() -> None:
            """Be counted: what Flask-Limiter decorates."""

        count.__qualname__ = f"count_{what}"
        limited = self._limiter.shared_limit(f"{most}/minute", scope=what, key_func=key)(count)

        def ask() -> int | None:
            try:
                self._count(limited)
            except RateLimitExceeded:
                return self._seconds_left()
            return None

        return ask

    def _count(self, limited: Callable[[], None]) -> None:
        """Call *limited*; who finds Redis gone counts in memory, or is not counted at all.

        Raises `RateLimitExceeded`.
        """
        try:
            try:
                limited()
            except (RedisError, OSError):
                limited()  # in memory: Flask-Limiter knows by now
        except (RedisError, OSError) as error:
            self._uncounted.failed(f"requests cannot be counted, and pass: {error}")

    def _seconds_left(self) -> int:
        """Return the seconds to the end of the window, which the request has used up."""
        try:
            limit = self._limiter.current_limit
            left = limit.reset_at - time.time() if limit else MINUTE
        except Exception:  # noqa: BLE001 - Redis went away just now
            left = MINUTE
        return min(MINUTE, max(1, round(left)))
