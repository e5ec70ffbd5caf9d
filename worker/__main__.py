"""The worker process: runs the queued jobs, each in a fork of its own.

The source is built before the first fork, so that a job does not wait for
imports. Nothing connects before: two processes must not share a connection.
"""

from __future__ import annotations

from redis.exceptions import ConnectionError, RedisError
from rq.exceptions import StopRequested

from tracker.config import Settings
from tracker.messaging.job_queue import QUEUE
from tracker.messaging.redis_client import connect
from worker.jobs import source
from worker.process import end_on_signals, retry_on_redis_error, run_process
from worker.rq_worker import RefreshWorker


def run(settings: Settings) -> None:
    """Work until a signal ends the process. Raises `redis.RedisError`."""
    level = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
    with connect(settings) as connection:
        worker = RefreshWorker([QUEUE], connection=connection)
        try:
            worker.work(logging_level=level)
        except (RedisError, StopRequested):
            if not worker.told_to_end:
                raise
        finally:
            end_on_signals()  # RQ's own handlers only stop its loop, which has ended
    if not worker.told_to_end:
        raise ConnectionError("RQ's worker gave up")


def main(settings: Settings) -> None:
    """Run the worker process."""
    source()
    retry_on_redis_error(lambda: run(settings), ping=connect(settings).ping)


if __name__ == "__main__":
    run_process(main)
