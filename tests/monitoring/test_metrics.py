"""`/metrics`: true numbers, of all web processes, whichever is asked and whatever is away."""

import math
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from rq import Queue, Worker
from rq.registry import FailedJobRegistry

from dev.embedded_redis import EmbeddedRedis, free_port
from tests.conftest import AppFactory, SettingsFactory
from tests.support.proxy import Proxy
from tests.support.stream_clients import SMALLEST_BUFFER, Reader
from tests.support.tools import Script, Venue, alone, now_ms, quote, save, wait_for
from tests.support.web_process import Web, message_of, request, tick
from tracker.errors import SourceError
from tracker.messaging import refresh_stats as refreshes_module
from tracker.messaging.job_queue import QUEUE
from tracker.monitoring import multiproc_dir
from tracker.services import services
from tracker.stream.admission import NotAdmittedError
from tracker.stream.frames import Frame, LastEventId, Variant, encode
from tracker.stream.hub import Hub
from worker.aggregator import Aggregator
from worker.jobs import refresh
from worker.venues.exchanges import Exchanges

PROMPTLY_S = 10.0
"""What is deaf in these tests would be so for ever."""


class Scraped:
    """The numbers of one answer."""

    def __init__(self, text: str) -> None:
        self.all = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def __call__(self, name: str, /, **labels: str) -> float:
        return self.all[f"tracker_{name}", tuple(sorted(labels.items()))]

    def count_of(self, name: str) -> int:
        """Return how many series *name* has."""
        return sum(known == f"tracker_{name}" for known, _ in self.all)


def scraped(app: Flask) -> Scraped:
    response = app.test_client().get("/metrics")
    assert response.status_code == 200
    return Scraped(response.text)


@pytest.fixture
def relaying(app: Flask) -> Flask:
    services(app).relay.start()
    wait_for(lambda: services(app).backend.feed.proved_at)
    return app


@pytest.fixture
def readers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def reader(
    app: Flask, stack: ExitStack, variant: Variant = Variant(), *, last_event_id: int | None = None
) -> Reader:
    made = Reader(gzip=variant.gzip)
    stack.callback(made.close)
    last = LastEventId.parse(str(last_event_id)) if last_event_id else None
    services(app).hub.admit("", variant, last).join(made.ours)
    return made


