"""The scheduler process: has `refresh_prices` queued at every interval.

rq-scheduler ends when Redis goes away, and does not notice when Redis comes
back empty. Here it is started again, and each of its polls makes sure that the
job is registered, under one id, so that two schedulers make one schedule.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq_scheduler import Scheduler

from tracker.config import Settings
from tracker.feed import connect
from worker import jobs
from worker.patience import begin, end_on_signals, outlive_redis

QUEUE = "tracker"
JOB_ID = "refresh_prices"

POLL = 0.2
"""Seconds between two looks at the schedule, short against the shortest interval of 1."""

log = logging.getLogger("worker.scheduler")


class RefreshScheduler(Scheduler):  # type: ignore[misc]
    """rq-scheduler with one job that is always there, every *interval* seconds."""

    def __init__(self, connection: Redis, interval: int) -> None:
        super().__init__(queue_name=QUEUE, connection=connection, interval=POLL)
        self._every = interval

    def enqueue_jobs(self) -> Any:
        """Queue what is due, which on the first poll is the refresh."""
        if JOB_ID not in self:
            self.register()
        return super().enqueue_jobs()

    def register(self) -> None:
        """Schedule the refresh from now on."""
        self.schedule(
            datetime.now(UTC),
            jobs.refresh_prices,
            id=JOB_ID,
            interval=self._every,
            timeout=jobs.JOB_TIMEOUT,
        )
        log.info("prices are refreshed every %d s", self._every)

    def is_registered(self) -> bool:
        """Return whether the refresh is scheduled as this version would."""
        try:
            job = Job.fetch(JOB_ID, connection=self.connection)
        except NoSuchJobError:
            return False
        return JOB_ID in self and (job.func_name, job.timeout, job.meta.get("interval")) == (
            f"{jobs.__name__}.{jobs.refresh_prices.__name__}",
            jobs.JOB_TIMEOUT,
            self._every,
        )

    def _install_signal_handlers(self) -> None:
        """Leave signals to `end_on_signals`: rq-scheduler's own need Redis to end."""


def run(settings: Settings) -> None:
    """Schedule until the process is told to end. Raises `redis.RedisError`."""
    scheduler = RefreshScheduler(connect(settings), settings.interval)
    if not scheduler.is_registered():
        scheduler.register()
    scheduler.run()


def main(settings: Settings) -> None:
    """Run the scheduler process."""
    end_on_signals()
    outlive_redis(lambda: run(settings))


if __name__ == "__main__":
    begin(main)
