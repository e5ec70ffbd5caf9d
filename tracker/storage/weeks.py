"""The last seven days of each coin in a few prices, for the sparklines of texts.

They stay in memory and are read again in a thread, every quarter of an hour; nobody waits for
that but the first who asks, and not for long. What cannot be read is not shown.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping

from sqlalchemy.exc import SQLAlchemyError

from tracker.logs.throttle import FailureLog
from tracker.market.candles import evenly
from tracker.storage.history import RANGES, Series
from tracker.times import now_ms

REFRESH_S = 15 * 60.0
"""A step of the line is two hours."""
RETRY_S = 60.0
"""After a failure, or while a coin has no line: its week may be filled in at any time."""

log = logging.getLogger(__name__)


class Weeks:
    """The weeks of one market's coins, read by *read(coin, range, now)*."""

    def __init__(
        self,
        read: Callable[[str, str, int], Series],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._clock = clock
        self._known: Mapping[str, list[float]] = {}
        self._next_at = self._began_at = 0.0
        self._begun = threading.Lock()
        self._done = threading.Event()
        self._failures = FailureLog(log)

    @property
    def known(self) -> Mapping[str, list[float]]:
        """The weeks as they were read last; nothing is begun."""
        return self._known

    def of(self, coins: Collection[str], *, wait_s: float = 0.0) -> Mapping[str, list[float]]:
        """Return the weeks of *coins*, which are all that there are, as far as they are known.

        A week is its prices, oldest first. The first who ask wait for them, at most *wait_s*.
        """
        if self._clock() >= self._next_at and self._begun.acquire(blocking=False):
            self._began_at = self._clock()
            self._next_at = self._began_at + RETRY_S
            self._done.clear()
            thread = threading.Thread(target=self._run, args=[tuple(coins)], name="weeks")
            thread.daemon = True
            thread.start()
        if not self._known:
            self._done.wait(max(0.0, self._began_at + wait_s - self._clock()))
        return self._known

    def _run(self, coins: tuple[str, ...]) -> None:
        try:
            self._known = {coin: self._week(coin) for coin in coins}
        except SQLAlchemyError as error:
            reason = str(error).partition("\n")[0]
            self._failures.failed(f"the sparklines' weeks cannot be read: {reason}")
        else:
            self._failures.recovered("the sparklines' weeks can be read again")
            if all(len(week) > 1 for week in self._known.values()):
                self._next_at = self._clock() + REFRESH_S
        finally:
            self._begun.release()
            self._done.set()

    def _week(self, coin: str) -> list[float]:
        time.sleep(0)  # other greenlets run between two coins
        now = now_ms()
        return evenly(self._read(coin, "7d", now).points, since=now - RANGES["7d"], until=now)
