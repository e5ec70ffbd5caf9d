"""Threads without which the process is of no use: when one dies, the process ends.

A stream that went silent looks like a quiet market; a process that ended is
started again by its manager, and readers return by themselves.
"""

import logging
import signal
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


def critical_thread(work: Callable[[], None], name: str) -> threading.Thread:
    """Start *work*, which never raises while all is well, in a daemon thread.

    If it raises, the process gets SIGTERM: it drains and ends.
    """

    def run() -> None:
        try:
            work()
        except BaseException:
            log.critical("%s died: this process ends", name, exc_info=True)
            signal.raise_signal(signal.SIGTERM)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
