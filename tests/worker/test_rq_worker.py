"""RQ's worker without Redis or the database: no thread is left, and the log has one line."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
from collections.abc import Iterator
from typing import Any

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


def job(worker: RefreshWorker) -> Job:
    return Queue(QUEUE, connection=worker.connection).enqueue("worker.jobs.refresh_prices")


def raised(function: Any, *arguments: object) -> Any:
    """Return what `sys.exc_info` says of the error that *function* raises."""
    try:
        function(*arguments)
    except Exception:  # noqa: BLE001 - whatever it is
        return sys.exc_info()
    raise AssertionError("nothing was raised")


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


@pytest.mark.parametrize("of", ["database", "redis"])
def test_a_job_that_the_database_or_redis_fails_takes_one_line(
    worker: RefreshWorker, caplog: pytest.LogCaptureFixture, of: str
) -> None:
    away = OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))
    error = away if of == "database" else ResponseError("unknown command")
    worker.handle_exception(job(worker), type(error), error, None)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith(
        "failed: OperationalError: database is locked"
        if of == "database"
        else "failed: ResponseError: unknown command"
    )


def test_a_bug_in_a_job_is_logged_with_its_traceback(
    worker: RefreshWorker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.handle_exception(job(worker), *raised(int, "x"))
    assert "Traceback" in caplog.text
    assert "invalid literal for int()" in caplog.text


def test_a_failure_of_redis_in_the_worker_is_logged_without_a_traceback(
    worker: RefreshWorker, caplog: pytest.LogCaptureFixture
) -> None:
    told = raised(worker.connection.execute_command, "NONSENSE")
    logging.getLogger("rq.worker").error("Worker %s: quitting...", "w", exc_info=told)
    assert caplog.records[0].getMessage().startswith("Worker w: quitting... unknown command")
    assert "Traceback" not in caplog.text
