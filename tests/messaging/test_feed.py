"""The feed, over a real Redis that is restarted, cuts its clients off, or goes deaf."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis, RedisError

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.support.proxy import Proxy
from tests.support.tools import quote
from tracker.config import Settings
from tracker.errors import ConfigError, MessageError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Tick, TickJson
from tracker.messaging import feed as module
from tracker.messaging import redis_client
from tracker.messaging.feed import Feed, FeedEvent, Message
from tracker.messaging.redis_client import MAX_BACKOFF, backoff, connect

TICK = Tick(id=1_795_413_247_352, currency="usd", source="simulated", quotes=(quote(),))
MESSAGE = Message(SourceState(fresh_at=TICK.id), TickJson.of_tick(TICK), previous=TICK.id - 60_000)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.3)
    monkeypatch.setattr(module, "PROBE_TIMEOUT_S", 0.5)
    monkeypatch.setattr(redis_client, "MAX_BACKOFF", 0.2)


FeedOf = Callable[..., Feed]
Listen = Callable[[Feed], Iterator[FeedEvent]]


@pytest.fixture
def feed_of() -> Iterator[FeedOf]:
    """Return a maker of feeds, by the URL of their Redis; all are closed at the end."""
    made = []

    def make(url: str, **market: Any) -> Feed:
        made.append(Feed(Settings(redis_url=url, **{"source": "simulated", **market})))
        return made[-1]

    yield make
    for feed in made:
        feed.close()


@pytest.fixture
def feed(redis_server: EmbeddedRedis, feed_of: FeedOf) -> Feed:
    return feed_of(redis_server.url)


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Return what subscribes, and takes the first event; all hang up at the end."""
    begun = []

    def begin(feed: Feed) -> Iterator[FeedEvent]:
        events: Any = feed.listen()
        begun.append(events)
        next(events)
        return iter(events)

    yield begin
    for events in begun:
        events.close()


def first(events: Iterator[FeedEvent], wanted: Callable[[FeedEvent], bool]) -> FeedEvent:
    """Return the first of *events* that is *wanted*."""
    deadline = time.monotonic() + 20
    for event in events:
        if wanted(event):
            return event
        assert time.monotonic() < deadline, "not in time"
    raise AssertionError("the feed ended")


def is_message(event: FeedEvent) -> bool:
    return event.message is not None


def is_gapless(event: FeedEvent) -> bool:
    return event.gapless


def has_gap(event: FeedEvent) -> bool:
    return not event.gapless


def is_connected(event: FeedEvent) -> bool:
    return event.connected


class TestListen:
    def test_the_first_event_is_not_gapless(self, feed: Feed) -> None:
        events: Any = feed.listen()
        assert next(events) == FeedEvent(None, gapless=False, connected=True)
        events.close()

    def test_messages_of_the_market_come_as_they_were_published(
        self, feed: Feed, listen: Listen, feed_of: FeedOf, redis_server: EmbeddedRedis
    ) -> None:
        events = listen(feed)
        for other in ({"currency": "eur"}, {"source": "coingecko"}):
            feed_of(redis_server.url, **other).publish(Message(SourceState(fresh_at=1)))
        feed.publish(MESSAGE)
        assert first(events, is_message) == FeedEvent(MESSAGE, gapless=True)

    def test_silence_is_gapless_while_probes_come_back(self, feed: Feed, listen: Listen) -> None:
        events = listen(feed)
        began_at = proved_at = feed.proved_at
        while proved_at == began_at:
            assert next(events) == FeedEvent(gapless=True)
            proved_at = feed.proved_at

    @pytest.mark.parametrize(
        "malformed", ["", "pling", "[]", '{"tick": {}, "health": {}, "previous": null}', b"\xff"]
    )
    def test_a_malformed_message_is_a_gap_and_no_end(
        self, feed: Feed, listen: Listen, malformed: str | bytes, redis_server: EmbeddedRedis
    ) -> None:
        events = listen(feed)
        with Redis.from_url(redis_server.url) as other:
            other.publish(feed.channel, malformed)
        assert first(events, has_gap) == FeedEvent(None, connected=True)
        feed.publish(MESSAGE)
        assert first(events, is_message).message == MESSAGE


