"""What RQ and its scheduler know of the jobs; a refresh or a delivery of alerts out of turn.

All calls may raise `redis.RedisError`.
"""

import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError, ResponseError, TimeoutError
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.utils import utcparse

from tracker.market.freshness import SourceState, reason_to_skip
from tracker.messaging.job_queue import (
    ALERTS,
    ALERTS_NOW_ID,
    ALERTS_TIMEOUT,
    REFRESH,
    REFRESH_ID,
    REFRESH_NOW_ID,
    REFRESH_TIMEOUT,
)
from tracker.messaging.json_jobs import JsonJob, failed_jobs
from tracker.messaging.json_jobs import queue as job_queue
from tracker.times import now_ms

SCHEDULE = "rq:scheduler:scheduled_jobs"
"""rq-scheduler's sorted set: ids by the unix time of their next run."""

MAX_SHOWN = 20
"""Jobs shown of those that wait and of those that failed."""
MAX_ID = 200
"""Characters shown of an id: ours have less than forty."""


def look(redis: Redis, hide: Callable[[str], str]) -> dict[str, list[Any]]:
    """Return what *redis* knows; *hide* takes secrets out of errors.

    `schedule` is ids with their next run, `workers` names with state and last sign of life,
    `failed` ids with when and the error's last line, `queued` ids. Whatever anybody has written
    there is shown as far as it can be read.
    """
    found: Any = redis
    queue, failed = job_queue(redis), failed_jobs(redis)
    schedule = found.zrange(SCHEDULE, 0, MAX_SHOWN - 1, withscores=True)
    workers = itertools.islice(found.sscan_iter(f"rq:workers:{queue.name}"), MAX_SHOWN)
    return {
        "schedule": [(_text(id), _time(at)) for id, at in schedule],
        "workers": [_worker(redis, key) for key in workers],
        "failed": [
            _failure(redis, _text(id), hide) for id in found.zrange(failed.key, -MAX_SHOWN, -1)
        ],
        "queued": [_text(id) for id in found.lrange(queue.key, 0, MAX_SHOWN - 1)],
    }


def _text(id: bytes) -> str:
    return id.decode(errors="backslashreplace")[:MAX_ID]


def _time(at: float) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(at, UTC)
    return None


def _worker(redis: Redis, key: bytes) -> tuple[str, str, datetime | None]:
    fields: Any = {}
    with suppress(ResponseError):  # it is no hash
        fields = redis.hgetall(key)
    seen = None
    with suppress(ValueError):
        seen = utcparse(_text(fields.get(b"last_heartbeat", b"")))
    name = _text(key).removeprefix("rq:worker:")
    return name, _text(fields.get(b"state", b"unknown")), seen


def _failure(redis: Redis, id: str, hide: Callable[[str], str]) -> tuple[str, datetime | None, str]:
    try:
        job = JsonJob.fetch(id, connection=redis)
        return id, job.ended_at, hide(_last_line(job))[:300]
    except (ConnectionError, TimeoutError):
        raise
    except Exception as error:  # noqa: BLE001 - RQ raises what it likes
        return id, None, hide(f"it cannot be read: {error}")[:300]


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
    except (ConnectionError, TimeoutError):
        raise
    except Exception:  # noqa: BLE001 - RQ raises what it likes
        return "Not queued: the job cannot be read."
    return "Queued again."


def delete(redis: Redis, id: str) -> str:
    """Delete the job *id* if it failed or waits; return what was done, in a sentence.

    A job of the schedule is left alone: the scheduler would add it again.
    """
    queue, failed = job_queue(redis).key, failed_jobs(redis).key
    if not redis.zrem(failed, id) + redis.lrem(queue, 0, id):
        return "Not deleted: no job of this id failed or waits."
    if redis.zscore(SCHEDULE, id) is None:
        redis.delete(f"rq:job:{id}", f"rq:results:{id}")  # also where RQ cannot read it
    return "Deleted."


def refresh_now(redis: Redis, state: SourceState, interval: int, request_id: str) -> str:
    """Queue a refresh, unless the worker would skip it; return what was done, in a sentence.

    *interval* is in seconds.
    """
    why = reason_to_skip(state, now_ms(), interval * 1000)
    if why:
        return f"Not queued, because a worker would skip it: {why}."
    queue = job_queue(redis)
    ids = (REFRESH_ID, REFRESH_NOW_ID)
    if waiting := [id for id in ids if redis.lpos(queue.key, id) is not None]:
        done = f"Not queued again: {waiting[0]} waits in the queue already"
    else:
        job = {"job_id": REFRESH_NOW_ID, "job_timeout": REFRESH_TIMEOUT, "result_ttl": 600}
        queue.enqueue(REFRESH, meta={"request": request_id}, **job)
        done = "Queued"
    alive = redis.scard(f"rq:workers:{queue.name}")
    return f"{done}." if alive else f"{done}; no worker is alive, so it runs when one starts."


def deliver_now(redis: Redis) -> bool:
    """Queue the delivery of alerts, next of all; return whether a worker is alive to do it."""
    queue = job_queue(redis)
    job = {"job_id": ALERTS_NOW_ID, "job_timeout": ALERTS_TIMEOUT, "result_ttl": 60}
    queue.enqueue(ALERTS, at_front=True, **job)
    return bool(redis.scard(f"rq:workers:{queue.name}"))
