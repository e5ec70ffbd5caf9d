"""RQ's jobs as JSON, for the scheduler, the worker and the admin.

RQ's own are pickles: reading one runs what it says, so that whoever can write to Redis
could run any code in each process that reads a job. These are text, and the worker runs
only the functions of `FUNCTIONS`, without arguments.
"""

from typing import Any

from redis import Redis
from rq import Queue
from rq.exceptions import DeserializationError
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer

from tracker.messaging.job_queue import FUNCTIONS, QUEUE


class JsonJob(Job):
    """A job that is stored as JSON, whatever RQ asks for."""

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: Any = None
    ) -> None:
        super().__init__(id, connection, JSONSerializer)


def queue(connection: Redis, **options: Any) -> Queue:
    """Return the queue of the tracker's jobs. *options* are those of `rq.Queue`."""
    return Queue(
        QUEUE, connection=connection, job_class=JsonJob, serializer=JSONSerializer, **options
    )


def failed_jobs(connection: Redis) -> FailedJobRegistry:
    """Return the registry of the tracker's failed jobs."""
    return FailedJobRegistry(
        QUEUE, connection=connection, job_class=JsonJob, serializer=JSONSerializer
    )


def why_refused(job: Job) -> str | None:
    """Return why *job* is not one that the tracker has queued; None if it may be."""
    try:
        call = (job.func_name, job.instance, list(job.args), dict(job.kwargs))
    except (DeserializationError, TypeError, ValueError):
        return "its data are not the JSON of a call"
    if call[0] not in FUNCTIONS:
        return f"it calls {call[0]!r}"
    if call[1:] != (None, [], {}):
        return "it has arguments"
    callbacks = (
        job._success_callback_name,
        job._failure_callback_name,
        job._stopped_callback_name,
    )
    return "it calls others when it ends" if any(callbacks) or job.webhooks else None
