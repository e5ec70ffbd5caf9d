"""The relay: nothing that was committed is lost, and nothing is sent twice."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
import redis
from flask import Flask
from sqlalchemy import text

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import AppFactory
from tests.support.stream_clients import Reader
from tests.support.terminal import Terminal
from tests.support.tools import fail, now_ms, quote, save, succeeded, wait_for
from tests.support.web_process import message_of, tick
from tracker import relay as module
from tracker.market.freshness import SourceState
from tracker.market.quotes import TickJson
from tracker.market.rates import Rates
from tracker.messaging.feed import Message
from tracker.services import services
from tracker.storage.engine import writing
from tracker.stream.frames import LastEventId, Variant
from tracker.times import DAY_MS

Join = Callable[..., Reader]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUERY_TIMEOUT_S", 20.0)  # slow is not hanging


@pytest.fixture
def join() -> Iterator[Join]:
    """Start an application's relay and let a new reader join; readers hang up at the end."""
    with ExitStack() as stack:

        def join(
            app: Flask, last_event_id: int | None = None, variant: Variant = Variant()
        ) -> Reader:
            services(app).relay.start()
            reader = stack.enter_context(closing(Reader()))
            last = last_event_id and LastEventId(str(last_event_id), last_event_id)
            services(app).hub.admit("", variant, last or None).join(reader.ours)
            return reader

        yield join


def wait_for_ids(reader: Reader, *ids: int) -> None:
    """Wait until *reader* has got the ticks *ids*, and no other."""
    wait_for(lambda: reader.read_all().ids[-1:] == [*ids[-1:]])
    assert reader.ids == [*ids]


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
    app: Flask, join: Join
) -> None:
    reader, relay = join(app), services(app).relay
    sent = tick(app, quote("bitcoin", "0.10"), quote("pepe", "1.2e-09"))
    wait_for_ids(reader, sent.id)
    assert sent.to_json() in [event.data for event in reader.events]
    assert json.loads(reader.statuses[0])["top"] == 10, "as the settings have it"
    assert relay.state.newest
    assert relay.state.newest.text == sent.to_json()
    assert relay.state.tick == sent


def test_a_start_with_more_stored_than_is_kept_replays_all_that_is_kept(
    make_app: AppFactory, join: Join
) -> None:
    app = make_app(replay=3)
    stored = [tick(app, publish=False).id for _ in range(6)]
    reader = join(app, stored[3])
    wait_for_ids(reader, *stored[4:])
    assert reader.verdicts == [{"last_event_id": str(stored[3]), "recovered": True, "replayed": 2}]


def test_ticks_that_were_committed_but_not_published_are_found_by_the_next_one(
    app: Flask, join: Join
) -> None:
    reader, relay = join(app), services(app).relay
    wait_for(lambda: relay.feed_connected)
    sent = [tick(app).id]
    wait_for_ids(reader, *sent)
    sent += [tick(app, publish=publish).id for publish in (False, False, True)]
    wait_for_ids(reader, *sent)
    assert relay.database.filled == 2


def test_a_tick_that_was_not_published_is_found_by_the_clock(
    make_app: AppFactory, join: Join
) -> None:
    app = make_app(interval=1)
    reader = join(app)
    sent = [tick(app).id]
    wait_for_ids(reader, *sent)
    sent.append(tick(app, publish=False).id)
    wait_for_ids(reader, *sent)


def test_a_tick_that_is_published_twice_or_late_is_sent_once(app: Flask, join: Join) -> None:
    reader = join(app)
    first, second = tick(app), tick(app)
    for again in (first, second, first):
        services(app).backend.feed.publish(Message(SourceState(), TickJson.of_tick(again)))
    wait_for_ids(reader, first.id, second.id, tick(app).id)


def test_a_malformed_message_makes_it_read_the_database(
    app: Flask, join: Join, redis_server: EmbeddedRedis
) -> None:
    reader = join(app)
    sent = [tick(app).id]
    wait_for_ids(reader, *sent)
    sent.append(tick(app, publish=False).id)
    with redis.Redis.from_url(redis_server.url) as client:
        client.publish(services(app).backend.feed.channel, b"{")
    wait_for_ids(reader, *sent)


def test_without_redis_prices_come_from_the_database_and_the_status_says_so(
    make_app: AppFactory, own_redis: EmbeddedRedis, join: Join
) -> None:
    app = make_app(redis_url=own_redis.url)
    reader = join(app)
    sent = [tick(app).id]
    wait_for_ids(reader, *sent)
    own_redis.kill()
    wait_for(lambda: "Redis cannot be reached" in reader.read_all().statuses[-1])
    sent.append(tick(app, publish=False).id)
    wait_for_ids(reader, *sent)
    own_redis.start()
    wait_for(lambda: '"reason": null' in reader.read_all().statuses[-1])
    sent.append(tick(app).id)
    wait_for_ids(reader, *sent)


