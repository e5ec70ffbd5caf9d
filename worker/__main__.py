"""The worker process: runs what the scheduler queues, each job in a fork of its own.

The application is made before the first fork, so that a job does not wait for
imports; it opens no connection there, since none may be shared by two processes.
"""

from __future__ import annotations

from types import FrameType

from redis.exceptions import ConnectionError, RedisError
from rq import Worker
from rq.exceptions import StopRequested

from tracker.config import Settings
from tracker.feed import connect
from worker.jobs import source
from worker.patience import begin, end_on_signals, outlive_redis
from worker.scheduler import QUEUE


class RefreshWorker(Worker):
    """RQ's worker, and whether it was told to end: RQ also ends it on troubles of its own."""

    told_to_end = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the job in hand."""
        self.told_to_end = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def run(settings: Settings) -> None:
    """Work until the process is told to end. Raises `redis.RedisError`."""
    level = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
    worker = RefreshWorker([QUEUE], connection=connect(settings))
    try:
        worker.work(logging_level=level)
    except (RedisError, StopRequested):
        if not worker.told_to_end:
            raise
    finally:
        end_on_signals()  # RQ's handlers are for a worker that works
    if not worker.told_to_end:
        raise ConnectionError("RQ's worker gave up")


def main(settings: Settings) -> None:
    """Run the worker process."""
    end_on_signals()
    source()
    outlive_redis(lambda: run(settings), ping=connect(settings).ping)


if __name__ == "__main__":
    begin(main)
