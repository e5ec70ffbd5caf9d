"""The worker process: runs the queued jobs, each in a fork of its own.

The source is built before the first fork, so that a job does not wait for
imports. Nothing connects before: two processes must not share a connection.
"""

from redis import Redis
from redis.exceptions import ConnectionError, RedisError
from rq.exceptions import StopRequested

from tracker.config import Settings
from tracker.messaging.job_queue import QUEUE
from worker.jobs import source
from worker.process import end_on_signals, run_process
from worker.rq_worker import RefreshWorker


def run(settings: Settings, connection: Redis) -> None:
    """Work until a signal ends the process. Raises `redis.RedisError`."""
    level = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
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


if __name__ == "__main__":
    run_process(run, prepare=source)
