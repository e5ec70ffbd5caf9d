"""The schedule, and the two processes behind the prices, with a real Redis and a real RQ."""

import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import SettingsFactory
from tests.support.tools import Child, environment, wait_for
from tests.support.tools import tick_ids as ids
from tracker.config import Settings
from tracker.messaging import json_jobs, redis_client
from tracker.messaging.job_queue import QUEUE, REFRESH_ID
from tracker.messaging.json_jobs import JsonJob
from worker import jobs, process
from worker.rq_worker import RefreshWorker
from worker.scheduler import RefreshScheduler

SCHEDULER = ("-m", "worker.scheduler")
WORKER = ("-m", "worker")


@pytest.fixture
def connection(redis_server: EmbeddedRedis) -> Iterator[Redis]:
    with Redis.from_url(redis_server.url) as client:
        yield client


def all_due(connection: Redis) -> dict[str, float]:
    """Return when each job runs next, in unix seconds."""
    key = RefreshScheduler.scheduled_jobs_key
    found: Any = connection.zrange(key, 0, -1, withscores=True)
    return {id.decode(): due for id, due in found}


def registered(connection: Redis, interval: int) -> RefreshScheduler:
    """Do what the process does before its first poll."""
    scheduler = RefreshScheduler(connection, interval)
    scheduler.register()
    return scheduler


def crash_after_a_tick(redis: EmbeddedRedis, settings: Settings) -> None:
    """Kill Redis while RQ's worker waits: only then does RQ log it in one line."""
    before = len(ids(settings))
    wait_for(lambda: len(ids(settings)) > before, what="a tick that is just over")
    with Redis.from_url(redis.url) as connection:
        wait_for(
            lambda: any(one.get_state() == "idle" for one in Worker.all(connection=connection))
        )
    redis.kill()


