"""RQ's worker without Redis or the database: no thread is left, and the log has one line."""

import logging
import sqlite3
import threading
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from rq import Queue
from rq.job import Job
from sqlalchemy.exc import OperationalError

from dev.embedded_redis import EmbeddedRedis
from tracker.messaging.job_queue import QUEUE
from worker.rq_worker import RefreshWorker


@pytest.fixture
def worker(own_redis: EmbeddedRedis) -> Iterator[RefreshWorker]:
    with Redis.from_url(own_redis.url, retry=Retry(NoBackoff(), 0)) as connection:
        yield RefreshWorker([QUEUE], connection=connection)


@pytest.fixture
def job(worker: RefreshWorker) -> Job:
    return Queue(QUEUE, connection=worker.connection).enqueue("worker.jobs.refresh_prices")


def test_a_worker_that_ends_leaves_no_thread_even_if_redis_fails(
    worker: RefreshWorker, own_redis: EmbeddedRedis
) -> None:
    """Nor does one that ends in order, whose clean-up Redis lets through."""
    before = threading.active_count()
    worker.subscribe()
    worker.teardown()
    assert threading.active_count() == before
    worker.subscribe()
    assert threading.active_count() == before + 1
    with Redis.from_url(own_redis.url) as client:
        client.config_set("maxmemory", "1")
    with pytest.raises(RedisError):
        worker.teardown()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("it is locked")),
            "failed: OperationalError: it is locked",
        ),
        (ResponseError("unknown command"), "failed: ResponseError: unknown command"),
    ],
)
def test_a_job_that_the_database_or_redis_fails_takes_one_line(
    worker: RefreshWorker, job: Job, caplog: pytest.LogCaptureFixture, error: Exception, line: str
) -> None:
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
