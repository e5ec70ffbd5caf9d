"""The jobs that keep the history: what they do, how they are scheduled, that they run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq import Queue
from rq.job import Job
from sqlalchemy import text

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import AppFactory, SettingsFactory
from tests.support.tools import Child, environment, now_ms, quote, wait_for
from tracker.market.quotes import Market
from tracker.messaging.job_queue import QUEUE
from tracker.services import db, services
from tracker.storage.engine import reading
from tracker.storage.rollup import TIME_LIMIT_S
from tracker.storage.ticks import Store
from tracker.times import DAY_MS
from worker import maintenance
from worker.scheduler import RefreshScheduler, jobs_of

MINUTE = 60_000


@pytest.fixture
def app(
    make_app: AppFactory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    app = make_app(database_url=database_url, retention_days=2)
    monkeypatch.setattr(maintenance, "backend", lambda: services(app).backend)
    with app.app_context():
        yield app


def save(store: Store, at: int) -> None:
    assert store.save([quote()], at=at, next_attempt_at=at)


def count(table: str) -> int:
    with reading(db.engine) as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


class TestJobs:
    def test_ticks_become_candles(self, app: Flask) -> None:
        for age in (DAY_MS, MINUTE):
            save(services(app).backend.store, now_ms() - age)
        maintenance.roll_up()
        assert count("candle") == 2

    def test_ticks_are_kept_as_long_as_is_set_and_their_candles_stay(self, app: Flask) -> None:
        store: Store = services(app).backend.store
        for age in (9 * DAY_MS, 2 * DAY_MS + MINUTE, 2 * DAY_MS - MINUTE, MINUTE):
            save(store, now_ms() - age)
        maintenance.prune()
        assert [round((now_ms() - tick.id) / MINUTE) for tick in store.newest(9)] == [
            2 * 1440 - 1,
            1,
        ]
        maintenance.roll_up()
        assert count("candle") in (3, 4)  # two of the ticks may be of one hour

    def test_a_market_that_is_no_longer_followed_keeps_its_newest_tick(self, app: Flask) -> None:
        store = Store(db.engine, Market("coingecko", "eur"), stale_after=MINUTE)
        for age in (9 * DAY_MS, 8 * DAY_MS):
            save(store, now_ms() - age)
        save(services(app).backend.store, now_ms())
        maintenance.prune()
        assert (count("tick"), count("quote"), count("candle")) == (2, 2, 2)
        assert len(store.newest(9)) == 1


class TestSchedule:
    @pytest.fixture
    def connection(self, redis_server: EmbeddedRedis) -> Iterator[Redis]:
        with Redis.from_url(redis_server.url) as client:
            yield client

    def test_the_upkeep_begins_after_the_first_refresh(self, connection: Redis) -> None:
        scheduler = RefreshScheduler(connection, 60)
        scheduler.register()
        scheduler.enqueue_jobs()
        assert Queue(QUEUE, connection=connection).job_ids == ["refresh_prices"]
        for job, first in {"roll_up": 15, "prune": 30}.items():
            due = connection.zscore(RefreshScheduler.scheduled_jobs_key, job)
            assert isinstance(due, float)
            assert first - 2 <= due - now_ms() / 1000 <= first

    def test_all_are_scheduled_as_they_must_be(self, connection: Redis) -> None:
        RefreshScheduler(connection, 60).register()
        found = Job.fetch_many(["refresh_prices", "roll_up", "prune"], connection=connection)
        told = [
            (job.func_name, job.meta["interval"], job.timeout, job.result_ttl)
            for job in found
            if job
        ]
        assert told == [
            ("worker.jobs.refresh_prices", 60, 30, -1),
            ("worker.maintenance.roll_up", 300, 60, -1),
            ("worker.maintenance.prune", 3600, 60, -1),
        ]

    def test_what_is_lost_or_was_scheduled_otherwise_is_scheduled_anew_alone(
        self, connection: Redis
    ) -> None:
        scheduler = RefreshScheduler(connection, 60)
        scheduler.register()
        key = RefreshScheduler.scheduled_jobs_key
        later = float(int(time.time()) + 250)
        connection.zadd(key, {"roll_up": later, "refresh_prices": later})
        connection.zrem(key, "prune")
        RefreshScheduler(connection, 5).register()
        assert connection.zscore(key, "roll_up") == later
        assert connection.zscore(key, "prune") < later  # type: ignore[operator]
        assert connection.zscore(key, "refresh_prices") < later  # type: ignore[operator]

    def test_no_job_ends_before_it_is_done(self) -> None:
        assert all(job.timeout > 2 * TIME_LIMIT_S for job in jobs_of(60)[1:])


def test_the_worker_runs_them(
    settings: SettingsFactory, own_redis: EmbeddedRedis, tmp_path: Path, make_app: AppFactory
) -> None:
    mine = settings(redis_url=own_redis.url)
    app = make_app(redis_url=own_redis.url)
    with app.app_context():
        for age in (9 * DAY_MS, 8 * DAY_MS, MINUTE):
            save(services(app).backend.store, now_ms() - age)
        with Redis.from_url(own_redis.url) as connection:
            queue = Queue(QUEUE, connection=connection)
            for job in jobs_of(60)[1:]:
                queue.enqueue(job.function, job_timeout=job.timeout)
        with Child("-m", "worker", env=environment(mine), log=tmp_path / "worker") as worker:
            wait_for(lambda: (count("tick"), count("candle")) == (1, 3), 15)
            assert worker.end() == 0
        assert "Traceback" not in worker.output
