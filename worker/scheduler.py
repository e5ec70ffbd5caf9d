"""The scheduler process: queues each job of `jobs_of` at its interval.

rq-scheduler ends when Redis goes away, and does not notice that Redis came back
empty, or that the clock was set back and the next run is an hour ahead. Here it
is restarted, and each poll makes sure that the jobs are registered, under one id
each, so that two schedulers make one schedule.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from redis import Redis
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq_scheduler import Scheduler

from tracker.config import Settings
from tracker.messaging.job_queue import (
    MAINTENANCE_TIMEOUT,
    QUEUE,
    REFRESH,
    REFRESH_ID,
    REFRESH_TIMEOUT,
)
from worker.process import run_process

LOCK_MS = 2000  # a poll takes about ten; rq-scheduler's own lock lasts ten seconds
POLL_S = 1.0
"""Seconds between two polls: rq-scheduler's jobs are due at whole seconds, and so are polls."""
HEARTBEAT_S = 5.0
MAX_SET_BACK_S = 1.0
"""Seconds that the clock may lose between two polls before all jobs are registered again."""
MAX_AHEAD_S = 3900
"""Seconds beyond its interval: a job due later is registered again. A Retry-After may delay one
by an hour."""

FAILURE_TTL_S = 86_400
"""Seconds that a failure of a job is kept, each job's last ten; RQ would keep them for a year."""

log = logging.getLogger("worker.scheduler")


class RegularJob(NamedTuple):
    """A job that is queued every *interval* seconds, the first time in *after* seconds.

    It is a function's dotted name: this process runs no job, and need not import any.
    """

    id: str
    function: str
    interval: int
    timeout: int
    after: int = 0


def jobs_of(interval: int) -> tuple[RegularJob, ...]:
    """Return all jobs. Maintenance begins later, so that the first prices do not wait for it."""
    return (
        RegularJob(REFRESH_ID, REFRESH, interval, REFRESH_TIMEOUT),
        RegularJob("roll_up", "worker.maintenance.roll_up", 60, MAINTENANCE_TIMEOUT, after=15),
        RegularJob("prune", "worker.maintenance.prune", 3600, MAINTENANCE_TIMEOUT, after=30),
    )


class RefreshScheduler(Scheduler):  # type: ignore[misc]
    """rq-scheduler that keeps its jobs registered; *clock* returns unix seconds."""

    def __init__(
        self, connection: Redis, interval: int, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(queue_name=QUEUE, connection=connection, interval=POLL_S)
        self._jobs = jobs_of(interval)
        self._clock = clock
        self._ahead = clock() - time.monotonic()

    def run(self, burst: bool = False) -> None:
        """Poll for ever. rq-scheduler's own loop sleeps by the wall clock, which may be set."""
        self.register_birth()
        heartbeat_at = 0.0
        try:
            while True:
                if time.monotonic() >= heartbeat_at:  # its key lives for ten seconds
                    heartbeat_at = time.monotonic() + HEARTBEAT_S
                    self.heartbeat()
                if self.acquire_lock():
                    self.enqueue_jobs()
                    self.remove_lock()
                time.sleep(POLL_S - self._clock() % POLL_S)
        finally:
            self.remove_lock()
            self.register_death()

    def enqueue_jobs(self) -> Any:
        """Queue the jobs that are due: on the first poll, the refresh."""
        before, self._ahead = self._ahead, self._clock() - time.monotonic()
        if was_set_back := self._ahead < before - MAX_SET_BACK_S:
            log.warning("the clock was set back by %.0f s", before - self._ahead)
        ids = [job.id for job in self._jobs]
        scores = self.connection.zmscore(self.scheduled_jobs_key, ids)
        for job, score in zip(self._jobs, scores, strict=True):
            if was_set_back or score is None:
                self._register(job)
        return super().enqueue_jobs()

    def register(self) -> None:
        """Schedule each job that is not scheduled as this version would; leave the others alone."""
        for job in self._jobs:
            if not self._is_registered(job):
                self._register(job)

    def enqueue_job(self, job: Job) -> None:
        """Queue *job*, unless it is queued: a worker that comes back runs it once."""
        if job.id not in {own.id for own in self._jobs}:
            super().enqueue_job(job)
            return
        queue = self.get_queue_for_job(job)
        is_queued = job.id in queue.job_ids
        again_at = int(time.time()) + int(job.meta["interval"])
        with self.connection.pipeline() as pipeline:  # rq-scheduler's own takes four calls
            if not is_queued:
                queue.enqueue_job(job, pipeline=pipeline)
            pipeline.zadd(self.scheduled_jobs_key, {job.id: again_at}, xx=True)
            pipeline.execute()

    def acquire_lock(self) -> bool:
        """Take the lock for one poll; a killed process holds it for `LOCK_MS` at most."""
        is_free = self.connection.set(self.scheduler_lock_key, time.time(), px=LOCK_MS, nx=True)
        self._lock_acquired = bool(is_free)
        return self._lock_acquired

    def _register(self, job: RegularJob) -> None:
        at = datetime.now(UTC) + timedelta(seconds=job.after)
        made = self.schedule(
            at, job.function, id=job.id, interval=job.interval, timeout=job.timeout
        )
        made.failure_ttl = FAILURE_TTL_S  # `schedule` takes none
        made.save()
        log.info("%s runs every %d s", job.id, job.interval)

    def _is_registered(self, job: RegularJob) -> bool:
        next_at = self.connection.zscore(self.scheduled_jobs_key, job.id)
        if next_at is None or next_at > self._clock() + job.interval + MAX_AHEAD_S:
            return False
        try:
            found = Job.fetch(job.id, connection=self.connection)
        except NoSuchJobError:
            return False
        ttl, interval = found.failure_ttl, found.meta.get("interval")
        scheduled = (found.func_name, found.timeout, interval, ttl)
        return scheduled == (job.function, job.timeout, job.interval, FAILURE_TTL_S)


def run(settings: Settings, connection: Redis) -> None:
    """Schedule until `SystemExit`. Raises `redis.RedisError`."""
    scheduler = RefreshScheduler(connection, settings.interval)
    scheduler.register()
    scheduler.run()


if __name__ == "__main__":
    run_process(run)
