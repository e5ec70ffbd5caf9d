"""Histories for the web: cached until the next tick, and read with a time limit.

They are kept as JSON, a tenth of the points' size. The trap: candles may come between two
ticks, when a week is filled in. So a short history, cheap to read again, expires soon.

A database that hangs delays at most `MAX_READS` requests, by `QUERY_TIMEOUT_S` each; all
others fail at once until it answers again.
"""

import logging
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import simplejson
from cachetools import TLRUCache
from sqlalchemy.exc import SQLAlchemyError

from tracker.concurrency import ABANDON_AFTER_S, TimedCall
from tracker.errors import StoreError
from tracker.logs.throttle import FailureLog
from tracker.market.candles import MAX_POINTS, Point, downsample
from tracker.storage.history import Resolution, Series
from tracker.times import now_ms

QUERY_TIMEOUT_S = 2.0
MAX_READS = 4
"""Reads at a time: the pool keeps connections for the relay and the checks."""
MAX_BYTES = 16 * 1024 * 1024
"""Size of the cache: 250 coins' five ranges."""
TTL_S = 60.0
"""How long a history is kept when no tick comes: its range moves on."""
SHORT_POINTS, SHORT_TTL_S = 100, 10.0
"""Histories of up to so many points expire earlier: as soon as in browsers."""

log = logging.getLogger(__name__)

Key = tuple[str, str, int]
"""Coin, range, and how many points at most."""


class CachedHistory(NamedTuple):
    """A history's points as *json*, and the coarsest of their sources."""

    json: str
    resolution: Resolution
    expires_at: float

    @property
    def points(self) -> list[Point]:
        """The points, with all their digits."""
        pairs = simplejson.loads(self.json, use_decimal=True)
        return [(at, Decimal(price)) for at, price in pairs]


class HistoryCache:
    """The histories of one market's coins, read by *read(coin, range, now)*."""

    def __init__(
        self,
        read: Callable[[str, str, int], Series],
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._tick_id: int | None = None
        self._entries: TLRUCache[Key, CachedHistory] = TLRUCache(
            max_bytes,
            ttu=lambda _, history, now: history.expires_at,
            timer=clock,
            getsizeof=lambda history: len(history.json),
        )
        self._seats = threading.Semaphore(MAX_READS)
        self._hangs_since: float | None = None
        self._failures = FailureLog(log)

    def get(
        self, coin: str, range: str, tick_id: int | None, *, max_points: int = MAX_POINTS
    ) -> CachedHistory:
        """Return *coin*'s history in the *range* as of the newest tick, *tick_id*.

        Raises `StoreError` if it cannot be read now.
        """
        key = (coin, range, max_points)
        with self._lock:
            if tick_id != self._tick_id:
                self._tick_id = tick_id
                self._entries.clear()
            found = self._entries.get(key)
        if found is not None:
            return found
        if max_points < MAX_POINTS:
            whole = self.get(coin, range, tick_id)
            made = whole._replace(json=_as_json(downsample(whole.points, max_points)))
        else:
            series = self._read_in_time(coin, range)
            ttl_s = SHORT_TTL_S if len(series.points) <= SHORT_POINTS else TTL_S
            made = CachedHistory(_as_json(series.points), series.resolution, self._clock() + ttl_s)
        with self._lock:
            if tick_id == self._tick_id:  # else what was read may be older than the newest tick
                self._entries[key] = made
        return made

    def _read_in_time(self, coin: str, range: str) -> Series:
        try:
            series = self._read_in_thread(coin, range)
        except (SQLAlchemyError, TimeoutError) as error:
            reason = str(error).partition("\n")[0]
            self._failures.failed(f"the history cannot be read: {reason}")
            raise StoreError("the history cannot be read now") from error
        self._failures.recovered("the history can be read again")
        return series

    def _read_in_thread(self, coin: str, range: str) -> Series:
        """Read, if there is a seat. Raises the database's errors and `TimeoutError`."""
        deadline = time.monotonic() + QUERY_TIMEOUT_S
        since = self._hangs_since
        if since is not None and time.monotonic() - since > ABANDON_AFTER_S:
            # all reads of the old seats are given up
            self._seats, self._hangs_since = threading.Semaphore(MAX_READS), None
        seats = self._seats
        if not seats.acquire(timeout=0 if self._hangs_since is not None else QUERY_TIMEOUT_S):
            raise TimeoutError(f"no answer within {QUERY_TIMEOUT_S:g} s")

        def read() -> Series:
            try:
                return self._read(coin, range, now_ms())
            finally:
                self._hangs_since = None
                seats.release()

        try:
            return TimedCall(read).result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            self._hangs_since = self._hangs_since or time.monotonic()
            raise TimeoutError(f"no answer within {QUERY_TIMEOUT_S:g} s") from None


def _as_json(points: list[Point]) -> str:
    return simplejson.dumps(points, use_decimal=True, separators=(",", ":"))
