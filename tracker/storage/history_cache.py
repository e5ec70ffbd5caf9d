"""The history as the web reads it: seldom, never for long, and not by many at a time.

What was read is kept until the next tick, as JSON, which is a tenth of the size.
The trap: candles may come between two ticks, when a week is filled in. So what
is short, and cheap to read again, is kept for a moment only.

A database that hangs takes `LIMIT` of a reader's time, and of `SEATS` readers;
until it answers all others are told so at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, Protocol

import simplejson
from sqlalchemy.exc import SQLAlchemyError

from tracker.concurrency import GIVEN_UP, Inquiry
from tracker.errors import StoreError
from tracker.logs.throttle import Repeated
from tracker.market.candles import MOST, Point, thin
from tracker.storage.history import Resolution, Series
from tracker.times import now_ms

LIMIT = 2.0
"""Seconds that a history may be waited for."""
SEATS = 4
"""Histories read at a time: the pool keeps connections for the relay and the checks."""
MOST_BYTES = 16 * 1024 * 1024
"""Kept in all: 250 coins' five ranges."""
KEPT = 60.0
"""Seconds, when no tick comes: a range goes on."""
SHORT, SHORT_KEPT = 100, 10.0
"""Below so many points it is kept for so many seconds: as long as browsers do."""

log = logging.getLogger(__name__)

Key = tuple[str, str, int]
"""Coin, range, and how many points at most."""


class Past(NamedTuple):
    """A history's points as *json*, and the coarsest kind of what they were made of."""

    json: str
    resolution: Resolution

    @property
    def points(self) -> list[Point]:
        """The points, with all their digits."""
        pairs = simplejson.loads(self.json, use_decimal=True)
        return [(at, Decimal(price)) for at, price in pairs]


Kept = tuple[Past, float]
"""Until when, on the monotonic clock."""


class Reads(Protocol):
    """What reads the database: `tracker.storage.history.History`."""

    def points(self, coin: str, range: str, now: int) -> Series:
        """Return *coin*'s prices in the *range* up to *now*."""


class Recall:
    """The pasts of one market's coins, as one process has them."""

    def __init__(self, history: Reads) -> None:
        self._history = history
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._bytes = 0
        self._tick: int | None = None
        self._lock = threading.Lock()
        self._seats = threading.Semaphore(SEATS)
        self._late_since: float | None = None
        self._unread = Repeated(log)

    def past(self, coin: str, range: str, tick: int | None, *, most: int = MOST) -> Past:
        """Return *coin*'s past in the *range* as of the newest *tick*, at most *most* points.

        Raises `StoreError` if it cannot be read now.
        """
        return self._kept_or_read((coin, range, most), tick)[0]

    def _kept_or_read(self, key: Key, tick: int | None) -> Kept:
        found = self._find(key, tick)
        if found is None:
            coin, range, most = key
            if most < MOST:
                whole, until = self._kept_or_read((coin, range, MOST), tick)
                found = _past(Series(thin(whole.points, most), whole.resolution)), until
            else:
                past = self._read(coin, range)
                found = past, time.monotonic() + _seconds(past)
            self._keep(key, tick, found)
        return found

    def _find(self, key: Key, tick: int | None) -> Kept | None:
        with self._lock:
            if tick != self._tick:
                self._tick, self._bytes = tick, 0
                self._kept.clear()
            found = self._kept.get(key)
            if found is None or found[1] < time.monotonic():
                return None
            self._kept.move_to_end(key)
            return found

    def _keep(self, key: Key, tick: int | None, kept: Kept) -> None:
        with self._lock:
            if tick != self._tick:
                return
            before = self._kept.pop(key, None)
            self._bytes += len(kept[0].json) - (len(before[0].json) if before else 0)
            self._kept[key] = kept
            while self._bytes > MOST_BYTES:
                _, (oldest, _) = self._kept.popitem(last=False)
                self._bytes -= len(oldest.json)

    def _read(self, coin: str, range: str) -> Past:
        def question() -> Series:
            return self._history.points(coin, range, now_ms())

        try:
            found = self._ask(question)
        except (SQLAlchemyError, TimeoutError) as error:
            what = str(error).partition("\n")[0]
            self._unread.failed(f"the history cannot be read: {what}")
            raise StoreError("the history cannot be read now") from error
        self._unread.over("the history can be read again")
        return _past(found)

    def _ask(self, question: Callable[[], Series]) -> Series:
        """Ask in a thread, if there is a seat. Raises what that raises, and `TimeoutError`."""
        deadline = time.monotonic() + LIMIT
        seats = self._seats_now()
        is_late = self._late_since is not None
        no_answer = f"no answer within {LIMIT:g} s"
        if not seats.acquire(timeout=0 if is_late else LIMIT):
            raise TimeoutError(no_answer)

        def ask() -> Series:
            try:
                return question()
            finally:
                self._late_since = None
                seats.release()

        try:
            return Inquiry(ask).answer(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            self._late_since = self._late_since or time.monotonic()
            raise TimeoutError(no_answer) from None

    def _seats_now(self) -> threading.Semaphore:
        """Return the seats; others, if those on them have waited so long that they are given up."""
        since = self._late_since
        if since is not None and time.monotonic() - since > GIVEN_UP:
            self._seats, self._late_since = threading.Semaphore(SEATS), None
        return self._seats


def _past(series: Series) -> Past:
    text = simplejson.dumps(series.points, use_decimal=True, separators=(",", ":"))
    return Past(text, series.resolution)


def _seconds(past: Past) -> float:
    """Return how long *past* is kept."""
    return SHORT_KEPT if past.json.count("[") <= SHORT else KEPT
