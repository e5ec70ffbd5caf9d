"""What the worker and the scheduler process share: the start, the end, and waiting for Redis."""

import logging
import signal
import sys
import time
from collections.abc import Callable

from redis import Redis
from redis.exceptions import ConnectionError, RedisError, TimeoutError

from tracker import config
from tracker.config import Settings
from tracker.errors import ConfigError
from tracker.logs import setup
from tracker.logs.throttle import FailureLog
from tracker.messaging import redis_client
from tracker.messaging.claim import DatabaseTakenError
from tracker.messaging.key_types import remove_wrong_types

log = logging.getLogger(__name__)


Run = Callable[[Settings, Redis], None]


def run_process(run: Run, *, prepare: Callable[[], object] = lambda: None) -> None:
    """Call *prepare*, then *run* until it returns; a wrong setting ends the process in one line."""
    try:
        settings = config.load()
        setup.configure(settings)
        end_on_signals()
        prepare()
        retry_on_redis_error(settings, run)
    except ConfigError as error:
        sys.exit(str(error))


def end_on_signals() -> None:
    """Make SIGINT and SIGTERM raise `SystemExit`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))


def retry_on_redis_error(settings: Settings, run: Run) -> None:
    """Call *run* with a Redis that answers; after each failure of Redis, wait and call it again."""
    failure_log, failures, is_away = FailureLog(log), 0, False
    while True:
        began_at = time.monotonic()
        try:
            with redis_client.connect(settings) as connection:
                connection.ping()
                remove_wrong_types(connection)
                if is_away:  # else it answered before, and may fail again
                    failure_log.recovered("Redis can be reached again")
                return run(settings, connection)
        except RedisError as error:
            if exit := _exit_behind(error):
                raise exit from None
            failures = 1 if time.monotonic() - began_at > redis_client.MAX_BACKOFF else failures + 1
            is_away = isinstance(error, ConnectionError | TimeoutError)
            what = "Redis cannot be reached" if is_away else "Redis does not do what is asked"
            is_taken = isinstance(error, DatabaseTakenError)
            text = str(error) if is_taken else f"{what}, tried again until it can: {error}"
            failure_log.failed(text)
        time.sleep(redis_client.backoff(failures))


def _exit_behind(error: BaseException | None) -> SystemExit | None:
    """Return the `SystemExit` during whose clean-up Redis raised *error*, if there was one."""
    while error is not None and not isinstance(error, SystemExit):
        error = error.__context__
    return error
