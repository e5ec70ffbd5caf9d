"""The relay: nothing that was committed is lost, and nothing is sent twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import redis
from flask import Flask
from sqlalchemy import text

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import AppFactory
from tests.support.stream_clients import Reader
from tests.support.tools import now_ms, quote, wait_for
from tests.support.web_process import tick
from tracker import relay as module
from tracker.market.freshness import SourceState
from tracker.market.quotes import TickJson
from tracker.messaging.feed import Message
from tracker.relay import Relay
from tracker.services import services
from tracker.storage.engine import writing
from tracker.stream.frames import LastEventId


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUERY_TIMEOUT_S", 20.0)  # slow is not hanging


def relaying(app: Flask) -> Relay:
    """Return the relay of *app*, started."""
    relay = services(app).relay
    relay.start()
    return relay


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


def join(app: Flask, reader: Reader, last_event_id: str | None = None) -> None:
    last = LastEventId.parse(last_event_id) if last_event_id else None
    services(app).hub.admit(last_event_id=last).join(reader.ours)


def ids(reader: Reader) -> list[int]:
    return [int(event.id) for event in events(reader, "prices")]


def statuses(reader: Reader) -> list[str]:
    return [event.data for event in events(reader, "status")]


def events(reader: Reader, kind: str) -> list[Any]:
    while reader.read():
        pass
    return [event for event in reader.events if event.event == kind]


def execute(app: Flask, statement: str) -> None:
    with writing(services(app).backend.engine) as connection:
        connection.execute(text(statement))


@contextmanager
def unreadable(app: Flask) -> Iterator[None]:
    """Let the database of *app* raise errors while it is read within."""
    execute(app, "ALTER TABLE health RENAME TO hidden")
    yield
    execute(app, "ALTER TABLE hidden RENAME TO health")


def test_a_published_tick_reaches_readers_and_the_api_as_it_was_published(
    app: Flask, reader: Reader
) -> None:
    relay = relaying(app)
    join(app, reader)
    sent = tick(app, quote("bitcoin", "0.10"), quote("pepe", "1.2e-09"))
    wait_for(lambda: ids(reader) == [sent.id])
    assert sent.to_json() in [event.data for event in reader.events]
    assert relay.state.newest
    assert relay.state.newest.text == sent.to_json()
    assert relay.state.tick == sent


def test_a_start_with_more_stored_than_is_kept_replays_all_that_is_kept(
    make_app: AppFactory, reader: Reader
) -> None:
    app = make_app(replay=3)
    stored = [tick(app, publish=False).id for _ in range(6)]
    assert relaying(app).state.id == stored[-1]
    join(app, reader, last_event_id=str(stored[3]))
    wait_for(lambda: ids(reader) == stored[4:])
    assert reader.verdicts == [{"last_event_id": str(stored[3]), "recovered": True, "replayed": 2}]


def test_ticks_that_were_committed_but_not_published_are_found_by_the_next_one(
    app: Flask, reader: Reader
) -> None:
    relay = relaying(app)
    join(app, reader)
    sent = [tick(app, publish=publish).id for publish in (True, False, False, True)]
    wait_for(lambda: ids(reader) == sent)
    assert relay.database.filled == 2


def test_a_tick_that_was_not_published_is_found_by_the_clock(
    make_app: AppFactory, reader: Reader
) -> None:
    app = make_app(interval=1)
    relaying(app)
    join(app, reader)
    sent = [tick(app).id]
    wait_for(lambda: ids(reader) == sent)
    sent.append(tick(app, publish=False).id)
    wait_for(lambda: ids(reader) == sent)


def test_a_tick_that_is_published_twice_or_late_is_sent_once(app: Flask, reader: Reader) -> None:
    relaying(app)
    join(app, reader)
    first, second = tick(app), tick(app)
    for again in (first, second, first):
        services(app).backend.feed.publish(Message(SourceState(), TickJson.of_tick(again)))
    last = tick(app)
    wait_for(lambda: ids(reader)[-1:] == [last.id])
    assert ids(reader) == [first.id, second.id, last.id]


def test_a_malformed_message_makes_it_read_the_database(
    app: Flask, reader: Reader, redis_server: EmbeddedRedis
) -> None:
    relaying(app)
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    second = tick(app, publish=False)
    with redis.Redis.from_url(redis_server.url) as client:
        client.publish(services(app).backend.feed.channel, b"{")
    wait_for(lambda: ids(reader) == [first.id, second.id])


def test_without_redis_prices_come_from_the_database_and_the_status_says_so(
    make_app: AppFactory, own_redis: EmbeddedRedis, reader: Reader
) -> None:
    app = make_app(redis_url=own_redis.url)
    relay = relaying(app)
    join(app, reader)
    sent = [tick(app).id]
    wait_for(lambda: ids(reader) == sent)
    own_redis.kill()
    wait_for(lambda: "Redis cannot be reached" in (relay.status().reason or ""))
    sent.append(tick(app, publish=False).id)
    wait_for(lambda: ids(reader) == sent)
    assert "Redis cannot be reached" in statuses(reader)[-1]
    own_redis.start()
    wait_for(lambda: relay.status().reason is None)
    sent.append(tick(app).id)
    wait_for(lambda: ids(reader) == sent)
    wait_for(lambda: '"reason": null' in statuses(reader)[-1])


def test_more_missed_ticks_than_are_replayed_are_a_gap_that_readers_are_told(
    make_app: AppFactory, reader: Reader
) -> None:
    app = make_app(replay=3)
    relay = relaying(app)
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    with relay._lock:  # so that it does not read in between
        missed = [tick(app, publish=False).id for _ in range(6)]
        last = tick(app)
    wait_for(lambda: ids(reader)[-1:] == [last.id])
    assert ids(reader) == [first.id, *missed[-2:], last.id]
    assert reader.verdicts == [{"last_event_id": str(first.id), "recovered": False, "replayed": 0}]


def test_the_status_goes_from_starting_to_live_to_stale_and_each_is_sent(
    make_app: AppFactory, reader: Reader
) -> None:
    app = make_app(interval=1)
    relaying(app)
    join(app, reader)
    tick(app)
    wait_for(lambda: len(statuses(reader)) == 3)
    assert [data.split('"')[3] for data in statuses(reader)] == ["starting", "live", "stale"]


def test_a_failure_of_the_source_is_sent_with_its_reason(app: Flask, reader: Reader) -> None:
    relaying(app)
    join(app, reader)
    its = services(app).backend
    at = now_ms()
    its.feed.publish(Message(its.store.save_failure("CoinGecko: busy", at=at, next_attempt_at=at)))
    wait_for(lambda: len(statuses(reader)) == 2)
    assert '"offline"' in statuses(reader)[-1]
    assert "CoinGecko: busy" in statuses(reader)[-1]


def test_a_confirmed_tick_is_sent_as_live_again(app: Flask, reader: Reader) -> None:
    """There is no new tick to say so, and a page that gets nothing takes prices for old."""
    relaying(app)
    join(app, reader)
    sent = tick(app)
    wait_for(lambda: ids(reader) == [sent.id])
    before = len(statuses(reader))
    its, at = services(app).backend, now_ms() + 1
    its.feed.publish(
        Message(its.store.save_confirmation(at=at, next_attempt_at=at, etag=None)),
    )
    wait_for(lambda: len(statuses(reader)) == before + 1)
    assert '"live"' in statuses(reader)[-1]


def test_of_a_database_that_is_read_late_readers_get_the_newest_and_returning_ones_the_rest(
    app: Flask, reader: Reader
) -> None:
    stored = [tick(app, publish=False).id for _ in range(5)]
    with unreadable(app):
        status = relaying(app).status()
        assert (status.state, status.reason) == ("offline", "the database cannot be read")
        join(app, reader)
    wait_for(lambda: ids(reader) == [stored[-1]])
    assert services(app).relay.status().state == "live"
    returning = Reader()
    join(app, returning, last_event_id=str(stored[1]))
    wait_for(lambda: ids(returning) == stored[2:])
    returning.close()


def test_a_database_that_is_read_late_has_what_readers_lack_since_the_feeds_first_tick(
    app: Flask, reader: Reader
) -> None:
    """The feed brings a tick before the database can be read, which then has three more."""
    before = [tick(app, quote("gone"), publish=False) for _ in range(4)]
    before.append(tick(app, publish=False))
    feed = services(app).backend.feed
    with unreadable(app):
        relay = relaying(app)
        join(app, reader)
        wait_for(lambda: (feed.proved_at or 0) > 0)
        newest = TickJson.of_tick(before[-1])
        feed.publish(Message(SourceState(fresh_at=newest.id), newest, before[-2].id))
        wait_for(lambda: ids(reader) == [newest.id])
        relay._lock.acquire()  # so that it does not read in between
    after = [tick(app, publish=False).id for _ in range(3)]
    relay._lock.release()
    wait_for(lambda: ids(reader) == [newest.id, *after])
    assert reader.verdicts == []
    assert relay.database.filled == 3
    assert relay.state.coins == {"gone", "bitcoin"}
    returning = Reader()
    join(app, returning, last_event_id=str(before[1].id))
    wait_for(lambda: ids(returning) == [*(one.id for one in before[2:]), *after])
    assert [verdict["recovered"] for verdict in returning.verdicts] == [True]
    returning.close()


def test_ticks_after_an_empty_database_are_all_sent(app: Flask, reader: Reader) -> None:
    """The read at the start has seen it: these are news, not history."""
    relay = relaying(app)
    join(app, reader)
    with relay._lock:
        sent = [tick(app, publish=False).id for _ in range(2)]
        relay._sync_from_db()
    wait_for(lambda: ids(reader) == sent)


def test_a_damaged_row_is_logged_once_and_ends_neither_relay_nor_streams(
    app: Flask, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = tick(app, publish=False)
    execute(app, "UPDATE quote SET price = 'much'")
    relay = relaying(app)
    assert relay.status().reason == "the database cannot be read"
    for _ in range(2):
        relay.sync_until(damaged.id)
    assert caplog.text.count("the database has 'much' where a number belongs") == 1
    checks = {check.name: check.detail for check in services(app).readiness.checks()}
    assert checks["database"] == "it cannot be read: StoreError"
    execute(app, "UPDATE quote SET price = '1.50'")
    join(app, reader)
    wait_for(lambda: ids(reader) == [damaged.id])
    assert relay.runs


def test_a_database_that_hangs_holds_up_neither_prices_nor_the_truth(
    app: Flask, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, store = relaying(app), services(app).backend.store
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    answers, read = threading.Event(), store.source_state
    with monkeypatch.context() as hanging:
        hanging.setattr(type(store), "source_state", lambda self: (answers.wait(), read())[1])
        hanging.setattr(module, "QUERY_TIMEOUT_S", 0.05)  # only of reads that hang
        missed, sent = tick(app, publish=False), tick(app)
        wait_for(lambda: ids(reader) == [first.id, sent.id])
        assert not relay.database.answers
    verdict = {"last_event_id": str(first.id), "recovered": False, "replayed": 0}
    assert reader.verdicts == [verdict]
    assert missed.id not in ids(reader)
    answers.set()
    wait_for(lambda: relay.database.answers)


def test_a_reader_that_comes_from_a_process_one_tick_ahead_gets_nothing_twice(app: Flask) -> None:
    """This process has read the database just now, and has not got the reader's tick."""
    relay = relaying(app)
    tick(app)
    wait_for(lambda: relay.state.id)
    with relay._lock:
        relay._sync_from_db()
    ahead = tick(app, publish=False)
    with app.test_client() as client:
        response = client.get("/stream", headers={"Last-Event-ID": str(ahead.id)})
        data = b""
        for chunk in response.iter_encoded():
            data += chunk
            if b"event: resume" in data and data.endswith(b"\n\n"):
                break
        response.close()
    assert b'"recovered": true' in data
    assert b"event: prices" not in data


def test_readers_who_are_ahead_wait_for_one_read_together(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ids they make up, the database is read at most once each `SYNC_EVERY_S`."""
    relay = services(app).relay
    reads: list[float] = []
    sync = relay._sync_from_db

    def counted() -> None:
        reads.append(time.monotonic())
        sync()

    monkeypatch.setattr(relay, "_sync_from_db", counted)
    relay._sync_from_db()
    made_up = (now_ms() + module.CLOCK_SKEW_MS,)
    threads = [threading.Thread(target=relay.sync_until, args=made_up) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) > 1
    assert all(after - before >= module.SYNC_EVERY_S for before, after in pairwise(reads))
