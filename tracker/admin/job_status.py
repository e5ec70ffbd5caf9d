"""What RQ and its scheduler know of the jobs, and a refresh out of turn.

All calls may raise `redis.RedisError`.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq import Worker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job

from tracker.market.freshness import SourceState, reason_to_skip
from tracker.messaging.job_queue import REFRESH, REFRESH_ID, REFRESH_NOW_ID, REFRESH_TIMEOUT
from tracker.messaging.json_jobs import JsonJob, failed_jobs
from tracker.messaging.json_jobs import queue as job_queue
from tracker.times import now_ms

SCHEDULE = "rq:scheduler:scheduled_jobs"
"""rq-scheduler's sorted set: ids by the unix time of their next run."""

MAX_SHOWN = 20
"""Jobs shown of those that wait and of those that failed."""


def look(redis: Redis, hide: Callable[[str], str]) -> dict[str, list[Any]]:
    """Return what *redis* knows; *hide* takes secrets out of errors.

    `schedule` is ids with their next run, `workers` names with state and last sign of life,
    `failed` ids with when and the error's last line, `queued` ids.
    """
    schedule: Any = redis.zrange(SCHEDULE, 0, -1, withscores=True)
    queue = job_queue(redis)
    failed = failed_jobs(redis).get_job_ids(-MAX_SHOWN, -1, cleanup=False)
    return {
        "schedule": [(id.decode(), datetime.fromtimestamp(at, UTC)) for id, at in schedule],
        "workers": [
            (worker.name, str(worker.get_state()), worker.last_heartbeat)
            for worker in Worker.all(queue=queue)
        ],
        "failed": [
            (job.id, job.ended_at, hide(_last_line(job))[:300])
            for job in JsonJob.fetch_many(failed, connection=redis)
            if job
        ],
        "queued": queue.get_job_ids(0, MAX_SHOWN),
    }


def _last_line(job: Job) -> str:
    result = job.latest_result()
    text = result.exc_string if result else None
    return (text or "").strip().rpartition("\n")[2] or "unknown"


def retry(redis: Redis, id: str) -> str:
    """Queue the failed job *id* again; return what was done, in a sentence."""
    try:
        failed_jobs(redis).requeue(id)
    except (NoSuchJobError, InvalidJobOperation, ValueError):  # RQ refuses odd ids
        return "Not queued: there is no failed job of this id any more."
    return "Queued again."


def delete(redis: Redis, id: str) -> str:
    """Delete the job *id* if it failed or waits; return what was done, in a sentence.

    A job of the schedule is left alone: the scheduler would add it again.
    """
    queue = job_queue(redis)
    failed = failed_jobs(redis)
    if id not in failed.get_job_ids(cleanup=False) and id not in queue.get_job_ids():
        return "Not deleted: no job of this id failed or waits."
    failed.remove(id)
    queue.remove(id)
    if redis.zscore(SCHEDULE, id) is None:
        with suppress(NoSuchJobError):  # an id can outlive its job
            JsonJob.fetch(id, connection=redis).delete()
    return "Deleted."


def refresh_now(redis: Redis, state: SourceState, interval: int, request_id: str) -> str:
    """Queue a refresh, unless the worker would skip it; return what was done, in a sentence.

    *interval* is in seconds.
    """
    why = reason_to_skip(state, now_ms(), interval * 1000)
    if why:
        return f"Not queued, because a worker would skip it: {why}."
    queue = job_queue(redis)
    if waiting := {REFRESH_ID, REFRESH_NOW_ID} & set(queue.get_job_ids()):
        done = f"Not queued again: {waiting.pop()} waits in the queue already"
    else:
        job = {"job_id": REFRESH_NOW_ID, "job_timeout": REFRESH_TIMEOUT, "result_ttl": 600}
        queue.enqueue(REFRESH, meta={"request": request_id}, **job)
        done = "Queued"
    alive = Worker.count(queue=queue)
    return f"{done}." if alive else f"{done}; no worker is alive, so it runs when one starts."
