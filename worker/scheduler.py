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
from redis.exceptions import RedisError
from rq_scheduler import Scheduler

from tracker.config import Settings
from tracker.messaging import json_jobs
from tracker.messaging.job_queue import (
    ALERTS,
    ALERTS_ID,
    ALERTS_TIMEOUT,
    MAINTENANCE_TIMEOUT,
    PRUNE,
    PRUNE_ID,
    QUEUE,
    REFRESH,
    REFRESH_ID,
    REFRESH_TIMEOUT,
    ROLL_UP,
    ROLL_UP_ID,
)
from tracker.messaging.json_jobs import JsonJob
from worker.process import run_process

LOCK_MS = 2000  # a poll takes about ten; rq-scheduler's own lock lasts ten seconds
POLL_S = 1.0
"""Seconds between two polls: rq-scheduler's jobs are due at whole seconds, and so are polls."""
HEARTBEAT_S = 5.0
FOR_EVER = -1
"""What rq-scheduler keeps the results of regular jobs for: with less the schedule ends."""
MAX_SET_BACK_S = 1.0
"""Seconds that the clock may lose between two polls before all jobs are registered again."""
MAX_AHEAD_S = 3900
"""Seconds beyond its interval: a job due later is registered again. A Retry-After may delay one
by an hour."""

ALERTS_INTERVAL_S = 5
"""Seconds between two looks at what alerts have to tell: a failed one is first retried then."""
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


def jobs_of(interval: int, *, alerts: bool = False) -> tuple[RegularJob, ...]:
    """Return all jobs, that of *alerts* where there is somebody to send them to.

    Maintenance begins later, so that the first prices do not wait for it.
    """
    delivery = RegularJob(ALERTS_ID, ALERTS, ALERTS_INTERVAL_S, ALERTS_TIMEOUT, after=3)
    return (
        RegularJob(REFRESH_ID, REFRESH, interval, REFRESH_TIMEOUT),
        *([delivery] if alerts else []),
        RegularJob(ROLL_UP_ID, ROLL_UP, 60, MAINTENANCE_TIMEOUT, after=15),
        RegularJob(PRUNE_ID, PRUNE, 3600, MAINTENANCE_TIMEOUT, after=30),
    )


class RefreshScheduler(Scheduler):  # type: ignore[misc]
    """rq-scheduler that keeps the jobs of `jobs_of` registered; *clock* returns unix seconds."""

    def __init__(
        self,
        connection: Redis,
        interval: int,
        *,
        alerts: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            queue_name=QUEUE, connection=connection, interval=POLL_S, job_class=JsonJob
        )
        self._jobs = jobs_of(interval, alerts=alerts)
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
            is_far = score is None or score > self._clock() + job.interval + MAX_AHEAD_S
            due_at = self._register(job) if was_set_back or is_far else score
            if due_at <= self._clock():
                self._enqueue(job)

    def register(self) -> None:
        """Schedule each job that is not scheduled as this version would; leave the others alone."""
        for job in self._jobs:
            if not self._is_registered(job):
                self._register(job)

    def _enqueue(self, job: RegularJob) -> None:
        """Queue *job*, unless it is queued: a worker that comes back runs it once.

        What is queued is made anew: what Redis has of it may be anybody's. Jobs of others that
        have an rq-scheduler on this Redis are theirs to queue.
        """
        queue = json_jobs.queue(self.connection)
        is_queued = self.connection.lpos(queue.key, job.id) is not None  # whatever else is there
        with self.connection.pipeline() as pipeline:
            if not is_queued:
                made = self._create_job(
                    job.function,
                    id=job.id,
                    timeout=job.timeout,
                    result_ttl=FOR_EVER,
                    meta={"interval": job.interval},
                    commit=False,
                )
                made.failure_ttl = FAILURE_TTL_S
                queue.enqueue_job(made, pipeline=pipeline)
            again_at = int(self._clock()) + job.interval
            pipeline.zadd(self.scheduled_jobs_key, {job.id: again_at}, xx=True)
            pipeline.execute()

    def acquire_lock(self) -> bool:
        """Take the lock for one poll; a killed process holds it for `LOCK_MS` at most.

        So does whoever has written there without an end.
        """
        is_free = self.connection.set(self.scheduler_lock_key, time.time(), px=LOCK_MS, nx=True)
        if not is_free and self.connection.pttl(self.scheduler_lock_key) < 0:
            self.connection.pexpire(self.scheduler_lock_key, LOCK_MS)
        self._lock_acquired = bool(is_free)
        return self._lock_acquired

    def _register(self, job: RegularJob) -> float:
        """Schedule *job*; return when it runs first, in unix seconds."""
        at = datetime.now(UTC) + timedelta(seconds=job.after)
        self.schedule(at, job.function, id=job.id, interval=job.interval, timeout=job.timeout)
        log.info("%s runs every %d s", job.id, job.interval)
        return at.timestamp()

    def _is_registered(self, job: RegularJob) -> bool:
        next_at = self.connection.zscore(self.scheduled_jobs_key, job.id)
        if next_at is None or next_at > self._clock() + job.interval + MAX_AHEAD_S:
            return False
        try:
            found = JsonJob.fetch(job.id, connection=self.connection)
            scheduled = (found.func_name, found.timeout, found.meta.get("interval"))
        except RedisError:
            raise
        except Exception:  # noqa: BLE001 - of another version, or garbled: RQ raises what it likes
            return False
        return scheduled == (job.function, job.timeout, job.interval)


def run(settings: Settings, connection: Redis) -> None:
    """Schedule until `SystemExit`. Raises `redis.RedisError`."""
    scheduler = RefreshScheduler(connection, settings.interval, alerts=bool(settings.notify))
    scheduler.register()
    scheduler.run()


if __name__ == "__main__":
    run_process(run)