class TestStream:
    def test_readers_are_counted_by_what_they_see(
        self, relaying: Flask, readers: ExitStack
    ) -> None:
        events = Variant(), Variant(), Variant(gzip=True), Variant(("bitcoin",))
        for variant in (Variant(screen=()), *events):
            last = reader(relaying, readers, variant)
        last.close()
        wait_for(lambda: len(services(relaying).hub) == 4)
        now = scraped(relaying)
        assert now("stream_subscribers", form="events", encoding="plain", coins="all") == 2
        assert now("stream_subscribers", form="events", encoding="gzip", coins="all") == 1
        assert now("stream_subscribers", form="events", encoding="plain", coins="some") == 0
        assert now("stream_subscribers", form="screen", encoding="plain", coins="all") == 1
        assert now("stream_joins_total", form="events", encoding="plain", coins="some") == 1
        assert now("stream_leaves_total", why="hung_up") == 1
        services(relaying).hub.drain(0)
        assert scraped(relaying)("stream_leaves_total", why="drained") == 4

    def test_events_bytes_and_ages_are_those_of_what_readers_got(
        self, relaying: Flask, readers: ExitStack
    ) -> None:
        def has_two_ticks(reader: Reader) -> bool:
            while reader.read():
                pass
            return sum(event.event == "prices" for event in reader.events) == 2

        now = scraped(relaying)
        assert now("newest_tick_timestamp_seconds") == 0
        assert now("newest_tick_age_seconds") == math.inf
        assert now("status", state="starting") == 1
        made = [reader(relaying, readers) for _ in range(3)]
        sent = [tick(relaying) for _ in range(2)]
        wait_for(lambda: all(has_two_ticks(one) for one in made))
        now = scraped(relaying)
        assert now("stream_events_sent_total") == 6
        assert now("stream_sent_bytes_total") == sum(len(one.raw) for one in made)
        assert now("broadcast_duration_seconds_count") == 2
        assert now("delivery_latency_seconds_count") == 2
        assert 0 <= now("delivery_latency_seconds_sum") < 10
        assert now("newest_tick_timestamp_seconds") == sent[1].id / 1000
        assert 0 <= now("newest_tick_age_seconds") < 10
        assert scraped(relaying)("newest_tick_age_seconds") > now("newest_tick_age_seconds")
        assert (now("status", state="live"), now("status", state="starting")) == (1, 0)
        assert (now("interval_seconds"), now("stale_after_seconds")) == (60, 180)

    def test_a_slow_reader_that_misses_ticks_and_stalls_is_told_as_such(
        self, readers: ExitStack
    ) -> None:
        """Bytes that the kernel did not take are not counted."""
        hub = Hub(replay=2, stall_limit=0.05)
        slow = Reader(buffer=SMALLEST_BUFFER)
        readers.callback(slow.close)
        readers.callback(hub.close)
        hub.admit().join(slow.ours)
        for id in range(1, 10):
            hub.broadcast(Frame(id, lambda topics: encode("x" * 50_000, id=1)))
        assert (hub.stats.slow, hub.behind) == (1, 1)
        assert 0 < hub.stats.bytes < 9 * 50_000
        while hub.stats.lapped == 0:
            slow.read()
            hub.poll_sockets()
        wait_for(lambda: hub.sweep() or len(hub) == 0)  # type: ignore[func-returns-value]
        assert hub.stats.left == {"stalled": 1}
        assert hub.admission.total == 0
        while not slow.ended:
            slow.read()
        assert len(slow.raw) == hub.stats.bytes

    def test_ticks_that_the_feed_did_not_bring_and_readers_that_come_back_are_counted(
        self, relaying: Flask, readers: ExitStack
    ) -> None:
        first = tick(relaying)
        wait_for(lambda: scraped(relaying)("broadcast_duration_seconds_count") == 1)
        for publish in (False, False, True):
            tick(relaying, publish=publish)
        wait_for(lambda: scraped(relaying)("broadcast_duration_seconds_count") == 4)
        for id in (first.id, 7):
            reader(relaying, readers, last_event_id=id)
        now = scraped(relaying)
        assert now("mended_ticks_total") == 2
        assert now("stream_resumes_total", recovered="true") == 1
        assert now("stream_resumes_total", recovered="false") == 1
        assert now("stream_replayed_ticks_total") == 3

    def test_who_is_not_let_in_is_counted_by_why(self, make_app: AppFactory) -> None:
        app = make_app(max_subscribers=2, max_subscribers_per_ip=1)
        for client in ("a", "a", "b", "c"):
            with suppress(NotAdmittedError):
                services(app).hub.admit(client)
        now = scraped(app)
        assert now("stream_refusals_total", why="address") == 1
        assert now("stream_refusals_total", why="full") == 1
        assert now("stream_subscribers_limit") == 2


def test_a_publishers_clock_that_is_ahead_makes_no_negative_latency(relaying: Flask) -> None:
    its = services(relaying).backend
    saved = save(its.store, at=now_ms())
    assert saved
    message = replace(message_of(saved), published_at=now_ms() + 60_000)
    its.feed._redis.publish(its.feed.channel, message.to_json())
    wait_for(lambda: scraped(relaying)("delivery_latency_seconds_count") == 1)
    assert scraped(relaying)("delivery_latency_seconds_sum") == 0


def test_a_feed_that_goes_and_comes_back_is_counted(
    make_app: AppFactory, own_redis: EmbeddedRedis
) -> None:
    app = make_app(redis_url=own_redis.url)
    services(app).relay.start()
    wait_for(lambda: scraped(app)("feed_connected") == 1)
    own_redis.kill()
    for name in ("feed_connected", "redis_answers"):
        wait_for(lambda name=name: scraped(app)(name) == 0)  # type: ignore[misc]
    own_redis.start()
    wait_for(lambda: scraped(app)("feed_connected") == 1)
    assert scraped(app)("feed_reconnects_total") == 1


