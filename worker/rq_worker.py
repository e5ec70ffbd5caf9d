"""RQ's worker, warm: jobs run in this process, whose connections stay open between them.

RQ ends a job that takes too long by a signal, which Python acts on when it comes back from
what it calls. Where that does not come back, a thread starts the process anew.

RQ logs a traceback of a hundred lines for each failure. When its own clean-up
fails, it leaves the thread that listens for commands and its connection behind:
one more for each failure of Redis, as long as the process lives.
"""

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, NoReturn

from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.job import Job
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

LISTEN_S = 0.5
"""How often the thread that listens for commands checks whether to end; RQ's own takes a minute."""
END_S = 3
"""Time that a job has to end after a signal: whoever sent it kills after some seconds more."""
HANGS_AFTER_S = 10.0
"""Time beyond its limit after which a job hangs in what no signal ends."""
JOIN_S = 5.0
"""Longest wait for that thread's end: without Redis it pauses for two seconds."""

log = logging.getLogger(__name__)


class RefreshWorker(SimpleWorker):
    """RQ's worker; `told_to_end` tells a signal from RQ giving up on a failure."""

    told_to_end = False
    jobs_done = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.log.addFilter(_in_one_line)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the current job, and end that too where it takes longer than `END_S`."""
        self.told_to_end = True
        if callable(signal.getsignal(signal.SIGALRM)):  # RQ's time limit of a job that runs
            signal.signal(signal.SIGALRM, _end_job)
            signal.alarm(END_S)
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def set_shutdown_requested_date(self) -> None:
        """Leave Redis alone: the signal may have come in the middle of a job's own call."""

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run *job*, and start the process anew if that does not end."""
        watchdog = threading.Timer(
            float(job.timeout or queue.DEFAULT_TIMEOUT) + HANGS_AFTER_S, _end_hanging, [job.id]
        )
        watchdog.daemon = True
        watchdog.start()
        try:
            super().execute_job(job, queue)
        finally:
            watchdog.cancel()
            self.jobs_done += 1

    def subscribe(self) -> None:
        """Listen for commands, in a thread that ends soon after it is stopped."""
        self.pubsub = self.connection.pubsub()
        self.pubsub.subscribe(**{self.pubsub_channel_name: self.handle_payload})
        self.pubsub_thread = self.pubsub.run_in_thread(  # type: ignore[assignment]
            sleep_time=LISTEN_S, daemon=True, exception_handler=self._pubsub_exception_handler
        )

    def unsubscribe(self) -> None:
        """Wait until the listening thread has closed its connection.

        RQ closes it from outside, perhaps while the thread does so itself.
        """
        if self.pubsub_thread is not None:
            self.pubsub_thread.stop()
            self.pubsub_thread.join(JOIN_S)

    def teardown(self) -> None:
        """Deregister, and end the listening thread even if Redis fails."""
        try:
            super().teardown()  # type: ignore[no-untyped-call]
        finally:
            self.unsubscribe()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log a failure of Redis or the database in one line, and any other as RQ does."""
        error = exc_info[1]
        if isinstance(error, StopRequested):
            log.warning("%s was ended, since the worker ends", job.id)
        elif isinstance(error, RedisError | SQLAlchemyError):
            cause = error.orig if isinstance(error, DBAPIError) else error
            log.warning("%s failed: %s: %s", job.id, type(cause).__name__, cause)
        else:
            super().handle_exception(job, *exc_info)


def restart() -> NoReturn:
    """Start this process anew, as the same process of the system, with nothing in memory."""
    signal.alarm(0)  # it would outlive the start, and end a process that does not expect it
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - what was started


def _end_job(signum: int, frame: FrameType | None) -> None:
    raise StopRequested


def _end_hanging(job: str) -> None:
    log.error("%s hangs: the worker starts anew", job)
    restart()


def _in_one_line(record: logging.LogRecord) -> bool:
    """Remove the traceback from a failure of Redis."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RedisError):
        record.msg, record.args = f"{record.getMessage()} %s", (error,)
        record.exc_info = None
    return True
