"""The feed: the Redis channel on which the worker publishes each tick.

Redis has one channel of a name for all its databases, so the number is in the name.

The trap: a subscription can be connected and silent (a half-open socket, a
proxy that forgot it). So each listener sends messages to itself and trusts the
feed only while they come back. `listen` says when messages may have been lost;
finding them is the listener's task.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import simplejson
from redis.client import PubSub
from redis.exceptions import RedisError

from tracker.config import Settings
from tracker.errors import MessageError
from tracker.logs.context import valid_or_new_id
from tracker.logs.throttle import FailureLog
from tracker.market.freshness import SourceState
from tracker.market.quotes import TickJson
from tracker.market.rates import Rates
from tracker.messaging.redis_client import RedisUser, backoff, number_of
from tracker.times import checked_ms, now_ms

PROBE_EVERY_S = 10.0
"""Time between two messages of a listener to itself."""
PROBE_TIMEOUT_S = 5.0
"""Time within which such a message must come back."""
SILENCE_S = 1.0
"""Time without a message after which `listen` yields all the same."""
_TICK = ', "tick": '
"""What the tick's JSON stands behind in a message: no JSON text can hold it unescaped."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What is published after a refresh: the source's *state*, and the *tick* if it is new.

    *previous* is the id of the tick before it, so that a listener sees a gap. *rates* are the
    exchange rates, if they are new.
    *published_at* is in unix milliseconds by the publisher's clock; *run* is
    the id of the job's run, for the log. *installation* is the id of the database that has it.
    """

    state: SourceState
    tick: TickJson | None = None
    previous: int | None = None
    rates: Rates | None = None
    published_at: int | None = field(default=None, compare=False)
    run: str | None = field(default=None, compare=False)
    installation: str | None = field(default=None, compare=False)

    def to_json(self) -> str:
        """Return the message as published: JSON that ends with the tick's own text."""
        body = {
            "health": self.state.to_dict(),
            "previous": self.previous,
            "published_at": self.published_at,
            "run": self.run,
            "installation": self.installation,
        }
        rates = {"rates": simplejson.RawJSON(self.rates.to_json())} if self.rates else {}
        head = simplejson.dumps(body | rates)
        return f"{head[:-1]}{_TICK}{self.tick.text if self.tick else 'null'}}}"

    @classmethod
    def from_json(cls, data: bytes) -> Message:
        """Return the message in *data*. Raises `MessageError`."""
        try:
            head, _, tick = data.decode().partition(_TICK)
            body = simplejson.loads(head + "}", use_decimal=True)
            previous, published_at = body["previous"], body.get("published_at")
            return cls(
                state=SourceState.from_dict(body["health"]),
                tick=None if tick == "null}" else TickJson.from_text(tick[:-1]),
                previous=None if previous is None else checked_ms(previous),
                rates=Rates.from_dict(body["rates"]) if body.get("rates") else None,
                published_at=None if published_at is None else checked_ms(published_at),
                run=valid_or_new_id(body["run"]) if body.get("run") else None,
                installation=body.get("installation"),
            )
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise MessageError(f"not a message of the feed: {data[:200]!r}") from error


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """A *message*, or None for silence.

    Unless *gapless*, messages may have been lost since the event before. Not
    *connected* means that Redis cannot be reached.
    """

    message: Message | None = None
    gapless: bool = False
    connected: bool = True


class Feed(RedisUser):
    """The channel of the settings' market."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lost = FailureLog(log)
        self._malformed = FailureLog(log)
        self._unpublished = FailureLog(log)
        self.connections = 0
        """How often a subscription began to deliver."""
        self.proved_at: float | None = None
        """When a message to itself last came back, in monotonic seconds; None while lost."""

    @cached_property
    def channel(self) -> str:
        """Its name. Raises `ConfigError` if no Redis is set."""
        return f"tracker:{number_of(self._redis)}:{self._settings.market}"

    def publish(self, message: Message) -> None:
        """Publish *message*, stamped with the time.

        Without Redis the web finds in the database what was saved, and the log has a line.
        """
        try:
            self._redis.publish(self.channel, replace(message, published_at=now_ms()).to_json())
        except (RedisError, OSError) as error:
            self._unpublished.failed(f"saved, but not published: {error}")
        else:
            self._unpublished.recovered("what is saved is published again")

    def listen(self) -> Iterator[FeedEvent]:
        """Yield messages, and silence at least every `SILENCE_S`, for ever.

        Survives whatever Redis does: it reconnects, at growing and jittered
        intervals, and the first event after each (re)connection is not gapless.
        """
        failures = 0
        while True:
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    received = self._received(pubsub)
                    next(received)
                    if self.connections == 0:
                        log.info("subscribed to the feed on %s", self.channel)
                    self._lost.recovered("the feed delivers again")
                    self.connections += 1
                    yield FeedEvent()
                    for data in received:
                        failures = 0
                        yield self._event(data)
            except (RedisError, OSError) as error:
                self.proved_at = None
                self._lost.failed(f"feed lost, prices now come from the database: {error}")
                failures += 1
            retry_at = time.monotonic() + backoff(failures)
            while (left := retry_at - time.monotonic()) > 0:
                yield FeedEvent(connected=False)
                time.sleep(min(SILENCE_S, left))

    def _received(self, pubsub: PubSub) -> Iterator[bytes | None]:
        """Subscribe; yield None once it delivers, then each message, and None for silence.

        Messages to itself, probes, prove that it delivers. Raises `TimeoutError` if one does not
        come back.
        """
        own = f"{self.channel}:probe:{uuid.uuid4().hex}"
        pubsub.subscribe(self.channel, own)
        self.proved_at = probe_sent_at = None
        while True:
            now = time.monotonic()
            if probe_sent_at is None:
                if self.proved_at is None or now - self.proved_at >= PROBE_EVERY_S:
                    self._redis.publish(own, b"")
                    probe_sent_at = now
            elif now - probe_sent_at > PROBE_TIMEOUT_S:
                raise TimeoutError("the subscription is connected, but delivers nothing")
            found = pubsub.get_message(timeout=SILENCE_S)
            if found is not None and found["channel"] == own.encode():
                self.proved_at, probe_sent_at, found = time.monotonic(), None, None
            if self.proved_at is not None:
                yield found and found["data"]

    def _event(self, data: bytes | None) -> FeedEvent:
        if data is None:
            return FeedEvent(gapless=True)
        try:
            return FeedEvent(Message.from_json(data), gapless=True)
        except MessageError as error:
            self._malformed.failed(f"{error}: reading the database instead", key="malformed")
            return FeedEvent()
