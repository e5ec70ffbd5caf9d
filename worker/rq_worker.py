"""RQ's worker, warm: jobs run in this process, whose connections stay open between them.

RQ ends a job that takes too long by a signal, which Python acts on when it comes back from
what it calls. Where that does not come back, a thread starts the process anew.

RQ logs a traceback of a hundred lines for each failure. Its commands (`rq suspend`, and by
messages shutdown, stop-job and kill-horse) are of no use here, and anybody's who can reach
Redis: the last two would end this process and its siblings. So none is listened to.
"""

import logging
import math
import os
import re
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ConnectionError, RedisError, TimeoutError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.timeouts import UnixSignalDeathPenalty
from rq.utils import now as utc_now
from sqlalchemy.exc import SQLAlchemyError

from tracker.errors import TrackerError
from tracker.logs.throttle import FailureLog
from tracker.messaging import json_jobs
from tracker.messaging.json_jobs import JsonJob, why_refused
from tracker.storage.engine import explained

END_S = 3.0
"""Time that a job has to end after a signal: whoever sent it kills after some seconds more."""
HANGS_AFTER_S = 10.0
"""Time beyond its limit after which a job hangs in what no signal ends."""
WATCH_S = 5.0
"""How often is looked for a job that hangs."""
HEARTBEAT_S = 5.0
"""Time between two heartbeats, which RQ sends seven times a job: its keys live for minutes."""
JOIN_S = 5.0
"""Longest wait for the end of the thread that looks for it."""

_ID, _STARTED = re.compile(rb"[\w-]+"), re.compile(rb"[\w-]+:[\w-]+")
"""A job's id, and an entry of one that runs: its id and the run's."""
_WORKER = re.compile(rb"rq:worker:[\x21-\x7e]+")

log = logging.getLogger(__name__)


