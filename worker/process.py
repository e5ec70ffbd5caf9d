"""How a process outlives Redis: what needs it is begun again, not given up."""

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
from tracker.logs.throttle import Repeated
from tracker.messaging import redis_client

log = logging.getLogger(__name__)


def outlive_redis(work: Callable[[], None], *, ping: Callable[[], object] = lambda: None) -> None:
    """Run *work* until it returns; when Redis fails it, wait and run it again.

    *ping* is called before each run; that it returns shows that Redis is there.
    """
    trouble, failures = Repeated(log), 0
    while True:
        began_at = time.monotonic()
        try:
            ping()
            trouble.over("Redis can be reached again")
            work()
        except RedisError as error:
            if end := _end_behind(error):
                raise end from None
            failures = 1 if time.monotonic() - began_at > redis_client.MAX_BACKOFF else failures + 1
            trouble.failed(f"Redis cannot be reached, tried again until it can: {error}")
        else:
            return
        time.sleep(redis_client.backoff(failures))


def _end_behind(error: BaseException | None) -> SystemExit | None:
    """Return the order to end that *error* came in the way of: its goodbye needs Redis, too."""
    while error is not None and not isinstance(error, SystemExit):
        error = error.__context__
    return error


def begin(main: Callable[[Settings], None]) -> None:
    """Run *main* with the checked settings; a wrong one ends the process with one line."""
    try:
        settings = config.load()
        setup.configure(settings)
        main(settings)
    except ConfigError as error:
        sys.exit(str(error))


def end_on_signals() -> None:
    """Let SIGINT and SIGTERM end this process in order."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
