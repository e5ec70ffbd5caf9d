"""RQ's worker, and how it takes it that Redis or the database is away.

RQ writes a traceback of a hundred lines for each, and where its goodbye fails it
leaves behind the thread that listens for commands, with its connection: one
more for each failure of Redis, for as long as the process lives.
"""

from __future__ import annotations

import logging
from types import FrameType
from typing import Any

from redis.exceptions import RedisError
from rq import Worker
from rq.job import Job
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

LISTEN = 0.5
"""Seconds after which the thread that listens for commands looks whether it is to end; RQ's
own looks once a minute."""
GOODBYE = 5.0
"""Seconds to wait for its end: where Redis is away it pauses for two."""

log = logging.getLogger(__name__)


class RefreshWorker(Worker):
    """RQ's worker, and whether it was told to end: RQ also ends it on troubles of its own."""

    told_to_end = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.log.addFilter(_in_one_line)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """End after the job in hand."""
        self.told_to_end = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def subscribe(self) -> None:
        """Listen for commands, in a thread that ends when it is told to."""
        self.pubsub = self.connection.pubsub()
        self.pubsub.subscribe(**{self.pubsub_channel_name: self.handle_payload})
        self.pubsub_thread = self.pubsub.run_in_thread(  # type: ignore[assignment]
            sleep_time=LISTEN, daemon=True, exception_handler=self._pubsub_exception_handler
        )

    def unsubscribe(self) -> None:
        """Return when the thread that listens for commands has hung up.

        RQ hangs up for it, perhaps at the moment in which it does so itself.
        """
        if self.pubsub_thread is not None:
            self.pubsub_thread.stop()
            self.pubsub_thread.join(GOODBYE)

    def teardown(self) -> None:
        """Say goodbye, and leave nothing behind though Redis does not hear it."""
        try:
            super().teardown()  # type: ignore[no-untyped-call]
        finally:
            if not self.is_horse:
                self.unsubscribe()

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Tell in one line what Redis or the database did to *job*; anything else as RQ does."""
        error = exc_info[1]
        if isinstance(error, RedisError | SQLAlchemyError):
            told = error.orig if isinstance(error, DBAPIError) else error
            log.warning("%s failed: %s: %s", job.id, type(told).__name__, told)
        else:
            super().handle_exception(job, *exc_info)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Let a failure of Redis be told without its traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, RedisError):
        record.msg, record.args = f"{record.getMessage()} %s", (error,)
        record.exc_info = None
    return True
