"""A refresh: fetch, save, publish, in this order, and what happens when one of them fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from rq.timeouts import JobTimeoutException
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dev.embedded_redis import free_port
from tests.conftest import AppFactory
from tests.support.tools import Script, newest_of, now_ms, quote, wait_for
from tracker.errors import SourceError
from tracker.messaging.feed import Feed, Message
from tracker.services import db, services
from tracker.storage.engine import writing
from tracker.storage.history import History
from tracker.storage.ticks import Store
from worker import jobs
from worker.jobs import refresh
from worker.sources import Fetched

MINUTE = 60_000


class Witness(Feed):
    """A feed that looks, when it is told of something, at what others see in the database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[Message] = []
        self.seen: list[tuple[int | None, str | None]] = []

    def publish(self, message: Message) -> None:
        """Note *message*, the newest tick's id and the reason of a failure."""
        self.told.append(message)
        other = sqlite3.connect(self.path)
        self.seen += other.execute("SELECT (SELECT max(id) FROM tick), reason FROM health")
        other.close()


@pytest.fixture
def application(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


@pytest.fixture
def store(application: Flask) -> Store:
    found: Store = services(application).backend.store
    return found


@pytest.fixture
def history(application: Flask) -> History:
    return History(db.engine, services(application).settings.market)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "tracker.db")


WEEK: list[Decimal | None] = [Decimal(n + 1) for n in range(168)]


