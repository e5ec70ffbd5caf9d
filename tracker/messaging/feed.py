"""The feed: the Redis channel on which a worker rings the bell of each tick.

The trap: a subscription can be connected and silent (a half-open socket, a
proxy that forgot it). So each listener sends messages to itself and trusts the
feed only while they come back. What may have been missed meanwhile is for the
listener to look up: `listen` says when, and does not know where.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import simplejson
from redis import Redis
from redis.exceptions import RedisError

from tracker.config import Settings
from tracker.errors import MessageError
from tracker.logs.context import sane_id
from tracker.logs.throttle import Repeated
from tracker.market.freshness import Health
from tracker.market.quotes import Tick
from tracker.messaging.redis_client import backoff, connect
from tracker.times import checked_ms, now_ms

PROBE_EVERY = 10.0
"""Seconds between two messages of a listener to itself."""
PROBE_LIMIT = 5.0
"""Seconds within which such a message must come back."""
PAUSE = 1.0
"""Seconds of silence after which a listener is given the word."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What is told after a refresh: the *tick* if there is a new one.

    *previous* is the id of the tick before it, so that a listener sees a gap.
    *published_at*, unix milliseconds, is by the publisher's clock; *run* is the
    id of the job's run, for the log. Neither is part of what is told.
    """

    health: Health
    tick: Tick | None = None
    previous: int | None = None
    published_at: int | None = field(default=None, compare=False)
    run: str | None = field(default=None, compare=False)

    def to_json(self) -> str:
        """Return the message as published."""
        tick = self.tick.to_json() if self.tick else "null"
        rest = simplejson.dumps(
            {
                "health": self.health.to_dict(),
                "previous": self.previous,
                "published_at": self.published_at,
                "run": self.run,
            }
        )
        return f'{rest[:-1]}, "tick": {tick}}}'

    @classmethod
    def from_json(cls, text: bytes) -> Message:
        """Return the message in *text*. Raises `MessageError`."""
        try:
            body = simplejson.loads(text, use_decimal=True)
            tick, previous = body["tick"], body["previous"]
            published_at, run = body.get("published_at"), body.get("run")  # older workers: none
            return cls(
                health=Health.from_dict(body["health"]),
                tick=None if tick is None else Tick.from_dict(tick),
                previous=None if previous is None else checked_ms(previous),
                published_at=None if published_at is None else checked_ms(published_at),
                run=None if run is None else sane_id(run),
            )
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise MessageError(f"not a message of the feed: {text[:200]!r}") from error


@dataclass(frozen=True, slots=True)
class Heard:
    """One word from the feed: a *message*, or None for silence.

    *sure* is False when messages may have been missed since the word before,
    *connected* when Redis cannot be reached.
    """

    message: Message | None = None
    sure: bool = False
    connected: bool = True


class Feed:
    """The channel of the settings' market."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.channel = f"tracker:{settings.market}"
        self._lost = Repeated(log)
        self._garbled = Repeated(log)
        self.connections = 0
        """How often a subscription began to deliver."""
        self.proved_at: float | None = None
        """When a message to itself last came back, in monotonic seconds; None while lost."""

    @cached_property
    def _redis(self) -> Redis:
        return connect(self._settings)

    def close(self) -> None:
        """Give the connections back; the next call makes new ones."""
        if "_redis" in self.__dict__:
            self._redis.close()
            del self._redis

    def publish(self, message: Message) -> None:
        """Ring the bell. Raises `redis.RedisError`."""
        stamped = replace(message, published_at=now_ms())
        self._redis.publish(self.channel, stamped.to_json())

    def listen(self) -> Iterator[Heard]:
        """Yield what is heard, and silence at least every `PAUSE`, for ever.

        Survives whatever Redis does: it reconnects, at growing and jittered
        intervals, and the first word after each (re)connection is not sure.
        """
        failures = 0
        while True:
            try:
                with _Subscription(self._redis, self.channel) as subscription:
                    self._has_begun(subscription)
                    yield Heard()
                    for text in subscription.texts():
                        failures = 0
                        self.proved_at = subscription.proved_at
                        yield self._heard(text)
            except (RedisError, OSError, TimeoutError) as error:
                self.proved_at = None
                self._lost.failed(f"feed lost, prices now come from the database: {error}")
                failures += 1
            yield from _wait_for_redis(failures)

    def _has_begun(self, subscription: _Subscription) -> None:
        if self.connections == 0:
            log.info("feed is heard on %s", self.channel)
        self._lost.over("feed is heard again")
        self.connections += 1
        self.proved_at = subscription.proved_at

    def _heard(self, text: bytes | None) -> Heard:
        if text is None:
            return Heard(sure=True)
        try:
            return Heard(Message.from_json(text), sure=True)
        except MessageError as error:
            self._garbled.failed(f"{error}: the database is asked instead", key="garbled")
            return Heard()


class _Subscription:
    """A subscription that proves, by messages to itself, that it delivers."""

    def __init__(self, redis: Redis, channel: str) -> None:
        self._redis = redis
        self._channel = channel
        self._own = f"{channel}:probe:{uuid.uuid4().hex}"
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)
        self._probe_sent_at: float | None = None
        self.proved_at = -PROBE_EVERY
        """When the last probe came back, in monotonic seconds."""

    def __enter__(self) -> _Subscription:
        self._pubsub.subscribe(self._channel, self._own)
        self._prove()
        while self._probe_sent_at is not None:
            self._receive()
            self._prove()
        return self

    def __exit__(self, *exc: object) -> None:
        self._pubsub.close()

    def texts(self) -> Iterator[bytes | None]:
        """Yield each message's text, and None for silence, until the subscription fails."""
        while True:
            yield self._receive()
            self._prove()

    def _receive(self) -> bytes | None:
        """Return the next message's text, or None after `PAUSE` or a probe."""
        found = self._pubsub.get_message(timeout=PAUSE)
        if found is None:
            return None
        if found["channel"] == self._own.encode():
            self._probe_sent_at, self.proved_at = None, time.monotonic()
            return None
        data: bytes = found["data"]
        return data

    def _prove(self) -> None:
        """Send a probe when one is due. Raises `TimeoutError` if the last did not return."""
        now = time.monotonic()
        if self._probe_sent_at is None:
            if now - self.proved_at >= PROBE_EVERY:
                self._redis.publish(self._own, b"")
                self._probe_sent_at = now
        elif now - self._probe_sent_at > PROBE_LIMIT:
            raise TimeoutError("the subscription is connected, but delivers nothing")


def _wait_for_redis(failures: int) -> Iterator[Heard]:
    """Yield doubtful silence until it is time to try again."""
    ends_at = time.monotonic() + backoff(failures)
    while (left := ends_at - time.monotonic()) > 0:
        yield Heard(connected=False)
        time.sleep(min(PAUSE, left))
