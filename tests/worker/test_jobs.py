"""A refresh: fetch, save, publish, in this order, and what happens when one of them fails."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from rq.timeouts import JobTimeoutException
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dev.embedded_redis import free_port
from tests.conftest import AppFactory
from tests.support.tools import Script, alone, newest_of, now_ms, quote, save, wait_for
from tracker.backend import Backend
from tracker.errors import SourceError
from tracker.market.freshness import SourceState
from tracker.messaging.feed import Feed, Message
from tracker.services import services
from tracker.storage.engine import writing
from tracker.storage.history import History
from tracker.storage.ticks import Store
from worker import jobs
from worker.aggregator import Aggregator
from worker.sources import Fetched

MINUTE = 60_000
WEEK: list[Decimal | None] = [Decimal(n + 1) for n in range(168)]


class RecordingFeed(Feed):
    """A feed that notes each message, and what others see in the database at that moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: list[Message] = []
        self.seen: list[tuple[int | None, str | None]] = []

    def publish(self, message: Message) -> None:
        """Note *message*, the newest tick's id and the reason of a failure."""
        self.messages.append(message)
        other = sqlite3.connect(self.path)
        self.seen += other.execute("SELECT (SELECT max(id) FROM tick), reason FROM health")
        other.close()


@pytest.fixture
def feed(tmp_path: Path) -> RecordingFeed:
    return RecordingFeed(tmp_path / "tracker.db")


@pytest.fixture
def backend(app: Flask, feed: RecordingFeed) -> Backend:
    return replace(services(app).backend, feed=feed)


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.store


Refresh = Callable[..., SourceState]


@pytest.fixture
def refresh(backend: Backend) -> Refresh:
    """Return what refreshes from a script, so many times, at once or at most each *interval*."""
    aggregators: dict[Script, Aggregator] = {}

    def refresh(source: Script, times: int = 1, *, interval: int = 0) -> SourceState:
        aggregator = aggregators.setdefault(source, alone(source))
        pace: dict[str, Any] = {
            "interval": interval // 1000,
            "coingecko_interval": interval // 1000,
        }
        its = replace(backend, settings=replace(backend.settings, **pace))
        return [jobs.refresh(aggregator, its) for _ in range(times)][-1]

    return refresh


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what sets the clock, in unix milliseconds."""
    return lambda ms: monkeypatch.setattr(jobs, "now_ms", lambda: ms)


class TestSuccess:
    def test_a_tick_is_committed_before_it_is_published(
        self, store: Store, feed: RecordingFeed, refresh: Refresh
    ) -> None:
        began = now_ms()
        refresh(Script([quote(price="0.10")]), interval=MINUTE)
        (message,) = feed.messages
        assert message.tick
        assert message.tick.tick == newest_of(store)
        assert feed.seen == [(message.tick.id, None)]
        assert began <= message.tick.id <= now_ms()
        assert message.state == store.source_state()
        assert message.state.next_attempt_at == message.tick.id + MINUTE

    def test_the_message_names_the_tick_before(self, feed: RecordingFeed, refresh: Refresh) -> None:
        refresh(Script([quote(price="1")], [quote(price="2")]), 2)
        first, second = (message.tick for message in feed.messages)
        assert first
        assert second
        assert [message.previous for message in feed.messages] == [None, first.id]
        assert second.tick.quotes[0].direction == "up"

    def test_of_redis_the_tick_stays_committed(
        self, make_app: AppFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        backend = services(make_app(redis_url=f"redis://127.0.0.1:{free_port()}")).backend
        jobs.refresh(alone(Script([quote()])), backend)
        assert newest_of(backend.store)
        assert "saved, but not published" in caplog.text

    def test_of_the_database_nothing_is_published(
        self, backend: Backend, feed: RecordingFeed, refresh: Refresh
    ) -> None:
        with writing(backend.engine) as connection:
            connection.execute(text("DROP TABLE quote"))
        with pytest.raises(DBAPIError):
            refresh(Script([quote()]), interval=MINUTE)
        assert feed.messages == []

    def test_of_the_disk_the_reason_is_published_with_the_last_prices_age(
        self,
        backend: Backend,
        feed: RecordingFeed,
        refresh: Refresh,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        refresh(Script([quote()]))
        fresh_at = feed.messages.pop().state.fresh_at
        at_once = replace(backend.settings, interval=0, coingecko_interval=0)
        monkeypatch.setattr(jobs, "backend", lambda: replace(backend, settings=at_once))
        many = [quote(f"coin-{number}") for number in range(1000)]
        monkeypatch.setattr(jobs, "aggregator", lambda: alone(Script(many)))
        with backend.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(DBAPIError, match="disk is full"):
            jobs.refresh_prices()
        (message,) = feed.messages
        assert (message.tick, message.state.fresh_at) == (None, fresh_at)
        assert message.state.reason == jobs.NOT_STORED
        assert backend.store.source_state().reason is None


class TestFailure:
    def test_it_is_saved_and_then_published_and_over_with_the_next_success(
        self, store: Store, feed: RecordingFeed, refresh: Refresh
    ) -> None:
        source = Script([quote()], SourceError("the source is “down”"), [quote()])
        refresh(source)
        latest = newest_of(store)
        assert latest
        failing = refresh(source)
        assert feed.messages[1] == Message(failing) == Message(store.source_state())
        assert feed.seen[1] == (latest.id, "the source is “down”")
        assert failing.reason == "the source is “down”"
        assert failing.failing_since
        assert newest_of(store) == latest
        refresh(source)
        state = store.source_state()
        assert (state.reason, state.failing_since) == (None, None)

    def test_a_source_that_hangs_fails(self, store: Store, refresh: Refresh) -> None:
        def hang(**_: object) -> None:
            raise JobTimeoutException("Task exceeded maximum timeout value (30 seconds)")

        source = Script()
        source.fetch = hang  # type: ignore[method-assign]
        refresh(source, interval=MINUTE)
        assert store.source_state().reason == "script: there was no answer within 30 s"

    @pytest.mark.parametrize(
        ("failures", "interval", "longest"),
        [
            (1, MINUTE, 60_000),
            (3, MINUTE, 240_000),
            (4, MINUTE, 300_000),
            (10_000, MINUTE, 300_000),
            (1, 1000, 1000),
            (9, 1000, 256_000),
            (5, 3_600_000, 3_600_000),
        ],
    )
    def test_a_wait_doubles_up_to_five_minutes_or_the_interval(
        self, failures: int, interval: int, longest: int
    ) -> None:
        waits = [jobs.wait_after(failures, interval) for _ in range(50)]
        assert 0.9 * longest <= min(waits) <= max(waits) <= longest
        assert len(set(waits)) > 10, "drawn, so that many do not come back in step"


class TestSkip:
    def test_prices_younger_than_half_the_interval_are_not_fetched_again(
        self, store: Store, refresh: Refresh, at: Callable[[int], None]
    ) -> None:
        """A worker that comes back finds a queue of refreshes, and must not hammer the source."""
        source = Script([quote()], SourceError("down"))
        for fetched in (1, 2):
            refresh(source, 5, interval=MINUTE)
            assert source.fetched == fetched
            at(now_ms() + MINUTE // 2 + 1000)

    def test_a_worker_that_starts_asks_the_source_before_its_time_unless_it_is_to_wait(
        self, refresh: Refresh, at: Callable[[int], None]
    ) -> None:
        began = now_ms()
        starts = Script([quote()]), Script(SourceError("busy", retry_after=30)), Script([quote()])
        for after, source, fetched in zip((0, 31_000, 59_000), starts, (1, 1, 0), strict=True):
            at(began + after)
            refresh(source, 2, interval=MINUTE)
            assert source.fetched == fetched

    def test_a_source_that_asked_to_wait_is_left_alone_until_then(
        self, store: Store, refresh: Refresh, at: Callable[[int], None]
    ) -> None:
        source = Script(SourceError("busy", retry_after=119), [quote()])
        refresh(source, interval=MINUTE)
        until = store.source_state().not_before
        assert until is not None
        assert store.source_state().next_attempt_at == until
        assert until - now_ms() <= 119_000
        for now, fetched in ((until - 59_000, 1), (until - 1, 1), (until, 2)):
            at(now)
            refresh(source, interval=MINUTE)
            assert source.fetched == fetched
        assert store.source_state().reason is None

    @pytest.mark.parametrize("told", [True, False])
    def test_a_clock_that_stepped_back_skips_nothing(
        self,
        backend: Backend,
        at: Callable[[int], None],
        monkeypatch: pytest.MonkeyPatch,
        told: bool,
    ) -> None:
        """Whether the source's own clock tells that it is right now, or behind."""
        its = replace(backend, settings=replace(backend.settings, source="coingecko"))
        before = now_ms()
        jobs.refresh(alone(Script([quote()])), its)
        back = before - 60 * MINUTE
        monkeypatch.setattr(jobs, "told_ms", lambda: back if told else before)
        at(back)
        jobs.refresh(alone(Script([quote()])), its)
        ids = [tick.id for tick in its.store.newest(5)]
        assert ids == ([back] if told else [ids[0], ids[0] + 1])

    def test_what_another_worker_saved_meanwhile_is_not_saved_twice(
        self, store: Store, feed: RecordingFeed, refresh: Refresh
    ) -> None:
        class Slow(Script):
            def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
                """Return the next answer, when another worker has saved its own."""
                save(store, quote("other"), at=now_ms())
                return super().fetch()

        refresh(Slow([quote()]), interval=MINUTE)
        assert feed.messages == []
        assert len(store.newest(5)) == 1


