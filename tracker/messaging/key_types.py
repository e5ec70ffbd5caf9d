"""Keys of the tracker that have become something else than they are: removed, so that all goes on.

Redis refuses a command on a key of another type, and does not say which key that was. What RQ
and the tracker keep there can be lost: it is made anew.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress

from redis import Redis
from redis.exceptions import ResponseError

from tracker.logs.throttle import FailureLog
from tracker.messaging.job_queue import JOB_IDS, QUEUE

REGISTRIES = ("wip", "finished", "failed", "deferred", "ready", "scheduled", "canceled")
TYPES = {
    f"rq:queue:{QUEUE}": "list",
    f"rq:queue:{QUEUE}:intermediate": "list",
    "rq:queues": "set",
    "rq:workers": "set",
    f"rq:workers:{QUEUE}": "set",
    **{f"rq:{registry}:{QUEUE}": "zset" for registry in REGISTRIES},
    **{f"rq:job:{id}": "hash" for id in JOB_IDS},
    **{f"rq:results:{id}": "stream" for id in JOB_IDS},
    **{f"rq:executions:{id}": "zset" for id in JOB_IDS},
    "rq:scheduler:scheduled_jobs": "zset",
    "rq:scheduler:scheduler_lock": "string",
    "tracker:installation": "string",
}
"""The types of the keys that worker and scheduler work on."""

log = logging.getLogger(__name__)
_removed = FailureLog(log)


def remove_wrong_types(connection: Redis, types: Mapping[str, str] = TYPES) -> None:
    """Remove each key that has another type than in *types*, with a line in the log.

    May raise `redis.ConnectionError`; a Redis that refuses to tell types is left alone.
    """
    with suppress(ResponseError):
        with connection.pipeline(transaction=False) as pipeline:
            for key in types:
                pipeline.type(key)
            found = [type.decode() for type in pipeline.execute()]
        for (key, wanted), is_type in zip(types.items(), found, strict=True):
            if is_type not in (wanted, "none"):
                connection.delete(key)
                _removed.failed(f"{key} was a {is_type}, not a {wanted}: removed", key=key)
