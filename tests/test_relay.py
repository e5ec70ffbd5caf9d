"""The relay: nothing that was committed is lost, and nothing is told twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import pytest
import redis
from flask import Flask
from sqlalchemy import text

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import AppFactory
from tests.support.stream_clients import Reader
from tests.support.tools import now_ms, quote, wait_for
from tests.support.web_process import tick
from tracker import relay as relay_module
from tracker.market.freshness import Health
from tracker.messaging.feed import Message
from tracker.relay import Relay
from tracker.services import db, services
from tracker.storage.engine import writing
from tracker.stream.frames import Lens


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "LOOK_LIMIT", 20.0)  # slow is not hanging


def relaying(app: Flask) -> Relay:
    """Return the relay of *app*, which has begun to relay."""
    relay: Relay = services(app).relay
    relay.start()
    return relay


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


def join(app: Flask, reader: Reader, **how: str) -> None:
    services(app).hub.join(reader.ours, Lens(), **how)


def ids(reader: Reader) -> list[int]:
    while reader.read():
        pass
    return [int(event.id) for event in reader.events if event.event == "prices"]


def told(reader: Reader) -> list[str]:
    while reader.read():
        pass
    return [event.data for event in reader.events if event.event == "status"]


def test_a_published_tick_reaches_the_reader_as_the_api_shows_it(
    app: Flask, reader: Reader
) -> None:
    relaying(app)
    join(app, reader)
    sent = tick(app, quote("bitcoin", "0.10"), quote("pepe", "1.2e-09"))
    wait_for(lambda: ids(reader) == [sent.id])
    assert sent.to_json() in [event.data for event in reader.events]
    newest = services(app).relay.newest
    assert newest
    assert newest.of() == sent.to_json()


def test_what_was_stored_before_the_start_can_be_resumed(app: Flask, reader: Reader) -> None:
    stored = [tick(app, publish=False).id for _ in range(5)]
    relay = relaying(app)
    assert relay.tick is not None
    assert relay.tick.id == stored[-1]
    join(app, reader, last_event_id=str(stored[1]))
    wait_for(lambda: ids(reader) == stored[2:])


def test_a_start_with_more_stored_than_is_kept_replays_all_that_is_kept(
    make_app: AppFactory, reader: Reader
) -> None:
    app = make_app(replay=3)
    stored = [tick(app, publish=False).id for _ in range(6)]
    relaying(app)
    join(app, reader, last_event_id=str(stored[3]))
    wait_for(lambda: ids(reader) == stored[4:])
    assert reader.verdicts == [{"last_event_id": str(stored[3]), "recovered": True, "replayed": 2}]


def test_a_tick_that_was_committed_but_never_rung_is_found_by_the_next_one(
    app: Flask, reader: Reader
) -> None:
    relaying(app)
    join(app, reader)
    sent = [tick(app, publish=ring).id for ring in (True, False, False, True)]
    wait_for(lambda: ids(reader) == sent)


def test_a_tick_that_was_never_rung_is_found_by_the_clock(
    make_app: AppFactory, reader: Reader
) -> None:
    app = make_app(interval=1)
    relaying(app)
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    second = tick(app, publish=False)
    wait_for(lambda: ids(reader) == [first.id, second.id])


def test_a_tick_that_is_rung_twice_or_late_is_told_once(app: Flask, reader: Reader) -> None:
    relaying(app)
    join(app, reader)
    first, second = tick(app), tick(app)
    for again in (first, second, first):
        services(app).backend.feed.publish(Message(services(app).relay._health, again, None))
    last = tick(app)
    wait_for(lambda: ids(reader)[-1:] == [last.id])
    assert ids(reader) == [first.id, second.id, last.id]


def test_a_message_that_nobody_understands_makes_it_look_into_the_database(
    app: Flask, reader: Reader, redis_server: EmbeddedRedis
) -> None:
    relaying(app)
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    second = tick(app, publish=False)
    with redis.Redis.from_url(redis_server.url) as client:
        client.publish(services(app).backend.feed.channel, b"{")
    wait_for(lambda: ids(reader) == [first.id, second.id], 10)


def test_without_redis_prices_come_from_the_database_and_the_status_says_so(
    make_app: AppFactory, own_redis: EmbeddedRedis, reader: Reader
) -> None:
    app = make_app(redis_url=own_redis.url)
    relay = relaying(app)
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    own_redis.kill()
    wait_for(lambda: "Redis cannot be reached" in (relay.status().reason or ""))
    second = tick(app, publish=False)
    wait_for(lambda: ids(reader) == [first.id, second.id])
    assert "Redis cannot be reached" in told(reader)[-1]
    own_redis.start()
    wait_for(lambda: relay.status().reason is None, 20)
    third = tick(app)
    wait_for(lambda: ids(reader) == [first.id, second.id, third.id])
    wait_for(lambda: '"reason": null' in told(reader)[-1])


def test_more_missed_ticks_than_are_replayed_are_a_gap_that_is_told(
    make_app: AppFactory, own_redis: EmbeddedRedis, reader: Reader
) -> None:
    app = make_app(redis_url=own_redis.url, replay=3)
    relay = relaying(app)
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    with relay._lock:  # so that it does not look in between
        missed = [tick(app, publish=False).id for _ in range(6)]
        last = tick(app)
    wait_for(lambda: ids(reader)[-1:] == [last.id])
    assert ids(reader) == [first.id, *missed[-2:], last.id]
    assert reader.verdicts == [{"last_event_id": str(first.id), "recovered": False, "replayed": 0}]


def test_the_status_goes_from_starting_to_live_to_stale_and_each_is_told(
    make_app: AppFactory, reader: Reader
) -> None:
    app = make_app(interval=1)
    relaying(app)
    join(app, reader)
    tick(app)
    wait_for(lambda: len(told(reader)) == 3, 10)
    states = [data.split('"')[3] for data in told(reader)]
    assert states == ["starting", "live", "stale"]


def test_a_failure_of_the_source_is_told_with_its_reason_and_the_next_attempt(
    app: Flask, reader: Reader
) -> None:
    relaying(app)
    join(app, reader)
    with app.app_context():
        health = services(app).backend.store.save_failure(
            "CoinGecko: rate limit", at=now_ms(), next_attempt_at=now_ms() + 60_000
        )
    services(app).backend.feed.publish(Message(health))
    wait_for(lambda: len(told(reader)) == 2)
    assert '"offline"' in told(reader)[-1]
    assert "CoinGecko: rate limit" in told(reader)[-1]


def test_a_database_that_cannot_be_read_at_the_start_is_told_and_read_later(
    app: Flask, reader: Reader
) -> None:
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("ALTER TABLE health RENAME TO hidden"))
    relay = relaying(app)
    assert (relay.status().state, relay.status().reason) == (
        "offline",
        "the database cannot be read",
    )
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO health"))
    join(app, reader)
    sent = tick(app)
    wait_for(lambda: ids(reader) == [sent.id])
    assert relay.status().state == "live"


def test_history_that_is_read_late_is_not_told_to_those_who_are_there(
    app: Flask, reader: Reader
) -> None:
    """They get the newest at once; who returns can have what came before."""
    stored = [tick(app, publish=False).id for _ in range(5)]
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("ALTER TABLE health RENAME TO hidden"))
    relaying(app)
    join(app, reader)
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO health"))
    wait_for(lambda: ids(reader) == [stored[-1]])
    returning = Reader()
    join(app, returning, last_event_id=str(stored[1]))
    wait_for(lambda: ids(returning) == stored[2:])
    returning.close()


class Late(NamedTuple):
    """A start without the database: the feed brings the last tick *before* to a reader there.

    When the database can be read, it has three more, *after*, which were never rung.
    """

    before: list[int]
    after: list[int]


@pytest.fixture
def late(app: Flask, reader: Reader) -> Late:
    before = [tick(app, quote("gone"), publish=False) for _ in range(4)]
    before.append(tick(app, publish=False))
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("ALTER TABLE health RENAME TO hidden"))
    relay = relaying(app)
    join(app, reader)
    feed = services(app).backend.feed
    wait_for(lambda: (feed.proved_at or 0) > 0)
    feed.publish(Message(Health(fresh_at=before[-1].id), before[-1], before[-2].id))
    wait_for(lambda: ids(reader) == [before[-1].id])
    with relay._lock:  # so that it does not look in between
        with app.app_context(), writing(db.engine) as connection:
            connection.execute(text("ALTER TABLE hidden RENAME TO health"))
        after = [tick(app, publish=False).id for _ in range(3)]
    wait_for(lambda: ids(reader)[-1] == after[-1])
    return Late([one.id for one in before], after)


def test_a_database_that_is_read_late_has_what_readers_lack_since_the_feeds_first_tick(
    app: Flask, reader: Reader, late: Late
) -> None:
    assert ids(reader) == [late.before[-1], *late.after]
    assert reader.verdicts == []
    assert services(app).relay.mended == 3


def test_a_database_that_is_read_late_has_all_coins_and_what_came_before(
    app: Flask, late: Late
) -> None:
    assert services(app).relay.coins == {"gone", "bitcoin"}
    returning = Reader()
    join(app, returning, last_event_id=str(late.before[1]))
    wait_for(lambda: ids(returning) == [*late.before[2:], *late.after])
    assert [verdict["recovered"] for verdict in returning.verdicts] == [True]
    returning.close()


def test_ticks_after_an_empty_database_are_all_told(app: Flask, reader: Reader) -> None:
    """The look at the start has seen it: these are news, not history."""
    relay = relaying(app)
    join(app, reader)
    with relay._lock:
        sent = [tick(app, publish=False).id for _ in range(2)]
        relay._look()
    wait_for(lambda: ids(reader) == sent)


def test_a_damaged_row_is_told_once_and_ends_neither_relay_nor_streams(
    app: Flask, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = tick(app, publish=False)
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("UPDATE quote SET price = 'much'"))
    relay = relaying(app)
    assert relay.status().reason == "the database cannot be read"
    for _ in range(2):
        relay.catch_up_with(damaged.id)
    assert caplog.text.count("the database has 'much' where a number belongs") == 1
    checks = {check.name: check.detail for check in services(app).readiness.checks()}
    assert checks["database"] == "it cannot be read: StoreError"
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(text("UPDATE quote SET price = '1.50'"))
    join(app, reader)
    wait_for(lambda: ids(reader) == [damaged.id])
    assert relay.runs


def test_a_database_that_hangs_holds_up_neither_prices_nor_the_truth(
    app: Flask, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "LOOK_LIMIT", 0.05)
    relay = relaying(app)
    join(app, reader)
    first = tick(app)
    wait_for(lambda: ids(reader) == [first.id])
    hanging, asked = threading.Event(), relay._store.health
    monkeypatch.setattr(relay._store, "health", lambda: (hanging.wait(), asked())[1])
    missed, told_now = tick(app, publish=False), tick(app)
    wait_for(lambda: ids(reader) == [first.id, told_now.id])
    assert reader.verdicts == [{"last_event_id": str(first.id), "recovered": False, "replayed": 0}]
    assert missed.id not in ids(reader)
    hanging.set()
    wait_for(lambda: relay.database_answers)


def test_a_reader_that_comes_from_a_process_one_tick_ahead_gets_nothing_twice(
    app: Flask, make_app: AppFactory
) -> None:
    """This process has looked for ticks just now, and not heard of the one the reader has."""
    relay = relaying(app)
    tick(app)
    wait_for(lambda: relay.tick is not None)
    with relay._lock:
        relay._look()
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


def test_readers_who_are_ahead_wait_for_one_look_together(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ids they make up, the database is asked at most once each `PAUSE`."""
    relay = services(app).relay
    looks: list[float] = []
    look = relay._look

    def counted() -> None:
        looks.append(time.monotonic())
        look()

    monkeypatch.setattr(relay, "_look", counted)
    relay._look()
    made_up = (now_ms() + relay_module.CLOCK_SKEW,)
    threads = [threading.Thread(target=relay.catch_up_with, args=made_up) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(looks) > 1
    assert all(after - before >= relay_module.PAUSE for before, after in pairwise(looks))


def test_a_tick_that_was_confirmed_is_told_as_live_again(app: Flask, reader: Reader) -> None:
    """There is no new tick to say so, and a page that hears nothing takes prices for old."""
    relaying(app)
    join(app, reader)
    sent = tick(app)
    wait_for(lambda: ids(reader) == [sent.id])
    before = len(told(reader))
    at = now_ms() + 1
    with app.app_context():
        health = services(app).backend.store.save_confirmation(at=at, next_attempt_at=at, etag=None)
    services(app).backend.feed.publish(Message(health))
    wait_for(lambda: len(told(reader)) == before + 1)
    assert '"live"' in told(reader)[-1]
