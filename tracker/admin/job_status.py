"""What RQ and its scheduler know of the jobs, and a refresh out of turn.

All calls may raise `redis.RedisError`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq import Queue, Worker
from rq.job import Job
from rq.registry import FailedJobRegistry

from tracker.market.freshness import SourceState, reason_to_skip
from tracker.messaging.job_queue import QUEUE, REFRESH, REFRESH_ID, REFRESH_NOW_ID, REFRESH_TIMEOUT
from tracker.times import now_ms

SCHEDULE = "rq:scheduler:scheduled_jobs"
"""rq-scheduler's sorted set: ids by the unix time of their next run."""

MOST = 20
"""Failed jobs that are shown."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that failed: when, and its error's last line."""

    id: str
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Jobs:
    """What is known: next runs by id, workers by name with state and last sign of life."""

    schedule: list[tuple[str, datetime]]
    workers: list[tuple[str, str, datetime | None]]
    failed: list[Failed]
    queued: list[str]


def look(redis: Redis, hide: Callable[[str], str]) -> Jobs:
    """Return what *redis* knows; *hide* takes secrets out of errors."""
    schedule: Any = redis.zrange(SCHEDULE, 0, -1, withscores=True)
    queue = Queue(QUEUE, connection=redis)
    failed = FailedJobRegistry(QUEUE, connection=redis).get_job_ids(-MOST, -1, cleanup=False)
    return Jobs(
        schedule=[(id.decode(), datetime.fromtimestamp(at, UTC)) for id, at in schedule],
        workers=[
            (worker.name, str(worker.get_state()), worker.last_heartbeat)
            for worker in Worker.all(queue=queue)
        ],
        failed=[_failed(job, hide) for job in Job.fetch_many(failed, connection=redis) if job],
        queued=queue.get_job_ids(0, MOST),
    )


def refresh_now(redis: Redis, health: SourceState, interval: int, request_id: str) -> str:
    """Queue a refresh, unless the worker would pass over it; return what was done, in a sentence.

    *interval* is in seconds.
    """
    why = reason_to_skip(health, now_ms(), interval * 1000)
    if why:
        return f"Not queued, a worker would pass over it: {why}."
    queue = Queue(QUEUE, connection=redis)
    if waiting := {REFRESH_ID, REFRESH_NOW_ID} & set(queue.get_job_ids()):
        done = f"Not queued again: {waiting.pop()} waits in the queue already"
    else:
        queue.enqueue(
            REFRESH,
            job_id=REFRESH_NOW_ID,
            job_timeout=REFRESH_TIMEOUT,
            meta={"request": request_id},
            result_ttl=600,
        )
        done = "Queued"
    alive = Worker.count(queue=queue)
    return f"{done}." if alive else f"{done}; no worker is alive, so it runs when one comes."


def _failed(job: Job, hide: Callable[[str], str]) -> Failed:
    result = job.latest_result()
    lines = (result.exc_string or "").strip().splitlines() if result else []
    return Failed(job.id, job.ended_at, hide(lines[-1])[:300] if lines else "not known")