class TestSchedule:
    def test_all_are_scheduled_and_the_upkeep_begins_after_the_first_refresh(
        self, connection: Redis
    ) -> None:
        registered(connection, 60).enqueue_jobs()
        ids = ["refresh_prices", "roll_up", "prune"]
        found = [job for job in JsonJob.fetch_many(ids, connection=connection) if job]
        told = [(job.func_name, job.meta["interval"], job.timeout) for job in found]
        assert told == [
            ("worker.jobs.refresh_prices", 60, 30),
            ("worker.maintenance.roll_up", 60, 60),
            ("worker.maintenance.prune", 3600, 60),
        ]
        assert Queue(QUEUE, connection=connection).job_ids == [REFRESH_ID]
        due = all_due(connection)
        assert 5 < due["roll_up"] - time.time() <= 15
        assert 20 < due["prune"] - time.time() <= 30
        registered(connection, 60).enqueue_jobs()
        assert all_due(connection) == due, "two schedulers make one schedule"

    def test_what_is_lost_or_was_scheduled_otherwise_is_scheduled_anew_alone(
        self, connection: Redis
    ) -> None:
        registered(connection, 60)
        later = float(int(time.time()) + 250)
        connection.zadd(RefreshScheduler.scheduled_jobs_key, {"roll_up": later, REFRESH_ID: later})
        connection.zrem(RefreshScheduler.scheduled_jobs_key, "prune")
        registered(connection, 5)
        due = all_due(connection)
        assert due["roll_up"] == later
        assert max(due["prune"], due[REFRESH_ID]) < later
        connection.zadd(RefreshScheduler.scheduled_jobs_key, {"roll_up": later + 86_400})
        registered(connection, 5)
        assert all_due(connection)["roll_up"] < later, "the clock was set back meanwhile"

    def test_what_somebody_else_has_scheduled_for_ever_runs_at_once(
        self, connection: Redis
    ) -> None:
        scheduler = registered(connection, 60)
        connection.zadd(scheduler.scheduled_jobs_key, {REFRESH_ID: "inf"})
        connection.zadd(scheduler.scheduled_jobs_key, {b"\xff:\n": 0})
        scheduler.enqueue_jobs()
        assert Queue(QUEUE, connection=connection).job_ids == [REFRESH_ID]

    def test_a_redis_that_was_emptied_is_filled_again(self, connection: Redis) -> None:
        scheduler = registered(connection, 60)
        scheduler.enqueue_jobs()
        connection.flushall()
        scheduler.enqueue_jobs()
        assert REFRESH_ID in scheduler
        assert Queue(QUEUE, connection=connection).job_ids == [REFRESH_ID]

    def test_a_clock_that_is_set_back_does_not_delay_the_next_run(self, connection: Redis) -> None:
        """What is due by a clock of yesterday would stand still until that comes again."""
        ahead = 0
        scheduler = RefreshScheduler(connection, 60, clock=lambda: time.time() + ahead)
        scheduler.register()
        due = {job: score + 3600 for job, score in all_due(connection).items()}
        connection.zadd(RefreshScheduler.scheduled_jobs_key, due)
        ahead = 3000  # forward changes nothing
        scheduler.enqueue_jobs()
        assert all_due(connection) == due
        assert Queue(QUEUE, connection=connection).job_ids == []
        ahead = 0
        scheduler.enqueue_jobs()
        assert Queue(QUEUE, connection=connection).job_ids == [REFRESH_ID]
        assert all(score < time.time() + 120 for score in all_due(connection).values())

    def test_a_job_that_waits_already_is_not_queued_again(self, connection: Redis) -> None:
        """While no worker runs, the queue does not grow, and the schedule goes on."""
        scheduler = registered(connection, 1)
        connection.rpush("rq:queue:tracker", b"\xff")
        for _ in range(4):
            connection.zadd(scheduler.scheduled_jobs_key, {REFRESH_ID: 0}, xx=True)
            scheduler.enqueue_jobs()
        assert connection.lrange("rq:queue:tracker", 0, -1) == [b"\xff", REFRESH_ID.encode()]
        assert all_due(connection)[REFRESH_ID] > 0

    def test_failures_are_kept_for_a_day_and_do_not_pile_up(
        self, connection: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(jobs, "refresh_prices", lambda: 1 / 0)
        scheduler = registered(connection, 1)
        queue = json_jobs.queue(connection)
        worker = RefreshWorker(connection)
        for _ in range(2):
            connection.zadd(scheduler.scheduled_jobs_key, {REFRESH_ID: 0}, xx=True)
            scheduler.enqueue_jobs()
            found = worker.dequeue_job_and_maintain_ttl(None)
            assert found
            worker.execute_job(*found)
        failed: Any = connection.zrange(queue.failed_job_registry.key, 0, -1, withscores=True)
        [(id, until)] = failed
        assert id.decode() == REFRESH_ID
        assert 86_000 < until - time.time() <= 86_400
        assert 0 < connection.ttl(f"rq:results:{REFRESH_ID}") <= 86_400
        assert JsonJob.exists(REFRESH_ID, connection=connection), "it is tried again"

    def test_the_lock_of_one_that_was_killed_is_free_after_two_seconds(
        self, connection: Redis
    ) -> None:
        killed, other = RefreshScheduler(connection, 1), RefreshScheduler(connection, 1)
        assert killed.acquire_lock()
        assert not other.acquire_lock()
        left: Any = connection.pttl(RefreshScheduler.scheduler_lock_key)
        assert 0 < left <= 2000
        connection.persist(RefreshScheduler.scheduler_lock_key)
        assert not other.acquire_lock()
        left = connection.pttl(RefreshScheduler.scheduler_lock_key)
        assert 0 < left <= 2000, "somebody has written it"


@pytest.mark.faults
class TestProcesses:
    @pytest.fixture
    def mine(self, settings: SettingsFactory, own_redis: EmbeddedRedis) -> Settings:
        return settings(redis_url=own_redis.url, interval=1)

    @pytest.fixture
    def both(self, mine: Settings, tmp_path: Path) -> Iterator[tuple[Child, Child]]:
        """Return a worker and a scheduler that run."""
        env = environment(mine)
        with (
            Child(*WORKER, env=env, log=tmp_path / "worker") as worker,
            Child(*SCHEDULER, env=env, log=tmp_path / "scheduler") as scheduler,
        ):
            yield worker, scheduler

    def test_prices_come_each_second_and_after_a_restart_of_redis(
        self, both: tuple[Child, Child], mine: Settings, own_redis: EmbeddedRedis
    ) -> None:
        worker, scheduler = both
        wait_for(lambda: ids(mine), 20, "the first tick")
        crash_after_a_tick(own_redis, mine)
        wait_for(lambda: "Redis cannot be reached" in scheduler.output, 15)
        own_redis.start()
        before = len(ids(mine))
        wait_for(lambda: len(ids(mine)) >= before + 3, 30, "ticks after the restart")
        later = [after - before for before, after in pairwise(ids(mine)[before + 1 :])]
        assert min(later) >= 500
        assert "Traceback" not in scheduler.output + worker.output

    def test_both_end_when_asked_while_redis_is_away(
        self, both: tuple[Child, Child], mine: Settings, own_redis: EmbeddedRedis
    ) -> None:
        worker, scheduler = both
        crash_after_a_tick(own_redis, mine)
        wait_for(lambda: "Redis cannot be reached" in scheduler.output, 15)
        wait_for(lambda: "could not connect to Redis" in worker.output, 15)
        scheduler.process.terminate()
        worker.process.terminate()
        assert (scheduler.wait(20), worker.wait(20)) == (0, 0)
        assert "Traceback" not in scheduler.output

    def test_two_of_each_make_one_tick_an_interval(
        self, settings: SettingsFactory, tmp_path: Path
    ) -> None:
        mine = settings(interval=1)
        env = environment(mine)
        with (
            Child(*SCHEDULER, env=env, log=tmp_path / "scheduler-1.log"),
            Child(*SCHEDULER, env=env, log=tmp_path / "scheduler-2.log"),
            Child(*WORKER, env=env, log=tmp_path / "worker-1.log"),
            Child(*WORKER, env=env, log=tmp_path / "worker-2.log"),
        ):
            wait_for(lambda: len(ids(mine)) > 8, 60)
        gaps = [later - earlier for earlier, later in pairwise(ids(mine))]
        assert min(gaps) > 500
        assert 900 <= statistics.median(gaps) <= 1100


def test_a_bad_setting_ends_the_process_with_one_line(tmp_path: Path) -> None:
    env = environment(TRACKER_INTERVAL="soon", REDIS_URL="redis://127.0.0.1:1")
    with Child(*WORKER, env=env, log=tmp_path / "log") as child:
        assert child.wait() == 1
    assert child.output == (
        'TRACKER_INTERVAL="soon" is not accepted; accepted: a whole number from 1 to 86400\n'
    )


class TestRetryOnRedisError:
    def test_what_redis_fails_is_run_again(
        self, settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(redis_client, "MAX_BACKOFF", 0.01)
        runs = []

        def work(_settings: Settings, connection: Redis) -> None:
            runs.append(connection.ping())
            if len(runs) < 3:
                raise RedisError

        process.retry_on_redis_error(settings(), work)
        assert len(runs) == 3

    def test_an_exit_is_kept_though_redis_fails_its_clean_up(
        self, settings: SettingsFactory
    ) -> None:
        def work(_settings: Settings, _connection: Redis) -> None:
            try:
                raise SystemExit(0)
            finally:
                raise RedisError

        with pytest.raises(SystemExit):
            process.retry_on_redis_error(settings(), work)