def test_requests_are_counted_by_endpoint_and_never_by_path(app: Flask) -> None:
    app.add_url_rule("/broken", "broken", lambda: 1 / 0)  # type: ignore[arg-type]
    client = app.test_client()
    for n in range(10):
        client.get(f"/made/up/{n}")
        client.open("/healthz", method=f"BREW{n}")
    client.head("/healthz")
    client.get("/broken")
    now = scraped(app)
    for endpoint, method, status, count in (
        ("unmatched", "GET", "404", 10),
        ("health.healthz", "HEAD", "200", 1),
        ("broken", "GET", "500", 1),
    ):
        own = {"endpoint": endpoint, "method": method, "status": status}
        assert now("http_requests_total", **own) == count
    assert now.count_of("http_requests_total") <= 5
    assert now("http_request_duration_seconds_count", endpoint="health.healthz") == 1


class TestRefreshes:
    def test_outcomes_and_kinds_of_failure_are_counted(self, app: Flask) -> None:
        script = Script([quote()], None, SourceError("down", kind="timeout"), SourceError("?"))
        source = alone(script)
        its = services(app).backend
        for interval in (0, 0, 0, 0, 60):
            with its.refresh_stats.counted() as outcome:
                pace: dict[str, Any] = {"interval": interval, "coingecko_interval": interval}
                paced = replace(its, settings=replace(its.settings, **pace))
                refresh(source, paced, outcome=outcome)
        with pytest.raises(ZeroDivisionError), its.refresh_stats.counted():
            1 / 0  # noqa: B018
        now = scraped(app)
        for outcome_is, kind in (
            ("tick", ""), ("unchanged", ""), ("skipped", ""),
            ("failed", "timeout"), ("failed", "unusable"), ("failed", "error"),
        ):  # fmt: skip
            assert now("refreshes_total", outcome=outcome_is, kind=kind) == 1
        assert now.count_of("refreshes_total") == 6
        assert now("refresh_duration_seconds_count", outcome="failed") == 3
        assert now("refresh_duration_seconds_bucket", outcome="failed", le="+Inf") == 3
        assert now("refresh_duration_seconds_sum", outcome="tick") > 0

    def test_what_became_of_the_requests_is_counted_by_source_and_exchange(
        self, relaying: Flask
    ) -> None:
        """Exchanges are asked from the second refresh on, the source at the first and third."""
        its = services(relaying).backend
        at_once = replace(its, settings=replace(its.settings, source="coingecko", interval=0))
        source = Script([quote("bitcoin", "100", symbol="btc")], SourceError("down"))
        kraken, gemini = Venue("kraken", BTC="100"), Venue("gemini", BTC="100")
        exchanges = Exchanges((kraken, gemini), interval_s=0)
        aggregator = Aggregator(source, exchanges, "usd")
        for prices in ({"BTC": "100"}, {"BTC": "100"}, {"BTC": "110"}, None):
            gemini.prices = prices
            with its.refresh_stats.counted() as outcome:
                refresh(aggregator, at_once, outcome=outcome, early=prices == {"BTC": "110"})
        relay = services(relaying).relay
        wait_for(lambda: [one.ok for one in relay.state.source.sources] == [False, True, False])
        now = scraped(relaying)
        for name, answers, failures, disagreements in (
            ("script", 1, 1, 0), ("kraken", 3, 0, 0), ("gemini", 2, 1, 1),
        ):  # fmt: skip
            assert now("source_answers_total", name=name) == answers
            assert now("source_failures_total", name=name) == failures
            assert now("source_disagreements_total", name=name) == disagreements
            assert now("source_ok", name=name) == (failures == 0)
            assert 0 <= now("source_price_age_seconds", name=name) < 10

    def test_a_redis_that_is_away_or_deaf_makes_no_refresh_and_no_scrape_fail_or_wait_long(
        self, make_app: AppFactory, own_redis: EmbeddedRedis
    ) -> None:
        away = make_app(redis_url=f"redis://127.0.0.1:{free_port()}")
        assert own_redis.port
        with Proxy(own_redis.port) as proxy:
            deaf = make_app(redis_url=f"redis://127.0.0.1:{proxy.port}")
            proxy.swallow()
            for app in (away, deaf):
                began_at = time.monotonic()
                with services(app).backend.refresh_stats.counted():
                    pass
                now = scraped(app)
                assert time.monotonic() - began_at < 2 * PROMPTLY_S
                assert (now("redis_answers"), now("feed_connected")) == (0, 0)
                assert now.count_of("refreshes_total") == 0

    def test_the_queue_is_rqs_and_garbage_among_the_counts_is_left_out(
        self, app: Flask, redis_server: EmbeddedRedis
    ) -> None:
        key = services(app).backend.refresh_stats.key
        with Redis.from_url(redis_server.url) as redis:
            counts = "count:tick:", "count", "answers:script", "newest_at"
            for name in (*counts, "bucket:tick:soon", b"\xff", "seconds:tick:"):
                redis.hset(key, name, "many")
            redis.hset(key, "count:unchanged:", "3")
            queue = Queue(QUEUE, connection=redis)
            assert queue.key == refreshes_module.QUEUED
            assert FailedJobRegistry(queue=queue).key == refreshes_module.FAILED
            Worker([queue], connection=redis).register_birth()  # type: ignore[no-untyped-call]
            queue.enqueue(print)
        now = scraped(app)
        assert now("refreshes_total", outcome="unchanged", kind="") == 3
        assert (now("queue_jobs"), now("failed_jobs"), now("workers")) == (1, 0, 1)

    @pytest.mark.parametrize("garbage", ["string", "field"])
    def test_what_something_else_has_written_there_is_counted_over(
        self, app: Flask, redis_server: EmbeddedRedis, garbage: str
    ) -> None:
        stats = services(app).backend.refresh_stats
        with Redis.from_url(redis_server.url) as redis:
            if garbage == "string":
                redis.set(stats.key, "x")
            else:
                redis.hset(stats.key, "count:tick:", "x")
        for _ in range(2):
            with stats.counted() as outcome:
                outcome.what = "tick"
        assert stats.read().counts == {("tick", ""): 1}


