"""The jobs that keep the history: what they do, and that a worker runs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import text

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import AppFactory, SettingsFactory
from tests.support.tools import MINUTE, Child, environment, now_ms, save, wait_for
from tracker.market.quotes import Market
from tracker.messaging import json_jobs
from tracker.services import db, services
from tracker.storage.engine import reading
from tracker.storage.rollup import TIME_LIMIT_S
from tracker.storage.ticks import Store
from tracker.times import DAY_MS, HOUR_MS
from worker import maintenance
from worker.scheduler import jobs_of


@pytest.fixture
def app(
    make_app: AppFactory, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    app = make_app(database_url=database_url, retention_days=2)
    monkeypatch.setattr(maintenance, "backend", lambda: services(app).backend)
    with app.app_context():
        yield app


def count(table: str) -> int:
    with reading(db.engine) as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


class TestJobs:
    def test_ticks_are_kept_as_long_as_is_set_and_their_candles_for_ever(self, app: Flask) -> None:
        store: Store = services(app).backend.store
        for age in (9 * DAY_MS, 2 * DAY_MS + MINUTE, 2 * DAY_MS - MINUTE, 2 * HOUR_MS, MINUTE):
            save(store, at=now_ms() - age)
        maintenance.prune()
        ages = [round((now_ms() - tick.id) / MINUTE) for tick in store.newest(9)]
        assert ages == [2 * 1440 - 1, 120, 1]
        maintenance.roll_up()
        assert count("candle") in (4, 5)  # two of the ticks may be of one hour

    def test_a_clock_that_has_just_jumped_two_years_ahead_deletes_nothing(self, app: Flask) -> None:
        store: Store = services(app).backend.store
        for age in (731 * DAY_MS, 730 * DAY_MS, 0):
            save(store, at=now_ms() - age)
        maintenance.prune()
        assert len(store.newest(9)) == 3

    def test_a_market_that_is_no_longer_followed_keeps_its_newest_tick(self, app: Flask) -> None:
        store = Store(db.engine, Market("coingecko", "eur"))
        for age in (9 * DAY_MS, 8 * DAY_MS):
            save(store, at=now_ms() - age)
        save(services(app).backend.store, at=now_ms() - 2 * HOUR_MS)
        maintenance.prune()
        assert (count("tick"), count("quote"), count("candle")) == (2, 2, 2)
        assert len(store.newest(9)) == 1


def test_no_job_ends_before_it_is_done() -> None:
    assert all(job.timeout > 2 * TIME_LIMIT_S for job in jobs_of(60)[1:])


def test_the_worker_runs_them(
    settings: SettingsFactory, own_redis: EmbeddedRedis, tmp_path: Path, make_app: AppFactory
) -> None:
    mine = settings(redis_url=own_redis.url)
    app = make_app(redis_url=own_redis.url)
    with app.app_context():
        for age in (9 * DAY_MS, 8 * DAY_MS, 2 * HOUR_MS):
            save(services(app).backend.store, at=now_ms() - age)
        with Redis.from_url(own_redis.url) as connection:
            queue = json_jobs.queue(connection)
            for job in jobs_of(60)[1:]:
                queue.enqueue(job.function, job_timeout=job.timeout)
        with Child("-m", "worker", env=environment(mine), log=tmp_path / "worker") as worker:
            wait_for(lambda: (count("tick"), count("candle")) == (1, 3), 15)
            assert worker.end() == 0
        assert "Traceback" not in worker.output
