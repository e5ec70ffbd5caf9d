"""The worker process: runs the queued jobs, one after the other."""

import logging
from contextlib import suppress

from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import StopRequested

from tracker.config import Settings
from tracker.messaging.claim import Claim
from tracker.messaging.key_types import remove_wrong_types
from tracker.storage import disk
from worker.alerts import check_targets, dispatcher
from worker.jobs import aggregator, backend
from worker.process import end_on_signals, run_process
from worker.rq_worker import RefreshWorker, restart

MAX_JOBS = 20_000
"""Jobs after which the process starts anew, so that no library's memory grows for ever."""

log = logging.getLogger("worker")


def run(settings: Settings, connection: Redis) -> None:
    """Work until a signal ends the process. Raises `redis.RedisError`."""
    level = "DEBUG" if settings.log_level == "DEBUG" else "WARNING"
    claim = Claim(connection, backend().store.installation)

    def on_heartbeat() -> None:
        remove_wrong_types(connection)
        claim.hold()

    claim.hold()
    on_refused = backend().refresh_stats.count_refused
    worker = RefreshWorker(connection, on_refused, on_heartbeat=on_heartbeat)
    try:
        try:
            worker.work(logging_level=level, max_jobs=MAX_JOBS)
        finally:
            dispatcher().finish()
    except (RedisError, StopRequested):  # RQ's handlers raise that also outside of its loop
        if not worker.told_to_end:
            raise
    finally:
        if worker.told_to_end:  # else it comes back, and another tracker must not be first
            with suppress(RedisError):
                claim.release()
        end_on_signals()  # RQ's own handlers only stop its loop, which has ended
    if worker.jobs_done >= MAX_JOBS and not worker.told_to_end:
        log.info("%d jobs done: the worker starts anew", MAX_JOBS)
        restart()
    if not worker.told_to_end:
        raise RedisError("RQ's worker gave up")


def prepare() -> None:
    """Build what jobs need, and warn of what the settings mean. Raises `ConfigError`."""
    aggregator()
    check_targets()
    if (warning := disk.warning(backend().settings)) is not None:
        log.warning("%s", warning)


if __name__ == "__main__":
    run_process(run, prepare=prepare)