def test_more_missed_ticks_than_are_replayed_are_a_gap_that_readers_are_told(
    make_app: AppFactory, join: Join
) -> None:
    app = make_app(replay=3)
    reader = join(app)
    first = tick(app)
    wait_for_ids(reader, first.id)
    with services(app).relay._lock:  # so that it does not read in between
        missed = [tick(app, publish=False).id for _ in range(6)]
        last = tick(app)
    wait_for_ids(reader, first.id, *missed[-2:], last.id)
    assert reader.verdicts == [{"last_event_id": str(first.id), "recovered": False, "replayed": 0}]


def test_the_status_goes_from_starting_to_live_to_stale_and_each_is_sent(
    make_app: AppFactory, join: Join
) -> None:
    app = make_app(interval=1)
    reader = join(app)
    tick(app)
    wait_for(lambda: len(reader.read_all().statuses) == 3)
    assert [data.split('"')[3] for data in reader.statuses] == ["starting", "live", "stale"]


def test_a_failure_of_the_source_and_a_confirmed_tick_are_sent_as_news(
    app: Flask, join: Join
) -> None:
    """Of a confirmed tick a page gets nothing else, and would take its prices for old."""
    reader, its, at = join(app), services(app).backend, now_ms()
    its.feed.publish(Message(fail(its.store, "CoinGecko: busy", at=at)))
    wait_for(lambda: len(reader.read_all().statuses) == 2)
    assert '"offline"' in reader.statuses[-1]
    assert "CoinGecko: busy" in reader.statuses[-1]
    wait_for_ids(reader, tick(app).id)
    wait_for(lambda: '"live"' in reader.read_all().statuses[-1])
    before, at = len(reader.statuses), now_ms() + 1
    its.feed.publish(Message(its.store.change_state(lambda state: succeeded(state, at))))
    wait_for(lambda: len(reader.read_all().statuses) == before + 1)
    assert '"live"' in reader.statuses[-1]


def test_a_terminal_shows_each_tick_and_each_change_of_the_status(app: Flask, join: Join) -> None:
    """Before any price why there is none; of many ticks that were missed the newest alone."""
    its, relay = services(app).backend, services(app).relay
    reader = join(app, variant=Variant(("bitcoin",), screen=()))

    def shows(*parts: str) -> bool:
        terminal = Terminal()
        terminal.feed(reader.read_all().raw)
        assert terminal.scrolled == 0
        return all(part in "\n".join(terminal.lines) for part in parts)

    assert shows("● Starting: the first prices are on their way")
    its.feed.publish(Message(fail(its.store, "CoinGecko: busy", at=now_ms())))
    wait_for(lambda: shows("● Offline: no prices", "CoinGecko: busy. Next attempt in"))
    tick(app, quote("bitcoin", "41.50"), quote("ethereum"))
    wait_for(lambda: shows("● Live", "$41.50", "Bitcoin"))
    assert not shows("Ethereum")
    with relay._lock:  # so that it does not read in between
        for price in range(50, 60):
            tick(app, quote("bitcoin", str(price)), publish=price == 59)
    wait_for(lambda: shows("● Live", "$59.00"))
    assert b"$58.00" not in reader.raw
    its.feed.publish(Message(fail(its.store, "CoinGecko: busy again", at=now_ms())))
    wait_for(lambda: shows("$59.00", "CoinGecko: busy again."))


def test_of_a_database_that_is_read_late_readers_get_the_newest_and_returning_ones_the_rest(
    app: Flask, join: Join
) -> None:
    relay = services(app).relay
    stored = [tick(app, publish=False).id for _ in range(5)]
    with unreadable(app):
        reader = join(app)
        status = relay.status()
        assert (status.state, status.reason) == ("offline", "the database cannot be read")
    wait_for_ids(reader, stored[-1])
    assert relay.status().state == "live"
    wait_for_ids(join(app, stored[1]), *stored[2:])


