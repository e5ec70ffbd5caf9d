"""What the worker and the scheduler process share: the start, the end, and waiting for Redis."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

from redis.exceptions import RedisError

from tracker import config
from tracker.config import Settings
from tracker.errors import ConfigError
from tracker.logs import setup
from tracker.logs.throttle import FailureLog
from tracker.messaging import redis_client

log = logging.getLogger(__name__)


def run_process(main: Callable[[Settings], None]) -> None:
    """Run *main* with the checked settings; a wrong setting ends the process with one line."""
    try:
        settings = config.load()
        setup.configure(settings)
        end_on_signals()
        main(settings)
    except ConfigError as error:
        sys.exit(str(error))


def end_on_signals() -> None:
    """Make SIGINT and SIGTERM raise `SystemExit`."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def retry_on_redis_error(
    run: Callable[[], None], *, ping: Callable[[], object] = lambda: None
) -> None:
    """Call *run* until it returns; after each failure of Redis, wait and call it again.

    *ping* is called before: once it returns, the log says that Redis is back.
    """
    failure_log, failures = FailureLog(log), 0
    while True:
        began_at = time.monotonic()
        try:
            ping()
            failure_log.recovered("Redis can be reached again")
            run()
        except RedisError as error:
            if exit := _exit_behind(error):
                raise exit from None
            failures = 1 if time.monotonic() - began_at > redis_client.MAX_BACKOFF else failures + 1
            failure_log.failed(f"Redis cannot be reached, tried again until it can: {error}")
        else:
            return
        time.sleep(redis_client.backoff(failures))


def _exit_behind(error: BaseException | None) -> SystemExit | None:
    """Return the `SystemExit` during whose clean-up Redis raised *error*, if there was one."""
    while error is not None and not isinstance(error, SystemExit):
        error = error.__context__
    return error