class TestTrouble:
    def test_after_a_restart_of_redis_the_first_event_is_not_gapless(
        self, own_redis: EmbeddedRedis, listen: Listen, feed_of: FeedOf
    ) -> None:
        feed = feed_of(own_redis.url)
        events = listen(feed)
        own_redis.kill()
        gap = first(events, lambda event: not event.connected)
        assert gap == FeedEvent(None, gapless=False, connected=False)
        assert next(events) == gap
        own_redis.start()
        assert first(events, is_connected) == FeedEvent(None, gapless=False)
        feed.publish(MESSAGE)
        assert first(events, is_message).message == MESSAGE

    def test_a_cut_connection_is_made_again_after_a_gap(
        self, feed: Feed, listen: Listen, redis_server: EmbeddedRedis
    ) -> None:
        events = listen(feed)
        with Redis.from_url(redis_server.url) as other:
            assert other.client_kill_filter(_type="pubsub") == 1
        assert not first(events, has_gap).message
        first(events, is_connected)
        feed.publish(MESSAGE)
        assert first(events, is_message).message == MESSAGE

    def test_a_connection_that_goes_deaf_is_noticed(
        self, own_redis: EmbeddedRedis, listen: Listen, feed_of: FeedOf
    ) -> None:
        """Both sides still count it as connected, and nothing comes through."""
        assert own_redis.port
        with Proxy(own_redis.port) as proxy:
            events = listen(feed_of(f"redis://127.0.0.1:{proxy.port}?socket_timeout=0.5"))
            first(events, is_gapless)
            proxy.swallow()
            assert not first(events, has_gap).message
            proxy.mend()
            first(events, is_gapless)

    def test_a_subscription_that_goes_deaf_alone_is_noticed(
        self, own_redis: EmbeddedRedis, listen: Listen, feed_of: FeedOf
    ) -> None:
        """The probes go out well, over another connection; only none comes back."""
        assert own_redis.port
        with Proxy(own_redis.port) as proxy:
            events = listen(feed_of(f"redis://127.0.0.1:{proxy.port}"))
            first(events, is_gapless)
            proxy.silence(0)
            assert not first(events, has_gap).message
            first(events, is_gapless)

    def test_publishing_without_redis_fails(self, feed_of: FeedOf) -> None:
        with pytest.raises(RedisError):
            feed_of(f"redis://127.0.0.1:{free_port()}").publish(MESSAGE)

    def test_the_waits_grow_and_end_at_the_limit_for_ever(self) -> None:
        assert 0 < backoff(1) <= 0.5
        assert all(0 < backoff(failures) <= MAX_BACKOFF for failures in (10, 100, 10_000))


class TestMessage:
    def test_a_message_comes_back_as_it_went(self) -> None:
        failure = Message(SourceState(failing_since=5, reason="“down”\n"))
        for message in (MESSAGE, failure, Message(SourceState())):
            assert Message.from_json(message.to_json().encode()) == message

    @given(st.binary() | st.text().map(str.encode))
    def test_no_text_is_more_than_a_wrong_message(self, text: bytes) -> None:
        with pytest.raises(MessageError):
            Message.from_json(text)

    @pytest.mark.parametrize(
        ("ours", "wrong"),
        [
            (f'"id":{TICK.id}', '"id":1e999999999'),
            (f'"id":{TICK.id}', '"id":253402300800000'),
            (f'"id":{TICK.id}', '"id":true'),
            ('"id":"bitcoin"', '"id":[]'),
            ('"rank":1', '"rank":"first"'),
            ('"price":97012.5', '"price":"97012.5"'),
            ('"price":97012.5', '"price":1e41'),
            ('"direction":"same"', '"direction":"left"'),
            ('"updated_at":null', '"updated_at":"9999-12-31T23:59:59.9999Z"'),
            (f'"previous": {MESSAGE.previous}', '"previous": Infinity'),
            (f'"fresh_at": {TICK.id}', '"fresh_at": "now"'),
            ('"reason": null', '"reason": 7'),
            ('"health": {', '"health": {"mood": "good", '),
            ('"currency"', '"wording"'),
            ('"quotes":[', '"quotes":' + "[" * 100_000),
        ],
    )
    def test_a_wrong_field_is_a_wrong_message(self, ours: str, wrong: str) -> None:
        """So that no web process takes in what would end it later."""
        text = MESSAGE.to_json()
        assert ours in text
        with pytest.raises(MessageError):
            Message.from_json(text.replace(ours, wrong).encode())

    def test_a_message_of_an_older_worker_is_understood(self) -> None:
        """Its words in full: they must not change while versions replace each other."""
        tick = TICK.to_json()
        text = (
            '{"health": {"fresh_at": 1, "fresh_since": 1, "failing_since": null, "failures": 0,'
            ' "reason": "\\", \\"tick\\": {", "attempted_at": 1, "next_attempt_at": 2,'
            f' "barred_until": 3, "etag": "x"}}, "previous": 5, "tick": {tick}}}'
        )
        message = Message.from_json(text.encode())
        assert message.state.not_before == 3
        assert message.state.reason == '", "tick": {'
        assert message.tick
        assert (message.tick.text, message.tick.tick, message.previous) == (tick, TICK, 5)


class TestConnect:
    def test_without_a_url_the_error_says_what_to_set(self) -> None:
        with pytest.raises(ConfigError, match="REDIS_URL is not set; accepted: redis://"):
            connect(Settings())

    def test_a_certificate_signed_by_itself_is_taken(self) -> None:
        """As Heroku's are."""
        with connect(Settings(redis_url="rediss://localhost:1")) as client:
            assert client.connection_pool.connection_kwargs["ssl_cert_reqs"] is None

    def test_a_socket_file_is_taken(self) -> None:
        with connect(Settings(redis_url="unix:///run/redis.sock")) as client:
            assert client.connection_pool.connection_kwargs["path"] == "/run/redis.sock"