class TestUnchanged:
    def test_it_makes_no_tick_but_counts_as_fresh(
        self, store: Store, feed: RecordingFeed, refresh: Refresh
    ) -> None:
        first = Fetched(quotes=[quote()], etag='W/"1"', weeks={"bitcoin": WEEK})
        source = Script(first, SourceError("down"), None)
        refresh(source, 2)
        (tick,) = store.newest(5)
        wait_for(lambda: now_ms() > tick.id)
        state = refresh(source)
        assert [etag for etag, _ in source.asked] == [None, 'W/"1"', 'W/"1"']
        assert (state.reason, state.failures) == (None, 0)
        assert store.newest(5) == [tick]
        assert state == store.source_state()
        assert (state.fresh_at or 0) > tick.id
        assert state.etag == 'W/"1"'
        assert feed.messages[2] == Message(state)


class TestWeek:
    def test_the_week_before_is_asked_for_until_it_is_filled(
        self, backend: Backend, refresh: Refresh, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(candles: object) -> int:
            raise OSError("disk full")

        week = Fetched(quotes=[quote()], weeks={"bitcoin": WEEK})
        source = Script(week, week, [quote()])
        with monkeypatch.context() as patch:
            patch.setattr(backend.rollup, "fill", fail)
            with pytest.raises(OSError, match="disk full"):
                refresh(source)
        refresh(source, 2)
        assert [asked for _, asked in source.asked] == [True, True, False]
        points = History(backend.engine, backend.settings.market).points("bitcoin", "7d", now_ms())
        prices = [price for _, price in points.points[:-1]]
        assert min(prices) <= 3
        assert max(prices) >= 160