class TestSuccess:
    def test_a_tick_is_committed_before_it_is_published(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        began = now_ms()
        refresh(Script([quote(price="0.10")]), store, witness, history, interval=MINUTE)
        (message,) = witness.told
        assert message.tick == newest_of(store)
        assert message.tick
        assert witness.seen == [(message.tick.id, None)]
        assert began <= message.tick.id <= now_ms()
        assert message.health == store.health()
        assert message.health.next_attempt_at == message.tick.id + MINUTE

    def test_the_message_names_the_tick_before(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        source = Script([quote(price="1")], [quote(price="2")])
        for _ in range(2):
            refresh(source, store, witness, history, interval=0)
        first, second = (message.tick for message in witness.told)
        assert first
        assert second
        assert [message.previous for message in witness.told] == [None, first.id]
        assert second.quotes[0].direction == "up"

    def test_listeners_hear_it(self, application: Flask, store: Store, history: History) -> None:
        feed: Feed = services(application).backend.feed
        words = feed.listen()
        next(words)
        refresh(Script([quote()]), store, feed, history, interval=MINUTE)
        heard = next(word.message for word in words if word.message)
        words.close()  # type: ignore[attr-defined] # it is a generator
        assert heard.tick == newest_of(store)


class TestFailure:
    def test_of_the_source_it_is_saved_and_then_published(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        source = Script([quote()], SourceError("the source is “down”"))
        refresh(source, store, witness, history, interval=0)
        latest = newest_of(store)
        refresh(source, store, witness, history, interval=0)
        assert latest
        assert witness.told[1] == Message(store.health())
        assert witness.seen[1] == (latest.id, "the source is “down”")
        assert store.health().reason == "the source is “down”"
        assert newest_of(store) == latest

    def test_of_the_source_it_is_over_with_the_next_success(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        source = Script(SourceError("down"), [quote()])
        refresh(source, store, witness, history, interval=0)
        assert store.health().failing_since
        refresh(source, store, witness, history, interval=0)
        assert (store.health().reason, store.health().failing_since) == (None, None)

    def test_of_the_source_to_answer_in_time_is_one_of_the_source(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        class Hanging(Script):
            def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
                """Do what RQ does to a job that takes too long."""
                raise JobTimeoutException("Task exceeded maximum timeout value (30 seconds)")

        refresh(Hanging(), store, witness, history, interval=MINUTE)
        assert store.health().reason == "script: there was no answer within 30 s"

    def test_of_the_database_nothing_is_published(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        with writing(db.engine) as connection:
            connection.execute(text("DROP TABLE quote"))
        with pytest.raises(DBAPIError):
            refresh(Script([quote()]), store, witness, history, interval=MINUTE)
        assert witness.told == []

    def test_of_redis_the_tick_stays_committed(
        self, make_app: AppFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = make_app(redis_url=f"redis://127.0.0.1:{free_port()}")
        store: Store = services(app).backend.store
        with app.app_context():
            refresh(
                Script([quote()]),
                store,
                services(app).backend.feed,
                services(app).backend.rollup,
                interval=MINUTE,
            )
            assert newest_of(store)
        assert "saved, but not published" in caplog.text


class TestSkip:
    def test_prices_younger_than_half_the_interval_are_not_fetched_again(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        """A worker that comes back finds a queue of refreshes."""
        source = Script([quote()])
        for _ in range(5):
            refresh(source, store, witness, history, interval=MINUTE)
        assert source.fetched == len(witness.told) == 1

    def test_older_ones_are(
        self, store: Store, witness: Witness, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = Script([quote()], [quote()])
        refresh(source, store, witness, history, interval=MINUTE)
        half_a_minute_later = now_ms() + MINUTE // 2 + 1000
        monkeypatch.setattr(jobs, "now_ms", lambda: half_a_minute_later)
        refresh(source, store, witness, history, interval=MINUTE)
        assert len(store.newest(5)) == 2

    def test_a_failure_just_now_is_not_followed_by_another_attempt(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        """A queue of refreshes must not hammer a source that fails."""
        source = Script(SourceError("down"))
        for _ in range(30):
            refresh(source, store, witness, history, interval=MINUTE)
        assert source.fetched == len(witness.told) == 1

    def test_a_source_that_asked_to_wait_is_left_alone_until_then(
        self,
        store: Store,
        witness: Witness,
        history: History,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        source = Script(SourceError("busy", retry_after=119), [quote()])
        refresh(source, store, witness, history, interval=MINUTE)
        until = store.health().barred_until
        assert until is not None
        assert store.health().next_attempt_at == until
        assert 118_000 < until - now_ms() <= 119_000
        for early in (MINUTE, 100_000):
            monkeypatch.setattr(jobs, "now_ms", lambda early=early: until - 119_000 + early)
            refresh(source, store, witness, history, interval=MINUTE)
        assert source.fetched == 1
        monkeypatch.setattr(jobs, "now_ms", lambda: until)
        refresh(source, store, witness, history, interval=MINUTE)
        assert source.fetched == 2
        assert store.health().reason is None

    def test_a_clock_that_stepped_back_is_none_either(
        self, store: Store, witness: Witness, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = Script([quote()], [quote()])
        refresh(source, store, witness, history, interval=MINUTE)
        an_hour_ago = now_ms() - 60 * MINUTE
        monkeypatch.setattr(jobs, "now_ms", lambda: an_hour_ago)
        refresh(source, store, witness, history, interval=MINUTE)
        first, second = (tick.id for tick in store.newest(5))
        assert second == first + 1

    def test_what_another_worker_saved_meanwhile_is_not_saved_twice(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        class Slow(Script):
            def fetch(self, *, etag: str | None = None, week: bool = False) -> Fetched | None:
                """Return what it was told to, when another worker has saved its own."""
                store.save([quote("other")], at=now_ms(), next_attempt_at=0)
                return super().fetch()

        refresh(Slow([quote()]), store, witness, history, interval=MINUTE)
        assert witness.told == []
        assert len(store.newest(5)) == 1


class TestUnchanged:
    def test_it_makes_no_tick_but_counts_as_fresh(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        week = {"bitcoin": WEEK}
        source = Script(Fetched(quotes=[quote()], etag='W/"1"', weeks=week), None)
        for _ in range(2):
            refresh(source, store, witness, history, interval=0)
            began = now_ms()
            wait_for(lambda began=began: now_ms() > began)  # type: ignore[misc]
        assert [etag for etag, _ in source.asked] == [None, 'W/"1"']
        (tick,) = store.newest(5)
        health = store.health()
        assert health.fresh_at is not None
        assert health.fresh_at > tick.id
        assert health.etag == 'W/"1"'
        assert witness.told[1] == Message(health)

    def test_it_ends_a_failure(self, store: Store, witness: Witness, history: History) -> None:
        source = Script([quote()], SourceError("down"), None)
        for _ in range(3):
            refresh(source, store, witness, history, interval=0)
        assert (store.health().reason, store.health().failures) == (None, 0)


class TestWeek:
    def test_the_first_fetch_brings_the_week_before_and_later_ones_do_not(
        self, store: Store, witness: Witness, history: History
    ) -> None:
        source = Script(Fetched(quotes=[quote()], weeks={"bitcoin": WEEK}), [quote()])
        for _ in range(2):
            refresh(source, store, witness, history, interval=0)
        assert [asked for _, asked in source.asked] == [True, False]
        check_week(history)

    def test_a_week_whose_filling_failed_is_asked_for_again(
        self, store: Store, witness: Witness, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(candles: object) -> int:
            raise OSError("disk full")

        source = Script(*(Fetched(quotes=[quote()], weeks={"bitcoin": WEEK}) for _ in range(2)))
        with monkeypatch.context() as patch:
            patch.setattr(history, "fill", fail)
            with pytest.raises(OSError, match="disk full"):
                refresh(source, store, witness, history, interval=0)
        refresh(source, store, witness, history, interval=0)
        assert [asked for _, asked in source.asked] == [True, True]
        check_week(history)


def check_week(history: History) -> None:
    points = history.points("bitcoin", "7d", now_ms()).points
    assert min(price for _, price in points) <= 3
    assert max(price for _, price in points[:-1]) >= 160