class RefreshWorker(SimpleWorker):
    """RQ's worker; `told_to_end` tells a signal from RQ giving up on a failure."""

    told_to_end = False
    jobs_done = 0

    def __init__(
        self,
        connection: Redis,
        on_refused: Callable[[], None] = lambda: None,
        *,
        on_heartbeat: Callable[[], None] = lambda: None,
    ) -> None:
        """Work on the tracker's queue.

        *on_refused* is called for each job that is not its own, *on_heartbeat* between jobs, every
        `HEARTBEAT_S`.
        """
        queue = json_jobs.queue(connection)
        super().__init__([queue], connection=connection, job_class=JsonJob, serializer="json")
        logging.getLogger("rq.job").setLevel(logging.ERROR)  # it warns with tracebacks
        self._on_refused, self._on_heartbeat = on_refused, on_heartbeat
        self._refusals = FailureLog(log)
        self._failures: dict[str, FailureLog] = defaultdict(lambda: FailureLog(log))
        self.log.addFilter(_in_one_line)
        self._heartbeat_at = -math.inf
        self._runs, self._hangs_at = "", math.inf
        self._has_time_limit = False
        self._has_ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="watch jobs", daemon=True)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the current job, and end that too where it takes longer than `END_S`."""
        self.told_to_end = True
        if self._has_time_limit:
            _end_job_soon()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    @contextmanager
    def death_penalty_class(  # type: ignore[override]
        self, timeout: int, exception: type[Exception], **_: Any
    ) -> Iterator[None]:
        """Limit a job's time as RQ does, and to `END_S` once the worker was told to end.

        The signal may come at any moment, also while RQ sets its alarm or removes it.
        """
        with UnixSignalDeathPenalty(timeout, exception):  # type: ignore[no-untyped-call]
            self._has_time_limit = True
            try:
                if self.told_to_end:  # since before the alarm was RQ's
                    _end_job_soon()
                yield
            finally:
                self._has_time_limit = False

    def set_shutdown_requested_date(self) -> None:
        """Leave Redis alone: the signal may have come in the middle of a job's own call."""

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for the next job that the tracker has queued, and refuse all others."""
        while True:
            try:
                found = super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
            except Exception as error:
                # RQ names the job that it cannot read; an id that is no text is in the error.
                id = getattr(error, "job_id", getattr(error, "object", None))
                if id is None or isinstance(error, ConnectionError | TimeoutError):
                    raise
                self._refuse(id, "it is not as RQ stores jobs")
                continue
            if found is None or (why := why_refused(found[0])) is None:
                return found
            self._refuse(found[0].id, why)

    def _refuse(self, id: str, why: str) -> None:
        """Remove the job *id*, which anybody who can write to Redis may have queued."""
        key = self.queues[0].intermediate_queue_key
        self.connection.lrem(key, 0, id)
        if isinstance(id, str):
            self.connection.delete(JsonJob.key_for(id))
        self._refusals.failed(f"refused and removed the job {id[:80]!r}: {why[:80]}", key="refused")
        self._on_refused()

    def run_maintenance_tasks(self) -> None:
        """Clean RQ's registries, also of what RQ cannot read: somebody else has written it."""
        try:
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - RQ raises what it likes
            self.last_cleaned_at = utc_now()  # type: ignore[assignment]
            self.queues[0].release_maintenance_lock()  # type: ignore[no-untyped-call]
            self._refusals.failed(
                f"removed from RQ's registries what it cannot read: {error}", key="unreadable"
            )
            self._remove_unreadable()

    def _remove_unreadable(self) -> None:
        redis: Any = self.connection
        queue = self.queues[0]
        started, waiting = queue.started_job_registry.key, queue.intermediate_queue_key
        for key, pattern in ((started, _STARTED), (f"rq:ready:{queue.name}", _ID)):
            for member in redis.zrange(key, 0, -1):
                if not pattern.fullmatch(member):
                    redis.zrem(key, member)
        for id in redis.lrange(waiting, 0, -1):
            if not _ID.fullmatch(id):
                redis.lrem(waiting, 0, id)
        for key in ("rq:workers", f"rq:workers:{queue.name}"):
            for member in redis.smembers(key):
                if not _WORKER.fullmatch(member):
                    redis.srem(key, member)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run *job*, and start the process anew if that does not end."""
        limit_s = float(job.timeout or queue.DEFAULT_TIMEOUT)
        self._runs, self._hangs_at = job.id, time.monotonic() + limit_s + HANGS_AFTER_S
        try:
            super().execute_job(job, queue)
        finally:
            self._hangs_at = math.inf
            self.jobs_done += 1

    def _watch(self) -> None:
        while not self._has_ended.wait(WATCH_S):
            if time.monotonic() > self._hangs_at:
                log.error("%s hangs: the worker starts anew", self._runs)
                restart()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Let the keys of this worker live on, every `HEARTBEAT_S`, as long as it may wait."""
        now = time.monotonic()
        if now - self._heartbeat_at >= HEARTBEAT_S:
            self._heartbeat_at = now
            self._on_heartbeat()
            longest = max(timeout or 0, self.worker_ttl + 60)
            super().heartbeat(longest, pipeline)

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Tell Redis the *state*, if it is another."""
        if state != self.get_state():
            super().set_state(state, pipeline)

    def check_for_suspension(self, burst: bool) -> None:
        """Go on."""

    def subscribe(self) -> None:
        """Watch jobs, and listen to no command."""
        self._watcher.start()

    def unsubscribe(self) -> None:
        """Wait until the watching thread has ended."""
        self._has_ended.set()
        if self._watcher.is_alive():
            self._watcher.join(JOIN_S)

    def teardown(self) -> None:
        """Deregister, and end the watching thread even if Redis fails."""
        try:
            super().teardown()  # type: ignore[no-untyped-call]
        finally:
            self.unsubscribe()

    def handle_job_success(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Log that a *job* which failed has not."""
        super().handle_job_success(job, *args, **kwargs)
        self._failures[job.id].recovered(f"{job.id} is well again")

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log a failure of Redis or the database in one line now and then, others as RQ does."""
        error = exc_info[1]
        if isinstance(error, StopRequested):
            log.warning("%s was ended, since the worker ends", job.id)
        elif isinstance(error, RedisError | SQLAlchemyError | TrackerError):
            self._failures[job.id].failed(f"{job.id} failed: {explained(error)}")
        else:
            super().handle_exception(job, *exc_info)


def restart() -> NoReturn:
    """Start this process anew, as the same process of the system, with nothing in memory."""
    signal.alarm(0)  # it would outlive the start, and end a process that does not expect it
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - what was started


def _end_job_soon() -> None:
    signal.signal(signal.SIGALRM, _end_job)
    signal.setitimer(signal.ITIMER_REAL, END_S)


def _end_job(signum: int, frame: FrameType | None) -> None:
    raise StopRequested


def _in_one_line(record: logging.LogRecord) -> bool:
    """Remove the traceback from a failure of Redis."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RedisError):
        record.msg, record.args = f"{record.getMessage()} %s", (error,)
        record.exc_info = None
    return True