def test_what_another_tracker_publishes_reaches_nobody(
    app: Flask, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    """One has another id; a copy of the database has the same, and ticks that this one has not."""
    first, backend = tick(app), services(app).backend
    reader, relay = join(app), services(app).relay
    wait_for_ids(reader, first.id)
    foreign = TickJson.of_tick(replace(first, id=first.id + 1))
    state = relay.state.source
    wait_for(lambda: (backend.feed.proved_at or 0) > 0)
    stranger = Message(SourceState(reason="busy"), foreign, first.id, installation="other")
    backend.feed.publish(stranger)
    backend.feed.publish(Message(state, foreign, first.id - 1))
    wait_for(lambda: "the feed brought a tick that the database has not" in caplog.text)
    assert "another tracker publishes on this database of Redis" in caplog.text
    second = tick(app)
    wait_for_ids(reader, first.id, second.id)
    assert b"busy" not in reader.raw


def test_a_database_that_is_read_late_has_what_readers_lack_since_the_feeds_first_tick(
    app: Flask, join: Join
) -> None:
    """The feed brings a tick before the database can be read, which then has three more."""
    before = [tick(app, quote("gone"), publish=False) for _ in range(4)]
    before.append(tick(app, publish=False))
    feed, relay = services(app).backend.feed, services(app).relay
    with unreadable(app):
        reader = join(app)
        wait_for(lambda: (feed.proved_at or 0) > 0)
        newest = TickJson.of_tick(before[-1])
        feed.publish(Message(SourceState(fresh_at=newest.id), newest, before[-2].id))
        wait_for_ids(reader, newest.id)
        relay._lock.acquire()  # so that it does not read in between
    after = [tick(app, publish=False).id for _ in range(3)]
    relay._lock.release()
    wait_for_ids(reader, newest.id, *after)
    assert reader.verdicts == []
    assert relay.database.filled == 3
    assert relay.state.coins == {"gone", "bitcoin"}
    returning = join(app, before[1].id)
    wait_for_ids(returning, *(one.id for one in before[2:]), *after)
    assert [verdict["recovered"] for verdict in returning.verdicts] == [True]


def test_ticks_after_an_empty_database_are_all_sent(app: Flask, join: Join) -> None:
    """The read at the start has seen it: these are news, not history."""
    reader, relay = join(app), services(app).relay
    with relay._lock:
        sent = [tick(app, publish=False).id for _ in range(2)]
        relay._sync_from_db()
    wait_for_ids(reader, *sent)


@pytest.mark.parametrize("before", [True, False], ids=["a tick before", "an empty database"])
def test_where_ticks_from_the_future_were_set_aside_readers_are_told_and_go_on(
    app: Flask, join: Join, before: bool
) -> None:
    """So they are where the database was emptied, or is another's."""
    store = services(app).backend.store
    if before:
        save(store, at=now_ms() - 2000)
    reader, now = join(app), now_ms()
    feed, ahead = services(app).backend.feed, save(store, at=now + 2 * 365 * DAY_MS)
    assert ahead
    feed.publish(message_of(ahead))
    wait_for(lambda: reader.read_all().ids[-1:] == [ahead.tick.id])
    if not before:
        execute(app, "DELETE FROM tick")
    saved = save(store, at=now, told=now)
    assert saved
    feed.publish(message_of(saved))
    wait_for(lambda: reader.read_all().ids[-1:] == [now])
    assert [verdict["recovered"] for verdict in reader.verdicts] == [False]
    assert reader.verdicts[0]["last_event_id"] == str(ahead.tick.id)
    last = tick(app)
    wait_for(lambda: reader.read_all().ids[-1:] == [last.id])
    assert len(reader.verdicts) == 1
    wait_for_ids(join(app, ahead.tick.id), last.id)


def test_a_damaged_row_is_logged_once_and_ends_neither_relay_nor_streams(
    app: Flask, join: Join, caplog: pytest.LogCaptureFixture
) -> None:
    tick(app, publish=False)
    execute(app, "UPDATE quote SET price = '12x'")
    reader, relay = join(app), services(app).relay
    for _ in range(2):
        relay.sync_until(tick(app, publish=False).id)
    wait_for_ids(reader, *(one.id for one in services(app).backend.store.newest(2)))
    assert caplog.text.count("the database has no usable price") == 1
    assert all(one.ok for one in services(app).readiness.checks() if one.fatal)
    assert relay.runs


def test_a_database_that_hangs_holds_up_neither_prices_nor_the_truth(
    app: Flask, join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, relay, store = join(app), services(app).relay, services(app).backend.store
    first = tick(app)
    wait_for_ids(reader, first.id)
    answers, read = threading.Event(), store.source_state
    with monkeypatch.context() as hanging:
        with relay._lock:  # no read goes on, which had more time
            hanging.setattr(module, "QUERY_TIMEOUT_S", 0.05)
            hanging.setattr(type(store), "source_state", lambda self: (answers.wait(), read())[1])
        tick(app, publish=False)
        wait_for_ids(reader, first.id, tick(app).id)
        assert not relay.database.answers
    assert reader.verdicts == [{"last_event_id": str(first.id), "recovered": False, "replayed": 0}]
    answers.set()
    wait_for(lambda: relay.database.answers)


def test_a_reader_that_comes_from_a_process_one_tick_ahead_gets_nothing_twice(
    app: Flask, join: Join
) -> None:
    """This process has read the database just now, and has not got the reader's tick."""
    relay = services(app).relay
    wait_for_ids(join(app), tick(app).id)
    with relay._lock:
        relay._sync_from_db()
    ahead = tick(app, publish=False).id
    relay.sync_until(ahead)
    reader = join(app, ahead).read_all()
    assert reader.verdicts == [{"last_event_id": str(ahead), "recovered": True, "replayed": 0}]
    assert reader.ids == []


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


def test_exchange_rates_come_with_the_feed_and_after_a_start_from_the_database(
    app: Flask,
) -> None:
    def rates(at: int) -> Rates:
        return Rates("usd", at, {"usd": Decimal(1), "eur": Decimal("0.92")})

    relay, backend = services(app).relay, services(app).backend
    backend.store.save_rates(rates(1))
    relay.start()
    assert relay.state.rates == rates(1)
    wait_for(lambda: relay.feed_connected)
    backend.feed.publish(Message(SourceState(), rates=rates(2)))
    wait_for(lambda: relay.state.rates == rates(2))
    tick(app)
    wait_for(lambda: relay.state.tick)
    assert relay.state.rates == rates(2), "a message without rates leaves those there are"
