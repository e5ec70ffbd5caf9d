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
from tests.support.tools import DeafProxy, quote
from tracker.config import Settings
from tracker.errors import ConfigError, MessageError
from tracker.market.freshness import SourceState, status
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


@pytest.fixture
def feed_of() -> Iterator[FeedOf]:
    """Return a maker of feeds, by the URL of their Redis; all are closed at the end."""
    made = []

    def make(url: str, **market: Any) -> Feed:
        market = {"source": "simulated"} | market
        made.append(Feed(Settings(redis_url=url, **market)))
        return made[-1]

    yield make
    for feed in made:
        feed.close()


@pytest.fixture
def feed(redis_server: EmbeddedRedis, feed_of: FeedOf) -> Feed:
    return feed_of(redis_server.url)


Listen = Callable[[Feed], Iterator[FeedEvent]]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Return what begins to listen, and hang up at the end."""
    begun = []

    def begin(feed: Feed) -> Iterator[FeedEvent]:
        words: Any = feed.listen()
        begun.append(words)
        return iter(words)

    yield begin
    for words in begun:
        words.close()


def hear(
    words: Iterator[FeedEvent], wanted: Callable[[FeedEvent], bool], timeout: float = 10
) -> FeedEvent:
    """Return the first of *words* that is *wanted*."""
    deadline = time.monotonic() + timeout
    for heard in words:
        if wanted(heard):
            return heard
        assert time.monotonic() < deadline, "not heard in time"
    raise AssertionError("the feed ended")


def is_message(heard: FeedEvent) -> bool:
    return heard.message is not None


def is_sure(heard: FeedEvent) -> bool:
    return heard.gapless


def is_away(heard: FeedEvent) -> bool:
    return not heard.connected


class TestListen:
    def test_the_first_word_is_not_sure(self, feed: Feed, listen: Listen) -> None:
        assert next(listen(feed)) == FeedEvent(None, gapless=False, connected=True)

    def test_what_is_published_is_heard(self, feed: Feed, listen: Listen) -> None:
        words = listen(feed)
        next(words)
        feed.publish(MESSAGE)
        assert hear(words, is_message) == FeedEvent(MESSAGE, gapless=True)

    def test_silence_is_heard_at_least_every_pause(self, feed: Feed, listen: Listen) -> None:
        words = listen(feed)
        next(words)
        began_at = time.monotonic()
        assert [next(words) for _ in range(5)] == [FeedEvent(gapless=True)] * 5
        assert time.monotonic() - began_at < 5 * module.SILENCE_S + 1

    def test_silence_with_probes_stays_sure(self, feed: Feed, listen: Listen) -> None:
        words = listen(feed)
        next(words)
        ends_at = time.monotonic() + 3 * module.PROBE_EVERY_S
        while time.monotonic() < ends_at:
            assert next(words) == FeedEvent(gapless=True)

    @pytest.mark.parametrize(
        "garbage", ["", "pling", "[]", '{"tick": {}, "health": {}, "previous": null}', b"\xff"]
    )
    def test_garbage_makes_unsure_and_is_no_end(
        self, feed: Feed, listen: Listen, garbage: str | bytes, redis_server: EmbeddedRedis
    ) -> None:
        words = listen(feed)
        next(words)
        with Redis.from_url(redis_server.url) as other:
            other.publish(feed.channel, garbage)
        assert hear(words, lambda heard: not heard.gapless) == FeedEvent(None, connected=True)
        feed.publish(MESSAGE)
        assert hear(words, is_message).message == MESSAGE

    def test_another_market_is_not_heard(
        self, feed: Feed, listen: Listen, feed_of: FeedOf, redis_server: EmbeddedRedis
    ) -> None:
        words = listen(feed)
        next(words)
        for other in ({"currency": "eur"}, {"source": "coingecko"}):
            feed_of(redis_server.url, **other).publish(Message(SourceState(fresh_at=1)))
        feed.publish(MESSAGE)
        assert hear(words, is_message).message == MESSAGE


class TestTrouble:
    def test_after_a_restart_of_redis_the_first_word_is_not_sure(
        self, own_redis: EmbeddedRedis, listen: Listen, feed_of: FeedOf
    ) -> None:
        feed = feed_of(own_redis.url)
        words = listen(feed)
        next(words)
        own_redis.kill()
        assert hear(words, is_away) == FeedEvent(None, gapless=False, connected=False)
        own_redis.start()
        assert hear(words, lambda heard: heard.connected) == FeedEvent(None, gapless=False)
        feed.publish(MESSAGE)
        assert hear(words, is_message).message == MESSAGE

    def test_a_cut_connection_is_made_again_and_the_gap_told(
        self, feed: Feed, listen: Listen, redis_server: EmbeddedRedis
    ) -> None:
        words = listen(feed)
        next(words)
        with Redis.from_url(redis_server.url) as other:
            assert other.client_kill_filter(_type="pubsub") == 1
        assert not hear(words, lambda heard: not heard.gapless).message
        hear(words, lambda heard: heard.connected)
        feed.publish(MESSAGE)
        assert hear(words, is_message).message == MESSAGE

    def test_a_redis_that_is_not_there_is_waited_for(self, listen: Listen, feed_of: FeedOf) -> None:
        port = free_port()
        words = listen(feed_of(f"redis://127.0.0.1:{port}"))
        assert [next(words) for _ in range(5)] == [FeedEvent(connected=False)] * 5
        with EmbeddedRedis(port):
            assert hear(words, lambda heard: heard.connected) == FeedEvent(gapless=False)
            hear(words, is_sure)

    def test_a_connection_that_goes_deaf_is_noticed(
        self, own_redis: EmbeddedRedis, listen: Listen, feed_of: FeedOf
    ) -> None:
        """Both sides still count it as connected, and nothing comes through."""
        assert own_redis.port
        with DeafProxy(own_redis.port) as proxy:
            words = listen(feed_of(f"redis://127.0.0.1:{proxy.port}?socket_timeout=0.5"))
            next(words)
            hear(words, is_sure)
            proxy.deaf = True
            assert not hear(words, lambda heard: not heard.gapless).message
            proxy.deaf = False
            hear(words, is_sure)

    def test_a_subscription_that_goes_deaf_alone_is_noticed(
        self, own_redis: EmbeddedRedis, listen: Listen, feed_of: FeedOf
    ) -> None:
        """The probes go out well, over another connection; only none comes back."""
        assert own_redis.port
        with DeafProxy(own_redis.port) as proxy:
            words = listen(feed_of(f"redis://127.0.0.1:{proxy.port}"))
            next(words)
            hear(words, is_sure)
            proxy.silence(0)
            assert not hear(words, lambda heard: not heard.gapless).message
            hear(words, is_sure)

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

    def test_what_is_taken_in_can_be_shown(self) -> None:
        message = Message.from_json(MESSAGE.to_json().encode())
        assert message.tick
        assert message.tick.tick.to_json() == TICK.to_json()
        assert status(message.state, now=TICK.id, stale_after=1).state == "live"


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
