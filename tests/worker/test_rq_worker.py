"""RQ's worker: what hangs or fails does not stop it, no thread is left, the log has one line."""

import json
import logging
import pickle
import re
import signal
import sqlite3
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import StopRequested
from rq.job import Job, JobStatus
from rq.timeouts import JobTimeoutException
from sqlalchemy.exc import OperationalError

from dev.embedded_redis import EmbeddedRedis
from tests.conftest import SettingsFactory
from tests.support import hanging_jobs
from tests.support.fake_coingecko import CoinGecko
from tests.support.tools import Child, environment, tick_ids, wait_for
from tracker.config import Settings
from tracker.errors import StoreError
from tracker.messaging import claim, json_jobs
from tracker.messaging.feed import Message
from tracker.messaging.job_queue import REFRESH
from tracker.times import now_ms
from worker import rq_worker
from worker.rq_worker import RefreshWorker


@pytest.fixture
def worker(own_redis: EmbeddedRedis) -> Iterator[RefreshWorker]:
    with Redis.from_url(own_redis.url, retry=Retry(NoBackoff(), 0)) as connection:
        yield RefreshWorker(connection)


@pytest.fixture
def job(worker: RefreshWorker) -> Job:
    return json_jobs.queue(worker.connection).enqueue(REFRESH)


@pytest.mark.parametrize("redis_fails", [False, True])
def test_a_worker_that_ends_leaves_no_thread_even_if_redis_fails(
    worker: RefreshWorker, own_redis: EmbeddedRedis, redis_fails: bool
) -> None:
    before = threading.active_count()
    worker.subscribe()
    assert threading.active_count() == before + 1
    if redis_fails:
        with Redis.from_url(own_redis.url) as client:
            client.config_set("maxmemory", "1")
    with pytest.raises(RedisError) if redis_fails else nullcontext():
        worker.teardown()
    assert threading.active_count() == before


def test_commands_of_rq_neither_end_nor_suspend_it(worker: RefreshWorker) -> None:
    """Anybody who can reach Redis can send them; without the right to listen a thread would die."""
    worker.subscribe()
    assert worker.connection.pubsub_numsub(worker.pubsub_channel_name)[0][1] == 0
    worker.connection.set("rq:suspended", 1)
    worker.check_for_suspension(burst=False)  # which would wait
    worker.unsubscribe()