@pytest.mark.faults
def test_any_process_answers_for_all_also_for_those_that_died(
    app: Flask, settings: SettingsFactory, tmp_path: Path
) -> None:
    def scraped() -> Scraped:
        response, body = web.get("/metrics")
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        assert response.headers["Cache-Control"] == "no-store"
        return Scraped(body.decode())

    def subscribers() -> float:
        return scraped()("stream_subscribers", form="events", encoding="plain", coins="all")

    tick(app)
    temporary = Path(tempfile.gettempdir())
    with Web(settings(web_concurrency=2), tmp_path / "web.log") as web:
        folders = f"tracker-metrics-{web.child.process.pid}-*"
        wait_for(lambda: len(web.workers) == 2 and scraped()("web_processes") == 2)
        (folder,) = temporary.glob(folders)
        (folder / "counter_0.db").touch()  # as a process that begins has it for a moment
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(request(web.port))
            wait_for(lambda: subscribers() == 20)
            assert {subscribers() for _ in range(5)} == {20}
            dead = web.workers[0]
            os.kill(dead, signal.SIGKILL)
            wait_for(lambda: dead not in web.workers and len(web.workers) == 2)
            wait_for(lambda: len(list(temporary.glob(f"{folders}/gauge_livesum_*"))) == 2)
            wait_for(lambda: scraped()("status", state="live") == 2)
            wait_for(lambda: not list(temporary.glob(f"{folders}/*_{dead}.db")))
            after = scraped()
        assert after("stream_joins_total", form="events", encoding="plain", coins="all") == 20
        assert after("stream_subscribers", form="events", encoding="plain", coins="all") < 20
        assert after("database_answers") == 1
        assert after("web_processes") == 2
        assert after.all["process_resident_memory_bytes", ()] > 2 * 20_000_000
        assert 0 < time.time() - after.all["process_start_time_seconds", ()] < 120
        wait_for(  # readers go meanwhile
            lambda: abs(scraped().all["process_open_fds", ()] - web.descriptors()) <= 4
        )
        assert list(temporary.glob(folders))
        assert web.child.end() == 0
        assert not list(temporary.glob(folders))


def test_a_reload_keeps_the_folder_and_what_the_killed_left_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(multiproc_dir.VARIABLE, "/of/another")
    living = {f"tracker-metrics-{os.getppid()}-x", "tracker-metrics-mine"}
    for name in (*living, "tracker-metrics-999999999-x"):
        (tmp_path / name).mkdir()
    multiproc_dir.prepare()
    made = os.environ[multiproc_dir.VARIABLE]
    multiproc_dir.prepare()
    assert os.environ[multiproc_dir.VARIABLE] == made
    assert {path.name for path in tmp_path.iterdir()} == living | {Path(made).name}
    multiproc_dir.remove()
    assert not Path(made).exists()
