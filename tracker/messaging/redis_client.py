"""How Redis is reached: the client that the settings name, and how long to wait for it."""

import random
from functools import cached_property
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tracker.config import Settings

MAX_BACKOFF = 10.0
"""Seconds between two attempts to reach Redis, at most."""


def connect(settings: Settings, *, timeout_s: float | None = None, **options: Any) -> Redis:
    """Return a client of the settings' Redis; it connects when first used.

    With *timeout_s* each call is tried once and waited for so long. *options* are those of
    `redis.Redis`. Heroku's `rediss://` has a certificate signed by itself, so none is checked.
    Raises `ConfigError` if no Redis is set.
    """
    url = settings.known_redis_url
    if url.startswith("rediss://"):
        options["ssl_cert_reqs"] = None
    if timeout_s is not None:
        options |= {"socket_timeout": timeout_s, "socket_connect_timeout": timeout_s}
        options["retry"] = Retry(NoBackoff(), 0)
    return Redis.from_url(url, **options)


def number_of(connection: Redis) -> int:
    """Return the number of the database that *connection* leads to."""
    return int(connection.connection_pool.connection_kwargs.get("db") or 0)


class RedisUser:
    """Has a client of the settings' Redis, made when first used. *options* are `connect`'s."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self._settings = settings
        self._options = options

    @cached_property
    def _redis(self) -> Redis:
        return connect(self._settings, **self._options)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        if "_redis" in self.__dict__:
            self._redis.close()


def backoff(failures: int) -> float:
    """Return how many seconds to wait after *failures* in a row: growing, and never in step."""
    wait = min(MAX_BACKOFF, 0.25 * (1 << min(failures, 10)))
    return wait * random.uniform(0.5, 1)  # noqa: S311 - no secret
