"""Rate limits of `/api` and of the admin's passwords, counted in Redis for all web processes.

A fixed window of a minute is one number per client, and says when it ends; around that end a
client has twice its share at worst. While Redis is away each process counts in memory. A Redis
that hangs costs one request `REDIS_TIMEOUT_S`; it is then left alone for 1, 2, 4 … seconds, and
tried by one request. The stream has limits of its own (`tracker.stream.admission`).
"""

import logging
import math
import time
from contextlib import suppress

from flask import Flask, Response, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import ConnectionPool
from redis.exceptions import RedisError, ResponseError

from tracker.config import Settings
from tracker.errors import ConfigError
from tracker.logs.throttle import FailureLog
from tracker.messaging.redis_client import connect
from tracker.services import services
from tracker.web.middleware.client_address import client_network
from tracker.web.middleware.problem_details import problem

PATH = "/api/"
REDIS_TIMEOUT_S = 0.25
MAX_PAUSE_S = 32.0
"""The longest time for which a failing Redis is left alone."""
WINDOW_S = 60

log = logging.getLogger(__name__)


class RateLimits:
    """The counts of one application."""

    def __init__(self, settings: Settings) -> None:
        self._memory = FixedWindowRateLimiter(MemoryStorage())
        self._pool: ConnectionPool | None = None
        self._redis: FixedWindowRateLimiter | None = None
        with suppress(ConfigError):  # without a REDIS_URL: a process that serves no requests
            self._pool = connect(settings, timeout_s=REDIS_TIMEOUT_S).connection_pool
            storage = RedisStorage("redis://", connection_pool=self._pool)
            self._redis = FixedWindowRateLimiter(storage)
        self._failures = 0
        self._redis_again_at = 0.0
        self._log = FailureLog(log)

    def close(self) -> None:
        """Close the connections; the next count opens new ones."""
        if self._pool:
            self._pool.disconnect()

    def hit(self, per_minute: int, *key: str) -> int | None:
        """Count a request of *key*.

        Returns None, or where the key has had *per_minute* the seconds to the window's end.
        """
        if self._redis and self._may_use_redis():
            try:
                wait_s = _hit_anew(self._redis, per_minute, key)
            except (RedisError, OSError) as error:
                if time.monotonic() >= self._redis_again_at:  # else another request noticed first
                    self._leave_redis_alone()
                self._log.failed(f"requests are counted in memory, as Redis fails: {error}")
            else:
                self._failures, self._redis_again_at = 0, 0.0
                self._log.recovered("requests are counted in Redis again")
                return wait_s
        return _hit(self._memory, per_minute, key)

    def _may_use_redis(self) -> bool:
        if time.monotonic() < self._redis_again_at:
            return False
        if self._failures:
            self._leave_redis_alone()  # by all but this request, which tries
        return True

    def _leave_redis_alone(self) -> None:
        self._redis_again_at = time.monotonic() + min(MAX_PAUSE_S, 2.0**self._failures)
        self._failures += 1


def _hit(limiter: FixedWindowRateLimiter, per_minute: int, key: tuple[str, ...]) -> int | None:
    item = RateLimitItemPerMinute(per_minute)
    if limiter.hit(item, *key):
        return None
    left_s = limiter.get_window_stats(item, *key).reset_time - time.time()
    return min(WINDOW_S, max(1, math.ceil(left_s)))


def _hit_anew(limiter: FixedWindowRateLimiter, per_minute: int, key: tuple[str, ...]) -> int | None:
    """As `_hit`, also where something else has written to the key what is no count."""
    try:
        return _hit(limiter, per_minute, key)
    except ResponseError as error:
        if type(error) is not ResponseError:  # its subclasses are of Redis, as that it is full
            raise
        limiter.clear(RateLimitItemPerMinute(per_minute), *key)
        return _hit(limiter, per_minute, key)


def register(app: Flask) -> None:
    """Limit the requests for *app*'s API from one network, as its settings say."""
    per_minute = services(app).settings.rate_limit
    if not per_minute:
        return

    @app.before_request
    def count() -> Response | None:
        if not request.path.startswith(PATH) or request.method == "OPTIONS":
            return None  # a preflight is the browser's doing, not the page's
        network = client_network()
        wait_s = services().rate_limits.hit(per_minute, "api", network)
        if wait_s is None:
            return None
        detail = (
            f"{network} has sent {per_minute} requests within a minute, which is the limit; "
            f"try again in {wait_s} s, or read /stream, which sends each change by itself"
        )
        return problem(429, detail, Retry_After=str(wait_s), Cache_Control="no-store")
