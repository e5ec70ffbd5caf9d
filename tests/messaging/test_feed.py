"""The feed, over a real Redis that is restarted, cuts its clients off, or goes deaf."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any, Self, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from dev.embedded_redis import EmbeddedRedis
from tests.support.proxy import Proxy
from tests.support.tools import quote
from tracker.config import Settings
from tracker.errors import ConfigError, MessageError
from tracker.market.freshness import SourceState
from tracker.market.quotes import Tick, TickJson
from tracker.market.rates import Rates
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


class Listener:
    """Feeds on the Redis at *url*, and the events of one that has subscribed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.feed = self.other()
        self._events: Any = self.feed.listen()
        self.begin = next(self._events)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._events.close()
        self.feed.close()

    def other(self, **market: Any) -> Feed:
        return Feed(Settings(**{"redis_url": self._url, "source": "simulated", **market}))

    def next(self) -> FeedEvent:
        return cast(FeedEvent, next(self._events))

    def first(self, **wanted: bool) -> FeedEvent:
        """Return the first event that is *wanted*: gapless or connected, or not."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            event = self.next()
            if all(getattr(event, name) is value for name, value in wanted.items()):
                return event
        raise AssertionError("not in time")

    def arrives(self) -> bool:
        """Return whether a message that is published now comes as it was, without a gap."""
        self.feed.publish(MESSAGE)
        while not (event := self.first(gapless=True)).message:
            pass
        return event == FeedEvent(MESSAGE, gapless=True)


@pytest.fixture
def listener(redis_server: EmbeddedRedis) -> Iterator[Listener]:
    with Listener(redis_server.url) as listener:
        yield listener


class TestListen:
    def test_the_first_event_is_not_gapless_and_silence_is_while_probes_come_back(
        self, listener: Listener
    ) -> None:
        assert listener.begin == FeedEvent(None, gapless=False, connected=True)
        began_at = listener.feed.proved_at
        while listener.feed.proved_at == began_at:
            assert listener.next() == FeedEvent(gapless=True)

    def test_messages_of_the_market_come_as_they_were_published(
        self, listener: Listener, redis_server: EmbeddedRedis
    ) -> None:
        """Those of another database of Redis do not, which Redis itself does not tell apart."""
        elsewhere = {"redis_url": redis_server.url.replace("/0", "/1")}
        for market in ({"currency": "eur"}, {"source": "coingecko"}, elsewhere):
            with closing(listener.other(**market)) as other:
                other.publish(Message(SourceState(fresh_at=1)))
        assert listener.arrives()

    def test_a_malformed_message_is_a_gap_and_no_end(
        self, listener: Listener, redis_server: EmbeddedRedis
    ) -> None:
        no_tick = b'{"tick": {}, "health": {}, "previous": null}'
        with Redis.from_url(redis_server.url) as other:
            for malformed in (b"", b"pling", b"[]", no_tick, b"\xff"):
                other.publish(listener.feed.channel, malformed)
                assert listener.first(gapless=False) == FeedEvent(None, connected=True)
        assert listener.arrives()


class TestTrouble:
    def test_after_a_restart_of_redis_the_first_event_is_not_gapless(
        self, own_redis: EmbeddedRedis, caplog: pytest.LogCaptureFixture
    ) -> None:
        with Listener(own_redis.url) as listener:
            own_redis.kill()
            gap = listener.first(connected=False)
            assert gap == listener.next() == FeedEvent(None, gapless=False, connected=False)
            for _ in range(3):
                listener.feed.publish(MESSAGE)
            assert caplog.text.count("saved, but not published") == 1
            own_redis.start()
            assert listener.first(connected=True) == FeedEvent(None, gapless=False)
            assert listener.arrives()
            assert "what is saved is published again (3 failures)" in caplog.text

    def test_a_cut_connection_is_made_again_after_a_gap(
        self, listener: Listener, redis_server: EmbeddedRedis
    ) -> None:
        with Redis.from_url(redis_server.url) as other:
            assert other.client_kill_filter(_type="pubsub") == 1
        assert not listener.first(gapless=False).message
        listener.first(connected=True)
        assert listener.arrives()

    @pytest.mark.parametrize("deafen", [Proxy.swallow, lambda proxy: proxy.silence(0)])
    def test_a_connection_or_a_subscription_alone_that_goes_deaf_is_noticed(
        self, redis_server: EmbeddedRedis, deafen: Callable[[Proxy], None]
    ) -> None:
        """Both sides count it as connected. Of a subscription, only no probe comes back."""
        assert redis_server.port
        with (
            Proxy(redis_server.port) as proxy,
            Listener(f"redis://127.0.0.1:{proxy.port}?socket_timeout=0.5") as listener,
        ):
            listener.first(gapless=True)
            deafen(proxy)
            assert not listener.first(gapless=False).message
            proxy.mend()
            listener.first(gapless=True)

    def test_the_waits_grow_and_end_at_the_limit_for_ever(self) -> None:
        assert 0 < backoff(1) <= 0.5
        assert all(0 < backoff(failures) <= MAX_BACKOFF for failures in (10, 100, 10_000))


class TestMessage:
    def test_a_message_comes_back_as_it_went(self) -> None:
        failure = Message(SourceState(failing_since=5, reason="“down”\n"))
        rates = Rates("usd", TICK.id, {"usd": Decimal(1), "xau": Decimal("0.0002400")})
        for message in (MESSAGE, failure, Message(SourceState()), replace(MESSAGE, rates=rates)):
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
            ('"previous"', '"rates": {"base": "usd"}, "previous"'),
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


def test_without_a_url_the_error_says_what_to_set() -> None:
    with pytest.raises(ConfigError, match="REDIS_URL is not set; accepted: redis://"):
        connect(Settings())


def test_a_certificate_signed_by_itself_and_a_socket_file_are_taken() -> None:
    """Heroku signs its certificates itself."""
    for url, name, expected in (
        ("rediss://localhost:1", "ssl_cert_reqs", None),
        ("unix:///run/redis.sock", "path", "/run/redis.sock"),
    ):
        with connect(Settings(redis_url=url)) as client:
            assert client.connection_pool.connection_kwargs[name] == expected
