"""Calls that may hang, and results that concurrent callers share.

A database can hang: a server that is stopped still acknowledges every packet. So
a `TimedCall` runs in a thread of its own and is waited for a short time only.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from cachetools import TTLCache, cached

ABANDON_AFTER_S = 60.0
"""A call that has not returned by then is left behind: its connection may be dead."""

T = TypeVar("T")


class TimedCall(Generic[T]):
    """Runs *call* in a thread, at most once at a time, and waits for a limited time."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._future: Future[T] = Future()
        self._future.cancel()
        self._started_at = 0.0

    def result(self, timeout_s: float) -> T:
        """Start the call, unless it still runs, and return its result.

        Raises what the call raises, and `TimeoutError` after *timeout_s*: the
        call then goes on, and the next `result` waits for it. A result that
        came while nobody waited is stale, so the next `result` starts anew.
        """
        future = self._future
        if future.done() or time.monotonic() - self._started_at > ABANDON_AFTER_S:
            future = self._start()
        try:
            return future.result(timeout_s)
        except TimeoutError:
            if future.done():
                raise
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None

    def _start(self) -> Future[T]:
        self._future = future = Future[T]()
        self._started_at = time.monotonic()

        def run() -> None:
            try:
                future.set_result(self._call())
            except BaseException as error:  # noqa: BLE001 - raised again by `result`
                future.set_exception(error)

        threading.Thread(target=run, name="timed call", daemon=True).start()
        return future


def shared(call: Callable[[], T], *, ttl_s: float = 1.0) -> Callable[[], T]:
    """Return *call* with its result kept for *ttl_s*; concurrent callers share one call."""
    return cached(TTLCache(1, ttl_s), condition=threading.Condition())(call)