def test_an_idle_or_busy_worker_says_that_it_lives_once_in_five_seconds(
    worker: RefreshWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys live longer than it may wait for a job, however short the job before was."""
    worker.heartbeat(60)
    assert worker.connection.ttl(worker.key) > worker.dequeue_timeout
    worker.connection.delete(worker.key)
    worker.heartbeat()
    assert not worker.connection.exists(worker.key)
    monkeypatch.setattr(rq_worker, "HEARTBEAT_S", 0)
    worker.heartbeat()
    assert worker.connection.exists(worker.key)


def test_a_signal_that_came_just_before_a_job_began_ends_it_soon_too(
    worker: RefreshWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rq_worker, "END_S", 0.01)
    worker.told_to_end = True
    with pytest.raises(StopRequested), worker.death_penalty_class(600, JobTimeoutException):
        threading.Event().wait(20)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("it is locked")),
            "failed: OperationalError: it is locked",
        ),
        (ResponseError("unknown command"), "failed: ResponseError: unknown command"),
        (StoreError("no WAL"), "failed: StoreError: no WAL"),
    ],
)
def test_a_job_that_the_database_or_redis_fails_takes_one_line(
    worker: RefreshWorker, job: Job, caplog: pytest.LogCaptureFixture, error: Exception, line: str
) -> None:
    for _ in range(3):
        worker.handle_exception(job, type(error), error, None)
    assert caplog.messages == [f"{job.id} {line}"]


def test_a_bug_in_a_job_is_logged_with_its_traceback_and_a_failure_of_redis_without(
    worker: RefreshWorker, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ValueError, match="x") as bug:
        int("x")
    worker.handle_exception(job, bug.type, bug.value, bug.tb)
    assert "Traceback" in caplog.text
    assert "invalid literal for int()" in caplog.text
    caplog.clear()
    with pytest.raises(RedisError) as failure:
        worker.connection.execute_command("NONSENSE")
    told = (failure.type, failure.value, failure.tb)
    logging.getLogger("rq.worker").error("Worker %s: quitting...", "w", exc_info=told)
    assert caplog.messages[0].startswith("Worker w: quitting... unknown command")
    assert "Traceback" not in caplog.text


def test_a_job_that_is_not_the_trackers_own_is_refused_in_one_line_and_removed(
    worker: RefreshWorker, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Anybody who can write to Redis can queue them, by the thousand."""
    redis, refused = worker.connection, []
    worker = RefreshWorker(redis, lambda: refused.append(1))
    touched = tmp_path / "touched"
    pickled = zlib.compress(pickle.dumps(("os.system", None, (f"touch {touched}",), {})))
    called = zlib.compress(json.dumps(["os.system", None, [f"touch {touched}"], {}]).encode())
    own = {"data": zlib.compress(json.dumps([REFRESH, None, [], {}]).encode())}
    jobs: dict[str | bytes, Any] = {
        "pickled": {"data": pickled},
        "called": {"data": called},
        "as an argument": {"data": zlib.compress(json.dumps([REFRESH, None, [1], {}]).encode())},
        "at the end": own | {"success_callback_name": "os.system"},
        "elsewhere": own | {"webhooks": '[{"url": "http://a.test", "job_status": "finished"}]'},
        "no call": {"data": b"[1]"},
        "no date": own | {"created_at": "yesterday"},
        "meta": own | {"data": pickled, "meta": pickled},
        "no hash": "text",
        b"\xff": "text",
        "gone": {},
    }
    for id, value in jobs.items():
        key = b"rq:job:" + (id.encode() if isinstance(id, str) else id)
        if isinstance(value, str):
            redis.set(key, value)
        elif value:
            redis.hset(key, mapping=value)
        redis.rpush("rq:queue:tracker", id)
    json_jobs.queue(redis).enqueue(REFRESH, job_id="own")
    with caplog.at_level("WARNING"):
        found = worker.dequeue_job_and_maintain_ttl(None)
    assert found is not None
    assert found[0].id == "own"
    assert len(refused) == len(jobs) - 1
    assert len(caplog.messages) == 1
    assert re.fullmatch(r"refused and removed the job 'pickled': .*", caplog.messages[0])
    left = {bytes(key).decode(errors="replace") for key in redis.scan_iter("rq:job:*")}
    assert left == {"rq:job:own", "rq:job:\ufffd"}
    assert not touched.exists()


def test_what_rq_cannot_read_in_its_registries_is_removed(
    worker: RefreshWorker, caplog: pytest.LogCaptureFixture
) -> None:
    """It would end RQ's worker, again and again."""
    redis, odd = worker.connection, (b"\xff", b"a:b:c", b"", b"a b\n")
    worker.register_birth()  # type: ignore[no-untyped-call]
    for id in odd:
        for registry in ("wip", "ready", "finished", "failed"):
            redis.zadd(f"rq:{registry}:tracker", {id: 1})
        redis.rpush("rq:queue:tracker:intermediate", id)
        redis.sadd("rq:workers", id)
        redis.sadd("rq:workers:tracker", id)
        redis.sadd("rq:queues", id)
    for _ in range(2):
        worker.run_maintenance_tasks()
    assert caplog.text.count("removed from RQ's registries what it cannot read") == 1
    assert not redis.zcard("rq:wip:tracker")
    assert worker.key.encode() in redis.smembers("rq:workers:tracker")
    assert b"\xff" not in redis.smembers("rq:workers")


class SlowCoinGecko(CoinGecko):
    """It answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def markets(self, query: dict[str, str]) -> str:
        """Return the body of `/coins/markets`, later."""
        self.is_asked.set()
        self.may_answer.wait(60)
        return super().markets(query)


START = """
from tests.support import hanging_jobs
from tracker.messaging import claim, json_jobs
from worker import __main__ as main, rq_worker
main.MAX_JOBS, rq_worker.HANGS_AFTER_S, rq_worker.WATCH_S = {max_jobs}, 0.5, 0.1
json_jobs.FUNCTIONS |= {{'tests.support.hanging_jobs.' + name for name in dir(hanging_jobs)}}
main.run_process(main.run, prepare=main.aggregator)
"""


def next_id(feed: PubSub) -> int | None:
    """Return the id of the next message's tick, if there is one."""
    found = feed.get_message()
    tick = Message.from_json(found["data"]).tick if found else None
    return tick.id if tick else None


def start(settings: Settings, log: Path, max_jobs: int = 5000) -> Child:
    """Return the worker's process, with short limits."""
    code = START.format(max_jobs=max_jobs)
    return Child(sys.executable, "-c", code, env=environment(settings), log=log)


@pytest.mark.faults
class TestProcess:
    @pytest.fixture
    def queue(self, worker: RefreshWorker) -> Queue:
        return json_jobs.queue(worker.connection)

    @pytest.fixture
    def mine(self, settings: SettingsFactory, own_redis: EmbeddedRedis) -> Settings:
        return settings(redis_url=own_redis.url, interval=1)

    @pytest.mark.parametrize(
        ("job", "restarts"),
        [
            (hanging_jobs.in_a_socket, False),
            (hanging_jobs.in_python, False),
            (hanging_jobs.in_another_thread, False),
            (hanging_jobs.in_a_query, True),
            (hanging_jobs.in_a_lock_of_sqlite, True),
        ],
    )
    def test_prices_go_on_after_a_job_that_hangs(
        self, mine: Settings, queue: Queue, tmp_path: Path, job: Callable[[], None], restarts: bool
    ) -> None:
        queue.enqueue(job, job_timeout=1)
        queue.enqueue(REFRESH, job_timeout=30)
        with start(mine, tmp_path / "log") as child:
            wait_for(lambda: tick_ids(mine), 40, "a tick")
            assert ("hangs: the worker starts anew" in child.output) == restarts
            assert child.end() == 0

    @pytest.mark.parametrize("job", [hanging_jobs.in_a_socket, hanging_jobs.in_another_thread])
    def test_a_signal_ends_it_soon_also_while_a_job_hangs(
        self, mine: Settings, queue: Queue, tmp_path: Path, job: Callable[[], None]
    ) -> None:
        queued = queue.enqueue(job, job_timeout=600)
        with start(mine, tmp_path / "log") as child:
            wait_for(lambda: queued.get_status() == JobStatus.STARTED)
            assert child.end(20) == 0
            assert "was ended, since the worker ends" in child.output
            assert "Traceback" not in child.output
        assert queue.started_job_registry.get_job_ids() == []

    def test_one_that_was_killed_leaves_its_job_to_be_cleaned_up_and_the_next_one_goes_on(
        self, mine: Settings, queue: Queue, tmp_path: Path
    ) -> None:
        hanging = queue.enqueue(hanging_jobs.in_a_socket, job_timeout=600)
        with start(mine, tmp_path / "killed") as child:
            wait_for(lambda: hanging.get_status() == JobStatus.STARTED)
            child.process.kill()
            child.wait()
        queue.enqueue(REFRESH, job_timeout=30)
        with start(mine, tmp_path / "next") as child:
            wait_for(lambda: tick_ids(mine), 40, "a tick")
            assert child.end() == 0
        assert queue.intermediate_queue.get_job_ids() == []
        queue.started_job_registry.cleanup(time.time() + 700)
        assert queue.started_job_registry.get_job_ids(cleanup=False) == []
        assert queue.failed_job_registry.get_job_ids() == [hanging.id]

    def test_on_another_trackers_database_of_redis_it_waits_with_one_line(
        self, mine: Settings, queue: Queue, tmp_path: Path
    ) -> None:
        queue.connection.set(claim.KEY, "another")
        queue.enqueue(REFRESH, job_timeout=30)
        with start(mine, tmp_path / "log") as child:
            wait_for(lambda: "let REDIS_URL end in /1" in child.output, 40)
            assert tick_ids(mine) == []
            queue.connection.delete(claim.KEY)
            wait_for(lambda: tick_ids(mine), 40, "a tick")
            assert child.output.count("another tracker works on database 0") == 1
            assert child.end() == 0

    def test_redis_that_goes_away_in_a_job_takes_no_tick_along(
        self, mine: Settings, own_redis: EmbeddedRedis, queue: Queue, tmp_path: Path
    ) -> None:
        """It is saved; the next message names it, so that the web looks for it."""
        queue.enqueue(REFRESH, job_timeout=30)
        with SlowCoinGecko() as gecko:
            mine = replace(mine, source="coingecko", exchanges=(), coingecko_interval=1)
            mine = replace(mine, coingecko_url=gecko.url)
            with start(mine, tmp_path / "log") as child:
                assert gecko.is_asked.wait(40)
                own_redis.kill()
                gecko.may_answer.set()
                wait_for(lambda: "saved, but not published" in child.output, 20)
                [unpublished] = tick_ids(mine)
                own_redis.start()
                wait_for(lambda: now_ms() - unpublished > 1000)
                with queue.connection.pubsub(ignore_subscribe_messages=True) as feed:
                    feed.subscribe(f"tracker:0:{mine.market}")
                    queue.enqueue(REFRESH, job_timeout=30)
                    message = wait_for(feed.get_message, 40, "a message")
                assert Message.from_json(message["data"]).previous == unpublished
                assert child.end() == 0

    def test_after_so_many_jobs_it_starts_anew_as_the_same_process_and_no_tick_is_missing(
        self, mine: Settings, queue: Queue, tmp_path: Path
    ) -> None:
        """It gives its database of Redis back at its end alone: another tracker might take it."""

        def second_is_over() -> bool:
            assert queue.connection.exists(claim.KEY)
            return now_ms() - published[-1] > 1000

        with (
            queue.connection.pubsub(ignore_subscribe_messages=True) as feed,
            start(mine, tmp_path / "log", max_jobs=2) as child,
        ):
            feed.subscribe(f"tracker:0:{mine.market}")
            jobs, published = [], list[int]()
            for _ in range(5):
                jobs.append(queue.enqueue(REFRESH, job_timeout=30))
                published.append(wait_for(lambda: next_id(feed), 40, "a tick") or 0)
                wait_for(second_is_over)
            assert child.output.count("2 jobs done: the worker starts anew") == 2
            assert child.end() == 0
            assert not queue.connection.exists(claim.KEY)
        assert tick_ids(mine) == published
        assert max(b - a for a, b in pairwise(published)) < 10_000, "the longest gap, in ms"
        assert {job.get_status() for job in jobs} == {JobStatus.FINISHED}
