"""What RQ and its scheduler know of the jobs, and a refresh out of turn.

All calls may raise `redis.RedisError`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq import Queue, Worker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry

from tracker.market.freshness import SourceState, reason_to_skip
from tracker.messaging.job_queue import QUEUE, REFRESH, REFRESH_ID, REFRESH_NOW_ID, REFRESH_TIMEOUT
from tracker.times import now_ms

SCHEDULE = "rq:scheduler:scheduled_jobs"
"""rq-scheduler's sorted set: ids by the unix time of their next run."""

MAX_SHOWN = 20
"""Jobs shown of those that wait and of those that failed."""


@dataclass(frozen=True, slots=True)
class FailedJob:
    """A job that failed: when, and its error's last line."""

    id: str
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Jobs:
    """Next runs by id, workers by name with state and last sign of life, what waits and failed."""

    schedule: list[tuple[str, datetime]]
    workers: list[tuple[str, str, datetime | None]]
    failed: list[FailedJob]
    queued: list[str]


def look(redis: Redis, hide: Callable[[str], str]) -> Jobs:
    """Return what *redis* knows; *hide* takes secrets out of errors."""
    schedule: Any = redis.zrange(SCHEDULE, 0, -1, withscores=True)
    queue = Queue(QUEUE, connection=redis)
    failed = FailedJobRegistry(QUEUE, connection=redis).get_job_ids(-MAX_SHOWN, -1, cleanup=False)
    return Jobs(
        schedule=[(id.decode(), datetime.fromtimestamp(at, UTC)) for id, at in schedule],
        workers=[
            (worker.name, str(worker.get_state()), worker.last_heartbeat)
            for worker in Worker.all(queue=queue)
        ],
        failed=[_failed(job, hide) for job in Job.fetch_many(failed, connection=redis) if job],
        queued=queue.get_job_ids(0, MAX_SHOWN),
    )


def retry(redis: Redis, id: str) -> str:
    """Queue the failed job *id* again; return what was done, in a sentence."""
    try:
        FailedJobRegistry(QUEUE, connection=redis).requeue(id)
    except (NoSuchJobError, InvalidJobOperation, ValueError):  # RQ refuses odd ids
        return "Not queued: there is no failed job of this id any more."
    return "Queued again."


def delete(redis: Redis, id: str) -> str:
    """Delete the job *id* if it failed or waits; return what was done, in a sentence.

    A job of the schedule is left alone: the scheduler would add it again.
    """
    failed, queue = FailedJobRegistry(QUEUE, connection=redis), Queue(QUEUE, connection=redis)
    if id not in failed.get_job_ids(cleanup=False) and id not in queue.get_job_ids():
        return "Not deleted: no job of this id failed or waits."
    failed.remove(id)
    queue.remove(id)
    if redis.zscore(SCHEDULE, id) is None:
        with suppress(NoSuchJobError):  # an id can outlive its job
            Job.fetch(id, connection=redis).delete()
    return "Deleted."


def refresh_now(redis: Redis, state: SourceState, interval: int, request_id: str) -> str:
    """Queue a refresh, unless the worker would skip it; return what was done, in a sentence.

    *interval* is in seconds.
    """
    why = reason_to_skip(state, now_ms(), interval * 1000)
    if why:
        return f"Not queued, because a worker would skip it: {why}."
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
    return f"{done}." if alive else f"{done}; no worker is alive, so it runs when one starts."


def _failed(job: Job, hide: Callable[[str], str]) -> FailedJob:
    result = job.latest_result()
    lines = (result.exc_string or "").strip().splitlines() if result else []
    return FailedJob(job.id, job.ended_at, hide(lines[-1])[:300] if lines else "unknown")
