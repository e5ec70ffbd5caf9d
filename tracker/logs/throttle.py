"""Keeps a failure that repeats every minute from filling the log.

The first failure is logged at once, a different one at once, the same one then
once an hour with a count, and the recovery once. A failure that comes and goes
is logged every five minutes at most. Two texts are the same failure if they
differ only in digits: ports, ids and seconds change.
"""

import logging
import math
import re
import time
from collections.abc import Callable

from tracker.times import iso, now_ms

REPEAT_S = 3600.0
"""Seconds between two lines about a failure that lasts."""
FLAPPING_S = 300.0
"""Seconds between two lines about a failure that comes and goes."""

_DIGITS = re.compile(r"\d+")


def is_same_failure(one: str, other: str) -> bool:
    """Return whether two texts describe the same failure."""
    return _DIGITS.sub("0", one) == _DIGITS.sub("0", other)


def still_failing(times: int, since_ms: int) -> str:
    """Return how the line of a repeated failure begins; *since_ms* is unix milliseconds."""
    return f"still failing, {times} times since {iso(since_ms)}"


class FailureLog:
    """Logs the failures and the recovery of one thing, such as the connection to Redis."""

    def __init__(self, log: logging.Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._key: str | None = None
        self._times = self._since_ms = 0
        self._logged_at = 0.0
        self._is_logged = False

    def failed(self, text: str, *, key: str | None = None) -> None:
        """Warn of *text*, unless it was logged lately; *key* tells failures apart instead of it."""
        now, key = self._clock(), key or text
        if self._key is None or not is_same_failure(key, self._key):
            self._key, self._times, self._since_ms, self._is_logged = key, 0, now_ms(), False
        self._times += 1
        pause = REPEAT_S if self._is_logged else FLAPPING_S
        if self._times > 1 and now - self._logged_at < pause:
            return
        prefix = "" if self._times == 1 else f"{still_failing(self._times, self._since_ms)}: "
        self._log.warning("%s%s", prefix, text)
        self._logged_at, self._is_logged = now, True

    def recovered(self, text: str) -> None:
        """Warn, since the failure was a warning too, of *text* if the failure was logged."""
        if self._is_logged:
            self._is_logged = False
            plural = "" if self._times == 1 else "s"
            self._log.warning("%s (%d failure%s)", text, self._times, plural)


class RepetitionFilter(logging.Filter):
    """Passes the same warning or error of a logger once an hour, with the number held back."""

    MAX_REMEMBERED = 100
    """Texts; the one that came longest ago is forgotten first."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._logged: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log *record*; adds how many of its kind were held back."""
        if record.levelno < logging.WARNING:
            return True
        text, now = record.getMessage(), self._clock()
        key = _DIGITS.sub("0", text)
        logged_at, held_back = self._logged.pop(key, (-math.inf, 0))
        if now - logged_at < REPEAT_S:
            self._logged[key] = logged_at, held_back + 1
            return False
        self._logged[key] = now, 0
        while len(self._logged) > self.MAX_REMEMBERED:
            del self._logged[next(iter(self._logged))]
        if held_back:
            record.msg, record.args = "%s (and %d times since the last line)", (text, held_back)
        return True
